"""Hostile values in every field, through the real wire to a server we did not write, and parsed back (T13)."""

import asyncio
import email
import email.policy
import re
import socket
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from senders.config import RelayConfig, SenderProfile
from senders.errors import ConfigError, RenderError
from senders.message import Message, Unrenderable
from senders.rendering.context import SendContext
from senders.rendering.renderer import Renderer
from senders.tracking.tokens import SendTokens
from senders.transports.base import Ending, Parcel, Reply
from senders.transports.smtp import SmtpTransport
from senders.transports.wire import stuff
from tests.fixtures.corpora import CORPORA, needs_corpora

OWN = [
    "Bob\r\nBcc: eve@evil.example",
    "Bob\nBcc: eve@evil.example\n\nbody",
    "Bob\rBcc: eve@evil.example",
    "=?utf-8?q?Bob=0D=0ABcc:_eve@evil.example?=",
    "=?utf-8?b?Qm9iDQpCY2M6IGV2ZUBldmlsLmV4YW1wbGU=?=",
    "=?utf-8?q?" + "=?utf-8?q?" * 60 + "?=" * 60,
    "a\x85Bcc: eve@evil.example",
    "a\u2028Bcc: eve@evil.example",
    "a\u2029b",
    "a\x0bBcc: b",
    "a\x0cBcc: b",
    "a\x00b",
    "a\x1bb\x7f",
    "a\ud800b",
    "\r\n.\r\nMAIL FROM:<eve@evil.example>\r\n",
    "\n.\n",
    ".",
    "From nobody",
    "x" * 3000,
    "Zoë " * 200,
    "\">'<,;:\\@()[]",
    "ann@example.com>, <eve@evil.example",
]
EXPECTED = Counter(
    [
        "from", "to", "reply-to", "subject", "date", "message-id", "list-id", "mailrail-send", "feedback-id",
        "precedence", "list-unsubscribe", "list-unsubscribe-post", "mime-version", "content-type",
    ]
)  # fmt: skip
FIELDS = ("first_name", "last_name", "city", "link", "topic_word")
BODY = (
    "Dear {{ contact.first_name|default('you') }} {{ contact.last_name|default('') }} of "
    "{{ contact.city|default('') }}, {{ contact.topic_word|default('') }} <a href=\"https://shop.example/{{ "
    "contact.link|default('')|urlencode }}\">go</a>"
)
MakeRenderer = Callable[..., Renderer]


class _Desk:
    """Lets every offer through and keeps the endings."""

    def __init__(self) -> None:
        self.endings: dict[int, tuple[Ending, Reply]] = {}

    async def offer(self, parcel: Parcel) -> bool:
        return True

    def settle(self, parcel: Parcel, ending: Ending, reply: Reply, connection: str) -> None:
        self.endings[parcel.seq] = (ending, reply)

    def dismissed(self, parcel: Parcel, reply: Reply) -> None:
        raise AssertionError("the server hung up")


class _Source:
    def __init__(self, parcels: Iterable[Parcel]) -> None:
        self._parcels = list(parcels)

    async def next(self) -> Parcel | None:
        return self.ready()

    def ready(self) -> Parcel | None:
        return self._parcels.pop(0) if self._parcels else None

    def put_back(self, parcel: Parcel, *, strike: bool) -> None:
        raise AssertionError("a message came back")


def deliver(messages: list[Message], *, smtputf8: bool = False) -> tuple[list[Any], _Desk]:
    """Send messages to a stranger's server; return the envelopes it took."""
    taken: list[Any] = []

    class Handler:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            taken.append(
                SimpleNamespace(
                    sender=envelope.mail_from,
                    recipients=list(envelope.rcpt_tos),
                    content=envelope.original_content,
                    options=list(envelope.mail_options),
                )
            )
            return "250 2.0.0 ok"

    desk = _Desk()
    with socket.socket() as found:  # the controller wants a number
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    server = Controller(Handler(), hostname="127.0.0.1", port=port, enable_SMTPUTF8=smtputf8)
    server.start()
    try:
        config = RelayConfig("sink", "127.0.0.1", port, tls="none", messages_per_connection=5000)
        parcels = [
            Parcel(one.seq, one.return_path, one.recipient, stuff(one.raw), one.needs_smtputf8, key=str(one.seq))
            for one in messages
        ]
        asyncio.run(SmtpTransport(config, helo="shop.example").run(_Source(parcels), desk))
    finally:
        server.stop()
    return taken, desk


def check(messages: list[Message], *, may_all_go: bool = True) -> None:
    """Send messages and check what arrived: envelope, header names and counts, lines, characters."""
    taken, desk = deliver(messages)
    refused = {seq for seq, (ending, _) in desk.endings.items() if ending is not Ending.ANSWERED}
    # What cannot stand in a command of SMTP never gets there; nothing is cut to fit.
    assert all("address" in desk.endings[seq][1].text for seq in refused)
    assert not refused or not may_all_go
    asked = [(one.return_path, [one.recipient], one.raw) for one in messages if one.seq not in refused]
    assert [(one.sender, one.recipients, one.content) for one in taken] == asked
    for one in taken:
        assert not re.search(rb"\r(?!\n)|(?<!\r)\n|\0", one.content)
        assert max(map(len, one.content.split(b"\r\n"))) <= 998
        assert one.content.isascii()
        names = Counter(
            line.partition(b":")[0].decode().lower()
            for line in one.content.partition(b"\r\n\r\n")[0].split(b"\r\n")
            if line[:1] not in b" \t"
        )
        assert names == EXPECTED
        parsed = email.message_from_bytes(one.content, policy=email.policy.compat32)
        assert Counter(name.lower() for name in parsed) == EXPECTED
        assert [part.get_content_type() for part in parsed.walk()][1:] == ["text/plain", "text/html"]


