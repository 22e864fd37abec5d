"""Sends and what belongs to each, from the ledger and the frozen files into raw tables.

Recipients, exclusions, links and the specimen are copied once per send; the send's row and its messages are replaced
as long as they change. Add here what a send brings along; the transaction around it belongs to ``loading``.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from assets.audiences.manifest import Manifest, load_manifest
from assets.deliveries.preflight import load_preflight
from assets.deliveries.specimens import load_specimen
from assets.warehouse.tables import RAW_SCHEMA
from senders.errors import ConfigError
from senders.ledger.rows import SendRow
from senders.ledger.store import Ledger
from senders.message import message_key

Insert = Callable[[duckdb.DuckDBPyConnection, str, Iterable[Mapping[str, Any]]], int]
_PAGE = 50_000
_ONCE = ("mail_recipients", "mail_exclusions", "mail_links", "mail_specimens")


def load_sends(
    connection: duckdb.DuckDBPyConnection, home: Path, ledger: Ledger, insert: Insert
) -> Iterator[tuple[str, int]]:
    """Bring the tables of sends up to date and yield ``(table, rows written)``."""
    query = f"select send_no, state, finished_at from {RAW_SCHEMA}.mail_sends"  # noqa: S608
    known = {number: (state, finished) for number, state, finished in connection.execute(query).fetchall()}
    moved = _moved(connection, ledger)
    for send in ledger.sends():
        if send.is_rehearsal:
            continue  # nobody got it: it counts for no frequency cap and in no mart
        before = known.get(send.send_no)
        folder = home / send.folder
        if before is None:
            yield from _load_once(connection, folder, send, ledger, insert)
        if before != (str(send.state), _utc(send.finished_at)):
            yield "mail_sends", _load_send(connection, folder, send, insert)
        if before is None or before[1] is None or send.send_no in moved:
            yield "mail_messages", _load_messages(connection, send, ledger, insert)


def _load_once(
    connection: duckdb.DuckDBPyConnection, folder: Path, send: SendRow, ledger: Ledger, insert: Insert
) -> Iterator[tuple[str, int]]:
    for table in _ONCE:
        _delete(connection, table, send.send_no)
    manifest = _whole_manifest(folder)
    if manifest is None:
        # The files are gone, by retention or by accident: who was mailed stands in the ledger, and one send
        # without its files must not keep everybody's events out.
        yield "mail_recipients", insert(connection, "mail_recipients", _recipients_of(ledger, send.send_no))
    else:
        yield "mail_recipients", _load_recipients(connection, folder, manifest, send.send_no)
        yield "mail_exclusions", _load_exclusions(connection, folder, manifest, send.send_no)
    links = ledger.links(send.send_no)
    rows = [
        {"send_no": send.send_no, **{name: getattr(link, name) for name in link.__dataclass_fields__}} for link in links
    ]
    yield "mail_links", insert(connection, "mail_links", rows)
    if specimen := load_specimen(folder):
        shown = {"send_no": send.send_no, "subject": specimen.subject, "html": specimen.html}
        yield "mail_specimens", insert(connection, "mail_specimens", [shown])


def _whole_manifest(folder: Path) -> Manifest | None:
    """Return the manifest of a send whose files are all there."""
    try:
        manifest = load_manifest(folder)
    except ConfigError:
        return None
    files = [*(shard.file for shard in manifest.shards), manifest.exclusions.file]
    return manifest if all((folder / name).exists() for name in files) else None


def _recipients_of(ledger: Ledger, send_no: int) -> Iterator[Mapping[str, Any]]:
    """Yield the recipients as far as the ledger knows them: not their domains nor their variants."""
    for seq, address_hash in ledger.address_hashes(send_no):
        yield {
            "message_key": message_key(send_no, seq),
            "send_no": send_no,
            "seq": seq,
            "contact_id": address_hash.hex(),
        }


def _load_recipients(connection: duckdb.DuckDBPyConnection, folder: Path, manifest: Manifest, send_no: int) -> int:
    files = [str(folder / shard.file) for shard in manifest.shards]
    if files:
        connection.execute(
            f"insert into {RAW_SCHEMA}.mail_recipients by name"  # noqa: S608
            " select ($send_no::bigint << 32) | seq as message_key, $send_no as send_no, seq, contact_id,"
            " split_part(address, '@', 2) as mailbox_domain, variant, tracking from read_parquet($files)",
            {"send_no": send_no, "files": files},
        )
    return manifest.rows


def _load_exclusions(connection: duckdb.DuckDBPyConnection, folder: Path, manifest: Manifest, send_no: int) -> int:
    connection.execute(
        f"insert into {RAW_SCHEMA}.mail_exclusions by name"  # noqa: S608
        ' select $send_no as send_no, contact_id, reason, detail, event_id, "at" from read_parquet($file)',
        {"send_no": send_no, "file": str(folder / manifest.exclusions.file)},
    )
    return sum(manifest.excluded.values())


def _load_send(connection: duckdb.DuckDBPyConnection, folder: Path, send: SendRow, insert: Insert) -> int:
    """Replace a send's row; what the files say stays when they are no longer there."""
    origin = _origin(folder) or _stored_origin(connection, send.send_no)
    _delete(connection, "mail_sends", send.send_no)
    row = {
        "send_no": send.send_no,
        "send_id": send.send_id,
        "campaign": send.campaign,
        "topic": send.topic,
        "scheduled_at": _utc(send.scheduled_at),
        "state": str(send.state),
        "audience_rows": send.audience_rows,
        "audience_hash": send.audience_hash,
        "content_hash": send.content_hash,
        "opened_at": _utc(send.opened_at),
        "finished_at": _utc(send.finished_at),
        "stream": send.stream,
        **origin,
    }
    return insert(connection, "mail_sends", [row])


