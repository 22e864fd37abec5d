"""What a run tells about its own progress: counts by mailbox provider, kept while it works and written now and then.

It stands between the run and the ledger's writer, so that whatever is recorded is counted; it runs a few milliseconds
ahead of the ledger, and the next run counts anew. Add here what is counted message by message; where the counts go
stands in ``senders.ledger.progress`` and ``metrics``.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from senders.delivery.metrics import Metrics
from senders.ledger.connection import Connection
from senders.ledger.lease import Lease
from senders.ledger.progress import ENDS, Counts, ShardProgress, sum_counts, write_progress
from senders.ledger.transitions import Offer, Outcome, Verdict, Waiting
from senders.ledger.writer import LedgerWriter
from senders.message import State

T = TypeVar("T")

_ENDED_BY = {Verdict.SUPPRESSED: State.SUPPRESSED, Verdict.EXPIRED: State.EXPIRED}


class Tally:
    """The writer of one run, which counts what passes; belongs to the event loop."""

    def __init__(
        self,
        writer: LedgerWriter,
        lease: Lease,
        waiting: Mapping[int, Waiting],
        known: ShardProgress,
        metrics: Metrics,
    ) -> None:
        self._writer = writer
        self._lease = lease
        self._waiting = waiting
        self._names = known.names
        self._counts = known.counts
        self._deferred = known.deferred
        self._metrics = metrics
        self._offered: set[int] = set()
        self._changed: set[int] = set()

    def offer(self, wish: Offer) -> asyncio.Future[Verdict]:
        """Ask to write an end mark, and count the answer."""
        future = self._writer.offer(wish)
        future.add_done_callback(lambda done: self._note_verdict(wish.seq, done))
        return future

    def result(self, outcome: Outcome) -> None:
        """Hand over what became of a message, and count it."""
        self._writer.result(outcome)
        self._end_offer(outcome.seq)
        self._note(outcome.seq, outcome.state)
        if outcome.state is not State.QUEUED:
            self._metrics.reply(outcome.code, outcome.class_)
        if outcome.code and outcome.relay:
            self._metrics.relay(outcome.relay, is_up=True)

    def call(self, work: Callable[[Connection, int], T]) -> asyncio.Future[T]:
        """Run work within a group's transaction."""
        return self._writer.call(work)

    @property
    def totals(self) -> Counts:
        """The counts of all providers together."""
        return sum_counts(self._counts.values())

    async def publish(self) -> None:
        """Write what changed since the last time into the ledger."""
        if not self._changed:
            return
        changed = {provider: replace(self._counts[provider]) for provider in self._changed}
        self._changed.clear()
        await self._writer.call(lambda connection, now: write_progress(connection, self._lease, changed, now))

    def close(self) -> None:
        """Count no offer of this run as under way any more."""
        self._metrics.offers_in_flight.dec(len(self._offered))
        self._offered.clear()

    def _note_verdict(self, seq: int, done: asyncio.Future[Verdict]) -> None:
        if done.cancelled() or done.exception() is not None:
            return
        verdict = done.result()
        if verdict is Verdict.GO:
            self._offered.add(seq)
            self._metrics.offers_in_flight.inc()
        elif verdict in _ENDED_BY:
            self._note(seq, _ENDED_BY[verdict])

    def _end_offer(self, seq: int) -> None:
        if seq in self._offered:
            self._offered.discard(seq)
            self._metrics.offers_in_flight.dec()

    def _note(self, seq: int, state: State) -> None:
        provider = self._waiting[seq].provider
        counts = self._counts.setdefault(provider, Counts())
        if seq in self._deferred:
            self._deferred.discard(seq)
            counts.deferred -= 1
        if state is State.DEFERRED:
            self._deferred.add(seq)
        if column := ENDS.get(state):
            setattr(counts, column, getattr(counts, column) + 1)
            self._metrics.message(state, self._names.get(provider, ""))
        self._changed.add(provider)
