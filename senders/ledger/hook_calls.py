"""What programs outside are to be told: read from the ledger's own streams, delivered at least once, in order.

A call is made in the transaction that moves its stream's cursor, so that none is lost or made twice, and it keeps its
id through every try. Times are real. Add nothing about what a call says; that stands in ``outgoing``.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from senders.ledger.database import Database
from senders.ledger.rows import from_optional_micros

INBOUND, SENDS = "inbound", "sends"
# Above this the streams wait: they are durable themselves, and one table is enough to hold them.
WAITING_MOST = 10_000
KEEP_MICROS = 30 * 86_400_000_000
_TABLES = {INBOUND: "inbound", SENDS: "send_changes"}
_COLUMNS = "id, hook, call_id, kind, body, tries, next_at, is_refused, state, answer, created_at"


@dataclass(frozen=True, slots=True)
class Draft:
    """A call that is to be made; ``body`` is its JSON text."""

    call_id: str
    kind: str
    body: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class HookCall:
    """One call as it stands; ``next_at`` and ``created_at`` are real time in microseconds."""

    id: int
    hook: str
    call_id: str
    kind: str
    body: str = field(repr=False)
    tries: int
    next_at: int
    is_refused: bool
    state: str
    answer: str
    created_at: int


@dataclass(frozen=True, slots=True)
class HookState:
    """How a hook stands: how many calls were delivered, when the last, how many wait, how many were given up."""

    delivered: int
    delivered_at: datetime | None
    waiting: int
    failed: int


# Reads one page of a stream after an id: the last id of the page (the same where it is empty), and its calls.
Page = Callable[[int], tuple[int, Sequence[Draft]]]


class HookCalls:
    """The part of the ledger about outgoing webhooks."""

    _database: Database

    def begin_hook(self, hook: str) -> None:
        """Let a hook that is new begin here: what happened before it is not told."""
        with self._database.write() as connection:
            for stream, table in _TABLES.items():
                newest = connection.execute(f"select coalesce(max(id), 0) from {table}").fetchone()[0]  # noqa: S608
                connection.execute(
                    "insert into hook_cursors (hook, stream, last_id) values (?, ?, ?) on conflict do nothing",
                    (hook, stream, newest),
                )

    def draft_calls(self, hook: str, stream: str, page: Page) -> int:
        """Make the calls of one page of a stream; return how far the cursor moved, 0 when nothing is new.

        ``page`` reads from the ledger only.
        """
        if self.hook_state(hook).waiting >= WAITING_MOST:
            return 0
        row = self._database.row("select last_id from hook_cursors where hook = ? and stream = ?", (hook, stream))
        begin = int(row[0]) if row else 0
        end, drafts = page(begin)
        if end == begin:
            return 0
        now = _now()
        with self._database.write() as connection:
            moved = connection.execute(
                "update hook_cursors set last_id = ? where hook = ? and stream = ? and last_id = ?",
                (end, hook, stream, begin),
            )
            if moved.rowcount != 1:
                return 0  # another process made the calls of this page
            connection.executemany(
                "insert into hook_calls (hook, call_id, kind, body, next_at, created_at) values (?, ?, ?, ?, ?, ?)"
                " on conflict do nothing",
                [(hook, draft.call_id, draft.kind, draft.body, now, now) for draft in drafts],
            )
        return end - begin

    def add_call(self, hook: str, draft: Draft) -> None:
        """Make one call by hand."""
        with self._database.write() as connection:
            connection.execute(
                "insert into hook_calls (hook, call_id, kind, body, next_at, created_at) values (?, ?, ?, ?, ?, ?)",
                (hook, draft.call_id, draft.kind, draft.body, _now(), _now()),
            )

    def take_call(self, hook: str, hold_seconds: float) -> HookCall | None:
        """Take the call that is next, if it is due, and hold it so long: whoever is killed meanwhile only delays it.

        The oldest goes first, and while the address does not answer everything waits behind it; a call that was
        refused for its own sake lets others pass.
        """
        now = _now()
        with self._database.write() as connection:
            row = connection.execute(
                f"select {_COLUMNS} from hook_calls where hook = ? and state = 'waiting'"  # noqa: S608
                " and (next_at <= ? or is_refused = 0) order by id limit 1",
                (hook, now),
            ).fetchone()
            if row is None or (call := _call(row)).next_at > now:
                return None
            connection.execute(
                "update hook_calls set next_at = ? where id = ?", (now + int(hold_seconds * 1e6), call.id)
            )
        return call

    def call_delivered(self, call: HookCall) -> None:
        """Note that a call was taken."""
        stream = SENDS if call.kind.startswith("send.") else INBOUND
        with self._database.write() as connection:
            gone = connection.execute("delete from hook_calls where id = ?", (call.id,))
            connection.execute(
                "update hook_cursors set delivered = delivered + ?, delivered_at = ? where hook = ? and stream = ?",
                (gone.rowcount, _now(), call.hook, stream),
            )

    def call_failed(self, call: HookCall, answer: str) -> None:
        """Give a call up; it is listed for a month."""
        with self._database.write() as connection:
            connection.execute(
                "update hook_calls set state = 'failed', answer = ?, tries = tries + 1, failed_at = ? where id = ?",
                (answer, _now(), call.id),
            )
            connection.execute(
                "delete from hook_calls where hook = ? and state = 'failed' and failed_at < ?",
                (call.hook, _now() - KEEP_MICROS),
            )

    def delay_call(self, call: HookCall, seconds: float, answer: str, *, is_refused: bool) -> None:
        """Note that a call is to be made again after a pause."""
        with self._database.write() as connection:
            connection.execute(
                "update hook_calls set tries = tries + 1, next_at = ?, answer = ?, is_refused = ? where id = ?",
                (_now() + int(seconds * 1e6), answer, int(is_refused), call.id),
            )

    def hook_state(self, hook: str) -> HookState:
        """Return how a hook stands."""
        delivered, at = self._database.row(
            "select coalesce(sum(delivered), 0), max(delivered_at) from hook_cursors where hook = ?", (hook,)
        ) or (0, None)
        counts = dict(self._counts(hook, state) for state in ("waiting", "failed"))
        return HookState(int(delivered), from_optional_micros(at), counts["waiting"], counts["failed"])

    def calls(self, hook: str, state: str, limit: int = 100) -> list[HookCall]:
        """Return calls of a hook that are waiting or failed, oldest first."""
        rows = self._database.rows(
            f"select {_COLUMNS} from hook_calls where hook = ? and state = ? order by id limit ?",  # noqa: S608
            (hook, state, limit),
        )
        return list(map(_call, rows))

    def _counts(self, hook: str, state: str) -> tuple[str, int]:
        # One state at a time: each has an index of its own.
        row = self._database.row("select count(*) from hook_calls where hook = ? and state = ?", (hook, state))
        return state, int(row[0]) if row else 0


def _call(row: tuple[Any, ...]) -> HookCall:
    number, hook, call_id, kind, body, tries, next_at, is_refused, state, answer, created_at = row
    return HookCall(number, hook, call_id, kind, body, tries, next_at, bool(is_refused), state, answer, created_at)


def _now() -> int:
    return time.time_ns() // 1_000