def _origin(folder: Path) -> dict[str, Any]:
    try:
        manifest = load_manifest(folder)
    except ConfigError:
        return {}
    try:
        template_hash = load_preflight(folder).template_hash
    except ConfigError:  # a transactional send has none: nobody looks at it before it goes
        template_hash = None
    return {
        "template_hash": template_hash,
        "included": manifest.included,
        "published_version": manifest.published_version,
        "git_commit": manifest.git_commit,
    }


def _stored_origin(connection: duckdb.DuckDBPyConnection, send_no: int) -> dict[str, Any]:
    names = ("template_hash", "included", "published_version", "git_commit")
    rows = connection.execute(
        f"select {', '.join(names)} from {RAW_SCHEMA}.mail_sends where send_no = $send_no",  # noqa: S608
        {"send_no": send_no},
    ).fetchall()
    return dict(zip(names, rows[0], strict=True)) if rows else {}


def _moved(connection: duckdb.DuckDBPyConnection, ledger: Ledger) -> set[int]:
    """Return the sends whose messages stand otherwise than here, also after they finished, as when doubts are settled.

    Asked for all at once: with transactional sends there are too many for a question each.
    """
    query = f"select send_no, state, count(*) from {RAW_SCHEMA}.mail_messages group by send_no, state"  # noqa: S608
    stored = {(number, state): count for number, state, count in connection.execute(query).fetchall()}
    present = {(number, state.value): count for number, state, count in ledger.state_counts()}
    return {number for number, _ in {key for key, _ in stored.items() ^ present.items()}}


def _load_messages(connection: duckdb.DuckDBPyConnection, send: SendRow, ledger: Ledger, insert: Insert) -> int:
    _delete(connection, "mail_messages", send.send_no)
    written, page = 0, []
    for seq, state, tries, changed_at in ledger.message_rows(send.send_no):
        page.append(
            {
                "message_key": message_key(send.send_no, seq),
                "send_no": send.send_no,
                "seq": seq,
                "state": state.value,
                "tries": tries,
                "changed_at": _utc(changed_at),
            }
        )
        if len(page) == _PAGE:
            written += insert(connection, "mail_messages", page)
            page = []
    return written + insert(connection, "mail_messages", page)


def _delete(connection: duckdb.DuckDBPyConnection, table: str, send_no: int) -> None:
    connection.execute(f"delete from {RAW_SCHEMA}.{table} where send_no = $send_no", {"send_no": send_no})  # noqa: S608


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None)
