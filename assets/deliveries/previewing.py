"""Shows messages of a campaign as its recipients would get them, without opening a send.

Real recipients where there are some, else sample contacts, so that a new campaign can be seen before any data. Nothing
is written to the ledger. Rendering belongs to ``senders.rendering``, the page to ``preview_page``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assets.deliveries.drafts import Draft, read_draft, recipient_rows, sample_rows
from assets.warehouse.published import current
from assets.warehouse.resources import Mailrail
from senders.errors import ConfigError, RenderError
from senders.rendering.preview import Preview, preview
from senders.rendering.renderer import Renderer
from senders.rendering.samples import SAMPLES
from senders.tracking.addresses import mask_address

_NOTHING_YET = "Nothing is published yet. Real recipients are shown after: mailrail refresh"
_KEYS = ("masked", "subject", "links", "bytes", "text")


@dataclass(frozen=True, slots=True)
class Shown:
    """One rendered message; the address is masked. ``who`` says what a sample contact stands for."""

    masked: str
    subject: str
    links: int
    bytes: int
    text: str = field(repr=False)
    who: str = ""
    mail: Preview | None = field(default=None, repr=False)

    def as_json(self) -> dict[str, Any]:
        """Return the message as `mailrail preview --json` prints it."""
        return {name: getattr(self, name) for name in _KEYS} | ({"sample": self.who} if self.who else {})


@dataclass(frozen=True, slots=True)
class Previewed:
    """The messages of a preview. ``note`` says why sample contacts are shown, '' for real recipients."""

    draft: Draft
    messages: tuple[Shown, ...]
    note: str = ""

    @property
    def is_sample(self) -> bool:
        """Whether the contacts are made up."""
        return bool(self.note)

    def as_json(self) -> dict[str, Any]:
        """Return the document of `mailrail preview --json`."""
        messages = [item.as_json() for item in self.messages]
        return {"campaign": self.draft.campaign, "sample": self.is_sample, "note": self.note, "messages": messages}


def preview_campaign(
    mailrail: Mailrail,
    campaign: str,
    *,
    limit: int = 5,
    address: str | None = None,
    samples: bool = False,
    write: Path | None = None,
) -> Previewed:
    """Render messages for recipients of a campaign, or for sample contacts where it has none yet.

    Args:
        mailrail: the project.
        campaign: the campaign's name.
        limit: how many recipients, in the order of the audience.
        address: one recipient instead.
        samples: sample contacts, also where there are recipients.
        write: a folder that gets each message as HTML, text and whole (``.eml``).

    Raises:
        ConfigError: there is no such campaign, the address is not among its recipients, or nobody was asked for.
        TemplateError: the template is wrong; lists every problem.
        RenderError: a message cannot be rendered.
    """
    if limit < 1:
        raise ConfigError(f"a preview shows at least one message, not {limit}.")
    draft = read_draft(mailrail, campaign, kind="preview")
    rows, note = _choose(mailrail, draft, limit, address, samples)
    links = len(draft.template.links)
    shown = [_show(mail, row, links=links, is_sample=bool(note)) for mail, row in _render(draft, rows)]
    if write is not None:
        write_shown(shown, write)
    return Previewed(draft, tuple(shown), note)


def _choose(
    mailrail: Mailrail, draft: Draft, limit: int, address: str | None, samples: bool
) -> tuple[list[dict[str, Any]], str]:
    """Return rows, and why they are made up where they are."""
    if samples and address:
        raise ConfigError("--samples and --address exclude each other: a sample contact has no address of yours.")
    if samples:
        return sample_rows(draft, limit), "They were asked for."
    if not address and current(mailrail.published) is None:
        return sample_rows(draft, limit), _NOTHING_YET
    try:
        rows = recipient_rows(mailrail, draft, limit=limit, address=address)
    except ConfigError as error:
        if address:
            raise
        return sample_rows(draft, limit), str(error)
    return (
        (rows, "")
        if rows
        else (
            sample_rows(draft, limit),
            f"{draft.campaign} has no recipients now; see why: mailrail plan {draft.campaign}",
        )
    )


def _render(draft: Draft, rows: list[dict[str, Any]]) -> Iterator[tuple[Preview, dict[str, Any]]]:
    renderer = Renderer(draft.template, draft.context)
    for row in rows:
        try:
            yield preview(renderer, row), row
        except RenderError as error:
            raise RenderError(f"{mask_address(str(row['address']))}: {error}") from None


def _show(mail: Preview, row: dict[str, Any], *, links: int, is_sample: bool) -> Shown:
    return Shown(
        masked=mask_address(mail.recipient),
        subject=mail.subject,
        links=links,
        bytes=len(mail.raw),
        text=mail.text,
        who=SAMPLES[row["seq"] - 1].what if is_sample else "",
        mail=mail,
    )


def write_shown(shown: list[Shown], folder: Path) -> None:
    """Write each message in three forms, numbered as in the table: an address does not belong into a file's name."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number, mail in enumerate((item.mail for item in shown if item.mail is not None), 1):
        forms = {"html": mail.html.encode("utf-8"), "txt": mail.text.encode("utf-8"), "eml": mail.raw}
        for suffix, content in forms.items():
            path = folder / f"{number:03d}.{suffix}"
            path.touch(mode=0o600)
            path.write_bytes(content)
