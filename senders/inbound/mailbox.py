"""The mailbox reader: takes returned mails from a Maildir, and from an IMAP folder, into the ledger.

Each place has a thread and a connection to the ledger of its own, so that a slow server keeps no file waiting. How a
place is read is `box`'s; add a place as a module, and here where it is opened.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from senders.clock import open_clock
from senders.config import ImapConfig, MailboxConfig
from senders.errors import ConfigError, LedgerBusy, MailboxDown
from senders.inbound.box import MailboxResult, read_box
from senders.inbound.imap import ImapBox
from senders.inbound.interpret import InboundLedger, Interpreter
from senders.inbound.maildir import Maildir
from senders.ledger.store import Ledger
from senders.tracking.keys import Keyring
from senders.tracking.tokens import TokenReader

MAX_PAUSE_SECONDS = 300.0
Turn = Callable[[MailboxConfig, Ledger], float]

logger = logging.getLogger(__name__)


def read_mailbox(config: MailboxConfig, ledger: InboundLedger, keyring: Keyring) -> MailboxResult:
    """Read every mail that waits, wherever it arrives, record what it tells, and mark it as read.

    Raises:
        LedgerBusy: the ledger did not answer; the mails stay where they are.
        MailboxDown: the IMAP server did not answer, or let us not in.
        ConfigError: the Maildir or the folder cannot be used.
    """
    interpreter = _interpreter(config, ledger, keyring)
    result = read_box(Maildir(config.maildir), interpreter)
    if config.imap:
        with ImapBox(config.imap) as box:
            result += read_box(box, interpreter)
    return result


async def run_mailbox(config: MailboxConfig) -> None:
    """Read the mailbox again and again until cancelled."""
    turns: list[Turn] = [_read_maildir]
    if config.imap:
        turns.append(ImapTurn(config.imap))
    await asyncio.gather(*(_repeat(turn, config) for turn in turns))


async def _repeat(turn: Turn, config: MailboxConfig) -> None:
    loop = asyncio.get_running_loop()
    # One thread of its own: the ledger's connection stays with it, and the loop stays free.
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="mailbox") as thread:
        ledger = await loop.run_in_executor(thread, Ledger.open, config.home)
        while True:
            pause = await loop.run_in_executor(thread, turn, config, ledger)
            await asyncio.sleep(pause)


def _read_maildir(config: MailboxConfig, ledger: Ledger) -> float:
    try:
        ledger.heartbeat("mailbox", f"mailbox-{os.getpid()}")
        result = read_box(Maildir(config.maildir), _interpreter(config, ledger, Keyring.open(config.home / "keys")))
    except LedgerBusy:
        logger.warning("mailbox: the ledger is busy; the mails wait in %s", config.maildir)
        return config.poll_seconds
    if result.read:
        logger.info("mailbox: %s", result)
    return config.poll_seconds


class ImapTurn:
    """One look at the IMAP folder after another, over one connection as long as that stands.

    After a failure the pause grows to `MAX_PAUSE_SECONDS`: a server that is down, or counts wrong logins, is left
    alone.
    """

    def __init__(self, imap: ImapConfig) -> None:
        self._imap = imap
        self._box: ImapBox | None = None
        self._failures = 0

    def __call__(self, config: MailboxConfig, ledger: Ledger) -> float:
        """Read what waits and return after how many seconds to look again."""
        try:
            self._box = self._box or ImapBox(self._imap)
            result = read_box(self._box, _interpreter(config, ledger, Keyring.open(config.home / "keys")))
        except LedgerBusy:
            logger.warning("mailbox: the ledger is busy; the mails wait at %s", self._imap.host)
            return self._imap.poll_seconds
        except (MailboxDown, ConfigError) as error:
            return self._failed(error)
        self._failures = 0
        if result.read:
            logger.info("mailbox: %s: %s", self._imap.host, result)
        return self._imap.poll_seconds

    def _failed(self, error: Exception) -> float:
        if self._box:
            self._box.close()
        self._box = None
        pause: float = min(self._imap.poll_seconds * 2**self._failures, MAX_PAUSE_SECONDS)
        self._failures = min(self._failures + 1, 16)
        logger.warning("%s; tried again in %.0f s", error, pause)
        return pause


def _interpreter(config: MailboxConfig, ledger: InboundLedger, keyring: Keyring) -> Interpreter:
    return Interpreter(TokenReader(keyring), keyring.address_key, ledger, open_clock(config.home).now())
