"""Shows messages of a campaign for real recipients, without opening a send.

The audience is planned and the template compiled as for a send; nothing is written to the ledger. Rendering
belongs to ``senders.rendering``.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from assets.audiences.definition import load_campaign, shared_templates
from assets.audiences.judging import JUDGED, judge
from assets.audiences.plan import build_request, campaign_folder
from assets.warehouse.published import connect_published
from assets.warehouse.resources import Mailrail
from senders.errors import ConfigError, RenderError
from senders.rendering.context import SendContext
from senders.rendering.preview import Preview, preview
from senders.rendering.renderer import Renderer
from senders.rendering.template import compile_template
from senders.tracking.addresses import AddressError, mask_address, normalize_address
from senders.tracking.tokens import NO_SEND, send_tokens

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, slots=True)
class Shown:
    """One rendered message; the address is masked."""

    masked: str
    subject: str
    links: int
    bytes: int
    text: str = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        """Return the message as `mailrail preview --json` prints it."""
        return asdict(self)


def preview_campaign(
    mailrail: Mailrail, campaign: str, *, limit: int = 5, address: str | None = None, write: Path | None = None
) -> list[Shown]:
    """Render messages for recipients of a campaign.

    Args:
        mailrail: the project.
        campaign: the campaign's name.
        limit: how many recipients, in the order of the audience.
        address: one recipient instead.
        write: a folder that gets each message as HTML, text and whole (``.eml``).

    Raises:
        ConfigError: there is no such campaign, the address is not among its recipients, or nobody was asked for.
        TemplateError: the template is wrong; lists every problem.
        RenderError: a message cannot be rendered.
    """
    if limit < 1:
        raise ConfigError(f"a preview shows at least one message, not {limit}.")
    folder = campaign_folder(mailrail.project, campaign)
    definition = load_campaign(folder)
    template = compile_template(folder, shared_templates(folder))
    context = SendContext(
        profile=mailrail.profile(definition.sender),
        tokens=send_tokens(mailrail.keyring(), NO_SEND),
        send_id=f"{campaign}.preview",
        campaign=campaign,
        topic=definition.topic,
        base_url=mailrail.base_url,
        sent_at=mailrail.clock.now(),
    )
    request = build_request(mailrail, definition, campaign, template, as_of=mailrail.clock.now())
    with mailrail.open_ledger() as ledger, connect_published(mailrail.published) as connection:
        judge(connection, request, ledger)
        rows = _rows(connection, request.fields, limit, address)
    if not rows:
        found = f"{address} is not among its recipients" if address else "it has no recipients"
        raise ConfigError(f"{campaign}: {found}; see: mailrail plan {campaign}")
    return [_show(shown, write) for shown in _render(Renderer(template, context), rows)]


def _rows(
    connection: duckdb.DuckDBPyConnection, fields: Sequence[str], limit: int, address: str | None
) -> list[dict[str, Any]]:
    names = ["contact_id", "address", "tracking", "variant", *fields]
    wanted = "and address = $address" if address else ""
    given = {"limit": limit, **({"address": _normal(address)} if address else {})}
    query = f"select {', '.join(names)} from {JUDGED} where reason is null {wanted} order by contact_id limit $limit"  # noqa: S608
    rows = connection.execute(query, given).fetchall()
    return [{"seq": seq, **dict(zip(names, row, strict=True))} for seq, row in enumerate(rows, 1)]


def _normal(address: str) -> str:
    try:
        return normalize_address(address)
    except AddressError as error:
        raise ConfigError(f"{address!r} is no address that can be written to: {error}.") from None


def _render(renderer: Renderer, rows: list[dict[str, Any]]) -> Iterator[Preview]:
    for row in rows:
        try:
            yield preview(renderer, row)
        except RenderError as error:
            raise RenderError(f"{mask_address(str(row['address']))}: {error}") from None


def _show(shown: Preview, write: Path | None) -> Shown:
    if write is not None:
        write.mkdir(parents=True, exist_ok=True)
        stem = write / _UNSAFE.sub("_", shown.recipient)
        stem.with_name(f"{stem.name}.html").write_text(shown.html, encoding="utf-8")
        stem.with_name(f"{stem.name}.txt").write_text(shown.text, encoding="utf-8")
        stem.with_name(f"{stem.name}.eml").write_bytes(shown.raw)
    return Shown(mask_address(shown.recipient), shown.subject, shown.html.count("href="), len(shown.raw), shown.text)
