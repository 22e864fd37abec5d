"""Copies what the ledger knows into the raw tables, each row exactly once.

Rows and the mark of the last id stand in one DuckDB transaction, so that a killed load leaves nothing or everything.
Add a stream here when the ledger gains one; judging events belongs to dbt.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from assets.events.sends import load_sends
from assets.warehouse.tables import RAW_SCHEMA, RAW_TABLES, create_raw_tables
from senders.event import RECORD_VERSION
from senders.ledger.rows import AttemptRow, InboundRow
from senders.ledger.store import Ledger
from senders.message import message_key

PAGE = 50_000
INBOUND, ATTEMPTS = "inbound", "attempts"
_ARROW = {
    "text": pa.string(),
    "bigint": pa.int64(),
    "integer": pa.int32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us"),
}


@dataclass(slots=True)
class Loaded:
    """How many rows a load wrote, by raw table; the last ids it has seen, by stream."""

    rows: dict[str, int] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=dict)

    def add(self, table: str, count: int) -> None:
        """Count rows written to a table."""
        self.rows[table] = self.rows.get(table, 0) + count


def load_events(warehouse: Path, home: Path, ledger: Ledger) -> Loaded:
    """Bring the raw mail tables up to date with the ledger and the frozen files.

    The caller holds the right to open the warehouse. Running it again changes nothing.

    Args:
        warehouse: the warehouse file, made when missing.
        home: the home folder, below which sends keep their files.
        ledger: what is copied.
    """
    loaded = Loaded()
    warehouse.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("begin transaction")
        try:
            create_raw_tables(connection)
            for table, count in load_sends(connection, home, ledger, insert):
                loaded.add(table, count)
            rehearsals = frozenset(send.send_no for send in ledger.sends() if send.is_rehearsal)
            _load_inbound(connection, ledger, loaded, rehearsals)
            _load_attempts(connection, ledger, loaded, rehearsals)
            connection.execute("commit")
        except BaseException:
            connection.execute("rollback")
            raise
    return loaded


def insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Iterable[Mapping[str, Any]]) -> int:
    """Append rows to a raw table by way of Arrow and return how many; absent columns are null."""
    listed = list(rows)
    if not listed:
        return 0
    columns = RAW_TABLES[table].columns
    frame = pa.table(
        {name: pa.array([row.get(name) for row in listed], _ARROW[kind]) for name, kind in columns.items()}
    )
    connection.register("fresh_rows", frame)
    try:
        connection.execute(f"insert into {RAW_SCHEMA}.{table} by name select * from fresh_rows")  # noqa: S608
    finally:
        connection.unregister("fresh_rows")
    return len(listed)


def _load_inbound(
    connection: duckdb.DuckDBPyConnection, ledger: Ledger, loaded: Loaded, rehearsals: Collection[int]
) -> None:
    last = read_mark(connection, INBOUND)
    while page := ledger.inbound_after(last, PAGE):
        real = [row for row in page if row.event.send_no not in rehearsals]
        loaded.add("mail_inbound", insert(connection, "mail_inbound", _inbound(real)))
        last = page[-1].inbound_id
    loaded.marks[INBOUND] = _write_mark(connection, INBOUND, last)


def _load_attempts(
    connection: duckdb.DuckDBPyConnection, ledger: Ledger, loaded: Loaded, rehearsals: Collection[int]
) -> None:
    last = read_mark(connection, ATTEMPTS)
    while page := ledger.attempts_after(last, PAGE):
        real = [row for row in page if row.send_no not in rehearsals]
        loaded.add("mail_attempts", insert(connection, "mail_attempts", _attempts(real)))
        last = page[-1].attempt_id
    loaded.marks[ATTEMPTS] = _write_mark(connection, ATTEMPTS, last)


def read_mark(connection: duckdb.DuckDBPyConnection, stream: str) -> int:
    """Return the last id of a stream that stands in the raw tables."""
    query = f"select coalesce(max(last_id), 0) from {RAW_SCHEMA}.high_water where stream = $stream"  # noqa: S608
    ((last,),) = connection.execute(query, {"stream": stream}).fetchall()
    return int(last)


def _write_mark(connection: duckdb.DuckDBPyConnection, stream: str, last: int) -> int:
    connection.execute(f"delete from {RAW_SCHEMA}.high_water where stream = $stream", {"stream": stream})  # noqa: S608
    insert(connection, "high_water", [{"stream": stream, "last_id": last}])
    return last


def _inbound(page: list[InboundRow]) -> Iterator[dict[str, Any]]:
    for row in page:
        event = row.event
        yield {
            "inbound_id": row.inbound_id,
            "event_id": event.event_id,
            "kind": event.kind.value,
            "send_no": event.send_no,
            "seq": event.seq,
            "message_key": message_key(event.send_no, event.seq) if event.send_no else 0,
            "contact_id": event.address_hash.hex(),
            "scope": event.scope,
            "occurred_at": _utc(event.occurred_at),
            "received_at": _utc(row.received_at),
            "link_no": event.link_no,
            "url": event.url,
            "user_agent": event.user_agent,
            "ip": event.ip,
            "method": event.method,
            "failure": event.failure,
            "code": event.code,
            "detail": event.detail,
            "body": json.dumps(event.body, ensure_ascii=False, sort_keys=True) if event.body else None,
            "record_version": RECORD_VERSION,
        }


def _attempts(page: list[AttemptRow]) -> Iterator[dict[str, Any]]:
    for row in page:
        yield {
            "attempt_id": row.attempt_id,
            "message_key": message_key(row.send_no, row.seq),
            "send_no": row.send_no,
            "seq": row.seq,
            "tries": row.tries,
            "state": row.state.value,
            "at": _utc(row.at),
            "relay": row.relay,
            "connection": row.connection,
            "code": str(row.code) if row.code else "",
            "enhanced_code": row.enhanced_code,
            "reply": row.reply,
            "class": row.class_,
        }


def _utc(moment: datetime) -> datetime:
    """Return a time as the raw tables hold it: UTC without zone (the ledger gives UTC)."""
    return moment.replace(tzinfo=None)
