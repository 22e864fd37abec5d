"""Freezes a batch of requests as the audience of a send, in the form that campaigns have.

One folder per batch, ``files/outbox/<day>/<send id>``, never written twice: no two processes share one. Add here what
such a folder needs. Which requests make a batch is decided in ``sorting``, taking them into the send in the ledger.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from assets.audiences.durable import flush_folder, write_table, write_text
from assets.audiences.hashing import hash_document
from assets.audiences.manifest import EXCLUSIONS_FILE, MANIFEST_FILE, Exclusions, Manifest, Shard, audience_hash
from assets.deliveries.preflight import content_hash
from assets.outbox.definition import Letter
from assets.warehouse.resources import Mailrail
from senders.clock import format_time
from senders.config import TRANSACTIONAL
from senders.delivery.exchanges import find_routes
from senders.failpoints import passing
from senders.ledger.outbox import MailRow
from senders.ledger.rows import ANSWERS, Approval, LinkRow, SendSpec, ShardSpec
from senders.ledger.store import Ledger
from senders.ledger.wishes import ASKED_FOR
from senders.rendering.saved import FILES, TEMPLATE_FILE, save_template
from senders.rendering.template import CompiledTemplate

# What stands for a campaign's topic: nobody can unsubscribe from an answer.
TOPIC = f"{ANSWERS}answer"
FOLDER = "outbox"
TEMPLATES = ".templates"
_SHARD_FILE = "shard-0000.parquet"
_COLUMNS = ("seq", "contact_id", "address", "tracking", "variant", "request_id", "fields")
_NO_EXCLUSIONS = pa.schema(
    [("contact_id", pa.string()), ("reason", pa.string()), ("detail", pa.string()), ("event_id", pa.string()),
     ("at", pa.timestamp("us"))]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fit:
    """A request that can be sent: its row, its address as the envelope has it, and its template's values."""

    row: MailRow
    address: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """Requests of one template and language that end together; ``expires_at`` None is as the settings say."""

    letter: Letter
    language: str
    fits: Sequence[Fit]
    expires_at: datetime | None = None

    @property
    def template(self) -> CompiledTemplate:
        """The mail in the batch's language."""
        return self.letter.mails[self.language]

    @property
    def topic(self) -> str:
        """What stands for the topic; mail that was asked for reaches people who unsubscribed from everything."""
        return ASKED_FOR if self.letter.definition.asked_for else TOPIC


def open_batch(mailrail: Mailrail, ledger: Ledger, batch: Batch) -> bool:
    """Freeze a batch and open its send; False where another process took one of its requests meanwhile.

    A process that ends before the send is open leaves a folder and a number that nothing refers to.

    Raises:
        GuardError: the ledger is older than its journal.
    """
    now = mailrail.clock.now()
    # Chance, so that no two tries, of this process or another, ever write the same folder.
    identity = f"{batch.letter.name}.{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
    send_no = ledger.reserve_send(identity, batch.letter.name)
    passing("outbox.numbered")
    folder = mailrail.home / "files" / FOLDER / f"{now.astimezone(UTC):%Y%m%d}" / identity
    manifest = freeze_batch(mailrail, batch, folder, identity=identity, send_no=send_no, now=now)
    passing("outbox.frozen")
    profile = mailrail.profile(batch.letter.definition.sender)
    content = content_hash(batch.template, profile, mailrail.base_url, batch.topic)
    approval = Approval(
        send_id=identity,
        audience_hash=manifest.audience_hash,
        content_hash=content,
        recipients=manifest.rows,
        approved_by=f"template {batch.letter.name}",
        approved_at=now,
        road="transactional: each was asked for",
    )
    spec = _spec(mailrail, batch, folder, manifest, content)
    return ledger.open_mail(spec, approval, [fit.row.row_id for fit in batch.fits])


