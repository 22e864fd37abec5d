"""The mailbox reader: takes returned mails from a Maildir and puts what they tell into the ledger.

A mail leaves ``new`` only after its events are durable; a crash in between reads it again, and derived event
ids make that harmless. What a mail means is `interpret`'s; IMAP would be another way to fill the same folder.
"""

import asyncio
import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from senders.clock import open_clock
from senders.config import MailboxConfig
from senders.errors import ConfigError, LedgerBusy
from senders.event import Event, Kind
from senders.inbound.interpret import InboundLedger, Interpreter
from senders.inbound.mime import MAX_BYTES
from senders.ledger.store import Ledger
from senders.tracking.keys import Keyring
from senders.tracking.tokens import TokenReader

BATCH = 200

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MailboxResult:
    """How many mails were read, and what they were; ``ignored`` holds all that touched no contact."""

    read: int = 0
    bounced: int = 0
    complained: int = 0
    ignored: int = 0
    unsubscribed: int = 0

    def __add__(self, other: "MailboxResult") -> "MailboxResult":
        return MailboxResult(
            self.read + other.read,
            self.bounced + other.bounced,
            self.complained + other.complained,
            self.ignored + other.ignored,
            self.unsubscribed + other.unsubscribed,
        )


def read_mailbox(config: MailboxConfig, ledger: InboundLedger, keyring: Keyring) -> MailboxResult:
    """Read every mail in ``new``, record what it tells, and move it to ``cur``.

    Raises:
        LedgerBusy: the ledger did not answer; the mails stay where they are.
        ConfigError: the Maildir cannot be used.
    """
    _prepare(config.maildir)
    interpreter = Interpreter(TokenReader(keyring), keyring.address_key, ledger, open_clock(config.home).now())
    waiting = iter(_waiting(config.maildir))
    result = MailboxResult()
    while batch := list(islice(waiting, BATCH)):
        result += _read_batch(batch, interpreter)
    return result


async def run_mailbox(config: MailboxConfig) -> None:
    """Read the mailbox again and again until cancelled."""
    loop = asyncio.get_running_loop()
    # One thread of its own: the ledger's connection stays with it, and the loop stays free.
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="mailbox") as thread:
        ledger = await loop.run_in_executor(thread, Ledger.open, config.home)
        while True:
            await loop.run_in_executor(thread, _read_once, config, ledger)
            await asyncio.sleep(config.poll_seconds)


def _read_once(config: MailboxConfig, ledger: Ledger) -> None:
    try:
        ledger.heartbeat("mailbox", f"mailbox-{os.getpid()}")
        result = read_mailbox(config, ledger, Keyring.open(config.home / "keys"))
    except LedgerBusy:
        logger.warning("mailbox: the ledger is busy; the mails wait in %s", config.maildir)
        return
    if result.read:
        logger.info("mailbox: %s", result)


def _prepare(maildir: Path) -> None:
    try:
        for name in ("new", "cur", "tmp"):
            (maildir / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"mailbox: {maildir} cannot be used as a Maildir ({error.strerror}). Name a folder this user may write."
        ) from error


def _waiting(maildir: Path) -> list[Path]:
    """Return the mails in ``new``, oldest name first."""
    return sorted(path for path in (maildir / "new").iterdir() if not path.name.startswith(".") and path.is_file())


def _read_batch(batch: list[Path], interpreter: Interpreter) -> MailboxResult:
    found = list(_interpreted(batch, interpreter))
    events = {event.event_id: event for _, mine in found for event in mine}
    if events:
        interpreter.ledger.record(list(events.values()))
    for path, _ in found:
        _mark_read(path)
    results = [_counted(mine) for _, mine in found]
    return sum(results, MailboxResult())


def _interpreted(batch: list[Path], interpreter: Interpreter) -> Iterator[tuple[Path, list[Event]]]:
    for path in batch:
        try:
            with path.open("rb") as file:
                yield path, interpreter.interpret(file.read(MAX_BYTES))
        except FileNotFoundError:
            continue  # another reader was first
        except LedgerBusy:
            raise
        except Exception:
            # One mail that we cannot read must not keep the others waiting; it is kept in ``cur``.
            logger.exception("mailbox: %s could not be read", path.name)
            yield path, []


def _mark_read(path: Path) -> None:
    try:
        path.rename(path.parent.parent / "cur" / f"{path.name.partition(':')[0]}:2,S")
    except FileNotFoundError:
        logger.info("mailbox: %s was taken by another reader", path.name)


def _counted(events: list[Event]) -> MailboxResult:
    kinds = {event.kind for event in events if event.address_hash}
    return MailboxResult(
        read=1,
        bounced=int(Kind.BOUNCED in kinds),
        complained=int(Kind.COMPLAINED in kinds),
        unsubscribed=int(Kind.UNSUBSCRIBED in kinds),
        ignored=int(not kinds),
    )
