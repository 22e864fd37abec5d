"""Header lines: one gate for every value, encoded words, and the headers that bulk mail must carry.

Every value passes `checked` before it is encoded and is never decoded again, so that no contact's name can begin a
line. Add a header here with its RFC; which of them are signed is decided in ``dkim``.
"""

import base64
import re
from datetime import UTC, datetime
from email.utils import format_datetime

from senders.config import MARKETING, SenderProfile
from senders.errors import RenderError

LINE = 78  # RFC 5322 2.1.1, without CRLF
MAX_LINE = 998
MAX_WORD = 75  # RFC 2047 2
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_Q_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")  # RFC 2047 5 (3)
_CLEAN_NAME = re.compile(r"[^\W\d_][^\W_]*(?:(?:[ .'’-]| ?\. ?)[^\W_]+)*\.?")
_SPEC = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+")
_DOMAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_SENDER_LEAST, _SENDER_MOST = 5, 15
_DELIMITERS = re.compile(r"[\s()<>\[\]:;,\\\"]")
_LABEL = re.compile(r"[^A-Za-z0-9_.-]+")
MAX_NAME = 64
_QUOTED_MOST = 10_000


def checked(name: str, value: str) -> str:
    """Return a header's value if it can stand in one line.

    Raises:
        RenderError: it holds a control character, a line separator or half a character.
    """
    found = _FORBIDDEN.search(value)
    if found:
        raise RenderError(f"header {name}: the value holds the character U+{ord(found[0]):04X}")
    return value


def header(name: str, value: str) -> str:
    """Return one unfolded header line with CRLF, for values that we write ourselves in ASCII.

    Raises:
        RenderError: the value is not ASCII, not one line, or too long for one.
    """
    line = f"{name}: {checked(name, value)}"
    if not line.isascii() or len(line) > MAX_LINE:
        raise RenderError(f"header {name}: not ASCII, or longer than {MAX_LINE} characters")
    return f"{line}\r\n"


def text_header(name: str, value: str) -> str:
    """Return a header of free text, encoded where it must be and folded at 78 characters."""
    text = " ".join(checked(name, value).split())
    if text.isascii() and "=?" not in text:
        plain = _fold(f"{name}: {text}")
        if all(len(line) <= LINE for line in plain.split("\r\n")):
            return f"{plain}\r\n"
    words = encode_words(text, first=LINE - len(name) - 2)
    return f"{name}: " + "\r\n ".join(words) + "\r\n"


def _fold(line: str) -> str:
    lines: list[str] = []
    while len(line) > LINE:
        at = line.rfind(" ", 0, LINE + 1)
        if at <= 0 or not line[:at].strip() or line[:at].endswith(":"):
            break
        lines.append(line[:at])
        line = line[at:]
    return "\r\n".join([*lines, line])


def encode_words(text: str, *, first: int = MAX_WORD) -> list[str]:
    """Return a text as RFC 2047 encoded words, each of at most 75 characters, cut between characters.

    ``first`` is the room for the first word, beside the header's name.
    """
    quoted, size, room = text.translate(_QUOTED), len(text.encode()), min(first, MAX_WORD)
    # Most names and subjects are one word; only longer ones are cut character by character.
    if len(quoted) <= size * 4 / 3:
        if len(quoted) <= _room(room, as_q=True):
            return [f"=?utf-8?q?{quoted}?="]
    elif size <= _room(room, as_q=False):
        return [_word(text, [], as_q=False)]
    pieces = [_QUOTED[ord(character)] for character in text]
    as_q = sum(map(len, pieces)) <= len(text.encode()) * 4 / 3
    costs = [len(piece) if as_q else len(character.encode()) for piece, character in zip(pieces, text, strict=True)]
    words: list[str] = []
    start = used = 0
    for index, cost in enumerate(costs):
        if used and used + cost > _room(MAX_WORD if words else min(first, MAX_WORD), as_q):
            words.append(_word(text[start:index], pieces[start:index], as_q))
            start, used = index, 0
        used += cost
    return [*words, _word(text[start:], pieces[start:], as_q)]


class _QuotedCharacters(dict[int, str]):
    """How the Q encoding writes each character (RFC 2047 4.2), by its number; filled as they are met."""

    def __missing__(self, number: int) -> str:
        quoted = "".join(f"={byte:02X}" for byte in chr(number).encode())
        if len(self) < _QUOTED_MOST:
            self[number] = quoted
        return quoted


_QUOTED = _QuotedCharacters({ord(character): character for character in _Q_SAFE} | {ord(" "): "_"})


def _room(length: int, as_q: bool) -> int:
    """Return how much fits into a word of a length: written characters for Q, bytes for B."""
    inner = length - len("=?utf-8?q??=")
    return inner if as_q else inner // 4 * 3


def _word(text: str, pieces: list[str], as_q: bool) -> str:
    if as_q:
        return f"=?utf-8?q?{''.join(pieces)}?="
    return f"=?utf-8?b?{base64.b64encode(text.encode()).decode('ascii')}?="


def mailbox_header(name: str, display: str, address: str) -> str:
    """Return a header with one mailbox: display name, where there is one, and address."""
    if not _SPEC.fullmatch(checked(name, address)):
        raise RenderError(f"header {name}: the address is not one that mail carries")
    return _mailbox(name, display, address)


