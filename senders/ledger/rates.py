"""How fast messages may begin: rates, windows and daily caps, drawn in slices that all senders share.

A sender draws permits for a few messages in one transaction and spends them by itself, so a crash loses permits and
nobody ever exceeds a limit. Times are microseconds of real time. Add a kind of limit here; who asks for
permits, and when, belongs to ``delivery``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from senders.ledger.connection import Connection

SECOND = 1_000_000
SLICE_SECONDS = 0.25
_CELLS = 60
_SLOTS = _CELLS + 1
_LOCK = (
    "insert into rates (bucket) values (?) on conflict (bucket) do update set bucket = excluded.bucket"
    " returning arrival, day, used"
)


@dataclass(frozen=True, slots=True)
class Draw:
    """What a draw gave: ``count`` permits; where there were none, ``next_at`` is when to ask again."""

    count: int
    next_at: int = 0


class Limit(Protocol):
    """One limit on the messages that share its bucket."""

    @property
    def bucket(self) -> str:
        """The name of the messages that share it."""
        ...

    @property
    def slice(self) -> int:
        """How many permits to draw at once: what is lost when their sender dies."""
        ...

    def look(self, connection: Connection, now: int) -> Draw:
        """Return how many messages may begin now; locks the bucket until the transaction ends."""
        ...

    def spend(self, connection: Connection, count: int, now: int) -> None:
        """Take permits that the last look found."""
        ...


@dataclass(frozen=True, slots=True)
class Rate:
    """An even rate (GCRA, the ``leaky bucket as a meter`` of ITU-T I.371) with a burst of 250 ms' worth, at least 1.

    In any ``t`` seconds at most ``per_second * t + burst`` messages get permits.
    """

    bucket: str
    per_second: float

    @property
    def interval(self) -> int:
        """Microseconds from one message to the next."""
        return max(1, math.ceil(SECOND / self.per_second))

    @property
    def burst(self) -> int:
        """How many may begin at once."""
        return max(1, math.floor(self.per_second * SLICE_SECONDS))

    @property
    def slice(self) -> int:
        """How many permits to draw at once."""
        return self.burst

    def look(self, connection: Connection, now: int) -> Draw:
        """Return how many messages may begin now."""
        arrival = self._arrival(connection, now)
        latest = now + (self.burst - 1) * self.interval
        if arrival <= latest:
            return Draw((latest - arrival) // self.interval + 1)
        # Half a burst is worth a transaction; a single message is where no more will ever come at once.
        return Draw(0, now + arrival - latest + (self.burst // 2) * self.interval)

    def spend(self, connection: Connection, count: int, now: int) -> None:
        """Move the arrival time of the next message on."""
        arrival = self._arrival(connection, now) + count * self.interval
        connection.execute("update rates set arrival = ? where bucket = ?", (arrival, self.bucket))

    def _arrival(self, connection: Connection, now: int) -> int:
        stored = int(connection.execute(_LOCK, (self.bucket,)).fetchone()[0])
        latest = now + self.burst * self.interval
        if stored > latest:
            # Written under a clock that has since been set back: no refund, and no wait until it is that late again.
            connection.execute("update rates set arrival = ? where bucket = ?", (latest, self.bucket))
        return min(max(stored, now), latest)


@dataclass(frozen=True, slots=True)
class Window:
    """At most ``most`` messages in any ``seconds``, however they fall; counted in sixtieths, rounded against us."""

    bucket: str
    most: int
    seconds: float

    @property
    def slice(self) -> int:
        """How many permits to draw at once."""
        return max(1, math.floor(self.most / self.seconds * SLICE_SECONDS))

    def look(self, connection: Connection, now: int) -> Draw:
        """Return how many messages may begin now."""
        connection.execute(_LOCK, (self.bucket,)).fetchone()
        cell, slots = self._cell(now), [self._slot(number) for number in range(_SLOTS)]
        marks = ", ".join("?" * len(slots))
        # What was counted under a clock that has since been set back counts as of now.
        connection.execute(
            f"update rates set arrival = ? where arrival > ? and bucket in ({marks})",  # noqa: S608
            (cell, cell, *slots),
        )
        rows = connection.execute(
            f"select arrival, used from rates where arrival >= ? and bucket in ({marks})",  # noqa: S608
            (cell - _CELLS, *slots),
        ).fetchall()
        used = sum(row[1] for row in rows)
        if used < self.most:
            return Draw(self.most - used)
        oldest = min(row[0] for row in rows)
        return Draw(0, math.ceil((oldest + _CELLS + 1) * self.seconds * SECOND / _CELLS))

    def spend(self, connection: Connection, count: int, now: int) -> None:
        """Count messages in the cell of now."""
        cell = self._cell(now)
        connection.execute(
            "insert into rates (bucket, arrival, used) values (?, ?, ?) on conflict (bucket) do update set used ="
            " case when rates.arrival >= ? then rates.used + excluded.used else excluded.used end,"
            " arrival = excluded.arrival",
            (self._slot(cell), cell, count, cell - _CELLS),
        )

    def _cell(self, now: int) -> int:
        return int(now * _CELLS // (self.seconds * SECOND))

    def _slot(self, cell: int) -> str:
        return f"{self.bucket}#{cell % _SLOTS}"


@dataclass(frozen=True, slots=True)
class DailyCap:
    """At most ``caps[n]`` messages on the n-th day since ``start`` (UTC), for a relay whose address is new (P15).

    After the last cap there is none. A clock that is set back refunds nothing: the count stays with the latest day.
    """

    bucket: str
    caps: tuple[int, ...]
    start: str

    @property
    def slice(self) -> int:
        """How many permits to draw at once."""
        return max(1, min(self.caps) // 100)

    def look(self, connection: Connection, now: int) -> Draw:
        """Return how many messages may begin now."""
        day, used = self._stand(connection, now)
        cap = self._cap(day)
        if cap is None:
            return Draw(1_000_000)
        if used < cap:
            return Draw(cap - used)
        return Draw(0, _midnight_after(now))

    def spend(self, connection: Connection, count: int, now: int) -> None:
        """Count messages on the day of now."""
        day, used = self._stand(connection, now)
        connection.execute("update rates set day = ?, used = ? where bucket = ?", (day, used + count, self.bucket))

    def _stand(self, connection: Connection, now: int) -> tuple[str, int]:
        _, day, used = connection.execute(_LOCK, (self.bucket,)).fetchone()
        today = _moment(now).date().isoformat()
        return (today, 0) if today > day else (str(day), int(used))

    def _cap(self, day: str) -> int | None:
        number = (datetime.fromisoformat(day) - datetime.fromisoformat(self.start)).days
        return self.caps[max(number, 0)] if number < len(self.caps) else None


def draw(connection: Connection, limits: Sequence[Limit], wanted: int, now: int) -> Draw:
    """Take up to ``wanted`` permits that all limits allow, all or none of them; inside a write transaction."""
    count, next_at = wanted, 0
    # Always in the same order: each look locks a row.
    ordered = sorted(limits, key=lambda limit: limit.bucket)
    for limit in ordered:
        found = limit.look(connection, now)
        count = min(count, found.count)
        next_at = max(next_at, found.next_at)
    if count <= 0:
        return Draw(0, next_at)
    for limit in ordered:
        limit.spend(connection, count, now)
    return Draw(count)


def _moment(micros: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)


def _midnight_after(now: int) -> int:
    day = 86_400 * SECOND
    return (now // day + 1) * day
