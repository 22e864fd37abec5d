"""How a running send looks on the terminal: a bar for each mailbox provider, the whole, and what holds it up.

Plain values in, a rich renderable out; it fits into 80 columns and uses what there is beyond. What is known about the
send comes from ``orchestration.watching``.
"""

import time
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from orchestration.watching import ProviderStand, Stand
from senders.ledger.progress import Counts

_BAR_LEAST, _BAR_MOST = 10, 44
_NAME_MOST = 16
# What all columns but the bar need: mark, name, percent, done, rate, deferred, time left, and the gaps between them.
_BESIDE = 2 + _NAME_MOST + 5 + 10 + 8 + 10 + 8 + 8
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_STATES = {"running": "name", "finished": "good", "paused": "watch", "cancelled": "act"}


def send_view(stand: Stand, *, width: int) -> RenderableType:
    """Return a send as it is now, ``width`` columns wide."""
    bar = max(_BAR_LEAST, min(_BAR_MOST, width - _BESIDE))
    table = Table(box=None, header_style="mute", pad_edge=False, padding=(0, 1), show_edge=False)
    table.add_column("")
    table.add_column("mailbox provider", no_wrap=True, overflow="ellipsis", max_width=_NAME_MOST, min_width=_NAME_MOST)
    table.add_column("", width=bar, no_wrap=True)
    for name, least in (("", 4), ("done", 9), ("per s", 6), ("deferred", 8), ("left", 7)):
        table.add_column(name, justify="right", no_wrap=True, min_width=least)
    for provider in stand.providers:
        table.add_row(*_cells(provider, bar, str(stand.state)))
    if len(stand.providers) > 1:
        table.add_row()
        table.add_row(*_cells(stand.whole, bar, str(stand.state)), style="bold")
    parts: list[RenderableType] = [_head(stand), Text(), table, Text()]
    if rest := _rest(stand.whole.counts):
        parts.append(rest)
    parts += [Text(f"  ▲ {note}", style="watch", overflow="fold") for note in stand.notes]
    return Group(*parts)


def stand_line(stand: Stand) -> str:
    """Return the same on one line, for logs and pipes."""
    counts = stand.whole.counts
    words = [f"{counts.settled:,} of {counts.total:,}"]
    if stand.whole.rate:
        words.append(f"{_rate(stand.whole.rate)} a second")
    if seconds := stand.whole.seconds_left:
        words.append(f"{_duration(seconds)} left")
    words += [f"{count:,} {word}" for word, count, _ in _said(counts)]
    return "  ".join([f"{stand.send_id}: {', '.join(words)}", *stand.notes])


def _head(stand: Stand) -> Text:
    counts = stand.whole.counts
    head = Text.assemble("  ", (stand.send_id, "bold"), "  ", (str(stand.state), _STATES[str(stand.state)]))
    head.append(f"  {counts.settled:,} of {counts.total:,}")
    if seconds := stand.whole.seconds_left:
        ends = time.strftime("%H:%M" if seconds < _DAY else "%d %b %H:%M", time.localtime(time.time() + seconds))
        head.append(f"  ends about {ends}", style="mute")
    head.no_wrap, head.overflow = True, "ellipsis"
    return head


def _cells(stand: ProviderStand, width: int, state: str) -> list[Text]:
    counts, is_done = stand.counts, stand.counts.settled == stand.counts.total
    share = counts.settled * 100 // counts.total if counts.total else 100
    seconds = stand.seconds_left
    return [
        Text("✔" if is_done else " ", style="good"),
        Text(stand.name, style="" if stand.counts.total else "mute"),
        _bar(counts, width, "good" if is_done else _STATES[state]),
        Text(f"{share} %"),
        Text(f"{counts.settled:,}"),
        Text(_rate(stand.rate) if not is_done else "", style="name"),
        Text(f"{counts.deferred:,}" if counts.deferred else "·", style="watch" if counts.deferred else "mute"),
        Text(_duration(seconds) if seconds else "", style="mute"),
    ]


def _bar(counts: Counts, width: int, style: str) -> Text:
    """Return a bar whose parts are what became of the messages; each part that is not empty can be seen."""
    parts = (
        (counts.accepted, "━", style),
        (counts.refused, "━", "act"),
        (counts.in_doubt, "━", "watch"),
        (counts.passed_over, "━", "mute"),
        (counts.deferred, "╌", "watch"),
        (counts.moving, "─", "mute"),
    )
    cells = _share_out([count for count, *_ in parts], width)
    return Text.assemble(*((mark * count, colour) for count, (_, mark, colour) in zip(cells, parts, strict=True)))


def _share_out(counts: Sequence[int], width: int) -> list[int]:
    """Return how many of ``width`` cells each count gets: at least one where it is not 0, together all of them."""
    total = sum(counts)
    if not total:
        return [0] * (len(counts) - 1) + [width]
    cells = [max(1, count * width // total) if count else 0 for count in counts]
    largest = max(range(len(cells)), key=cells.__getitem__)
    cells[largest] += width - sum(cells)
    return cells


def _rest(counts: Counts) -> Text | None:
    """Return what became of messages but for those that were accepted, as words in the colours of the bars."""
    said = _said(counts)
    if not said:
        return None
    return Text("  ").append_text(Text(" · ", style="mute").join(Text(f"{n:,} {word}", style=s) for word, n, s in said))


def _said(counts: Counts) -> list[tuple[str, int, str]]:
    words = (
        ("deferred", counts.deferred, "watch"),
        ("refused", counts.refused, "act"),
        ("in doubt", counts.in_doubt, "watch"),
        ("passed over", counts.passed_over, "mute"),
    )
    return [(word, count, style) for word, count, style in words if count]


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 or not rate else f"{rate:.1f}"


def _duration(seconds: float) -> str:
    """Return a time span in at most seven characters."""
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}m {whole % _MINUTE:02}s"
    if whole < _DAY:
        return f"{whole // _HOUR}h {whole % _HOUR // _MINUTE:02}m"
    return f"{whole // _DAY}d {whole % _DAY // _HOUR:02}h"
