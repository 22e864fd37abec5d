"""A neutral picture in the place of one that must not be fetched: same size, with the words that describe it.

Frames of a preview and specimens of a click map show it. Add here how it looks; which pictures are replaced, and how
large they are, is decided by those who replace them.
"""

import html
import urllib.parse

USUAL_WIDTH = 240
_SQUARE = 96  # up to here a picture is taken for an icon


def usual_height(width: int) -> int:
    """Return the height of a picture of which only the width is known."""
    return width if width <= _SQUARE else width * 9 // 16


def placeholder(width: int, height: int, description: str) -> str:
    """Return a picture as a ``data:`` address that is safe in an attribute with double quotes."""
    drawing = _drawing(width, height, description)
    return "data:image/svg+xml," + urllib.parse.quote(drawing, safe=" =:/,;()")


def _drawing(width: int, height: int, description: str) -> str:
    size = max(10, min(16, width // 24))
    room = max(1, int(width / (size * 0.6)) - 2)
    words = " ".join("".join(one if one.isprintable() else " " for one in description).split())
    words = words if len(words) <= room else words[: room - 1] + "…"
    text = (
        f"<text x='50%' y='50%' dy='.35em' text-anchor='middle' font-family='sans-serif' font-size='{size}' "
        f"fill='#475569'>{html.escape(words)}</text>"
    )
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' viewBox='0 0 {width} {height}' "
        "preserveAspectRatio='xMidYMid slice'>"
        f"<rect width='100%' height='100%' fill='#e2e8f0'/>"
        f"<path d='M0 {height}L{width * 0.3:g} {height * 0.45:g}L{width * 0.52:g} {height * 0.8:g}"
        f"L{width * 0.7:g} {height * 0.55:g}L{width} {height}Z' fill='#cbd5e1'/>"
        f"<circle cx='{width * 0.78:g}' cy='{height * 0.28:g}' r='{min(width, height) * 0.1:g}' fill='#f8fafc'/>"
        f"{text if room >= 4 and height >= size else ''}</svg>"
    )
