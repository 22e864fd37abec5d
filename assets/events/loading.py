"""Copies what the ledger holds into the raw tables of the warehouse, exactly once.

The high-water mark of each stream is written in the transaction that writes its rows, so that a kill at any
moment neither loses nor repeats one. What rows mean belongs to dbt.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from assets.audiences.manifest import EXCLUSIONS_FILE, MANIFEST_FILE, Manifest, load_manifest
from assets.warehouse.tables import RAW_TABLES, create_raw_tables
from senders.ledger.rows import AttemptRow, InboundRow, SendRow
from senders.message import message_key

if TYPE_CHECKING:
    from senders.ledger.store import Ledger

BATCH_ROWS = 50_000
_ARROW = {"bigint": pa.int64(), "integer": pa.int32(), "text": pa.string(), "timestamp": pa.timestamp("us")}


@dataclass(frozen=True, slots=True)
class Loaded:
    """How many rows each raw table got."""

    rows: dict[str, int] = field(default_factory=dict)


def load_events(warehouse: Path, home: Path, ledger: "Ledger") -> Loaded:
    """Load inbound events and attempts that are new, and renew the sends that they belong to.

    The caller holds the right to open the warehouse file.

    Args:
        warehouse: the warehouse file; made where it is missing.
        home: the home folder, with the frozen audiences.
        ledger: the open ledger.
    """
    loaded: dict[str, int] = {}
    with duckdb.connect(str(warehouse)) as connection:
        create_raw_tables(connection)
        connection.begin()
        _load_stream(connection, "mail_inbound", ledger.inbound_after, _inbound, loaded)
        _load_stream(connection, "mail_attempts", ledger.attempts_after, _attempt, loaded)
        for send in ledger.sends():
            _renew_send(connection, home, ledger, send, loaded)
        connection.commit()
    return Loaded(loaded)


def _load_stream(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    read_after: Callable[[int, int], Sequence[Any]],
    shape: Callable[[Any], tuple[Any, ...]],
    loaded: dict[str, int],
) -> None:
    """Append the rows of one stream after its high-water mark, and raise the mark with them."""
    mark = connection.execute("select coalesce(max(last_id), 0) from raw.high_water where stream = ?", [table]).fetchone()
    last = mark[0] if mark else 0
    while rows := read_after(last, BATCH_ROWS):
        shaped = [shape(row) for row in rows]
        _insert(connection, table, shaped)
        last = shaped[-1][0]
        loaded[table] = loaded.get(table, 0) + len(shaped)
    connection.execute("delete from raw.high_water where stream = ?", [table])
    connection.execute("insert into raw.high_water values (?, ?)", [table, last])


def _renew_send(
    connection: duckdb.DuckDBPyConnection, home: Path, ledger: "Ledger", send: SendRow, loaded: dict[str, int]
) -> None:
    """Replace what the warehouse knows of one send, unless it knew it finished."""
    number = send.send_no
    known = connection.execute("select state from raw.mail_sends where send_no = ?", [number]).fetchone()
    if known and known[0] in {"finished", "cancelled"} and known[0] == send.state:
        return
    folder = home / "files" / "sends" / send.send_id
    manifest = load_manifest(folder) if (folder / MANIFEST_FILE).exists() else None
    if known is None:
        links = [(number, link.link_no, link.url, link.label, link.role) for link in ledger.links(number)]
        loaded["mail_links"] = _replace(connection, "mail_links", number, links)
        if manifest is not None:
            _load_files(connection, folder, manifest, loaded)
    states = (
        (message_key(number, seq), number, seq, str(state), tries, _naive(at))
        for seq, state, tries, at in ledger.message_rows(number)
    )
    loaded["mail_messages"] = loaded.get("mail_messages", 0) + _replace(connection, "mail_messages", number, states)
    loaded["mail_sends"] = loaded.get("mail_sends", 0) + _replace(
        connection, "mail_sends", number, [_send(send, manifest)]
    )


def _load_files(
    connection: duckdb.DuckDBPyConnection, folder: Path, manifest: Manifest, loaded: dict[str, int]
) -> None:
    """Load the recipients and the people left out of a frozen audience; only what the warehouse may keep."""
    number = manifest.send_no
    shards = [str(folder / shard.file) for shard in manifest.shards]
    for table in ("mail_recipients", "mail_exclusions"):
        connection.execute(f"delete from raw.{table} where send_no = ?", [number])  # noqa: S608 - our own names
    if shards:
        connection.execute(
            "insert into raw.mail_recipients by name select cast($send_no as bigint) << 32 | seq as message_key,"
            " $send_no as send_no, seq, contact_id, split_part(address, '@', -1) as mailbox_domain, variant"
            " from read_parquet($files)",
            {"send_no": number, "files": shards},
        )
    connection.execute(
        "insert into raw.mail_exclusions by name select $send_no as send_no, * from read_parquet($file)",
        {"send_no": number, "file": str(folder / EXCLUSIONS_FILE)},
    )
    loaded["mail_recipients"] = loaded.get("mail_recipients", 0) + manifest.rows
    loaded["mail_exclusions"] = loaded.get("mail_exclusions", 0) + sum(manifest.excluded.values())


def _replace(connection: duckdb.DuckDBPyConnection, table: str, send_no: int, rows: Iterable[tuple[Any, ...]]) -> int:
    connection.execute(f"delete from raw.{table} where send_no = ?", [send_no])  # noqa: S608 - our own names
    return sum(_insert(connection, table, batch) for batch in _batches(rows))


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[tuple[Any, ...]]) -> int:
    """Insert rows that have a raw table's columns, in its order, as one Arrow table."""
    schema = pa.schema([(name, _ARROW[kind]) for name, kind in RAW_TABLES[table].columns.items()])
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    frame = pa.table([pa.array(values, kind) for values, kind in zip(columns, schema.types, strict=True)], schema=schema)
    connection.register("incoming", frame)
    connection.execute(f"insert into raw.{table} by name select * from incoming")  # noqa: S608 - our own names
    connection.unregister("incoming")
    return len(rows)


