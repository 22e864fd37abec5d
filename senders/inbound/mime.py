"""A returned mail as flat parts, read so that no mail can make us fail or keep us busy.

The standard library's parser recurses into attached mails and takes their headers apart; reports are often broken just
there, so every ``message/*`` part is kept as opaque text and read by the module that knows it. Some of its loops cost
the square of what they read; `_tame` cuts what would feed them. Add here what all kinds of returned mail share; what a
part means belongs to `dsn`, `arf` and `text`.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser, HeaderParser
from email.policy import compat32
from functools import cached_property

MAX_BYTES = 1 << 20  # a report says what it has to say in its first megabyte
MAX_LINES = 20_000
MAX_PARTS = 64
MAX_MULTIPARTS = 16
MAX_FIELD = 10_000
MAX_FIELDS = 1_000
_MAX_CONTENT_FIELD = 2_000
_MAX_WORDS = 2_000

_CONTENT_TYPE = re.compile(rb"(?im)^content-type:((?:[^\n]*\n[ \t])*[^\n]*)")
_KIND = re.compile(rb"(?i)[\s\x00-\x20]*(message|multipart)[\s\x00-\x20]*/")
_LONG_LINE = re.compile(rb"(?m)^([^\n]{100000})[^\n]+")
_MBOX_LINE = re.compile(rb"\A(?:>?From [^\n]*\n)+")
_FIELD = re.compile(r"[!-9;-~]+[ \t]*:|[ \t]")
# Codecs that are no charset of a mail, and cost the square of what they decode.
_NO_CHARSETS = frozenset({"punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined"})


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

    @cached_property
    def subject(self) -> str:
        """The subject in plain letters."""
        return decode_words(self.fields.get("subject"))

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
    lines = raw[:MAX_BYTES].replace(b"\r\n", b"\n").replace(b"\r", b"\n").lstrip(b"\n")
    lines = b"\n".join(_MBOX_LINE.sub(b"", lines).split(b"\n", MAX_LINES)[:MAX_LINES])
    try:
        tree = BytesParser(policy=compat32).parsebytes(_tame(lines))
        report_type = str(tree.get_param("report-type") or "").lower()
        return Mail(_fields_of(tree), _type_of(tree), report_type, list(_leaves(tree)))
    except Exception:  # a stranger's bytes: the parser raises on some, and no mail may stop the reader
        return Mail(parse_fields(lines.decode("utf-8", "replace")), "text/plain", "", [])


def parse_fields(text: str) -> Fields:
    """Read a block of header fields; lines that are none end it."""
    try:
        return _fields_of(HeaderParser(policy=compat32).parsestr(_head_of(text)))
    except Exception:
        return Fields([])


def parse_blocks(text: str) -> list[Fields]:
    """Read the blocks of header fields of a status or feedback part, separated by empty lines."""
    blocks = re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n").strip()[:MAX_BYTES])
    return [fields for fields in map(parse_fields, blocks[:1000]) if fields]


def decode_words(value: str) -> str:
    """Decode the encoded words (RFC 2047) of a field, as far as they can be."""
    value = value[:_MAX_WORDS]
    try:
        return str(make_header([_allowed(*pair) for pair in decode_header(value)]))
    except Exception:
        return value


def _tame(lines: bytes) -> bytes:
    """Retype what the parser would open, and cut what it would be slow at.

    Attached mails stay closed, the first multiparts alone are opened (each open one is asked at every line), and a
    Content-Type is short (its quotes are counted anew at every semicolon).
    """
    opened = 0

    def tamed(match: re.Match[bytes]) -> bytes:
        nonlocal opened
        value = match[1][:_MAX_CONTENT_FIELD]
        kind = _KIND.match(value)
        if kind is None:
            return b"Content-Type:" + value
        if kind[1].lower() == b"multipart":
            opened += 1
            mark = b"multipart/" if opened <= MAX_MULTIPARTS else b"text/x-closed-"
        else:
            mark = b"text/x-message-"
        return b"Content-Type: " + mark + value[kind.end() :]

    return _LONG_LINE.sub(rb"\1", _CONTENT_TYPE.sub(tamed, lines))


def _head_of(text: str) -> str:
    """Return the lines of a text that are header fields, each of a length that may be one."""
    lines = text.lstrip("\r\n").split("\n", MAX_FIELDS)[:MAX_FIELDS]
    kept = []
    for line in lines:
        if not _FIELD.match(line):
            break
        kept.append(line[:MAX_FIELD])
    return "\n".join(kept)


def _fields_of(message: "Message[str, str]") -> Fields:
    pairs = list(message.raw_items())[:MAX_FIELDS]
    return Fields([(str(key).strip().lower(), _unfold(_readable(str(value)))) for key, value in pairs])


def _readable(value: str) -> str:
    """Return a field with its bare bytes, which the parser keeps as surrogates, as letters."""
    return value if value.isascii() else _decode(value.encode("utf-8", "surrogateescape"), "utf-8")


def _unfold(value: str) -> str:
    return " ".join(value[:MAX_FIELD].replace("\0", "").split())


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
    try:
        payload = part.get_payload(decode=True)
    except Exception:  # an encoding that is broken beyond what the parser forgives
        payload = part.get_payload()
    raw = payload if isinstance(payload, bytes) else str(payload or "").encode("utf-8", "replace")
    return _decode(raw, str(part.get_content_charset() or "utf-8"))


def _decode(raw: bytes, charset: str) -> str:
    """Decode with a charset, or with UTF-8, or as Latin-1, which always goes."""
    try:
        if charset != "utf-8" and codecs.lookup(charset).name not in _NO_CHARSETS:
            # UTF-7 can tell of halves of letters, which nothing else can write.
            return raw.decode(charset, "replace").encode("utf-8", "replace").decode("utf-8")
    except (LookupError, ValueError):
        pass
    try:
        return raw.decode("utf-8")
    except ValueError:
        return raw.decode("latin-1")


def _allowed(word: bytes | str, charset: str | None) -> tuple[bytes | str, str | None]:
    """Return an encoded word with a charset that may be decoded with."""
    return (word, "latin-1" if charset and charset.lower() in _NO_CHARSETS else charset)
