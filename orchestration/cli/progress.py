"""Progress on standard error: a bar on a terminal, a plain line with the time elsewhere.

Add a form of progress here; what progresses belongs to the caller.
"""

import contextlib
import time
from collections.abc import Callable, Iterator

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from orchestration.cli.console import err


@contextlib.contextmanager
def bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar while the body runs.

    Yields:
        A function ``(done, total)`` that moves the bar.
    """
    if not err.is_terminal:
        yield _plain(title)
        return
    columns = (
        SpinnerColumn(style="cyan"),
        TextColumn("{task.description}"),
        BarColumn(complete_style="cyan", finished_style="green"),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextlib.contextmanager
def pulse(title: str) -> Iterator[None]:
    """Show a bar that moves while the body runs, where nobody can say how much is left."""
    if not err.is_terminal:
        yield
        return
    columns = (TextColumn("[cyan]{task.description}"), BarColumn(bar_width=24), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        progress.add_task(title, total=None)
        yield


def _plain(title: str) -> Callable[[int, int], None]:
    """Print a line at each tenth, so that a log stays short."""
    last = -1

    def advance(done: int, total: int) -> None:
        nonlocal last
        tenth = done * 10 // total if total else 0
        if tenth != last:
            last = tenth
            err.print(f"{time.strftime('%H:%M:%S')} {title}: {done:,} of {total:,}", markup=False)

    return advance
