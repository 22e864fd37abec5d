"""Whether a palette can be read: the contrasts that WCAG 2.2 asks for at level AA.

Add a pair here when a colour comes to stand on another. The colours belong to the settings.
"""

from senders.page_config import Palette

TEXT, SHAPE = 4.5, 3.0  # 1.4.3 for text, 1.4.11 for what shows where a control is
_PAIRS = (
    ("ink", "card", TEXT),
    ("ink", "ground", TEXT),
    ("soft", "card", TEXT),
    ("soft", "ground", TEXT),
    ("act", "card", TEXT),
    ("act", "ground", TEXT),
    ("act_ink", "act", TEXT),
    ("edge", "card", SHAPE),
)


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two ``#rrggbb`` colours, 1 to 21 (WCAG 2.2, contrast ratio)."""
    bright, dim = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def faults(palette: Palette) -> list[str]:
    """Return each pair that is too close, with its contrast and the least that it needs."""
    found = []
    for upper, lower, least in _PAIRS:
        one, other = getattr(palette, upper), getattr(palette, lower)
        ratio = contrast(one, other)
        if ratio < least:
            found.append(f"{upper} {one} on {lower} {other} has a contrast of {ratio:.1f}, it needs {least}")
    return found


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
