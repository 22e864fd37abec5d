"""Renders one send's messages: a row of the audience in, bytes out.

Everything that is the same for all recipients is prepared once; the same row gives the same bytes at every try. Add
here what differs per recipient. Neither keys nor settings are known here, so that it may run in a child process.
"""

import html
from collections.abc import Mapping
from dataclasses import dataclass

from jinja2.exceptions import SecurityError, TemplateError, UndefinedError
from markupsafe import Markup, escape

from senders.errors import RenderError, TokenError
from senders.message import Message, Unrenderable
from senders.rendering import headers, mime
from senders.rendering.attached import Attached
from senders.rendering.context import SendContext
from senders.rendering.environment import LINK_SLOT, LinkSlot, TemplateEnvironment, contact_values
from senders.rendering.expressions import CONTACT, PIXEL_SLOT, PREFERENCES_URL, UNSUBSCRIBE_URL, VIEW_URL
from senders.rendering.links import personal_url, slot_name
from senders.rendering.pieces import Pieces
from senders.rendering.template import CompiledTemplate
from senders.rendering.text import tidy_text
from senders.tracking.addresses import AddressError, wire_address


@dataclass(frozen=True, slots=True)
class Rendered:
    """What one recipient reads."""

    subject: str
    html: str
    text: str


@dataclass(frozen=True, slots=True)
class _Rendering:
    """The same, with the HTML still in pieces."""

    subject: str
    html: list[str]
    text: str

    def whole(self) -> Rendered:
        return Rendered(self.subject, "".join(self.html), self.text)


