"""A returned mail as flat parts, read so that no mail can make us fail.

The standard library's parser recurses into attached mails and takes their headers apart; reports are often
broken just there, so every ``message/*`` part is kept as opaque text and read by the module that knows it.
Add here what all kinds of returned mail share; what a part means belongs to `dsn`, `arf` and `text`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser, HeaderParser
from email.policy import compat32
from functools import cached_property

MAX_BYTES = 1 << 20  # a report says what it has to say in its first megabyte
MAX_PARTS = 64

_MESSAGE_TYPE = re.compile(rb"(?im)^(content-type:\s*)message/")
_MBOX_LINE = re.compile(rb"\A(?:>?From [^\r\n]*\r?\n)+")


@dataclass(frozen=True, slots=True)
class Part:
    """One leaf of a mail: its type in lower case (``message/…`` as written) and its text."""

    content_type: str
    text: str


class Fields:
    """Header fields of a mail or a report block, unfolded; looked up without regard to case."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self.pairs = pairs

    def get(self, name: str, default: str = "") -> str:
        """Return the first value of a field."""
        return next((value for key, value in self.pairs if key == name.lower()), default)

    def all(self, *names: str) -> list[str]:
        """Return every value of these fields, in the order of ``names``."""
        return [value for name in names for key, value in self.pairs if key == name.lower()]

    def __bool__(self) -> bool:
        return bool(self.pairs)


@dataclass(frozen=True)
class Mail:
    """A mail that came in: its header fields and its leaves."""

    fields: Fields
    content_type: str
    report_type: str
    parts: list[Part]

    @cached_property
    def text(self) -> str:
        """All plain text of the mail itself, without what is attached."""
        return "\n".join(part.text for part in self.parts if part.content_type == "text/plain")

    def part(self, *content_types: str) -> Part | None:
        """Return the first leaf of one of these types."""
        return next((part for part in self.parts if part.content_type in content_types), None)

    @cached_property
    def original(self) -> str:
        """The returned message or its headers, as text; empty where nothing is attached."""
        kinds = ("message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers", "text/rfc822")
        found = self.part(*kinds)
        return found.text if found else ""


def parse_mail(raw: bytes) -> Mail:
    """Read a mail, whatever state it is in; what cannot be read is empty."""
    raw = _MBOX_LINE.sub(b"", raw[:MAX_BYTES].lstrip(b"\r\n"))
    try:
        tree = BytesParser(policy=compat32).parsebytes(_MESSAGE_TYPE.sub(rb"\1text/x-message-", raw))
        report_type = str(tree.get_param("report-type") or "").lower()
        return Mail(_fields_of(tree), _type_of(tree), report_type, list(_leaves(tree)))
    except Exception:  # a stranger's bytes: the parser raises on some, and no mail may stop the reader
        return Mail(parse_fields(raw.decode("utf-8", "replace")), "text/plain", "", [])


def parse_fields(text: str) -> Fields:
    """Read a block of header fields; lines that are none end it."""
    try:
        return _fields_of(HeaderParser(policy=compat32).parsestr(text.lstrip("\r\n")))
    except Exception:
        return Fields([])


def parse_blocks(text: str) -> list[Fields]:
    """Read the blocks of header fields of a status or feedback part, separated by empty lines."""
    blocks = re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n").strip())
    return [fields for fields in map(parse_fields, blocks[:1000]) if fields]


def decode_words(value: str) -> str:
    """Decode the encoded words (RFC 2047) of a field, as far as they can be."""
    try:
        return str(make_header(decode_header(value)))
    except Exception:
        return value


def _fields_of(message: "Message[str, str]") -> Fields:
    return Fields([(str(key).strip().lower(), _unfold(str(value))) for key, value in message.items()])


def _unfold(value: str) -> str:
    return re.sub(r"\s*[\r\n]+\s*", " ", value).replace("\0", "").strip()


def _type_of(message: "Message[str, str]") -> str:
    kind = message.get_content_type().lower()
    return kind.replace("text/x-message-", "message/") if kind.startswith("text/x-message-") else kind


def _leaves(tree: "Message[str, str]") -> Iterator[Part]:
    """Yield the parts without parts of their own."""
    for number, part in enumerate(tree.walk()):
        if number >= MAX_PARTS:
            return
        if not part.is_multipart():
            yield Part(_type_of(part), _text_of(part))


def _text_of(part: "Message[str, str]") -> str:
    payload = part.get_payload(decode=True)
    raw = payload if isinstance(payload, bytes) else str(payload or "").encode("utf-8", "replace")
    charset = part.get_content_charset() or "utf-8"
    try:
        return raw.decode(charset, "replace")
    except (LookupError, ValueError):
        return raw.decode("latin-1")
