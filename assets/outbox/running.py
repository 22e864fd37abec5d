"""The outbox process: turns waiting requests into sends, a small batch at a time, until it is stopped.

Any number may run at once, here or on other machines, and each may be killed at any moment. Add here what the process
does besides batches; delivering them is the sender's.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from assets.outbox.batch import open_batch
from assets.outbox.config import OutboxConfig
from assets.outbox.definition import Letter, LetterFolder, letter_folder, letter_folders, load_letter
from assets.outbox.keeping import tidy
from assets.outbox.recovering import adopt_forgotten
from assets.outbox.sorting import known_contacts, sort_requests
from assets.warehouse.resources import Mailrail
from senders.errors import ConfigError, GuardError, LedgerBusy
from senders.ledger.outbox import MailRow
from senders.ledger.owner import this_owner
from senders.ledger.store import Ledger

logger = logging.getLogger(__name__)

PROCESS = "outbox"
_BEAT_SECONDS = 2.0
_TIDY_SECONDS = 3_600.0
_SAY_SECONDS = 60.0
# Sends that no sender has begun yet: more would only wait there, and requests join a larger batch by waiting here.
_AHEAD_MOST = 2


@dataclass(slots=True)
class Round:
    """What one look at the requests brought."""

    opened: int = 0
    taken: int = 0
    refused: int = 0


@dataclass(slots=True)
class _Letters:
    """Compiled templates, compiled anew where a file of theirs changed."""

    mailrail: Mailrail
    _known: dict[str, tuple[object, Letter | str]] = field(default_factory=dict)

    def get(self, folder: LetterFolder) -> Letter | str:
        """Return a template, or what is wrong with it."""
        stamp = folder.stamp()
        known = self._known.get(folder.name)
        if known is None or known[0] != stamp:
            known = self._known[folder.name] = (stamp, self._load(folder))
        return known[1]

    def _load(self, folder: LetterFolder) -> Letter | str:
        try:
            return load_letter(folder, self.mailrail.streams)
        except ConfigError as error:
            logger.error("template %s cannot be used: %s", folder.name, error)
            first = str(error).splitlines()[0].removeprefix(f"{self.mailrail.project}/")
            return f"the template cannot be used: {first}"


class Outbox:
    """The work of one outbox process."""

    def __init__(self, mailrail: Mailrail, ledger: Ledger, config: OutboxConfig) -> None:
        self._mailrail = mailrail
        self._ledger = ledger
        self._config = config
        self._letters = _Letters(mailrail)
        self._address_key = mailrail.keyring().address_key
        self._owner = str(this_owner())
        self._beaten = self._said = -_SAY_SECONDS
        self._tidied = -_TIDY_SECONDS
        self._has_adopted = False

    def look(self, *, is_patient: bool = True) -> Round:
        """Take what waits into sends; with ``is_patient`` no more than senders can begin soon.

        Raises:
            LedgerBusy: nothing is lost; look again.
            GuardError: the ledger is older than its journal.
        """
        self._tend()
        self._adopt()
        done = Round(refused=self._ledger.refuse_expired_mail())
        for template in self._ledger.waiting_templates():
            if is_patient and self._ledger.mail_backlog() >= _AHEAD_MOST:
                self._say_backlog()
                break
            self._take(template, done)
        self._ledger.finish_mail()
        return done

    def say_goodbye(self) -> None:
        """Take this process off the list of those at work."""
        self._ledger.still(PROCESS, self._owner)

    def _take(self, template: str, done: Round) -> None:
        folder = letter_folder(self._mailrail.project, template)
        if folder is None:
            done.refused += self._refuse_unknown(template)
            return
        letter = self._letters.get(folder)
        if isinstance(letter, str):
            self._ledger.hold_mail(template, letter)
            return
        if paused := self._ledger.paused_mail(template):
            self._ledger.hold_mail(template, f"{paused.send_id} is paused: {paused.reason or 'by a person'}")
            return
        rows = self._ledger.waiting_mail(template, self._config.batch)
        strangers = self._strangers(rows) if letter.definition.known_only else frozenset()
        found = sort_requests(self._mailrail, letter, rows, self._address_key, strangers)
        if found.refused:
            self._ledger.refuse_mail(found.refused)
            done.refused += len(found.refused)
            logger.warning("%d requests with template %s are refused", len(found.refused), template)
        for batch in found.batches:
            if open_batch(self._mailrail, self._ledger, batch):
                done.opened += 1
                done.taken += len(batch.fits)

    def _strangers(self, rows: Sequence[MailRow]) -> frozenset[bytes]:
        """Return whom neither ledger nor warehouse knows; not looked up where people ask, since its time would tell."""
        unknown = self._ledger.strangers({row.request.address_hash for row in rows})
        return unknown - known_contacts(self._mailrail.published, unknown)

    def _refuse_unknown(self, template: str) -> int:
        known = ", ".join(folder.name for folder in letter_folders(self._mailrail.project)) or "none"
        reason = f"there is no template {template[:100]!r} in assets/transactional; known: {known}"
        rows = self._ledger.waiting_mail(template, self._config.batch)
        self._ledger.refuse_mail({row.row_id: reason for row in rows})
        logger.warning("%d requests are refused: %s", len(rows), reason)
        return len(rows)

    def _tend(self) -> None:
        now = time.monotonic()
        if now - self._beaten >= _BEAT_SECONDS:
            self._ledger.heartbeat(PROCESS, self._owner)
            self._beaten = now
        if now - self._tidied >= _TIDY_SECONDS:
            tidy(self._mailrail, self._ledger, self._config.keep_days)
            self._tidied = now

    def _adopt(self) -> None:
        """Take up what an older copy of the ledger forgot, before anything is taken from it: once in a process.

        A copy is put back while everything is stopped, so no process meets one in the middle of its life.
        """
        if not self._has_adopted:
            self._ledger.require_current()
            adopt_forgotten(self._mailrail, self._ledger)
            self._has_adopted = True

    def _say_backlog(self) -> None:
        if time.monotonic() - self._said >= _SAY_SECONDS and not self._ledger.alive("sender"):
            logger.warning("mail waits and no sender is running; start one with: mailrail sender")
            self._said = time.monotonic()


def take_all(mailrail: Mailrail, config: OutboxConfig) -> Round:
    """Take all that waits into sends, and end; a template that cannot be used keeps its requests waiting."""
    total = Round()
    with mailrail.open_ledger() as ledger:
        outbox = Outbox(mailrail, ledger, config)
        while (done := outbox.look(is_patient=False)).taken or done.refused:
            total = Round(total.opened + done.opened, total.taken + done.taken, total.refused + done.refused)
        outbox.say_goodbye()
    return total


async def run_outbox(mailrail: Mailrail, config: OutboxConfig) -> None:
    """Take requests into sends again and again until cancelled."""
    loop = asyncio.get_running_loop()
    # One thread of its own: the ledger's connection stays with it, and signals are heard meanwhile.
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix=PROCESS) as thread:
        ledger = await loop.run_in_executor(thread, mailrail.open_ledger)
        outbox = Outbox(mailrail, ledger, config)
        try:
            while True:
                done = await loop.run_in_executor(thread, _look, outbox)
                await asyncio.sleep(config.poll_seconds if not done.taken else config.poll_seconds / 2)
        finally:
            await loop.run_in_executor(thread, outbox.say_goodbye)
            await loop.run_in_executor(thread, ledger.close)


def _look(outbox: Outbox) -> Round:
    try:
        done = outbox.look()
    except LedgerBusy:
        logger.warning("the ledger is busy; requests wait in it")
        return Round()
    except GuardError as error:
        logger.error("%s", error)
        return Round()
    if done.taken:
        logger.info("%d requests in %d sends", done.taken, done.opened)
    return done
