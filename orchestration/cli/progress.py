"""Progress on standard error: a bar on a terminal, a plain line with the time elsewhere.

Add a form of progress here; what progresses belongs to the caller.
"""

import contextlib
import re
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from orchestration.cli.console import err

if TYPE_CHECKING:
    from orchestration.watching import Stand

_LONG_SECONDS = 2
_FIGURES = re.compile(r"[\d:.,]+")


class Advance(Protocol):
    """Moves a bar."""

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Say how much is done, of how much, and a word beside it."""
        ...


@contextlib.contextmanager
def bar(title: str) -> Iterator[Advance]:
    """Show a bar while the body runs.

    Yields:
        A function ``(done, total, note="")`` that moves the bar and says a word beside it.
    """
    if not err.is_terminal:
        yield _plain(title)
        return
    columns = (
        SpinnerColumn(style="cyan"),
        TextColumn("{task.description}"),
        BarColumn(complete_style="cyan", finished_style="green"),
        MofNCompleteColumn(),
        TextColumn("[bright_black]{task.fields[note]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task(title, total=None, note="")
        yield lambda done, total, note="": progress.update(task, completed=done, total=total, note=note)


@contextlib.contextmanager
def live_sends(title: str) -> Iterator[Callable[[Sequence["Stand"]], None]]:
    """Show how sends stand while the body runs, and ``title`` until there is one.

    Yields:
        A function that takes how they stand now.
    """
    from orchestration.cli.bars import send_view

    if not err.is_terminal:
        yield _plain_stands()
        return
    # Drawn only when there is something new, in one write: a terminal that is drawn by the clock flickers.
    with Live(Text(title, style="mute"), console=err, auto_refresh=False, transient=True) as live:
        yield lambda stands: live.update(Group(*(send_view(stand, width=err.width) for stand in stands)), refresh=True)


@contextlib.contextmanager
def pulse(title: str) -> Iterator[None]:
    """Show a bar that moves while the body runs, where nobody can say how much is left."""
    if not err.is_terminal:
        err.print(f"{time.strftime('%H:%M:%S')} {title}", markup=False, soft_wrap=True)
        yield
        return
    columns = (TextColumn("[cyan]{task.description}"), BarColumn(bar_width=24), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        progress.add_task(title, total=None)
        yield


@contextlib.contextmanager
def patience(title: str) -> Iterator[None]:
    """Say what mostly takes no time: a spinner on a terminal; elsewhere a line, and only if it took long."""
    if err.is_terminal:
        with err.status(f"{escape(title)} ..."):
            yield
        return
    began = time.monotonic()
    yield
    if (seconds := time.monotonic() - began) > _LONG_SECONDS:
        err.print(f"{time.strftime('%H:%M:%S')} {title}: {seconds:.0f} s", markup=False, soft_wrap=True)


def _plain_stands() -> Callable[[Sequence["Stand"]], None]:
    """Print a line for a send at each tenth, and when something else holds it up."""
    from orchestration.cli.bars import stand_line

    last: dict[str, tuple[int, tuple[str, ...]]] = {}

    def show(stands: Sequence["Stand"]) -> None:
        for stand in stands:
            counts = stand.whole.counts
            # Without their figures, which change all the time and are no news.
            notes = tuple(_FIGURES.sub("", note) for note in stand.notes)
            seen = (counts.settled * 10 // counts.total if counts.total else 10, notes)
            if last.get(stand.send_id) != seen:
                last[stand.send_id] = seen
                err.print(f"{time.strftime('%H:%M:%S')} {stand_line(stand)}", markup=False, soft_wrap=True)

    return show


def _plain(title: str) -> Advance:
    """Print a line at each tenth, so that a log stays short."""
    last = -1

    def advance(done: int, total: int, note: str = "") -> None:
        nonlocal last
        tenth = done * 10 // total if total else 0
        if tenth != last:
            last = tenth
            line = f"{time.strftime('%H:%M:%S')} {title}: {done:,} of {total:,}"
            err.print(f"{line}  {note}" if note else line, markup=False, soft_wrap=True)

    return advance
