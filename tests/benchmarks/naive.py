"""The sender that one writes in an afternoon: Jinja, the standard library's EmailMessage, aiosmtplib.

It says the same to the same people as ours, tokens included, and is what the sender is measured against. It is a
fair reference only while it is not made slower than it must be.
"""

import asyncio
import email
import email.policy
import itertools
from collections.abc import Iterable, Mapping
from email.headerregistry import Address
from email.message import EmailMessage

import aiosmtplib
import jinja2
from markupsafe import Markup

from senders.rendering.expressions import CONTACT, PIXEL_SLOT, PREFERENCES_URL, UNSUBSCRIBE_URL, VIEW_URL
from senders.rendering.links import slot_name
from senders.rendering.template import CompiledTemplate
from senders.tracking.tokens import SendTokens

Row = Mapping[str, object]

_PER_MESSAGE = {"to", "subject", "message-id", "list-unsubscribe"}
_OF_MIME = {"mime-version", "content-type", "content-transfer-encoding"}
_PIXEL = '<img src="{}" width="1" height="1" alt=""\nstyle="display:block;width:1px;height:1px;border:0" />'


class StdlibBuilder:
    """Builds the messages of one send; headers that all share are taken from a message of ours."""

    def __init__(self, template: CompiledTemplate, tokens: SendTokens, *, base_url: str, topic: str, example: bytes):
        escaping, plain = jinja2.Environment(autoescape=True), jinja2.Environment()
        self._html = escaping.from_string(template.html)
        self._text = plain.from_string(template.text)
        self._subject = plain.from_string(template.subject)
        self._links = [(slot_name(link.link_no), link.link_no) for link in template.links if link.role == "content"]
        self._tokens, self._base_url, self._topic = tokens, base_url, topic
        parsed = email.message_from_bytes(example, policy=email.policy.default)
        self._shared = [
            (name, str(value)) for name, value in parsed.items() if name.lower() not in _PER_MESSAGE | _OF_MIME
        ]

    def html(self, row: Row) -> str:
        """Return the HTML alone."""
        return self._html.render(self._values(row, self._unsubscribe_url(row)))

    def build(self, row: Row) -> EmailMessage:
        """Return the message for one row."""
        seq, unsubscribe = row["seq"], self._unsubscribe_url(row)
        values = self._values(row, unsubscribe)
        message = EmailMessage(policy=email.policy.SMTP)
        for name, value in self._shared:
            message[name] = value
        name = f"{row.get('first_name', '')} {row['last_name']}".strip()
        message["To"] = Address(name, addr_spec=row["address"])
        message["Subject"] = self._subject.render(values)
        message["Message-ID"] = f"<{self._tokens.message_id(seq, 'shop.example')}>"
        message["List-Unsubscribe"] = f"<{unsubscribe}>"
        message.set_content(self._text.render(values))
        message.add_alternative(self._html.render(values), subtype="html")
        return message

    def return_path(self, row: Row) -> str:
        """Return the envelope's sender."""
        return self._tokens.return_path(row["seq"], "bounce.shop.example")

    def _unsubscribe_url(self, row: Row) -> str:
        token = self._tokens.unsubscribe(row["seq"], bytes.fromhex(row["contact_id"]), self._topic)
        return f"{self._base_url}/u/{token}"

    def _values(self, row: Row, unsubscribe: str) -> dict[str, object]:
        seq = row["seq"]
        links = {name: f"{self._base_url}/c/{self._tokens.click(seq, link_no)}" for name, link_no in self._links}
        return {
            CONTACT: row,
            UNSUBSCRIBE_URL: unsubscribe,
            PREFERENCES_URL: f"{self._base_url}/p/{self._tokens.preferences(seq, bytes.fromhex(row['contact_id']))}",
            VIEW_URL: f"{self._base_url}/v/{self._tokens.view(seq)}",
            PIXEL_SLOT: Markup(_PIXEL).format(f"{self._base_url}/o/{self._tokens.pixel(seq)}.gif"),
            **links,
        }


async def send_all(builder: StdlibBuilder, rows: Iterable[Row], port: int, connections: int) -> int:
    """Send to all rows over some connections that take from one list, and return how many were accepted."""
    left = iter(rows)
    accepted = itertools.count()

    async def work() -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, timeout=30) as client:
            for row in left:
                message = builder.build(row)
                await client.send_message(message, sender=builder.return_path(row), recipients=[row["address"]])
                next(accepted)

    await asyncio.gather(*(work() for _ in range(connections)))
    return next(accepted)
