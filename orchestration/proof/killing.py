"""The kill loop: processes die with signal 9 at moments spread over the whole send, chosen by the seed.

Add here another way to strike. What is started again, and how, belongs to ``crew``.
"""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from orchestration.proof.crew import Crew, Member, children, kill, kill_children
from orchestration.proof.sinks import Sink
from senders.errors import GuardError
from senders.ledger.store import Ledger

_POLL_SECONDS = 0.005
_REVIVE_SECONDS = 0.1
_STALL_SECONDS = 120.0
# A strike hits a moment, not a count of messages: it comes a little after its share of the work is done.
_LATER_SECONDS = 0.03
# The first and the last message of a send are as good a moment as any; the rest has to be left to a last run.
_FIRST_SHARE, _LAST_SHARE = 0.01, 0.9


class Blow(StrEnum):
    """Who dies."""

    SENDER = "sender"
    GROUP = "sender_group"  # with its render child, at once
    ALL_SENDERS = "all_senders"
    RENDER_CHILD = "render_child"
    COLLECTOR = "collector"


_ODDS = {Blow.SENDER: 50, Blow.GROUP: 15, Blow.ALL_SENDERS: 10, Blow.RENDER_CHILD: 10, Blow.COLLECTOR: 15}

Progress = Callable[[int, int, str], None]


@dataclass(slots=True)
class KillLoop:
    """Kills, starts again and waits, until the send is settled.

    Attributes:
        killed: how many processes died of each blow.
        senders_killed: how many of them were senders: only those can leave doubt.
    """

    crew: Crew
    sink: Sink
    ledger: Ledger
    kills: int
    chance: random.Random
    progress: Progress
    killed: Counter[Blow] = field(default_factory=Counter)
    senders_killed: int = 0
    _revived: float = 0.0

    def run(self) -> None:
        """Strike as often as was asked for, then let the send come to its end.

        Raises:
            GuardError: the send stands still.
        """
        goals = sorted(self.chance.uniform(_FIRST_SHARE, _LAST_SHARE) for _ in range(self.kills))
        for goal in goals:
            if self.killed.total() >= self.kills:
                break
            self._wait(lambda wanted=goal: self.sink.finished() >= wanted * self.crew.world.recipients)
            time.sleep(self.chance.random() * _LATER_SECONDS)
            self._strike()
        self._wait(self._is_settled)

    def _strike(self) -> None:
        """Kill once; a blow for which nobody is there falls on a sender."""
        blow = self.chance.choices(list(_ODDS), list(_ODDS.values()))[0]
        senders = self.crew.named("sender")
        collectors = self.crew.named("collector")
        if blow is Blow.COLLECTOR and collectors:
            kill(collectors[0])
            self.killed[blow] += 1
        elif blow is Blow.RENDER_CHILD and any(map(kill_children, _working(senders))):
            self.killed[blow] += 1
        elif blow is Blow.ALL_SENDERS and len(senders) <= self.kills - self.killed.total():
            self._kill_senders(blow, senders)
        elif senders:
            victims = self.chance.sample(_working(senders), 1)
            self._kill_senders(blow if blow is Blow.GROUP else Blow.SENDER, victims)
        self.crew.revive()

    def _kill_senders(self, blow: Blow, victims: list[Member]) -> None:
        for victim in victims:
            kill(victim, group=blow is Blow.GROUP)
        self.killed[blow] += len(victims)
        self.senders_killed += len(victims)

    def _wait(self, is_reached: Callable[[], bool]) -> None:
        """Wait for a point of the send, and keep the crew complete meanwhile.

        Raises:
            GuardError: nothing happened for a long while.
        """
        seen, since = -1, time.monotonic()
        while not is_reached():
            now = time.monotonic()
            if now - self._revived > _REVIVE_SECONDS:
                self._revived = now
                self.crew.revive()
            finished = self.sink.finished()
            if finished != seen:
                seen, since = finished, now
                self.progress(finished, self.crew.world.recipients, f"{self.killed.total()} kills")
            elif now - since > _STALL_SECONDS:
                raise GuardError(f"proof: the send stands still at {finished:,} messages; see {self.crew.log}")
            time.sleep(_POLL_SECONDS)

    def _is_settled(self) -> bool:
        time.sleep(_REVIVE_SECONDS)
        counts = self.ledger.counts(self.crew.world.send_no)
        return not any(counts[state] for state in ("queued", "offered", "deferred"))


def _working(senders: list[Member]) -> list[Member]:
    """Return the senders that are at a shard; all of them where none is, or where the machine does not say."""
    return [sender for sender in senders if children(sender)] or senders
