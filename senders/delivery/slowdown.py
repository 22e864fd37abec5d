"""How a provider's replies about speed slow us down, and how we come back: RELIABILITY P14, P15.

All of it follows from one stored row and the time, so every sender sees the same, also after a restart. Add here a
reply that asks for another manner; which replies are about speed stands in ``classify``.
"""

from dataclasses import dataclass, replace

from senders.ledger.connection import Connection
from senders.ledger.rates import SECOND

HALF, LEAST = 0.5, 1 / 64
REGAINED = 0.05
CLEAN_SECONDS = 60
DEAF_SECONDS = 10  # replies to messages that were under way count once
CLOSED_SECONDS = 600
CLOSING_CODES = frozenset({"4.7.28", "5.7.28"})
_MINUTES_MOST = 500
_PREFIX = "replies:"


@dataclass(frozen=True, slots=True)
class Standing:
    """How we stand with a provider: at ``since`` it let us go at ``factor`` of our pace.

    ``until`` is when a closed one may be tried again, then with ``stage`` connections and one more each clean
    minute; 0 means that it was never closed. Times are microseconds of real time.
    """

    factor: float = 1.0
    since: int = 0
    until: int = 0
    stage: int = 0

    def share(self, now: int) -> float:
        """Return which part of our pace it takes now: half after trouble, 5 % more for each clean minute."""
        return min(1.0, self.factor + REGAINED * _clean_minutes(self.since, now))

    def shut_seconds(self, now: int) -> float:
        """Return how long nothing may go to it."""
        return max(0, self.until - now) / SECOND

    def connections(self, width: int, now: int) -> int:
        """Return how many of ``width`` connections may carry its mail."""
        if self.shut_seconds(now):
            return 0
        if self.stage:
            return min(width, self.stage + _clean_minutes(max(self.until, self.since), now))
        return max(1, int(width * self.share(now)))

    def is_calm(self, now: int) -> bool:
        """Whether nothing of the trouble is left."""
        minutes = _clean_minutes(max(self.until, self.since), now)
        return self.share(now) >= 1.0 and (not self.stage or minutes >= _MINUTES_MOST)

    def after(self, enhanced: str, now: int) -> "Standing":
        """Return how we stand after a reply about speed."""
        is_echo = now - self.since < DEAF_SECONDS * SECOND
        if self.shut_seconds(now) or (is_echo and enhanced not in CLOSING_CODES):
            return self
        slower = Standing(max(LEAST, self.share(now) * HALF), now, self.until, 1 if self.stage else 0)
        if enhanced in CLOSING_CODES:
            return replace(slower, until=now + CLOSED_SECONDS * SECOND, stage=1)
        return slower


def read_standings(connection: Connection, now: int) -> dict[tuple[str, int], Standing]:
    """Return how we stand by relay and number of the provider; inside a write transaction."""
    # Trouble that lies ahead was noted under a clock that has since been set back: it counts as of now.
    connection.execute(
        "update rates set until = until - (arrival - ?), arrival = ? where bucket like 'replies:%' and arrival > ?",
        (now, now, now),
    )
    rows = connection.execute(
        "select bucket, factor, arrival, until, stage from rates where bucket like 'replies:%'"
    ).fetchall()
    return {_place(bucket): Standing(*standing) for bucket, *standing in rows}


def note_reply(connection: Connection, relay: str, provider: int, enhanced: str, now: int) -> Standing:
    """Store a reply about speed and return how we stand then; inside a write transaction."""
    bucket = f"{_PREFIX}{provider}:{relay}"
    row = connection.execute(
        "insert into rates (bucket) values (?) on conflict (bucket) do update set bucket = excluded.bucket"
        " returning factor, arrival, until, stage",
        (bucket,),
    ).fetchone()
    standing = Standing(*row).after(enhanced, now)
    connection.execute(
        "update rates set factor = ?, arrival = ?, until = ?, stage = ? where bucket = ?",
        (standing.factor, standing.since, standing.until, standing.stage, bucket),
    )
    return standing


def _place(bucket: str) -> tuple[str, int]:
    provider, _, relay = bucket.removeprefix(_PREFIX).partition(":")
    return relay, int(provider)


def _clean_minutes(since: int, now: int) -> int:
    return max(0, now - since) // (CLEAN_SECONDS * SECOND)
