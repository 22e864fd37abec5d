"""Who would get a campaign now: counts, reasons and a sample, from the same query that freezes the audience.

Add here what a person wants to know before sending. The query belongs to ``judging``, writing files to ``freeze``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from assets.audiences.definition import CampaignDefinition, load_campaign, shared_templates
from assets.audiences.judging import JUDGED, Request, WishLog, judge, published_version
from assets.audiences.suggestions import suggest
from assets.warehouse.published import connect_published
from assets.warehouse.resources import Mailrail
from senders.clock import format_time
from senders.errors import ConfigError
from senders.rendering.template import CompiledTemplate, compile_template

SAMPLE = 10


@dataclass(frozen=True, slots=True)
class Plan:
    """The counts of an audience; ``included = recipients + Σ excluded``, and ``tracked`` of the recipients may be."""

    campaign: str
    segments: tuple[str, ...]
    included: int
    excluded: Mapping[str, int]
    recipients: int
    sample: list[dict[str, Any]]
    as_of: datetime
    published_version: str
    tracked: int

    def as_json(self) -> dict[str, Any]:
        """Return the document of `mailrail plan --json` (CONTRACTS)."""
        return {
            "campaign": self.campaign,
            "included": self.included,
            "excluded": dict(self.excluded),
            "recipients": self.recipients,
            "tracked": self.tracked,
            "sample": self.sample,
            "segments": list(self.segments),
            "as_of": format_time(self.as_of),
            "published_version": self.published_version,
        }


def plan_campaign(mailrail: Mailrail, campaign: str, *, sample: int = SAMPLE) -> Plan:
    """Count who would get a campaign now. Writes nothing.

    Raises:
        ConfigError: there is no such campaign, its files are wrong, or nothing is published.
        TemplateError: its template cannot be used.
    """
    folder = campaign_folder(mailrail.project, campaign)
    definition = load_campaign(folder)
    template = compile_template(folder, shared_templates(folder))
    request = build_request(mailrail, definition, campaign, template, as_of=mailrail.clock.now())
    with mailrail.open_ledger() as ledger, connect_published(mailrail.published) as connection:
        return plan_audience(connection, request, ledger, sample=sample)


def campaign_folder(project: Path, campaign: str) -> Path:
    """Return the folder of a campaign.

    Raises:
        ConfigError: there is none of that name.
    """
    root = project / "assets" / "campaigns"
    known = {path.parent.name for path in root.glob("*/defs.yaml")}
    if campaign not in known:
        raise ConfigError(f"there is no campaign {campaign!r} in {root}. {suggest(campaign, known)}")
    return root / campaign


def build_request(
    mailrail: Mailrail, definition: CampaignDefinition, campaign: str, template: CompiledTemplate, *, as_of: datetime
) -> Request:
    """Return what judging must know of a campaign."""
    return Request(
        campaign=campaign,
        definition=definition,
        as_of=as_of,
        fields=tuple(sorted({*template.fields, *(definition.fields or ())})),
        required=template.required_fields,
        allowed=mailrail.allowed_recipients.get(definition.sender, ()),  # unknown means nobody
        tracking_needs_consent=mailrail.tracking_needs_consent,
    )


def plan_audience(
    connection: duckdb.DuckDBPyConnection, request: Request, ledger: WishLog | None, *, sample: int = SAMPLE
) -> Plan:
    """Judge and count an audience on an open published copy."""
    judge(connection, request, ledger)
    query = f"select coalesce(reason, ''), count(*) from {JUDGED} group by 1 order by 1"  # noqa: S608
    counts = dict(connection.execute(query).fetchall())
    recipients = counts.pop("", 0)
    query = f"select count(*) from {JUDGED} where reason is null and tracking"  # noqa: S608
    ((tracked,),) = connection.execute(query).fetchall()
    return Plan(
        campaign=request.campaign,
        segments=tuple(request.definition.audience.include),
        included=recipients + sum(counts.values()),
        excluded=counts,
        recipients=recipients,
        sample=_sample(connection, request, sample),
        as_of=request.as_of,
        published_version=published_version(connection),
        tracked=tracked,
    )


def _sample(connection: duckdb.DuckDBPyConnection, request: Request, size: int) -> list[dict[str, Any]]:
    names = ("contact_id", "address", *request.fields)
    rows = connection.execute(
        f"select {', '.join(names)} from {JUDGED} where reason is null order by contact_id limit $size",  # noqa: S608
        {"size": size},
    ).fetchall()
    return [{name: _plain(value) for name, value in zip(names, row, strict=True)} for row in rows]


def _plain(value: Any) -> Any:
    return value.isoformat() + "Z" if isinstance(value, datetime) else value