class Renderer:
    """Makes the messages of one send."""

    def __init__(self, template: CompiledTemplate, context: SendContext) -> None:
        profile = context.profile
        self._template = template
        self._profile = profile
        self._tokens = context.tokens
        self._topic = context.topic
        self._may_track = context.may_track
        self._has_preferences = any(PREFERENCES_URL in one for one in (template.html, template.text))
        self._base_url = context.base_url.rstrip("/")
        escaping, plain = TemplateEnvironment(autoescape=True), TemplateEnvironment(autoescape=False)
        self._html = Pieces(template.html, escaping)
        self._text = Pieces(template.text, plain)
        self._subject = Pieces(template.subject, plain)
        self._links = tuple(link for link in template.links if link.role == "content" and link.url)
        self._plain = {slot_name(link.link_no): link.url for link in self._links}
        self._slots = tuple((slot_name(link.link_no), link.link_no) for link in self._links)
        self._sender = headers.mailbox_header("From", profile.from_name, profile.from_address)
        self._reply_to = headers.mailbox_header("Reply-To", "", profile.reply_to) if profile.reply_to else ""
        self._unsubscribe = headers.ListUnsubscribe(f"{self._base_url}/u/", profile.unsubscribe_mailto)
        self._has_way_out = any(link.role == "unsubscribe" for link in template.links)
        headers.checked_domain("bounce_domain", profile.bounce_domain)
        headers.checked_domain("message_id_domain", profile.message_id_domain)
        self._attached = Attached(template.files)
        self._pack = self._attached.message if template.files else mime.alternative
        self._date = headers.date_header(context.sent_at)
        self._campaign = headers.campaign_headers(
            profile, send_id=context.send_id, campaign=context.campaign, topic=context.topic
        )

    def render(self, row: Mapping[str, object]) -> Rendered:
        """Return subject, HTML and text for one row.

        Raises:
            RenderError: a value is missing or of a kind that cannot be shown.
        """
        return self._render(row, self._unsubscribe_token(row), with_pixel=self._tracks(row)).whole()

    def render_web(self, row: Mapping[str, object]) -> str:
        """Return the HTML for the page in the browser: without the pixel, which would count as an open."""
        return self._attached.shown(self._render(row, self._unsubscribe_token(row), with_pixel=False).whole().html)

    def render_preheader(self, row: Mapping[str, object]) -> str:
        """Return the line that an inbox shows after the subject, as plain text."""
        template = TemplateEnvironment(autoescape=True).from_string(self._template.preheader)
        line = template.render({CONTACT: contact_values(row, self._template.fields)})
        return " ".join(html.unescape(line).split())

    def build(self, row: Mapping[str, object]) -> Message | Unrenderable:
        """Return the message for one row, or the reason why it cannot be made."""
        try:
            return self._build(row)
        except RenderError as error:
            return Unrenderable(_seq(row), str(error))

    def _build(self, row: Mapping[str, object]) -> Message:
        seq, address = _seq(row), _address(row)
        token = self._unsubscribe_token(row)
        rendered = self._render(row, token, with_pixel=self._tracks(row))
        message_id = self._tokens.message_id(seq, self._profile.message_id_domain)
        head = "".join(
            (
                self._sender,
                headers.recipient_header(row.get("first_name"), row.get("last_name"), address),
                self._reply_to,
                headers.text_header("Subject", rendered.subject),
                self._date,
                f"Message-ID: <{message_id}>\r\n",
                self._campaign,
                self._unsubscribe.lines(token) if self._has_way_out else "",
            )
        )
        raw = self._pack(
            head.encode(),  # ASCII, but for an address that is not
            b"=_" + message_id.partition("@")[0].encode("ascii"),
            mime.text_part(rendered.text),
            self._html_part(rendered.html),
        )
        return_path = self._tokens.return_path(seq, self._profile.bounce_domain)
        return Message(seq, address, return_path, message_id, raw, needs_smtputf8=not address.isascii())

    def _html_part(self, pieces: list[str]) -> mime.Part:
        if self._template.html_is_7bit and self._html.is_plain:
            part = mime.seven_bit(self._html.encode(pieces), may_say_from=self._html.may_say_from(pieces))
            if part is not None:
                return part
        return mime.quoted_printable("".join(pieces))

    def _render(self, row: Mapping[str, object], unsubscribe: str, *, with_pixel: bool) -> _Rendering:
        seq, tracked = _seq(row), self._tracks(row)
        values: dict[str, object] = {
            CONTACT: contact_values(row, self._template.fields),
            UNSUBSCRIBE_URL: f"{self._base_url}/u/{unsubscribe}",
            VIEW_URL: f"{self._base_url}/v/{self._tokens.view(seq)}",
            PREFERENCES_URL: self._preferences_url(row, seq),
            LINK_SLOT: LinkSlot(lambda link_no, url: self._personal(seq, link_no, url, tracked)),
            PIXEL_SLOT: self._pixel(seq) if with_pixel else "",
            **(self._clicks(seq) if tracked else self._plain),
        }
        try:
            subject = " ".join("".join(self._subject.texts(values)).split())
            page = self._html.texts(values)
            text = tidy_text("".join(self._text.texts(values)))
        except UndefinedError as error:
            raise RenderError(f"a value is missing: {error.message}") from error
        except SecurityError as error:
            raise RenderError(f"the template may not do this: {error.message}") from error
        except (TemplateError, TokenError, ArithmeticError, TypeError, ValueError, LookupError) as error:
            raise RenderError(f"the template failed: {type(error).__name__}: {error}") from error
        if not subject:
            raise RenderError("the subject is empty")
        return _Rendering(subject, page, text)

    def _tracks(self, row: Mapping[str, object]) -> bool:
        """Whether the message may tell of its reader: no pixel and no link of one's own without consent (L8)."""
        return self._may_track and bool(row["tracking"])

    def _clicks(self, seq: int) -> dict[str, str]:
        base, click = f"{self._base_url}/c/", self._tokens.click
        return {name: base + click(seq, link_no) for name, link_no in self._slots}

    def _personal(self, seq: int, link_no: int, url: object, tracked: bool) -> str:
        target = personal_url(url)
        return f"{self._base_url}/c/{self._tokens.click(seq, link_no, target)}" if tracked else target

    def _pixel(self, seq: int) -> Markup:
        source = escape(f"{self._base_url}/o/{self._tokens.pixel(seq)}.gif")
        return Markup(  # noqa: S704 - the only value in it is escaped
            f'<img src="{source}" width="1" height="1" alt=""\nstyle="display:block;width:1px;height:1px;border:0" />'
        )

    def _preferences_url(self, row: Mapping[str, object], seq: int) -> str:
        if not self._has_preferences:
            return ""  # signing costs, and most templates do not ask
        return f"{self._base_url}/p/{self._tokens.preferences(seq, bytes.fromhex(str(row['contact_id'])))}"

    def _unsubscribe_token(self, row: Mapping[str, object]) -> str:
        try:
            return self._tokens.unsubscribe(_seq(row), bytes.fromhex(str(row["contact_id"])), self._topic)
        except (TokenError, ValueError) as error:
            raise RenderError(f"contact_id is not 32 hexadecimal digits, or the topic is too long: {error}") from error


def _seq(row: Mapping[str, object]) -> int:
    seq = row["seq"]
    if not isinstance(seq, int):
        raise TypeError(f"seq is {type(seq).__name__}; rows carry it as an integer")
    return seq


def _address(row: Mapping[str, object]) -> str:
    """Return the envelope's address; one that would be changed on the way is refused."""
    given = str(row["address"])
    try:
        address = wire_address(given)
    except AddressError as error:
        raise RenderError(str(error)) from error
    if address != given:
        raise RenderError("the address is not in the form for the wire")
    return address
