"""How a send gets into the ledger: what is checked, and which rows are put in, in which transactions.

Add here only steps of opening a send. What happens to it afterwards stands in ``sends``.
"""

import itertools
from collections.abc import Iterator

from senders.errors import GuardError
from senders.ledger.connection import Connection
from senders.ledger.database import Database
from senders.ledger.progress import recount
from senders.ledger.results import count_anew
from senders.ledger.rows import Approval, SendRow, SendSpec, ShardSpec, to_micros, to_optional_micros
from senders.ledger.send_changes import OPENED, note_change

SEND_COLUMNS = (
    "send_no, send_id, campaign, topic, scheduled_at, sender, folder, audience_rows, audience_hash, content_hash, "
    "state, reason, too_late_after, expires_at, opened_at, first_offered_at, finished_at, stream, per_hour, "
    "rehearsal"
)


def require_approval(approval: Approval | None, spec: SendSpec) -> None:
    """Refuse a send that nobody allowed, or whose size was not the allowed one.

    Raises:
        GuardError: says what would satisfy it.
    """
    if approval is None:
        raise GuardError(
            f"send {spec.send_id} has no approval for this audience ({spec.audience_rows} recipients) and this "
            f"content: approve it with `mailrail send --confirm {spec.audience_rows}`, with run config "
            f"`confirm: {spec.audience_rows}`, or by the campaign's own rule in defs.yaml"
        )
    if approval.recipients != spec.audience_rows:
        raise GuardError(
            f"send {spec.send_id} was approved for {approval.recipients} recipients and has {spec.audience_rows}; "
            "approve the number it has"
        )


def refuse_changed(opened: SendRow, spec: SendSpec) -> None:
    """Refuse to open a send again with something else in it.

    Raises:
        GuardError: its audience or content is not the one it was opened with.
    """
    if (opened.audience_hash, opened.content_hash) != (spec.audience_hash, spec.content_hash):
        changed = "audience" if opened.audience_hash != spec.audience_hash else "content"
        raise GuardError(
            f"send {spec.send_id} is open with another {changed} ({opened.state}); it can't be changed any more: "
            "cancel it and plan a new send"
        )


def check_shards(spec: SendSpec) -> None:
    """Refuse shards that leave rows out or hold some twice.

    Raises:
        GuardError: names the shard.
    """
    expected = 1
    for shard in sorted(spec.shards, key=lambda shard: shard.shard):
        if shard.first_seq != expected or shard.last_seq < shard.first_seq:
            raise GuardError(
                f"send {spec.send_id}: shard {shard.shard} covers {shard.first_seq}-{shard.last_seq} where "
                f"{expected} should begin; freeze the audience again"
            )
        expected = shard.last_seq + 1
    if expected - 1 != spec.audience_rows:
        raise GuardError(
            f"send {spec.send_id}: its shards hold {expected - 1} rows and the audience {spec.audience_rows}; "
            "freeze the audience again"
        )


def drop_half_opened(database: Database, send_no: int, audience_hash: str) -> None:
    """Remove what an interrupted opening with another audience left; nobody could have sent it."""
    stale = database.rows(
        "select shard, first_seq, last_seq from shards where send_no = ? and audience_hash <> ?",
        (send_no, audience_hash),
    )
    for shard, first, last in stale:
        with database.write() as connection:
            connection.execute("delete from messages where send_no = ? and seq between ? and ?", (send_no, first, last))
            connection.execute("delete from shards where send_no = ? and shard = ?", (send_no, shard))
            connection.execute("delete from progress where send_no = ? and shard = ?", (send_no, shard))


