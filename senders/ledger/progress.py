"""How far a send is, by mailbox provider, as its senders tell it some times a second.

Bars, Dagster and metrics read these few rows where counting a million messages would cost a core. They may be a second
old and are counted anew whenever a run begins or ends; the proof sheet counts the messages themselves. Add here what
people watch while a send runs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field

from senders.ledger.connection import Connection
from senders.ledger.database import Database
from senders.ledger.lease import Lease
from senders.message import State

OTHERS, UNKNOWN = "others", "unknown"
SHOWN_MOST = 8

ENDS: Mapping[State, str] = {
    State.ACCEPTED: "accepted",
    State.REFUSED: "refused",
    State.DEFERRED: "deferred",
    State.SUPPRESSED: "passed_over",
    State.EXPIRED: "passed_over",
    State.CANCELLED: "passed_over",
    State.IN_DOUBT: "in_doubt",
}
_COUNTED = (
    "count(*), count(*) filter (where m.state = 'accepted'), count(*) filter (where m.state = 'refused'),"
    " count(*) filter (where m.state = 'deferred'),"
    " count(*) filter (where m.state in ('suppressed', 'expired', 'cancelled')),"
    " count(*) filter (where m.state = 'in_doubt')"
)
_COLUMNS = ("accepted", "refused", "deferred", "passed_over", "in_doubt")


@dataclass(slots=True)
class Counts:
    """Messages of one provider: all of them, and those that have left the queue by where they are.

    ``deferred`` ones wait for their next try; ``passed_over`` were suppressed, expired or cancelled.
    """

    total: int = 0
    accepted: int = 0
    refused: int = 0
    deferred: int = 0
    passed_over: int = 0
    in_doubt: int = 0

    @property
    def settled(self) -> int:
        """How many have ended."""
        return self.accepted + self.refused + self.passed_over + self.in_doubt

    @property
    def waiting(self) -> int:
        """How many have not ended, deferred ones among them."""
        return self.total - self.settled

    @property
    def moving(self) -> int:
        """How many wait for their first try, or for the relay's reply."""
        return self.waiting - self.deferred


@dataclass(slots=True)
class ShardProgress:
    """What a run knows of its shard when it begins: names and counts by provider number, and who was put off."""

    names: dict[int, str] = field(default_factory=dict)
    counts: dict[int, Counts] = field(default_factory=dict)
    deferred: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class ReplyStanding:
    """What a relay's replies about speed have done to one provider's pace, as ``rates`` keeps it (microseconds)."""

    provider: str
    relay: str
    factor: float
    since: int
    until: int
    stage: int


class Progress:
    """The part of the ledger that people watch."""

    _database: Database

    def progress(self, send_no: int) -> dict[str, Counts]:
        """Return the counts of a send by mailbox provider, the largest first; '' is the provider nobody knows."""
        rows = self._database.rows(
            "select coalesce(p.name, ''), sum(g.total), sum(g.accepted), sum(g.refused), sum(g.deferred),"
            " sum(g.passed_over), sum(g.in_doubt) from progress as g left join providers as p"
            " on p.provider = g.provider where g.send_no = ? group by 1 order by 2 desc, 1",
            (send_no,),
        )
        return {name: Counts(*map(int, counts)) for name, *counts in rows}

    def exact_progress(self, send_no: int) -> dict[str, Counts]:
        """Return the same counted from the messages themselves, which takes half a second for a million."""
        rows = self._database.rows(
            f"select coalesce(p.name, ''), {_COUNTED} from messages as m left join providers as p"  # noqa: S608
            " on p.provider = m.provider where m.send_no = ? group by 1 order by 2 desc, 1",
            (send_no,),
        )
        return {name: Counts(*map(int, counts)) for name, *counts in rows}

    def next_due(self, send_no: int) -> int:
        """Return when the next deferred message of a send is due (real time, milliseconds), 0 where none waits."""
        row = self._database.row(
            "select min(next_at) from messages where send_no = ? and state = 'deferred'", (send_no,)
        )
        return int(row[0] or 0) if row else 0

    def rests_until(self, send_no: int) -> int:
        """Return until when all that is left of a send rests (real time, milliseconds); 0 where something does not."""
        row = self._database.row(
            "select min(case when owner = '' then next_at else 0 end) from shards where send_no = ? and done = 0",
            (send_no,),
        )
        return int(row[0] or 0) if row else 0

    def standings(self) -> list[ReplyStanding]:
        """Return how each relay's replies about speed stand, by provider."""
        names = dict(self._database.rows("select provider, name from providers"))
        rows = self._database.rows(
            "select bucket, factor, arrival, until, stage from rates where bucket like 'replies:%' order by bucket"
        )
        found = []
        for bucket, factor, since, until, stage in rows:
            provider, _, relay = bucket.removeprefix("replies:").partition(":")
            found.append(ReplyStanding(names.get(int(provider), ""), relay, factor, since, until, stage))
        return found


