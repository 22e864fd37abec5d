"""The writer of a wire process: one thread that makes offers and results durable, many in one transaction.

Offers and results stand in one first-in-first-out queue, so a connection's result is never committed later
than its next offer (G3). Nothing is answered before its COMMIT. Add nothing about states here; they belong
to ``transitions``.
"""

import asyncio
import itertools
import logging
import operator
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from senders.clock import Clock
from senders.errors import LedgerBusy, SenderError
from senders.failpoints import passing
from senders.ledger.connection import Connection
from senders.ledger.database import next_sequence, open_database
from senders.ledger.journal import SendJournal
from senders.ledger.journal_lines import Offered
from senders.ledger.lease import Lease
from senders.ledger.restoring import notice
from senders.ledger.rows import Suppression, to_micros
from senders.ledger.runs import offer_run, runs_of, settle_run
from senders.ledger.suppression_log import SuppressionLog
from senders.ledger.transitions import Gate, Offer, Outcome, Verdict, mark_first_offer, open_gate

logger = logging.getLogger(__name__)

T = TypeVar("T")
Work = Callable[[Connection, int], Any]
Answers = list[tuple[asyncio.Future[Any], Any]]

GROUP_MOST = 500
_BUSY_SECONDS = 2.0
_PAUSE_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class _Item:
    """One thing to write; ``future`` waits for its COMMIT."""

    what: Offer | Outcome | Work
    future: asyncio.Future[Any] | None


