"""How the command line speaks: JSON to standard output, everything else to standard error, exit codes.

Add here what two commands say in the same way. The numbers themselves come from below.
"""

import errno
import json
import logging
import shutil
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TextIO

import click
import rich.control
from rich.console import Console
from rich.theme import Theme

if TYPE_CHECKING:
    from orchestration.logs import LogStyle

OK, CHECK_FAILED, USAGE, REFUSED, PARTLY = 0, 1, 2, 3, 4
INTERRUPTED = 130

_LITTLE_ROOM = 1 << 20
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
# How DuckDB, polars and SQLite say it.
_FULL_WORDS = ("No space left on device", "database or disk is full")

THEME = Theme({"good": "green", "watch": "yellow", "act": "red", "mute": "bright_black", "name": "cyan"})

# Rich would fold at 80 columns what goes into a pipe or a file; COLUMNS still counts.
_PIPE_COLUMNS = 160


def _width(stream: TextIO) -> int | None:
    return None if stream.isatty() else shutil.get_terminal_size((_PIPE_COLUMNS, 50)).columns


# What came from a file, a relay or a reader's client must not command the terminal; rich drops only some of it.
rich.control._CONTROL_STRIP_TRANSLATE.update(dict.fromkeys((0, 27, 127, *range(128, 160))))

out = Console(theme=THEME, highlight=False, width=_width(sys.stdout))
err = Console(theme=THEME, stderr=True, highlight=False, width=_width(sys.stderr))


def be_quiet() -> None:
    """Say nothing but results and errors from now on (``--quiet``)."""
    err.quiet = True


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document (CONTRACTS).")(command)


def print_json(document: dict[str, Any]) -> None:
    """Print one JSON document on standard output."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2, default=str))


def quiet_libraries() -> None:
    """Keep the libraries below us from writing between our lines."""
    for name in ("dagster", "dagster.builtin", "great_expectations", "asyncio", "alembic"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def log_to_stderr(process: str, style: "LogStyle") -> None:
    """Log one line per event, with the time, for a standing process."""
    from orchestration.logs import start_logging

    start_logging(process, style=style, level=logging.WARNING if err.quiet else logging.INFO)


def explain_failure(error: BaseException) -> tuple[str | None, int]:
    """Return the message and exit code for a failure; no message for a fault of ours, which shows its trace."""
    from dashboards.reader import OldCopyError
    from senders.errors import ConfigError, GuardError, LedgerBusy, SenderError

    if full := _full_disk(error):
        return f"the disk is full ({full}); make room and run the same command again.", CHECK_FAILED
    root = _root(error)
    if isinstance(root, KeyboardInterrupt):
        return str(root) or "interrupted; nothing is half done. Run the same command again to go on.", INTERRUPTED
    if isinstance(root, GuardError):
        return str(root), REFUSED
    if isinstance(root, ConfigError | OldCopyError):
        return str(root), USAGE
    if isinstance(root, LedgerBusy):
        return f"{root}; another process holds the ledger, try again in a moment.", CHECK_FAILED
    if isinstance(root, SenderError):
        return str(root), CHECK_FAILED
    if isinstance(root, OSError) and root.errno in {errno.EACCES, errno.EROFS}:
        return f"cannot write {root.filename or root}: {root.strerror}; check the owner and mode.", CHECK_FAILED
    if isinstance(root, NotADirectoryError | FileExistsError):
        return f"{root.filename} is a file where a folder is needed; move it, or set MAILRAIL_HOME.", USAGE
    if home := _home_without_room():
        return f"the disk is full ({home}); make room and run the same command again.", CHECK_FAILED
    return None, CHECK_FAILED


def _full_disk(error: BaseException) -> str:
    """Return what could not be written for want of room, or ''.

    Looked for before any other cause, as the files' libraries wrap it and say it in words of their own.
    """
    for link in _chain(error):
        if isinstance(link, OSError) and link.errno in _FULL:
            return str(link.filename or link)
        for word in _FULL_WORDS:
            before, found, _ = str(link).partition(word)
            if found:
                return f"{before}{found}".strip()
    return ""


def _home_without_room() -> str:
    """Return the home folder if its disk has no room left: SQLite then says `disk I/O error`, and others less."""
    from orchestration.settings import load_settings

    try:
        home = load_settings().home
        return str(home) if shutil.disk_usage(home).free < _LITTLE_ROOM else ""
    except Exception:  # the failure that is being explained matters more
        return ""


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what caused it, outermost first, each once: Dagster makes circles of them."""
    link: BaseException | None = error
    met: set[int] = set()
    while link is not None and id(link) not in met:
        met.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def _root(error: BaseException) -> BaseException:
    """Return the cause that a person can act on, from under the wrappers of the libraries."""
    from dashboards.reader import OldCopyError
    from senders.errors import ConfigError, SenderError

    kinds = (ConfigError, SenderError, OldCopyError, OSError, KeyboardInterrupt)
    return next((link for link in _chain(error) if isinstance(link, kinds)), error)
