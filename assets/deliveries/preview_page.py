"""A preview as one HTML page: each message on a desktop, on a phone, in dark mode, and as text.

The page asks nobody for anything and runs no script; each mail stands in a frame that may do nothing. Add here what a
person wants to see of a mail before it is sent; choosing and rendering messages belongs to ``previewing``.
"""

import email
import email.policy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from markupsafe import Markup

from assets.deliveries.previewing import Previewed, Shown
from dashboards.render import base_style
from senders.config import SenderProfile
from senders.rendering.environment import TemplateEnvironment
from senders.rendering.frames import frame_html, loads_pictures
from senders.rendering.lint import CLIP_BYTES, CLIP_WARNING_BYTES

TEMPLATE = Path(__file__).with_name("preview.html.j2")
STYLE = Path(__file__).with_name("preview.css")
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none'; form-action 'none'"
)
_SCHEMES = ("light", "dark")
_VIEWS = ({"id": "light", "label": "Light"}, {"id": "dark", "label": "Dark"}, {"id": "text", "label": "Text & headers"})


def write_preview(shown: Previewed, folder: Path) -> Path:
    """Write the page of a preview, ``<campaign>.html``, readable by its owner only: it holds people's data."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{shown.draft.campaign}.html"
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(preview_page(shown), encoding="utf-8")
    return path


def preview_page(shown: Previewed) -> str:
    """Return the page of a preview."""
    profile, definition = shown.draft.context.profile, shown.draft.definition
    values = {
        "policy": _POLICY,
        "style": Markup(_style(len(shown.messages))),  # noqa: S704 - our own files
        "title": definition.title,
        "campaign": shown.draft.campaign,
        "topic": definition.topic,
        "sender": f"{profile.from_name} <{profile.from_address}>",
        "from_name": profile.from_name,
        "initial": profile.from_name[:1].upper(),
        "made_at": f"{shown.draft.context.sent_at:%Y-%m-%d %H:%M} UTC",
        "note": shown.note,
        "views": _VIEWS,
        "schemes": _SCHEMES,
        "mails": [_mail(index, item, profile) for index, item in enumerate(shown.messages)],
        "pictures": any(item.mail is not None and loads_pictures(item.mail.page) for item in shown.messages),
    }
    return TemplateEnvironment(autoescape=True).from_string(TEMPLATE.read_text(encoding="utf-8")).render(values)


def _mail(index: int, shown: Shown, profile: SenderProfile) -> dict[str, Any]:
    mail = shown.mail
    if mail is None:
        raise TypeError(f"message {index} was not rendered")
    html_bytes = len(mail.html.encode("ascii", "xmlcharrefreplace"))
    tone = "act" if html_bytes > CLIP_BYTES else "watch" if html_bytes > CLIP_WARNING_BYTES else ""
    return {
        "index": index,
        "masked": shown.masked,
        "who": shown.who,
        "subject": shown.subject,
        "preheader": mail.preheader,
        "size": _kilobytes(shown.bytes),
        "html_size": _kilobytes(html_bytes),
        "share": min(100, round(100 * html_bytes / CLIP_BYTES)),
        "tone": tone,
        "links": shown.links,
        "text": mail.text,
        "headers": list(_headers(mail.raw, shown, profile)),
        **{scheme: frame_html(mail.page, scheme) for scheme in _SCHEMES},
    }


def _headers(raw: bytes, shown: Shown, profile: SenderProfile) -> Iterator[dict[str, str]]:
    """Yield the headers as they are read, without the recipient's address."""
    address = shown.mail.recipient if shown.mail is not None else ""
    for name, value in email.message_from_bytes(raw, policy=email.policy.default).items():
        yield {"name": name, "value": str(value).replace(address, shown.masked)}
    signed = profile.dkim
    found = f"signed for {signed.domain}, selector {signed.selector}" if signed else "not by us: the relay may sign"
    yield {"name": "DKIM", "value": found}
    yield {"name": "Return path", "value": shown.mail.return_path if shown.mail is not None else ""}


def _kilobytes(size: int) -> str:
    return f"{size / 1024:.1f} KB"


def _style(messages: int) -> str:
    """Return the style sheet: colours of the reports, our rules, and one pair of rules for each recipient's button."""
    picks = "".join(
        f"#r{index}:checked~* .m{index}{{display:block}}"
        f"#r{index}:checked~* label[for=r{index}]{{background:var(--card);border-color:var(--line)}}"
        f"#r{index}:focus-visible~* label[for=r{index}]{{outline:2px solid var(--people);outline-offset:-2px}}"
        for index in range(messages)
    )
    return base_style() + STYLE.read_text(encoding="utf-8") + picks
