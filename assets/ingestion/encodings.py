"""Which encoding a text file is in, told from its bytes.

Add an encoding here when people's files come in it. A byte order mark says it, and bytes that are valid UTF-8 are
nothing else in practice; only what is left must be judged: each 8-bit encoding is tried on the words that have
letters beyond ASCII, and the one wins under which they read like words. Standard library only: the libraries for
this are larger than the question, and guess encodings that no export of contacts is in.
"""

import codecs
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from senders.errors import ConfigError

READ_BYTES = 1 << 20
MAX_WORDS = 5_000

# In order of how common they are: the first of equals is taken.
EIGHT_BIT = ("cp1252", "latin-1", "cp1250", "iso8859-2", "mac-roman", "cp850")

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_WORD = re.compile(rb"[A-Za-z'\x80-\xff-]*[\x80-\xff][A-Za-z'\x80-\xff-]*")
# Letters of Western, Central and Northern Europe, and what stands beside words in running text.
_LETTERS = frozenset(
    "äöüßÄÖÜàâæçéèêëîïôœùûÿÀÂÆÇÉÈÊËÎÏÔŒÙÛáíóúñÁÍÓÚÑìòÌÒãõÃÕåøÅØąćęłńśźżĄĆĘŁŃŚŹŻčďěňřšťůýžČĎĚŇŘŠŤŮÝŽőűŐŰðþÐÞāēīū"
)
_WITHIN = frozenset("’‘·–—\u00a0")
_OPENING = frozenset("¿¡«„“‘–—€£§")
_CLOSING = frozenset("»“”’…–—€°®™ªº")


@dataclass(frozen=True, slots=True)
class Encoding:
    """The encoding of a file; ``example`` is a word as it reads under it, '' where all is ASCII."""

    name: str
    example: str = ""


def detect_encoding(path: Path) -> Encoding:
    """Return the encoding of a text file; reads all of it, as the one odd byte may come last.

    Raises:
        ConfigError: the file is UTF-8 for the most part, and broken here and there.
    """
    with path.open("rb") as handle:
        head = handle.read(4096)
    for mark, name in _MARKS:
        if head.startswith(mark):
            return Encoding(name)
    if name := _without_mark(head):
        return Encoding(name)
    words, broken = _scan(path)
    if not words:
        return Encoding("utf-8")
    if broken is None:
        return Encoding("utf-8", _example(words, "utf-8"))
    _refuse_mixture(path, words, *broken)
    best = max(EIGHT_BIT, key=lambda encoding: _score(words, encoding))  # the first of equals
    return Encoding(best, _example(words, best))


def _without_mark(head: bytes) -> str:
    """Tell UTF-16 without a byte order mark by the zero bytes of its ASCII."""
    pairs = len(head) // 2
    if pairs < 2 or b"\0" not in head:
        return ""
    low, high = head[0 : pairs * 2 : 2].count(0), head[1 : pairs * 2 : 2].count(0)
    if high > pairs * 0.6 and not low:
        return "utf-16-le"
    return "utf-16-be" if low > pairs * 0.6 and not high else ""


def _scan(path: Path) -> "tuple[Counter[bytes], tuple[int, int] | None]":
    """Return the words beyond ASCII, and byte and line of the first place that is not UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    words: Counter[bytes] = Counter()
    broken: tuple[int, int] | None = None
    line = 1
    for block in _blocks(path):
        if not block.isascii() and len(words) < MAX_WORDS:
            words.update(_WORD.findall(block))
        if broken is None:
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                broken = (error.object[error.start], line + error.object[: error.start].count(b"\n"))
        line += block.count(b"\n")
        if broken and len(words) >= MAX_WORDS:
            break
    return words, broken


def _blocks(path: Path) -> Iterator[bytes]:
    """Yield the file in blocks that end with a line, so that no word and no character is cut."""
    with path.open("rb") as handle:
        while block := handle.read(READ_BYTES):
            yield block + handle.readline(READ_BYTES)


def _refuse_mixture(path: Path, words: "Counter[bytes]", byte: int, line: int) -> None:
    valid = sum(1 for word in words if _is_utf8(word))
    if valid > len(words) / 2 and valid > 1:
        raise ConfigError(
            f"{path} is UTF-8 for the most part, but not all of it: byte 0x{byte:02x} in line {line}. Save the file "
            "anew as UTF-8, or say what it is: --encoding cp1252"
        )


def _is_utf8(word: bytes) -> bool:
    try:
        word.decode()
    except UnicodeDecodeError:
        return False
    return True


def _score(words: "Counter[bytes]", encoding: str) -> float:
    """Return how much the words read like words: 1 is best, less than any other where a byte means nothing."""
    total = 0.0
    for word, count in words.items():
        try:
            text = word.decode(encoding)
        except UnicodeDecodeError:
            return -1.0
        total += count * _likeness(text)
    return round(total / words.total(), 2)


def _likeness(text: str) -> float:
    marks = [(place, sign) for place, sign in enumerate(text) if not sign.isascii()]
    return sum(_fits(text, place, sign) for place, sign in marks) / len(marks)


def _fits(text: str, place: int, sign: str) -> float:
    before, after = text[place - 1 : place].isalpha() if place else False, text[place + 1 : place + 2].isalpha()
    if sign in _LETTERS:
        if not before and not after:
            return 0.6  # a letter by itself is rarer than a sign by itself, such as a pound's
        return 0.2 if _is_odd_case(text, place) else 1.0
    if sign.isalpha():
        return 0.3
    if sign in _WITHIN or not (before or after):
        return 0.9
    return 0.9 if (sign in _OPENING and not before) or (sign in _CLOSING and not after) else 0.0


def _is_odd_case(text: str, place: int) -> bool:
    """Whether a capital stands within a word, or a small letter before a capital."""
    if not text[place].isupper():
        return text[place + 1 : place + 2].isupper()
    return text[place - 1 : place].islower() or (place > 0 and text[place + 1 : place + 2].islower())


def _example(words: "Counter[bytes]", encoding: str) -> str:
    """Return the most frequent word that is more than one character, for a person to look at."""
    ranked = [word.decode(encoding, "replace").strip("'-") for word, _ in words.most_common(50)]
    return next((word for word in ranked if len(word) > 2 and word.isalpha()), "")
