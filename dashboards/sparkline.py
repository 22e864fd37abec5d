"""Small lines without axes: as SVG beside a figure on a page, as blocks on a terminal.

Used where the shape says enough. A chart that is to be read belongs to ``figures``.
"""

from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇█"
WIDTH, HEIGHT, EDGE = 84, 30, 3


def spark_points(values: Sequence[float]) -> str:
    """Return the points of an SVG polyline in a box of 84 by 30; empty for fewer than three values."""
    if len(values) < 3:
        return ""
    step = (WIDTH - 2 * EDGE) / (len(values) - 1)
    return " ".join(
        f"{EDGE + place * step:.1f},{HEIGHT - EDGE - level * (HEIGHT - 2 * EDGE):.1f}"
        for place, level in enumerate(_levels(values))
    )


def spark_blocks(values: Sequence[float], longest: int = 24) -> str:
    """Return one block per value, the lowest value as the lowest block; many values are thinned to their peaks."""
    if not values:
        return ""
    wide = max(1, -(-len(values) // longest))
    peaks = [max(values[start : start + wide]) for start in range(0, len(values), wide)]
    return "".join(BLOCKS[round(level * (len(BLOCKS) - 1))] for level in _levels(peaks))


def _levels(values: Sequence[float]) -> list[float]:
    low, high = min(values), max(values)
    return [0.5 if high == low else (value - low) / (high - low) for value in values]