@pytest.fixture
def renderer(folder: Any, make_renderer: MakeRenderer) -> Renderer:
    folder.subject("{{ contact.city|default('Hello') }} for {{ contact.first_name|default('you') }}")
    return make_renderer(folder.words(BODY).compile())


def _rendered(renderer: Renderer, row: dict[str, Any], values: Iterable[str]) -> list[Message]:
    """Return a message for each value in each field, and one with the value in all of them."""
    made: list[Message] = []
    seq = 0
    for value in values:
        for names in (FIELDS, *((name,) for name in FIELDS)):
            seq += 1
            message = renderer.build({**row, **dict.fromkeys(names, value), "seq": seq})
            if isinstance(message, Unrenderable):
                assert re.search(r"U\+|surrogate|encode", message.reason), message.reason
            else:
                made.append(message)
    return made


def test_our_own_hostile_values(renderer: Renderer, row: dict[str, Any]) -> None:
    messages = _rendered(renderer, row, OWN)
    assert len(messages) > len(OWN) * 2
    check(messages)


@needs_corpora
def test_the_hostile_strings_of_the_corpora(renderer: Renderer, row: dict[str, Any], blns: list[str]) -> None:
    file = CORPORA / "payloads-all-the-things" / "CRLF Injection" / "Files" / "crlfinjection.txt"
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    assert len(blns) >= 510
    messages = [
        *_rendered(renderer, {**row}, [*blns, *lines, *map(_decoded, lines)]),
    ]
    check([replace(one, seq=number) for number, one in enumerate(messages, 1)])


def _decoded(line: str) -> str:
    return urllib.parse.unquote(line, encoding="latin-1")


def _context(profile: SenderProfile, tokens: SendTokens, **changes: str) -> SendContext:
    values = {"send_id": "spring.20261103T0900Z", "campaign": "spring", "topic": "news", **changes}
    return SendContext(
        profile=profile, tokens=tokens, base_url="https://mail.acme.example", sent_at=datetime(2026, 11, 3, tzinfo=UTC),
        **values,
    )  # fmt: skip


@pytest.mark.parametrize("place", ["from_name", "from_address", "reply_to", "unsubscribe_mailto", "message_id_domain",
                                   "bounce_domain", "campaign", "topic"])  # fmt: skip
def test_hostile_settings_add_no_header(
    folder: Any, profile: SenderProfile, tokens: SendTokens, row: dict[str, Any], place: str
) -> None:
    """Values of profiles and names of lists either stop the send before its first message, or stand in one header."""
    template = folder.words(BODY).compile()
    made: list[Message] = []
    for seq, value in enumerate(OWN, 1):
        try:
            if place in {"campaign", "topic"}:
                context = _context(profile, tokens, **{place: value})
            else:
                context = _context(replace(profile, **{place: value}), tokens)
            message = Renderer(template, context).build({**row, "seq": seq})
        except (RenderError, ConfigError):
            continue
        if isinstance(message, Message):
            made.append(message)
    if place in {"from_name", "campaign"}:
        assert made
    if made:
        check(made, may_all_go=place != "bounce_domain")


@pytest.mark.parametrize("offered", [True, False])
def test_an_address_in_other_letters_goes_only_where_it_is_offered(
    renderer: Renderer, row: dict[str, Any], offered: bool
) -> None:
    message = renderer.build({**row, "address": "zoë.müller@xn--bcher-kva.example"})
    assert isinstance(message, Message)
    assert message.needs_smtputf8
    taken, desk = deliver([message], smtputf8=offered)
    ending, reply = desk.endings[message.seq]
    if not offered:
        assert (ending, taken) == (Ending.UNSUITED, [])
        assert "the relay offers no SMTPUTF8" in reply.text
        return
    assert ending is Ending.ANSWERED
    assert (taken[0].recipients, taken[0].options) == (["zoë.müller@xn--bcher-kva.example"], ["SMTPUTF8"])
    parsed = email.message_from_string(taken[0].content.decode(), policy=email.policy.SMTPUTF8)
    assert parsed["To"].addresses[0].addr_spec == "zoë.müller@xn--bcher-kva.example"
    others = [line for line in taken[0].content.split(b"\r\n") if not line.isascii()]
    assert others == ["To: Ann Lee <zoë.müller@xn--bcher-kva.example>".encode()]


def test_plain_addresses_ask_for_no_extension(renderer: Renderer, row: dict[str, Any]) -> None:
    message = renderer.build(row)
    assert isinstance(message, Message)
    assert not message.needs_smtputf8
    taken, _ = deliver([message], smtputf8=True)
    assert taken[0].options == []