def open_counts(connection: Connection) -> dict[str, Counts]:
    """Return the counts of each send that is not over, by its send_id."""
    rows = connection.execute(
        "select n.send_id, sum(g.total), sum(g.accepted), sum(g.refused), sum(g.deferred), sum(g.passed_over),"
        " sum(g.in_doubt) from progress as g join sends as n on n.send_no = g.send_no"
        " where n.state in ('running', 'paused') group by n.send_id"
    )
    return {send_id: Counts(*map(int, counts)) for send_id, *counts in rows.fetchall()}


def sum_counts(counts: Iterable[Counts]) -> Counts:
    """Return the counts of several providers together."""
    columns = zip(*map(astuple, counts), strict=True)
    return Counts(*map(sum, columns))


def group_providers(counts: Mapping[str, Counts]) -> dict[str, tuple[str, ...]]:
    """Return the names behind each line that people are shown: the largest providers, and all others together."""
    ordered = sorted(counts, key=lambda name: (-counts[name].total, name))
    # One more line is no longer than the word for it.
    most = SHOWN_MOST if len(ordered) > SHOWN_MOST + 1 else len(ordered)
    groups: dict[str, tuple[str, ...]] = {name or UNKNOWN: (name,) for name in ordered[:most]}
    if small := tuple(ordered[most:]):
        groups[OTHERS] = small
    return groups


def recount(connection: Connection, send_no: int, shard: int, first_seq: int, last_seq: int, now: int) -> None:
    """Set the progress of a shard to what its messages say; inside a write transaction."""
    rows = connection.execute(
        f"select provider, {_COUNTED} from messages as m"  # noqa: S608
        " where send_no = ? and seq between ? and ? group by provider",
        (send_no, first_seq, last_seq),
    ).fetchall()
    _write(connection, [(send_no, shard, provider, *counts, now) for provider, *counts in rows])


def begin_progress(connection: Connection, lease: Lease, now: int) -> ShardProgress:
    """Count a shard anew for a run that begins, and return what the run counts on from."""
    recount(connection, lease.send_no, lease.shard, lease.first_seq, lease.last_seq, now)
    rows = connection.execute(
        f"select g.provider, coalesce(p.name, ''), g.total, {', '.join(f'g.{name}' for name in _COLUMNS)}"  # noqa: S608
        " from progress as g left join providers as p on p.provider = g.provider where g.send_no = ? and g.shard = ?",
        (lease.send_no, lease.shard),
    ).fetchall()
    deferred = connection.execute(
        "select seq from messages where send_no = ? and seq between ? and ? and state = 'deferred'",
        (lease.send_no, lease.first_seq, lease.last_seq),
    ).fetchall()
    return ShardProgress(
        names={provider: name for provider, name, *_ in rows},
        counts={provider: Counts(*counts) for provider, _, *counts in rows},
        deferred={seq for (seq,) in deferred},
    )


def write_progress(connection: Connection, lease: Lease, counts: Mapping[int, Counts], now: int) -> None:
    """Tell how far a run is, unless somebody took its shard over; inside a write transaction."""
    held = connection.execute(
        "select 1 from shards where send_no = ? and shard = ? and epoch = ? and owner = ?",
        (lease.send_no, lease.shard, lease.epoch, lease.owner),
    ).fetchone()
    if held is None:
        return
    rows = [
        (lease.send_no, lease.shard, provider, each.total, *(getattr(each, name) for name in _COLUMNS), now)
        for provider, each in counts.items()
    ]
    _write(connection, rows)


def _write(connection: Connection, rows: list[tuple[int, ...]]) -> None:
    connection.executemany(
        "insert into progress (send_no, shard, provider, total, accepted, refused, deferred, passed_over, in_doubt,"
        " changed_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (send_no, shard, provider) do update set"
        " total = excluded.total, accepted = excluded.accepted, refused = excluded.refused,"
        " deferred = excluded.deferred, passed_over = excluded.passed_over, in_doubt = excluded.in_doubt,"
        " changed_at = excluded.changed_at",
        rows,
    )