def insert_shard(connection: Connection, send_no: int, shard: ShardSpec, audience_hash: str, now: int) -> None:
    """Put a shard and its queued messages in, unless they are there; inside a write transaction.

    Raises:
        GuardError: it has not one address for each row.
    """
    fresh = connection.execute(
        "insert into shards (send_no, shard, file, first_seq, last_seq, audience_hash)"
        " values (?, ?, ?, ?, ?, ?) on conflict do nothing",
        (send_no, shard.shard, shard.file, shard.first_seq, shard.last_seq, audience_hash),
    )
    if not fresh.rowcount:
        return
    inserted = connection.insert_many(
        "messages",
        "send_no, seq, state, address_hash, changed_at, provider",
        _message_rows(send_no, shard, now, _Providers(connection)),
    )
    if inserted != shard.rows:
        raise GuardError(
            f"shard {shard.shard} of send {send_no} has {inserted} addresses for its {shard.rows} rows; "
            "freeze the audience again"
        )
    recount(connection, send_no, shard.shard, shard.first_seq, shard.last_seq, now)


class _Providers(dict[str, int]):
    """Numbers of providers by name, made when they are first met; inside a write transaction."""

    def __init__(self, connection: Connection) -> None:
        super().__init__({"": 0})
        self._connection = connection

    def __missing__(self, name: str) -> int:
        self._connection.execute("insert into providers (name) values (?) on conflict do nothing", (name,))
        found = self._connection.execute("select provider from providers where name = ?", (name,)).fetchone()
        number = self[name] = int(found[0])
        return number


def _message_rows(
    send_no: int, shard: ShardSpec, now: int, numbers: _Providers
) -> Iterator[tuple[int, int, str, bytes, int, int]]:
    hashes = shard.address_hashes() if callable(shard.address_hashes) else shard.address_hashes
    providers = shard.providers() if callable(shard.providers) else shard.providers
    # One more than the range is asked for, so that a file with too many addresses is noticed as well.
    wanted = itertools.islice(hashes, shard.rows + 1)
    named = itertools.chain(providers, itertools.repeat(""))
    for seq, (address_hash, name) in enumerate(zip(wanted, named, strict=False), start=shard.first_seq):
        yield send_no, seq, "queued", address_hash, now, numbers[name]


def require_alone(connection: Connection, spec: SendSpec) -> None:
    """Refuse a send beside another that was opened meanwhile: the same people would get both.

    In the transaction that opens it, so that of two who begin at the same moment one is refused.

    Raises:
        GuardError: names the other send.
    """
    if spec.alone_since is None:
        return
    other = connection.execute(
        "select send_id from sends where campaign = ? and send_id <> ? and opened_at > ? and rehearsal = 0"
        " order by send_no limit 1",
        (spec.campaign, spec.send_id, to_micros(spec.alone_since)),
    ).fetchone()
    if other is not None:
        raise GuardError(
            f"{spec.send_id}: {other[0]} of the same campaign was opened meanwhile, so this one was not, and nobody "
            f"got it. To send it all the same, approve it again: it has {spec.audience_rows} recipients"
        )


def insert_send(connection: Connection, send_no: int, spec: SendSpec, now: int) -> None:
    """Put the send itself in, which shows it to the senders; inside a write transaction."""
    connection.execute(
        f"insert into sends ({SEND_COLUMNS})"  # noqa: S608
        " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'running', '', ?, ?, ?, null, null, ?, ?, ?) on conflict do nothing",
        (
            send_no,
            spec.send_id,
            spec.campaign,
            spec.topic,
            to_micros(spec.scheduled_at),
            spec.sender,
            spec.folder,
            spec.audience_rows,
            spec.audience_hash,
            spec.content_hash,
            to_optional_micros(spec.too_late_after),
            to_optional_micros(spec.expires_at),
            now,
            spec.stream,
            spec.per_hour,
            int(spec.is_rehearsal),
        ),
    )
    count_anew(connection, send_no)
    note_change(connection, send_no, OPENED, "", now)
    connection.executemany(
        "insert into links values (?, ?, ?, ?, ?) on conflict do nothing",
        [(send_no, link.link_no, link.url, link.label, link.role) for link in spec.links],
    )
