"""Raw events as a file for others: CSV, JSON lines or Parquet, in the order of the ledger, with their ids.

Rows are the raw ones, append-only, with what the marts judged beside them; an id never changes, so that whoever loads
two exports recognises what he has. Add a form here when others ask for it; what an event means belongs to dbt.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import duckdb

from senders.errors import ConfigError
from senders.event import Kind

# What a spreadsheet takes for a formula, also behind quotes, blanks and in full width; the quotes before it are ours.
_FORMULA = r"^''*[\s\"]*[=+\-@\t\r\n＝＋－＠]"
_TIMES = ("occurred_at", "received_at")
_AS_THEY_ARE = ("inbound_id", "send_no", "seq", "link_no", "record_version", "is_machine")
COLUMNS = (
    "event_id", "inbound_id", "kind", "occurred_at", "received_at", "send_no", "send_id", "campaign", "seq",
    "contact_id", "scope", "link_no", "url", "user_agent", "ip", "method", "failure", "code", "detail", "body",
    "record_version", "is_machine", "machine_rule",
)  # fmt: skip


class Form(StrEnum):
    """How an export is written."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events are exported: recorded from ``since`` on and before ``until``, after an id, of some kinds."""

    since: datetime | None = None
    until: datetime | None = None
    after: int = 0
    kinds: Sequence[Kind] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote; ``last_id`` is the newest id in it, from which the next one goes on, or None."""

    rows: int
    last_id: int | None


def export_events(warehouse: Path, target: Path, form: Form, selection: Selection) -> Exported:
    """Write events to a file that appears whole or not at all.

    The caller holds the right to open the warehouse.

    Raises:
        ConfigError: there is no warehouse, or nothing was loaded into it.
    """
    if not warehouse.exists():
        raise ConfigError(f"{warehouse}: there is no warehouse to export from; run `mailrail refresh` first.")
    fresh = target.with_name(f".{target.name}.part")
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        # Reading from the connection is over when the file is renamed; the file is removed where it failed.
        try:
            connection.execute(f"create temp table exported as {_query(connection)}", _parameters(selection))
            ((rows, last_id),) = connection.execute("select count(*), max(inbound_id) from exported").fetchall()
            connection.execute(_copy(form, fresh))
            fresh.replace(target)
        finally:
            fresh.unlink(missing_ok=True)
    return Exported(rows, last_id)


def harmless(column: str) -> str:
    """Return the SQL of a text that no spreadsheet takes for a formula: a quote goes before it.

    It is undone by taking one quote away where what follows is such a text.
    """
    return f"case when regexp_matches({column}, '{_FORMULA}') then '''' || {column} else {column} end"


def _query(connection: duckdb.DuckDBPyConnection) -> str:
    present = connection.execute(
        "select schema_name || '.' || table_name from duckdb_tables() where schema_name in ('raw', 'marts')"
    ).fetchall()
    if ("raw.mail_inbound",) not in present:
        raise ConfigError("nothing was loaded from the ledger yet; run `mailrail refresh` first.")
    judged = "select null as event_id, null as is_machine, null as machine_rule where false"
    if ("marts.fct_email_events",) in present:
        judged = "select event_id, is_machine, machine_rule from marts.fct_email_events"
    names = {
        "event_id": "inbound.event_id",
        "send_no": "inbound.send_no",
        "record_version": "coalesce(inbound.record_version, 1)",
    }
    columns = ", ".join(f"{names.get(name, name)} as {name}" for name in COLUMNS)
    return (
        f"select {columns} from raw.mail_inbound as inbound"  # noqa: S608 - our own names
        " left join (select send_no, send_id, campaign from raw.mail_sends) as sends on inbound.send_no = sends.send_no"
        f" left join ({judged}) as judged on inbound.event_id = judged.event_id"
        " where inbound_id > $after and ($since is null or received_at >= $since)"
        " and ($until is null or received_at < $until) and (len($kinds) = 0 or list_contains($kinds, kind))"
        " qualify row_number() over (partition by inbound.event_id order by inbound_id) = 1 order by inbound_id"
    )


def _parameters(selection: Selection) -> dict[str, Any]:
    def naive(moment: datetime | None) -> datetime | None:
        return moment and moment.astimezone(UTC).replace(tzinfo=None)

    return {
        "after": selection.after,
        "since": naive(selection.since),
        "until": naive(selection.until),
        "kinds": [kind.value for kind in selection.kinds],
    }


def _copy(form: Form, path: Path) -> str:
    columns = ", ".join(f"{_written(name, form)} as {name}" for name in COLUMNS)
    options = {Form.CSV: "format csv, header", Form.JSONL: "format json", Form.PARQUET: "format parquet"}[form]
    place = str(path).replace("'", "''")
    return f"copy (select {columns} from exported order by inbound_id) to '{place}' ({options})"  # noqa: S608


def _written(name: str, form: Form) -> str:
    if form is Form.PARQUET or name in _AS_THEY_ARE:
        return name
    if name in _TIMES:
        return f"strftime({name}, '%Y-%m-%dT%H:%M:%S.%fZ')"
    if form is Form.CSV:
        return harmless(name)
    if name == "body":  # nested, as it was; text that is no JSON stays text
        return "case when json_valid(body) then cast(body as json) else to_json(body) end"
    return name
