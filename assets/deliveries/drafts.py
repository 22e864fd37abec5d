"""A campaign as it stands in its files, ready to be rendered without a send, and rows to render it for.

Previews and test mails share it. Their tokens belong to no send and are good for nothing. Add here another way to
choose rows; what is shown or sent belongs to ``previewing`` and ``seeding``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from assets.audiences.definition import CampaignDefinition, load_campaign, shared_templates
from assets.audiences.judging import JUDGED, judge
from assets.audiences.plan import build_request, campaign_folder
from assets.warehouse.published import connect_published
from assets.warehouse.resources import Mailrail
from senders.errors import ConfigError
from senders.rendering.context import SendContext
from senders.rendering.samples import SAMPLES
from senders.rendering.template import CompiledTemplate, compile_template
from senders.tracking.addresses import AddressError, normalize_address
from senders.tracking.tokens import NO_SEND, send_tokens


@dataclass(frozen=True, slots=True)
class Draft:
    """A campaign with its compiled template, and what all its messages share."""

    campaign: str
    folder: Path
    definition: CampaignDefinition
    template: CompiledTemplate
    context: SendContext


def read_draft(mailrail: Mailrail, campaign: str, *, kind: str) -> Draft:
    """Read and compile a campaign.

    Args:
        mailrail: the project.
        campaign: the campaign's name.
        kind: what stands for the send in the header ``Mailrail-Send``: ``preview`` or ``test``.

    Raises:
        ConfigError: there is no such campaign, or its definition is wrong.
        TemplateError: the template is wrong; lists every problem.
    """
    folder = campaign_folder(mailrail.project, campaign)
    definition = load_campaign(folder)
    context = SendContext(
        profile=mailrail.profile(definition.sender),
        tokens=send_tokens(mailrail.keyring(), NO_SEND),
        send_id=f"{campaign}.{kind}",
        campaign=campaign,
        topic=definition.topic,
        base_url=mailrail.base_url,
        sent_at=mailrail.clock.now(),
        may_track=mailrail.may_track,
    )
    return Draft(campaign, folder, definition, compile_template(folder, shared_templates(folder)), context)


def recipient_rows(mailrail: Mailrail, draft: Draft, *, limit: int, address: str | None = None) -> list[dict[str, Any]]:
    """Return the first recipients that the campaign would have now, or the one with an address.

    Raises:
        ConfigError: nothing is published, a segment is not built, or the address is none of its recipients.
    """
    request = build_request(mailrail, draft.definition, draft.campaign, draft.template, as_of=mailrail.clock.now())
    wanted = _normal(address) if address else None
    # The copy first: a home without one gets no ledger by being looked at.
    with connect_published(mailrail.published) as connection, mailrail.open_ledger() as ledger:
        judge(connection, request, ledger)
        rows = _rows(connection, request.fields, limit, wanted)
    if address and not rows:
        raise ConfigError(
            f"{draft.campaign}: {address} is not among its recipients; see: mailrail plan {draft.campaign}"
        )
    return rows


def sample_rows(draft: Draft, limit: int) -> list[dict[str, Any]]:
    """Return sample contacts; one that lacks what the template needs would be no recipient and is left out."""
    required = draft.template.required_fields
    rows = [sample.row(seq) for seq, sample in enumerate(SAMPLES, 1)]
    return [row for row in rows if all(row.get(name) not in (None, "") for name in required)][:limit]


def _rows(
    connection: duckdb.DuckDBPyConnection, fields: Sequence[str], limit: int, address: str | None
) -> list[dict[str, Any]]:
    names = ["contact_id", "address", "tracking", "variant", *fields]
    wanted = "and address = $address" if address else ""
    given = {"limit": limit, **({"address": address} if address else {})}
    query = f"select {', '.join(names)} from {JUDGED} where reason is null {wanted} order by contact_id limit $limit"  # noqa: S608
    rows = connection.execute(query, given).fetchall()
    return [{"seq": seq, **dict(zip(names, row, strict=True))} for seq, row in enumerate(rows, 1)]


def _normal(address: str) -> str:
    try:
        return normalize_address(address)
    except AddressError as error:
        raise ConfigError(f"{address!r} is no address that can be written to: {error}.") from None
