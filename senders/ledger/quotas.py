"""How often something may be done in a time: counted and judged in one statement, all counters or none.

A window begins with its first use. With one use to a window that is exact; a limit of several in a long time has a
counter for each, so that in no such time there are more, however they fall. Add nothing about what is limited; who
asks brings the counters.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from senders.ledger.connection import Connection

SECOND = 1_000_000
REFUSALS = "refused"
_REFUSALS_KEPT = 86_400 * SECOND

# Of each limit the first counter with room; all limits must have one. A window that begins in the future, by a clock
# that was set back since, counts no longer than a window is long.
_IS_OPEN = "quotas.ends_at > ? and quotas.window_at - ? < quotas.ends_at - quotas.window_at"
_TAKE = f"""insert into quotas (bucket, window_at, used, ends_at)
with rules as {{rules}},
room as (
    select rules.name, min(rules.bucket) as bucket
    from rules left join quotas on quotas.bucket = rules.bucket and {_IS_OPEN}
    where quotas.bucket is null or quotas.used < rules.most
    group by rules.name
)
select rules.bucket, coalesce(quotas.window_at, ?), coalesce(quotas.used, 0) + 1,
    coalesce(quotas.ends_at, rules.ends_at)
from room join rules on rules.bucket = room.bucket
left join quotas on quotas.bucket = rules.bucket and {_IS_OPEN}
where (select count(*) from room) = ?
    and not exists (
        select 1 from suppressions where address_hash = ? and scope = '' and reason <> 'unsubscribed'
    )
on conflict (bucket) do update
    set window_at = excluded.window_at, used = excluded.used, ends_at = excluded.ends_at
"""  # noqa: S608
_COLUMNS = {"name": "text", "bucket": "text", "most": "bigint", "ends_at": "bigint"}


@dataclass(frozen=True, slots=True)
class Quota:
    """At most ``most`` uses in ``seconds``, of all that share the ``bucket``.

    Where it ``is_exact``, that holds for any such time; else for windows that begin with their first use. Exact ones
    are for small numbers: each use has a row.
    """

    bucket: str
    most: int
    seconds: float
    is_exact: bool = False

    def rules(self, now: int) -> list[tuple[str, str, int, int]]:
        """Return the counters: the limit's name, the counter's, its most, and when a window that begins now ends."""
        ends_at = now + int(self.seconds * SECOND)
        if not self.is_exact:
            return [(self.bucket, self.bucket, self.most, ends_at)]
        return [(self.bucket, f"{self.bucket}#{number:02d}", 1, ends_at) for number in range(self.most)]


def take(connection: Connection, quotas: Sequence[Quota], address_hash: bytes, now: int) -> bool:
    """Count a mail that somebody asks for in every quota, or in none; whether it may be sent.

    None may where the address must not be written to for another reason than the person's own wish: by asking they
    take that back.

    Args:
        connection: in a write transaction.
        quotas: with names of their own.
        address_hash: of the recipient.
        now: microseconds.
    """
    rules, values = connection.given(_COLUMNS, [rule for quota in quotas for rule in quota.rules(now)])
    done = connection.execute(_TAKE.format(rules=rules), (*values, now, now, now, now, now, len(quotas), address_hash))
    is_granted = done.rowcount == len(quotas)
    if not is_granted:
        _note_refusal(connection, now)
    return is_granted


def _note_refusal(connection: Connection, now: int) -> None:
    """Count a refusal: so it waits for the disk as a grant does, and its time tells nobody which it was (T6)."""
    connection.execute(
        "insert into quotas (bucket, window_at, used, ends_at) values (?, ?, 1, ?) on conflict (bucket) do update set"
        " used = quotas.used + 1, ends_at = excluded.ends_at",
        (REFUSALS, now, now + _REFUSALS_KEPT),
    )


def forget_quotas(connection: Connection, now: int) -> None:
    """Remove the counters whose window is over."""
    connection.execute("delete from quotas where ends_at <= ?", (now,))