def _batches(rows: Iterable[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    batch = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH_ROWS:
            yield batch
            batch = []
    if batch:
        yield batch


def _inbound(row: InboundRow) -> tuple[Any, ...]:
    event = row.event
    return (
        row.inbound_id,
        event.event_id,
        str(event.kind),
        event.send_no,
        event.seq,
        message_key(event.send_no, event.seq),
        event.address_hash.hex(),
        event.scope,
        _naive(event.occurred_at),
        _naive(row.received_at),
        event.link_no,
        event.url,
        event.user_agent,
        event.ip,
        event.method,
        event.failure,
        event.code,
        event.detail,
    )


def _attempt(row: AttemptRow) -> tuple[Any, ...]:
    return (
        row.attempt_id,
        message_key(row.send_no, row.seq),
        row.send_no,
        row.seq,
        row.tries,
        str(row.state),
        _naive(row.at),
        row.relay,
        row.connection,
        str(row.code) if row.code else "",
        row.enhanced_code,
        row.reply,
        row.class_,
    )


def _send(send: SendRow, manifest: Manifest | None) -> tuple[Any, ...]:
    return (
        send.send_no,
        send.send_id,
        send.campaign,
        send.topic,
        _naive(send.scheduled_at),
        str(send.state),
        send.audience_rows,
        send.audience_hash,
        send.content_hash,
        send.content_hash,
        _naive(send.opened_at),
        None if send.finished_at is None else _naive(send.finished_at),
        manifest.included if manifest else send.audience_rows,
        manifest.published_version if manifest else "",
        manifest.git_commit if manifest else "",
    )


def _naive(moment: datetime) -> datetime:
    """Return a time as the warehouse writes it: UTC without zone."""
    return moment.astimezone(UTC).replace(tzinfo=None)
