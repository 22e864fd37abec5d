"""Writes the audience of a send once, as files that never change after the send has begun.

The folder appears whole or not at all. Add here what is written at freeze time; the manifest's form belongs to
``manifest``, deciding about people to ``judging``.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import duckdb

from assets.audiences.definition import CampaignDefinition, shared_templates
from assets.audiences.durable import flush_folder, write_table, write_text
from assets.audiences.judging import JUDGED, Request, WishLog, judge, published_version
from assets.audiences.manifest import (
    EXCLUSIONS_FILE,
    MANIFEST_FILE,
    Exclusions,
    Manifest,
    Shard,
    address_hashes,
    audience_hash,
    definition_hash,
    load_manifest,
    verify_audience,
)
from assets.audiences.plan import build_request
from assets.warehouse.published import connect_published
from assets.warehouse.resources import Mailrail
from senders.clock import format_time
from senders.errors import GuardError
from senders.ledger.rows import SendRow
from senders.rendering.template import compile_template
from senders.tracking.addresses import mask_address

__all__ = ["address_hashes", "freeze_audience", "load_manifest", "verify_audience", "write_audience"]

SHARD_ROWS = 50_000
_FROZEN = "frozen"
_EXCLUSION_COLUMNS = 'contact_id, reason, detail, event_id, suppressed_at as "at"'


class SendLog(WishLog, Protocol):
    """What freezing needs of the ledger."""

    def send(self, send_id: str) -> SendRow | None:
        """Return an opened send, or None."""
        ...

    def reserve_send(self, send_id: str, campaign: str) -> int:
        """Return the number of a send."""
        ...

    def void_approvals(self, send_id: str) -> int:
        """Take back the approvals of a send."""
        ...


@dataclass(frozen=True, slots=True)
class Identity:
    """Which send is frozen, and at which commit of the definitions."""

    send_id: str
    send_no: int
    git_commit: str = ""


def freeze_audience(
    definition: CampaignDefinition, folder: Path, mailrail: Mailrail, ledger: SendLog, *, send_id: str
) -> Manifest:
    """Judge everybody and write the audience of a send; approvals of an earlier, different audience are void.

    Args:
        definition: the campaign.
        folder: the campaign's folder, with its template.
        mailrail: the project and its home.
        ledger: the ledger, which numbers sends and knows the newest suppressions.
        send_id: the send.

    Raises:
        GuardError: the send has begun, or two recipients share an address.
        ConfigError: a segment is not published.
        TemplateError: the template cannot be used.
    """
    require_not_begun(ledger, send_id)
    template = compile_template(folder, shared_templates(folder))
    request = build_request(mailrail, definition, folder.name, template, as_of=mailrail.clock.now())
    identity = Identity(send_id, ledger.reserve_send(send_id, folder.name), mailrail.git_commit)
    target = mailrail.send_folder(send_id)
    before = load_manifest(target) if (target / MANIFEST_FILE).exists() else None
    with connect_published(mailrail.published) as connection:
        judge(connection, request, ledger)
        with _fresh_folder(target, ledger, send_id) as scratch:
            manifest = write_audience(connection, request, identity, scratch)
    if before is not None and before.audience_hash != manifest.audience_hash:
        ledger.void_approvals(send_id)
    return manifest


def require_not_begun(ledger: SendLog, send_id: str) -> None:
    """Refuse to touch the audience of a send that has begun.

    Raises:
        GuardError: says what to do instead.
    """
    send = ledger.send(send_id)
    if send is not None:
        raise GuardError(
            f"{send_id} has begun ({send.state}); its audience never changes. To go on run: mailrail resume {send_id}. "
            "To mail a new audience start a new send."
        )


def write_audience(
    connection: duckdb.DuckDBPyConnection,
    request: Request,
    identity: Identity,
    folder: Path,
    *,
    shard_rows: int = SHARD_ROWS,
) -> Manifest:
    """Write shards, exclusions and manifest of what was judged on this connection into an empty folder.

    Raises:
        GuardError: two recipients share an address.
    """
    names = ("contact_id", "address", "tracking", "variant", *request.fields)
    # By contact id, a keyed hash: the same order each time, and providers well mixed.
    connection.execute(
        f"create or replace temp table {_FROZEN} as select row_number() over (order by contact_id) as seq,"  # noqa: S608
        f" {', '.join(names)} from {JUDGED} where reason is null order by contact_id"
    )
    _require_unique(connection)
    columns = ("seq", *names)
    shards = tuple(_write_shards(connection, folder, columns, shard_rows))
    manifest = Manifest(
        send_id=identity.send_id,
        send_no=identity.send_no,
        campaign=request.campaign,
        topic=request.definition.topic,
        as_of=format_time(request.as_of),
        published_version=published_version(connection),
        git_commit=identity.git_commit,
        rows=sum(shard.rows for shard in shards),
        audience_hash="",
        columns=columns,
        shards=shards,
        exclusions=_write_exclusions(connection, folder),
        segments={
            "include": tuple(request.definition.audience.include),
            "exclude": tuple(request.definition.audience.exclude),
        },
        definition_hash=definition_hash(request.definition),
    )
    manifest = replace(
        manifest, audience_hash=audience_hash(manifest.campaign, manifest.topic, manifest.columns, manifest.shards)
    )
    write_text(folder / MANIFEST_FILE, manifest.to_json())
    return manifest


def _require_unique(connection: duckdb.DuckDBPyConnection) -> None:
    twice = connection.execute(
        f"select address, count(*), string_agg(contact_id, ', ' order by contact_id) from {_FROZEN}"  # noqa: S608
        " group by address having count(*) > 1 order by address limit 1"
    ).fetchall()
    for address, count, contacts in twice:
        raise GuardError(
            f"the audience holds the address {mask_address(address)} {count} times (contacts {contacts}); nothing was "
            "frozen. Mend dim_contacts, where each address must stand once."
        )


def _write_shards(
    connection: duckdb.DuckDBPyConnection, folder: Path, columns: tuple[str, ...], shard_rows: int
) -> Iterator[Shard]:
    # fetchall, since after fetchone the connection is still busy with its result
    ((rows,),) = connection.execute(f"select count(*) from {_FROZEN}").fetchall()  # noqa: S608
    for number, first in enumerate(range(1, rows + 1, shard_rows)):
        last = first + shard_rows - 1
        table = connection.sql(
            f"select {', '.join(columns)} from {_FROZEN} where seq between {first} and {last} order by seq"  # noqa: S608
        ).to_arrow_table()
        file = f"shard-{number:04d}.parquet"
        yield Shard(number, file, first, table.num_rows, write_table(folder / file, table))


def _write_exclusions(connection: duckdb.DuckDBPyConnection, folder: Path) -> Exclusions:
    table = connection.sql(
        f"select {_EXCLUSION_COLUMNS} from {JUDGED} where reason is not null order by contact_id"  # noqa: S608
    ).to_arrow_table()
    counts = connection.execute(f"select reason, count(*) from {JUDGED} group by 1 order by 1").fetchall()  # noqa: S608
    return Exclusions(
        file=EXCLUSIONS_FILE,
        included=sum(count for _, count in counts),
        counts={reason: count for reason, count in counts if reason is not None},
        sha256=write_table(folder / EXCLUSIONS_FILE, table),
    )


@contextlib.contextmanager
def _fresh_folder(target: Path, ledger: SendLog, send_id: str) -> Iterator[Path]:
    """Yield an empty folder beside the target and put it in the target's place when the body ends well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(f".{target.name}.{os.getpid()}.new")
    old = target.with_name(f".{target.name}.{os.getpid()}.old")
    _remove(scratch, old)
    scratch.mkdir()
    try:
        yield scratch
        flush_folder(scratch)
        require_not_begun(ledger, send_id)  # it may have been opened while we judged
        if target.exists():
            target.rename(old)
        scratch.rename(target)
        flush_folder(target.parent)
    finally:
        _remove(scratch, old)


def _remove(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