def _mailbox(name: str, display: str, address: str) -> str:
    display = " ".join(checked(name, display).split())
    if not display:
        return f"{name}: {address}\r\n"
    room = LINE - len(name) - 2
    if not display.isascii() or "=?" in display or len(display) > MAX_NAME:  # words can be folded, a quoted text not
        phrase = "\r\n ".join(encode_words(display, first=room))
    elif _ATOMS.fullmatch(display):
        phrase = display
    else:
        phrase = '"' + display.replace("\\", "\\\\").replace('"', '\\"') + '"'
    last = len(phrase.rsplit("\r\n", 1)[-1]) + (0 if "\r\n" in phrase else len(name) + 2)
    gap = " " if last + len(address) + 3 <= LINE else "\r\n "
    return f"{name}: {phrase}{gap}<{address}>\r\n"


def recipient_header(first_name: object, last_name: object, address: str) -> str:
    """Return ``To`` with the person's name only where it looks like a name; names are somebody else's input.

    An address outside ASCII makes the line UTF-8 (RFC 6532), and the message one for SMTPUTF8 only.
    """
    display = " ".join(part for part in (_name(first_name), _name(last_name)) if part)
    if len(display) > MAX_NAME or not _CLEAN_NAME.fullmatch(display):
        display = ""
    if (address.isascii() and not _SPEC.fullmatch(address)) or _DELIMITERS.search(checked("To", address)):
        raise RenderError("header To: the address is not one that mail carries")
    return _mailbox("To", display, address)


def _name(value: object) -> str:
    return " ".join(value.split(" ")).strip() if isinstance(value, str) else ""


def label(text: str) -> str:
    """Return a text as one word for the structured part of a header."""
    return _LABEL.sub("-", text).strip("-.") or "none"


def date_header(moment: datetime) -> str:
    """Return ``Date``."""
    return header("Date", format_datetime(moment.astimezone(UTC).replace(microsecond=0)))


class ListUnsubscribe:
    """The pair of RFC 2369 and RFC 8058: the web address first, never folded, never encoded.

    What all messages share is checked once; tokens are ours and made of letters, digits, ``-`` and ``_``.
    """

    def __init__(self, url: str, mailto: str) -> None:
        """Prepare the lines for addresses that begin with ``url`` and end in a token.

        Raises:
            RenderError: an address holds what would end it early, or is too long.
        """
        _refuse_delimiters(url + mailto)
        self._begin = f"List-Unsubscribe: <{url}"
        self._middle = f">, <mailto:{mailto}?subject=unsubscribe%20" if mailto else ""
        self._room = MAX_LINE - len(self._begin)
        checked("List-Unsubscribe", self._begin + self._middle)
        if not (self._begin + self._middle).isascii():
            raise RenderError("header List-Unsubscribe: the address is not ASCII")

    def lines(self, token: str) -> str:
        """Return both lines for one recipient.

        Raises:
            RenderError: they would be longer than a line may be.
        """
        targets = f"{token}{self._middle}{token}>" if self._middle else f"{token}>"
        if len(targets) > self._room:
            raise RenderError(f"header List-Unsubscribe: longer than {MAX_LINE} characters")
        return f"{self._begin}{targets}\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"


def _refuse_delimiters(text: str) -> None:
    if re.search(r"[\s<>,\"]", text):
        raise RenderError("header List-Unsubscribe: the address holds a space, a comma, a quote or an angle bracket")


def checked_domain(name: str, domain: str) -> str:
    """Return a domain of ours as it may stand in an address.

    Raises:
        RenderError: it holds something else than letters, digits, dots and hyphens.
    """
    if not _DOMAIN.fullmatch(domain):
        raise RenderError(f"{name}: {checked(name, domain)[:80]!r} is not a domain; set it in the sender profile")
    return domain


def feedback_id(campaign: str, topic: str, sender: str) -> str:
    """Return ``Feedback-ID`` as Gmail counts complaints by: three parts, and last who sends, of 5 to 15 characters.

    No part may say the same as another: a repeated one is counted twice.
    """
    name = label(sender)[:_SENDER_MOST].strip("-.")
    parts = [label(campaign), label(topic), "mailrail", name if len(name) >= _SENDER_LEAST else f"{name}-mail"]
    for index, kind in enumerate(("campaign", "topic", "mailrail", "sender")):
        if parts[index] in parts[:index]:
            parts[index] = f"{kind}-{parts[index]}"[: _SENDER_MOST if kind == "sender" else None]
    return ":".join(parts)


def campaign_headers(profile: SenderProfile, *, send_id: str, campaign: str, topic: str) -> str:
    """Return the headers that all messages of a send share and that follow the Message-ID.

    Both ``Precedence: bulk`` and ``Auto-Submitted`` keep vacation notes away (RFC 3834 2 and 5.1); mail that somebody
    waits for goes to no list and is not sent to many.
    """
    shared = header("Mailrail-Send", send_id) + header("Feedback-ID", feedback_id(campaign, topic, profile.name))
    if profile.stream != MARKETING:
        return f"{shared}Auto-Submitted: auto-generated\r\n"
    list_id = header("List-Id", f"<{label(topic).lower()}.{profile.message_id_domain}>")  # RFC 2919
    return f"{list_id}{shared}Precedence: bulk\r\n"
