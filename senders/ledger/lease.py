"""Leases: which process may offer the messages of a shard, told by an epoch that only rises.

Everything here runs inside a write transaction of the caller. Add here what changes who holds a shard;
what the holder does with its messages stands in ``transitions``.
"""

import time
from dataclasses import dataclass

from senders.config import MARKETING
from senders.failpoints import passing
from senders.ledger.connection import Connection
from senders.ledger.database import advance
from senders.ledger.owner import is_dead, this_machine

# A due time further away than this was written under a clock that has since been set back: the settings know no
# pause as long. Whoever waits when the clock goes back by less waits for that time longer.
FAR_MILLIS = 6 * 3_600_000


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to offer one shard's messages, until somebody takes a higher epoch."""

    send_no: int
    shard: int
    epoch: int
    owner: str
    file: str
    first_seq: int
    last_seq: int
    stream: str = MARKETING
    send_id: str = ""


def claim(
    connection: Connection, owner: str, lease_seconds: float, now_micros: int, *, stream: str = ""
) -> Lease | None:
    """Take the first shard of a running send that has due messages and no living owner; None where there is none.

    What somebody waits for (transactional) goes first; with ``stream`` only shards of that stream are taken.
    What an earlier owner had offered without recording a reply becomes in doubt in the same transaction.
    """
    wall = time.time_ns() // 1_000_000
    candidates = connection.execute(
        "select s.send_no, s.shard, s.file, s.first_seq, s.last_seq, s.owner, s.expires_at, n.stream, n.send_id"
        " from shards as s join sends as n on n.send_no = s.send_no"
        " where n.state = 'running' and s.done = 0 and (s.next_at <= ? or s.next_at > ?)"
        " and (? = '' or n.stream = ?)"
        " order by case n.stream when 'transactional' then 0 else 1 end, s.send_no, s.shard",
        (wall, wall + FAR_MILLIS, stream, stream),
    ).fetchall()
    for send_no, shard, file, first, last, holder, expires_at, found, send_id in candidates:
        if not _is_free(connection, holder, expires_at):
            continue
        epoch = _raise_epoch(connection, send_no, shard, first, last, now_micros)
        connection.execute(
            "update shards set owner = ?, expires_at = ? where send_no = ? and shard = ?",
            (owner, connection.lease_now() + lease_seconds, send_no, shard),
        )
        passing("lease.claimed")
        return Lease(send_no, shard, epoch, owner, file, first, last, found, send_id)
    return None


def renew(connection: Connection, lease: Lease, lease_seconds: float) -> bool:
    """Keep a lease for a while longer; False when it was taken over."""
    done = connection.execute(
        "update shards set expires_at = ? where send_no = ? and shard = ? and epoch = ? and owner = ?",
        (connection.lease_now() + lease_seconds, lease.send_no, lease.shard, lease.epoch, lease.owner),
    )
    passing("lease.renewed")
    return done.rowcount == 1


def release(connection: Connection, lease: Lease, now_micros: int, *, rest_seconds: float = 0.0) -> bool:
    """Give a shard back and note when it has work again; False when it was taken over.

    The caller has no offer open any more; one that is open nevertheless becomes in doubt.
    """
    key = (lease.send_no, lease.first_seq, lease.last_seq)
    held = connection.execute(
        "select 1 from shards where send_no = ? and shard = ? and epoch = ? and owner = ?",
        (lease.send_no, lease.shard, lease.epoch, lease.owner),
    ).fetchone()
    if held is None:
        return False
    _doubt_open_offers(connection, *key, lease.epoch + 1, now_micros)
    queued, due = connection.execute(
        "select count(*) filter (where state = 'queued'), min(next_at) filter (where state = 'deferred')"
        " from messages where send_no = ? and seq between ? and ? and state in ('queued', 'deferred')",
        key,
    ).fetchone()
    rest = int((time.time() + rest_seconds) * 1000) if rest_seconds else 0
    next_at = rest if queued else max(due or 0, rest)
    connection.execute(
        "update shards set owner = '', expires_at = 0, next_at = ?, done = ? where send_no = ? and shard = ?",
        (next_at, int(not queued and due is None), lease.send_no, lease.shard),
    )
    passing("lease.released")
    return True


def reap(connection: Connection, now_micros: int) -> int:
    """Free the shards of owners that died or fell silent, whatever the state of the send; return how many."""
    held = connection.execute(
        "select send_no, shard, first_seq, last_seq, owner, expires_at from shards where owner <> ''"
    ).fetchall()
    freed = 0
    for send_no, shard, first, last, holder, expires_at in held:
        if _is_free(connection, holder, expires_at):
            _raise_epoch(connection, send_no, shard, first, last, now_micros)
            connection.execute(
                "update shards set owner = '', expires_at = 0, next_at = 0 where send_no = ? and shard = ?",
                (send_no, shard),
            )
            freed += 1
            passing("lease.reaped")
    return freed


def _is_free(connection: Connection, holder: str, expires_at: float) -> bool:
    """Whether nobody may offer the messages of a shard: no owner, one known to be dead, or one whose time is over."""
    if not holder or is_dead(holder, may_be_elsewhere=connection.is_server):
        return True
    # Monotonic times of one boot are comparable between its processes; a server's clock between all machines.
    is_comparable = connection.is_server or holder.startswith(this_machine().partition("/")[0])
    return is_comparable and expires_at < connection.lease_now()


def _raise_epoch(connection: Connection, send_no: int, shard: int, first: int, last: int, now_micros: int) -> int:
    """Give a shard an epoch above every other, which puts the open offers of older ones in doubt."""
    epoch = advance(connection, "epoch")
    connection.execute("update shards set epoch = ? where send_no = ? and shard = ?", (epoch, send_no, shard))
    _doubt_open_offers(connection, send_no, first, last, epoch, now_micros)
    return epoch


def _doubt_open_offers(
    connection: Connection, send_no: int, first: int, last: int, below_epoch: int, now_micros: int
) -> None:
    key = (send_no, first, last, below_epoch)
    connection.execute(
        "insert into attempts"
        " (send_no, seq, tries, state, at, relay, connection, code, enhanced_code, reply, class, sequence)"
        " select send_no, seq, tries, 'in_doubt', ?,"
        " coalesce((select name from relays where relays.relay = messages.relay), ''), '', 0, '',"
        " 'the sender ended before it could record the reply', 'connection', sequence from messages"
        " where send_no = ? and seq between ? and ? and state = 'offered' and epoch < ?",
        (now_micros, *key),
    )
    connection.execute(
        "update messages set state = 'in_doubt', changed_at = ?"
        " where send_no = ? and seq between ? and ? and state = 'offered' and epoch < ?",
        (now_micros, *key),
    )
