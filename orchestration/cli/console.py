"""How the command line speaks: JSON to standard output, everything else to standard error, exit codes.

Add here what two commands say in the same way. The numbers themselves come from below.
"""

import errno
import json
import logging
import sys
from collections.abc import Callable
from typing import Any

import click
from rich.console import Console
from rich.theme import Theme

OK, CHECK_FAILED, USAGE, REFUSED, PARTLY = 0, 1, 2, 3, 4
INTERRUPTED = 130

THEME = Theme({"good": "green", "watch": "yellow", "act": "red", "mute": "bright_black", "name": "cyan"})

out = Console(theme=THEME, highlight=False)
err = Console(theme=THEME, stderr=True, highlight=False)


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


def log_to_stderr() -> None:
    """Log one line per event, with the time, for a standing process."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


def explain_failure(error: BaseException) -> tuple[str | None, int]:
    """Return the message and exit code for a failure; no message for a fault of ours, which shows its trace."""
    from senders.errors import ConfigError, GuardError, LedgerBusy, SenderError

    root = _root(error)
    if isinstance(root, KeyboardInterrupt):
        return "interrupted; nothing is half done. Run the same command again to go on.", INTERRUPTED
    if isinstance(root, GuardError):
        return str(root), REFUSED
    if isinstance(root, ConfigError):
        return str(root), USAGE
    if isinstance(root, LedgerBusy):
        return f"{root}; another process holds the ledger, try again in a moment.", CHECK_FAILED
    if isinstance(root, SenderError):
        return str(root), CHECK_FAILED
    if isinstance(root, OSError) and root.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"the disk is full ({root.filename or root}); make room and run the same command again.", CHECK_FAILED
    if isinstance(root, OSError) and root.errno in {errno.EACCES, errno.EROFS}:
        return f"cannot write {root.filename or root}: {root.strerror}; check the owner and mode.", CHECK_FAILED
    return None, CHECK_FAILED


def _root(error: BaseException) -> BaseException:
    """Return the cause that a person can act on, from under the wrappers of the libraries."""
    from senders.errors import ConfigError, SenderError

    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ConfigError | SenderError | OSError | KeyboardInterrupt):
            return seen
        seen = seen.__cause__ or seen.__context__
    return error
