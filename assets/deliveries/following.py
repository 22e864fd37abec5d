"""Watching an open send: until nothing of it moves any more, and the proof sheet of what became of it.

Add here what the pipeline reads about a send that senders work on. Whether it may begin belongs to ``receipts``.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from senders.errors import GuardError
from senders.ledger.progress import Counts, sum_counts
from senders.ledger.rows import SendRow, SendState
from senders.ledger.store import Ledger
from senders.message import FINAL_STATES, State

POLL_SECONDS = 0.5
TELL_SECONDS = 10.0
NO_SENDER_SECONDS = 60.0
# Up to here counting all messages at each look costs next to nothing.
EXACT_MOST = 50_000
_EXACT_SECONDS = 10.0
_MOVING = (State.QUEUED, State.OFFERED)

Tell = Callable[[Mapping[str, Counts]], None]


@dataclass(frozen=True, slots=True)
class Proof:
    """The proof sheet of a send: its messages by state; they add up to the audience or the sheet does not close."""

    send_id: str
    state: str
    reason: str
    audience: int
    counts: Mapping[State, int]
    doubts: tuple[int, ...]

    @property
    def closes(self) -> bool:
        """Whether every message of the audience has ended, each in one state."""
        return sum(self.counts.get(state, 0) for state in FINAL_STATES) == self.audience

    def metadata(self) -> dict[str, Any]:
        """Return the sheet for the Dagster UI."""
        return {
            "send_id": self.send_id,
            "state": self.state,
            "reason": self.reason,
            "audience": self.audience,
            **{state.value: self.counts.get(state, 0) for state in State},
            "closes": self.closes,
            "in_doubt_rows": ", ".join(map(str, self.doubts[:100])),
        }


def follow(
    ledger: Ledger, send_id: str, *, tell: Tell | None = None, patience_seconds: float = NO_SENDER_SECONDS
) -> Proof:
    """Watch the senders until nothing of a send is queued or offered, or it was stopped, and return its proof sheet.

    Deferred messages go on without us; the sheet closes when they have settled.

    Args:
        ledger: where the senders write.
        send_id: the send.
        tell: told the counts by mailbox provider every ten seconds.
        patience_seconds: how long no sender may be alive while messages wait.

    Raises:
        GuardError: the send is not open, or no sender works on it.
    """
    seen_at = told_at = time.monotonic()
    counted_at = 0.0
    while (send := _require_send(ledger, send_id)).state is SendState.RUNNING:
        now = time.monotonic()
        progress = ledger.progress(send.send_no)
        if _is_count_due(send, progress, now - counted_at):
            counted_at = now
            counts = ledger.counts(send.send_no)
            if not any(counts.get(state, 0) for state in _MOVING):
                break
        if ledger.alive("sender"):
            seen_at = now
        elif now - seen_at > patience_seconds:
            raise GuardError(
                f"{send_id}: messages wait and no sender is running; nothing is lost. Start one with `mailrail sender`,"
                f" then run: mailrail resume {send_id}"
            )
        if tell is not None and now - told_at > TELL_SECONDS:
            told_at = now
            tell(progress)
        time.sleep(POLL_SECONDS)
    ledger.finish_send(send.send_no)
    return proof(ledger, send_id)


def _is_count_due(send: SendRow, progress: Mapping[str, Counts], seconds: float) -> bool:
    """Whether to count the messages: where they are few, where it should be over, and now and then."""
    if send.audience_rows <= EXACT_MOST or seconds > _EXACT_SECONDS:
        return True
    return not sum_counts(progress.values()).moving


def progress_line(send_id: str, progress: Mapping[str, Counts]) -> str:
    """Return one line about how far a send is."""
    whole = sum_counts(progress.values())
    deferred = f", {whole.deferred:,} are deferred" if whole.deferred else ""
    return f"{send_id}: {whole.settled:,} of {whole.total:,} messages have ended{deferred}"


def proof(ledger: Ledger, send_id: str) -> Proof:
    """Return the proof sheet of a send as it stands.

    Raises:
        GuardError: the ledger does not know the send.
    """
    send = _require_send(ledger, send_id)
    counts = ledger.counts(send.send_no)
    doubts = tuple(doubt.seq for doubt in ledger.doubts(send.send_no)) if counts.get(State.IN_DOUBT) else ()
    return Proof(send_id, str(send.state), send.reason, send.audience_rows, counts, doubts)


def _require_send(ledger: Ledger, send_id: str) -> SendRow:
    send = ledger.send(send_id)
    if send is None:
        raise GuardError(f"there is no send {send_id!r} in the ledger; see: mailrail status")
    return send
