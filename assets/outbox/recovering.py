"""Sends of the outbox that a ledger forgot when an older copy of it was put back: opened again from their files.

Without it their requests, which wait again in such a copy, would be sent a second time. Add here what must come before
anything is taken from such a ledger; what the journal knows of it stands in ``senders.ledger.restoring``.
"""

import logging
from pathlib import Path

import pyarrow.parquet as pq

from assets.audiences.manifest import Manifest, verify_audience
from assets.deliveries.preflight import content_hash
from assets.outbox.batch import FOLDER
from assets.outbox.definition import letter_folder, read_definition
from assets.warehouse.resources import Mailrail
from senders.clock import parse_time
from senders.config import TRANSACTIONAL
from senders.errors import ConfigError, GuardError
from senders.ledger.rows import Approval, LinkRow, SendSpec, ShardSpec
from senders.ledger.store import Ledger
from senders.rendering.saved import TEMPLATE_FILE, load_template

logger = logging.getLogger(__name__)


def adopt_forgotten(mailrail: Mailrail, ledger: Ledger) -> int:
    """Open again what the ledger forgot, its offered messages in doubt, and return how many sends that were.

    The requests of one that cannot be opened are refused: somebody may have got the mail already.
    """
    adopted = 0
    for identity in ledger.forgotten_sends():
        for folder in (mailrail.home / "files" / FOLDER).glob(f"[0-9]*/{identity}"):
            adopted += _adopt(mailrail, ledger, folder)
    if adopted:
        logger.warning("%d sends that the ledger had forgotten are open again; what was offered is in doubt", adopted)
    return adopted


def _adopt(mailrail: Mailrail, ledger: Ledger, folder: Path) -> bool:
    try:
        manifest = verify_audience(folder)
    except (ConfigError, GuardError, OSError) as error:
        # Whose requests it had taken is not known: nothing of the outbox goes before a person has looked.
        raise GuardError(
            f"{folder.name} was forgotten by the ledger, and its files are damaged: {error}; put them back from a "
            "backup, or remove the folder if its mail may be sent again"
        ) from error
    (shard,) = manifest.shards
    rows = pq.read_table(folder / shard.file, columns=["request_id", "contact_id"]).to_pylist()
    requests = [(row["request_id"], bytes.fromhex(row["contact_id"])) for row in rows]
    try:
        spec = _spec(mailrail, folder, manifest, [each for _, each in requests])
        ledger.reopen_mail(spec, _approval(spec), requests)
    except (ConfigError, GuardError) as error:
        logger.error("%s was forgotten by the ledger and cannot be opened again: %s", manifest.send_id, error)
        reason = f"{manifest.send_id}, which had taken it, cannot be opened again after an older ledger was put back"
        ledger.give_up_mail(manifest.campaign, requests, reason)
        return False
    return True


def _approval(spec: SendSpec) -> Approval:
    return Approval(
        send_id=spec.send_id,
        audience_hash=spec.audience_hash,
        content_hash=spec.content_hash,
        recipients=spec.audience_rows,
        approved_by=f"template {spec.campaign}",
        approved_at=spec.scheduled_at,
        road="transactional: opened again after an older ledger was put back",
    )


def _spec(mailrail: Mailrail, folder: Path, manifest: Manifest, hashes: list[bytes]) -> SendSpec:
    letter = letter_folder(mailrail.project, manifest.campaign)
    definition = read_definition(letter, None)[0] if letter else None
    if definition is None:
        raise ConfigError(f"the template {manifest.campaign} is no longer in assets/transactional, or it is broken")
    template = load_template(folder / TEMPLATE_FILE)
    (shard,) = manifest.shards
    return SendSpec(
        send_id=manifest.send_id,
        campaign=manifest.campaign,
        topic=manifest.topic,
        scheduled_at=parse_time(manifest.as_of),
        sender=definition.sender,
        folder=folder.relative_to(mailrail.home).as_posix(),
        audience_rows=manifest.rows,
        audience_hash=manifest.audience_hash,
        content_hash=content_hash(template, mailrail.profile(definition.sender), mailrail.base_url, manifest.topic),
        shards=[ShardSpec(0, shard.file, 1, shard.rows, hashes)],
        links=[LinkRow(link.link_no, link.url, link.label, link.role) for link in template.links],
        stream=TRANSACTIONAL,
        is_rehearsal=definition.sender in mailrail.rehearsing,
    )
