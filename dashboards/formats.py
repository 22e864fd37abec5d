"""How numbers, times and foreign text are written, the same on a page, in a chart and on a terminal.

Add a format when two places need it. Escaping for HTML is the page template's work, and the words for states
and reasons belong to ``glossary``.
"""

import html
import re
from datetime import datetime

# Control characters (a terminal would obey them) and marks that reorder what stands beside them.
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069\ufeff]+")
_ADDRESS = re.compile(r"([^\s<>\"'(@:;,])[^\s<>\"'(@:;,]*@([^\s<>\"')@:;,]+)")
NONE = "–"


def count(number: float | None) -> str:
    """Return ``12,345``, or a dash for none."""
    return NONE if number is None else f"{number:,.0f}"


def share(rate: float | None, digits: int | None = None) -> str:
    """Return a share as a percentage; small ones get the digits they need."""
    if rate is None:
        return NONE
    if digits is None:
        digits = 2 if abs(rate) < 0.1 or 0.98 < rate < 1 else 1
    return f"{rate * 100:.{digits}f}%"


def points(change: float) -> str:
    """Return the size of a difference of two shares in percentage points, without its sign."""
    return f"{abs(change) * 100:.2f} pt"


def money(amount: float | None, currency: str = "", digits: int = 2) -> str:
    """Return an amount, with the currency's sign or code before it where given."""
    if amount is None:
        return NONE
    gap = " " if len(currency) > 1 else ""
    return f"{'-' if amount < 0 else ''}{currency}{gap}{abs(amount):,.{digits}f}"


def moment(at: datetime | None) -> str:
    """Return a UTC time for people."""
    return NONE if at is None else f"{at:%a} {at.day} {at:%b %Y, %H:%M} UTC"


def duration(seconds: float | None) -> str:
    """Return a length of time in its two largest units."""
    if seconds is None:
        return NONE
    whole = max(0, round(seconds))
    for unit, below, size, part in (("d", "h", 86400, 3600), ("h", "min", 3600, 60), ("min", "s", 60, 1)):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // part} {below}"
    return f"{whole} s"


def plain(text: object, longest: int = 160) -> str:
    """Return foreign text on one line, without control characters, shortened."""
    line = " ".join(_UNSEEN.sub(" ", str(text or "")).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def masked(text: object, longest: int = 160) -> str:
    """Return foreign text as ``plain`` does, with the addresses in it masked: relays repeat the recipient's."""
    return plain(_ADDRESS.sub(r"\1•••@\2", str(text or "")), longest)


def chart_text(text: object, longest: int = 40) -> str:
    """Return foreign text for a chart: Plotly reads a little HTML in labels, which must not come from outside."""
    return html.escape(plain(text, longest), quote=False)


def title(name: str) -> str:
    """Return a folder's name as a headline: ``spring_sale`` becomes ``Spring sale``."""
    words = plain(name).replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def short_hash(value: object, length: int = 12) -> str:
    """Return the first digits of a hash, or a dash."""
    return plain(value)[:length] or NONE