class LedgerWriter:
    """Groups what connections want written; belongs to one event loop."""

    def __init__(
        self,
        home: Path,
        clock: Clock,
        *,
        group_wait_seconds: float = 0.001,
        on_commit: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self._on_commit = on_commit
        self._loop = asyncio.get_running_loop()
        self._clock = clock
        self._group_wait_seconds = group_wait_seconds
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._error: BaseException | None = None
        self._database = open_database(home, busy_timeout_seconds=_BUSY_SECONDS)
        self._journal = SendJournal(self._database.folder)
        self._journaled = self._journal.highest()
        self._suppression_log = SuppressionLog(self._database.folder)
        self._suppressed: list[Suppression] = []
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)

    def start(self) -> None:
        """Compare ledger and journal, then begin to write.

        Raises:
            GuardError: the ledger is older than the send journal.
        """
        notice(self._database, self._database.folder)
        self._journal.check(self._database.connection)
        self._thread.start()

    def offer(self, wish: Offer) -> asyncio.Future[Verdict]:
        """Ask to write an end mark; the answer comes after the intent is durable."""
        return self._put(wish)

    def result(self, outcome: Outcome) -> None:
        """Hand over what became of a message; it is written before any later offer is answered."""
        self._queue.put(_Item(outcome, None))
        passing("result.queued")

    def call(self, work: Callable[[Connection, int], T]) -> asyncio.Future[T]:
        """Run ``work(connection, now_micros)`` within a group's transaction and return its value."""
        return self._put(work)

    def depth(self) -> int:
        """How many things wait to be written."""
        return self._queue.qsize()

    def _put(self, what: Offer | Work) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self._loop.create_future()
        if self._error is not None:
            future.set_exception(SenderError(f"the ledger's writer has stopped: {self._error}"))
        else:
            self._queue.put(_Item(what, future))
        return future

    def hurry(self) -> None:
        """Wait a few seconds at most from now on where the store cannot be written."""
        self._closing.set()

    async def close(self) -> None:
        """Write what is left, for a few seconds at most, and stop."""
        self.hurry()
        self._queue.put(None)
        if self._thread.is_alive():
            await self._loop.run_in_executor(None, self._thread.join)
        self._journal.close()
        self._database.close()

    def _run(self) -> None:
        group: list[_Item] = []
        try:
            while group := self._next_group():
                self._write_persistently(group)
        except Exception as error:
            # Fail-stop: a writer that does not know what it wrote must not answer any more.
            logger.exception("the ledger's writer stops; no message is offered any more")
            self._loop.call_soon_threadsafe(self._fail_all, error, group)

    def _next_group(self) -> list[_Item]:
        first = self._queue.get()
        if first is None:
            return []
        if self._group_wait_seconds and not callable(first.what):
            time.sleep(self._group_wait_seconds)
        group = [first]
        while len(group) < GROUP_MOST:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
            if item is None:
                self._queue.put(None)
                break
            group.append(item)
        return group

    def _write_persistently(self, group: list[_Item]) -> None:
        """Write a group; while the store is locked or full, wait and try again: sending pauses meanwhile."""
        tries = 0
        while True:
            began = time.perf_counter()
            try:
                answers = self._write(group)
                self._on_commit(time.perf_counter() - began)
                break
            except LedgerBusy as error:
                self._rest(tries, error)
                tries += 1
        self._remember(tries, _begun(group, answers))
        passing("journal.after")
        self._answer(answers)

    def _remember(self, tries: int, begun: list[Offered]) -> None:
        """Bring the journal up to the ledger, with the offers begun; nothing of the group is answered before."""
        row = dict(self._database.rows("select name, value from counters"))
        stand = (int(row["epoch"]), int(row["sequence"]))
        while stand != self._journaled:
            try:
                self._journal.append(*stand, begun)
                self._journaled = stand
            except OSError as error:
                self._rest(tries, error)
                tries += 1
        if tries:
            logger.warning("the ledger takes writes again after %d tries; sending goes on", tries)

    def _rest(self, tries: int, error: Exception) -> None:
        if self._closing.is_set() and tries >= len(_PAUSE_SECONDS):
            raise error
        if tries in {0, 5} or tries % 30 == 0:
            logger.warning("sending pauses, the ledger can't be written: %s", error)
        time.sleep(_PAUSE_SECONDS[min(tries, len(_PAUSE_SECONDS) - 1)])

    def _write(self, group: list[_Item]) -> Answers:
        """Run one transaction over a group and return the answers it earned."""
        self._suppressed.clear()
        with self._database.write() as connection:
            now = to_micros(self._clock.now())
            sequence = next_sequence(connection) if any(isinstance(item.what, Offer) for item in group) else 0
            found = self._apply(connection, [item.what for item in group], sequence, now)
            for send_no in _sends_begun(group, found):
                mark_first_offer(connection, send_no, now)
            answers = [(item.future, one) for item, one in zip(group, found, strict=True) if item.future is not None]
            self._suppression_log.append(self._suppressed)
            passing("commit.before")
        passing("commit.after")
        return answers

    def _apply(self, connection: Connection, group: list[Any], sequence: int, now: int) -> list[Any]:
        """Do what a group asks for, in as few statements as the order allows; return the answers in order."""
        found: list[Any] = [None] * len(group)
        gates: dict[Lease, Gate] = {}
        for kind, places in runs_of(group):
            run = [group[place] for place in places]
            if isinstance(kind, Lease):
                gate = gates.get(kind) or gates.setdefault(kind, open_gate(connection, kind, now))
                answers: list[Any] = offer_run(connection, run, gate, sequence, now)
            elif kind is Outcome or isinstance(run[0], Outcome):
                settled = settle_run(connection, run, now, self._suppressed)
                answers = [None] * len(run)
                for one in itertools.compress(run, map(operator.not_, settled)):
                    _warn(one)
            else:
                gates.clear()  # it may have changed what they hold
                answers = [_work(connection, one, now) for one in run]
            for place, answer in zip(places, answers, strict=True):
                found[place] = answer
        return found

    def _answer(self, answers: Answers) -> None:
        if answers:
            self._loop.call_soon_threadsafe(_deliver, answers)

    def _fail_all(self, error: Exception, group: list[_Item]) -> None:
        """Fail everything that waits and will come; on the loop, so that nothing slips in between."""
        self._error = error
        while not self._queue.empty():
            item = self._queue.get_nowait()
            if item is not None:
                group.append(item)
        reason = SenderError(f"the ledger's writer has stopped: {error}")
        _deliver([(item.future, reason) for item in group if item.future is not None])


def _sends_begun(group: list[_Item], verdicts: list[Any]) -> set[int]:
    """Return the sends of which a message may go: one that is suppressed does not begin its send."""
    return {
        item.what.lease.send_no
        for item, verdict in zip(group, verdicts, strict=True)
        if isinstance(item.what, Offer) and verdict is Verdict.GO
    }


def _warn(outcome: Outcome) -> None:
    logger.warning(
        "message %d of send %d does not stand where its result (%s) says; left as it is",
        outcome.seq,
        outcome.lease.send_no,
        outcome.state,
    )


def _begun(group: list[_Item], answers: Answers) -> list[Offered]:
    """Return the offers of a group that were allowed; their end marks are about to be written."""
    asked = (item.what for item in group if item.future is not None)
    return [
        (what.lease.send_no, what.seq)
        for what, (_, answer) in zip(asked, answers, strict=True)
        if isinstance(what, Offer) and answer is Verdict.GO
    ]


def _work(connection: Connection, work: Work, now: int) -> Any:
    """Run a caller's work so that its own failure undoes its own changes only."""
    connection.execute("savepoint work")
    try:
        answer = work(connection, now)
    except SenderError as error:
        connection.execute("rollback to work")
        answer = error
    connection.execute("release work")
    return answer


def _deliver(answers: Answers) -> None:
    for future, answer in answers:
        if future.done():
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
