"""Renders every message of a send before anything leaves, and writes down what was found.

The files ``template.json``, ``preflight.json`` and ``specimen.json`` appear in the send's folder; no message is kept.
Add a figure here when a person or a gate needs it before sending; the limits belong to ``checks``.
"""

import json
import multiprocessing
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from assets.audiences.definition import CampaignDefinition, shared_templates
from assets.audiences.freeze import SendLog, require_not_begun
from assets.audiences.hashing import hash_document
from assets.audiences.manifest import Manifest, verify_audience
from assets.deliveries.measuring import Job, Measures, measure
from assets.deliveries.specimens import SPECIMEN_FILE, draw_specimen, field_kinds
from assets.warehouse.resources import Mailrail
from senders.clock import format_time
from senders.config import SenderProfile
from senders.errors import ConfigError, GuardError
from senders.rendering import saved
from senders.rendering.context import SendContext
from senders.rendering.saved import TEMPLATE_FILE
from senders.rendering.specimen import Kind
from senders.rendering.template import CompiledTemplate, compile_template
from senders.tracking.tokens import send_tokens

VERSION = 1
PREFLIGHT_FILE = "preflight.json"
PROCESSES = 2
_POOL_FROM_ROWS = 40_000  # below, starting processes costs more than they save


@dataclass(frozen=True, slots=True)
class Preflight:
    """What rendering every message found. Sizes are in bytes: min, median, p99 and max."""

    send_id: str
    audience_hash: str
    content_hash: str
    template_hash: str
    recipients: int
    rendered: int
    unrenderable: int
    first_unrenderable: list[list[Any]]
    missing: Mapping[str, int]
    html_bytes: Mapping[str, int]
    message_bytes: Mapping[str, int]
    links: list[dict[str, Any]]
    warnings: list[str]
    checked_at: str

    def to_json(self) -> str:
        """Return the text of preflight.json."""
        return json.dumps({"version": VERSION, **asdict(self)}, ensure_ascii=False, indent=1)

    def metadata(self) -> dict[str, Any]:
        """Return the figures for the Dagster UI."""
        return {
            "recipients": self.recipients,
            "rendered": self.rendered,
            "unrenderable": self.unrenderable,
            **{f"html_bytes_{name}": size for name, size in self.html_bytes.items()},
            **{f"message_bytes_{name}": size for name, size in self.message_bytes.items()},
            **{f"missing: {name}": count for name, count in self.missing.items()},
            "links": len(self.links),
            "content_hash": self.content_hash,
            "warnings": self.warnings,
        }


def run_preflight(
    definition: CampaignDefinition, folder: Path, mailrail: Mailrail, ledger: SendLog, *, send_id: str
) -> Preflight:
    """Render every message of a frozen audience; write ``template.json``, ``preflight.json`` and ``specimen.json``.

    Raises:
        GuardError: the send has begun, its files were changed, or the template needs a field that was not frozen.
        TemplateError: the template cannot be used.
        ConfigError: no audience is frozen, or the sender profile does not exist.
    """
    require_not_begun(ledger, send_id)
    target = mailrail.send_folder(send_id)
    manifest = verify_audience(target)
    template = compile_template(folder, shared_templates(folder))
    _require_fields(manifest, template, send_id)
    profile = mailrail.profile(definition.sender)
    found = _measure_all(list(_jobs(manifest, template, profile, mailrail)), manifest.rows)
    specimen, without = draw_specimen(template, _kinds(target, manifest))
    result = Preflight(
        send_id=send_id,
        audience_hash=manifest.audience_hash,
        content_hash=content_hash(template, profile, mailrail.base_url, definition.topic),
        template_hash=template.content_hash,
        recipients=manifest.rows,
        rendered=len(found.messages),
        unrenderable=found.unrenderable,
        first_unrenderable=[[seq, reason] for seq, reason in found.listed],
        missing={name: found.missing.get(name, 0) for name in template.fields},
        html_bytes=_spread(found.html),
        message_bytes=_spread(found.messages),
        links=[asdict(link) for link in template.links],
        warnings=[*(str(problem) for problem in template.warnings), *without],
        checked_at=format_time(mailrail.clock.now()),
    )
    require_not_begun(ledger, send_id)  # it may have been opened while we rendered
    saved.save_template(template, target)
    if specimen is None:
        (target / SPECIMEN_FILE).unlink(missing_ok=True)
    else:
        _write(target / SPECIMEN_FILE, specimen)
    _write(target / PREFLIGHT_FILE, result.to_json())
    return result


def load_preflight(folder: Path) -> Preflight:
    """Read the preflight of a send's folder.

    Raises:
        ConfigError: there is none, or another version wrote it.
    """
    path = folder / PREFLIGHT_FILE
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: this send had no preflight; materialize its preflight first.") from None
    except ValueError as error:
        raise ConfigError(f"{path}: is not JSON ({error}); materialize the preflight again.") from None
    if values.pop("version", None) != VERSION:
        raise ConfigError(f"{path}: not of version {VERSION}; materialize the preflight again with this Mailrail.")
    return Preflight(**values)


def load_template(folder: Path) -> CompiledTemplate:
    """Read the compiled template of a send's folder."""
    return saved.load_template(folder / TEMPLATE_FILE)


def content_hash(template: CompiledTemplate, profile: SenderProfile, base_url: str, topic: str) -> str:
    """Return the hash that an approval is given for: everything that shapes what people read, but the audience."""
    shown = ("from_name", "from_address", "reply_to", "bounce_domain", "message_id_domain", "unsubscribe_mailto")
    return hash_document(
        {
            "template": template.content_hash,
            "sender": {name: getattr(profile, name) for name in shown},
            "base_url": base_url,
            "topic": topic,
        }
    )


def _require_fields(manifest: Manifest, template: CompiledTemplate, send_id: str) -> None:
    missing = [name for name in template.fields if name not in manifest.columns]
    if missing:
        raise GuardError(
            f"{send_id}: the template reads {', '.join(missing)}, which the frozen audience does not hold: the "
            "template was changed after it was frozen. Materialize the audience again."
        )


def _kinds(folder: Path, manifest: Manifest) -> dict[str, Kind]:
    return field_kinds(folder / manifest.shards[0].file) if manifest.shards else {}


def _jobs(manifest: Manifest, template: CompiledTemplate, profile: SenderProfile, mailrail: Mailrail) -> Iterator[Job]:
    for shard in manifest.shards:
        yield Job(
            file=str(mailrail.send_folder(manifest.send_id) / shard.file),
            template=template,
            context=SendContext(
                profile=replace(profile, dkim=None),  # a private key has no business in another process
                tokens=send_tokens(mailrail.keyring(), manifest.send_no),
                send_id=manifest.send_id,
                campaign=manifest.campaign,
                topic=manifest.topic,
                base_url=mailrail.base_url,
                sent_at=mailrail.clock.now(),
                may_track=mailrail.may_track,
            ),
        )


def _measure_all(jobs: Sequence[Job], rows: int) -> Measures:
    found = Measures()
    if rows < _POOL_FROM_ROWS or len(jobs) < PROCESSES:
        for job in jobs:
            found.add(measure(job))
        return found
    with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
        for measures in pool.map(measure, jobs):
            found.add(measures)
    return found


def _spread(sizes: Sequence[int]) -> dict[str, int]:
    ordered = sorted(sizes) or [0]
    last = len(ordered) - 1
    return {"min": ordered[0], "median": ordered[last // 2], "p99": ordered[last * 99 // 100], "max": ordered[last]}


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