def freeze_batch(
    mailrail: Mailrail, batch: Batch, folder: Path, *, identity: str, send_no: int, now: datetime
) -> Manifest:
    """Write shard, exclusions (none), template and manifest of a batch; all durable when it returns."""
    folder.mkdir(parents=True)
    table = _table(batch.fits)
    shard = Shard(0, _SHARD_FILE, 1, table.num_rows, write_table(folder / _SHARD_FILE, table))
    nobody = write_table(folder / EXCLUSIONS_FILE, _NO_EXCLUSIONS.empty_table())
    manifest = Manifest(
        send_id=identity,
        send_no=send_no,
        campaign=batch.letter.name,
        topic=batch.topic,
        as_of=format_time(now),
        published_version="",
        git_commit=mailrail.git_commit,
        rows=table.num_rows,
        audience_hash="",
        columns=_COLUMNS,
        shards=(shard,),
        exclusions=Exclusions(EXCLUSIONS_FILE, table.num_rows, {}, nobody),
        segments={"include": (), "exclude": ()},
        definition_hash=hash_document(batch.letter.definition.model_dump(mode="json")),
    )
    manifest = replace(
        manifest, audience_hash=audience_hash(manifest.campaign, batch.topic, manifest.columns, manifest.shards)
    )
    _place_template(batch.template, mailrail.home / "files" / FOLDER / TEMPLATES, folder)
    write_text(folder / MANIFEST_FILE, manifest.to_json())
    for each in (folder, folder.parent, folder.parent.parent):
        flush_folder(each)
    return manifest


def _table(fits: Sequence[Fit]) -> pa.Table:
    columns = {
        "seq": pa.array(range(1, len(fits) + 1), pa.int64()),
        "contact_id": pa.array([fit.row.request.address_hash.hex() for fit in fits], pa.string()),
        "address": pa.array([fit.address for fit in fits], pa.string()),
        # No pixel and no counted links: nobody agreed to them by asking for an answer.
        "tracking": pa.array([False] * len(fits), pa.bool_()),
        "variant": pa.array([None] * len(fits), pa.string()),
        "request_id": pa.array([fit.row.request.request_id for fit in fits], pa.string()),
        "fields": pa.array([json.dumps(fit.values, ensure_ascii=False, sort_keys=True) for fit in fits], pa.string()),
    }
    return pa.table(columns)


def _place_template(template: CompiledTemplate, store: Path, folder: Path) -> None:
    """Give a folder the compiled template, which lies on the disk once for all batches."""
    kept = store / template.content_hash
    if not (kept / TEMPLATE_FILE).exists():
        kept.mkdir(parents=True, exist_ok=True)
        save_template(template, kept)
        for each in (kept, store):
            flush_folder(each)
    if template.files:
        (folder / FILES).mkdir()
    for name in (TEMPLATE_FILE, *(f"{FILES}/{one.sha256}" for one in template.files)):
        (folder / name).hardlink_to(kept / name)


def _spec(mailrail: Mailrail, batch: Batch, folder: Path, manifest: Manifest, content: str) -> SendSpec:
    hashes = [fit.row.request.address_hash for fit in batch.fits]
    domains = [fit.address.rpartition("@")[2] for fit in batch.fits]
    # No question to the DNS: whoever waits does not wait for it, and few mails to one domain need no limits.
    routes = find_routes(dict.fromkeys(domains, 1))
    sender = batch.letter.definition.sender
    return SendSpec(
        send_id=manifest.send_id,
        campaign=manifest.campaign,
        topic=batch.topic,
        scheduled_at=mailrail.clock.now(),
        sender=sender,
        folder=folder.relative_to(mailrail.home).as_posix(),
        audience_rows=manifest.rows,
        audience_hash=manifest.audience_hash,
        content_hash=content,
        shards=[
            ShardSpec(0, _SHARD_FILE, 1, manifest.rows, hashes, [routes.providers.get(one, one) for one in domains])
        ],
        links=[LinkRow(link.link_no, link.url, link.label, link.role) for link in batch.template.links],
        expires_at=batch.expires_at,
        stream=TRANSACTIONAL,
        is_rehearsal=sender in mailrail.rehearsing,
    )
