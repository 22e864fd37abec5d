"""Steers sends that are open: which one is meant, where it stands, pausing it, cancelling it, letting it run again.

Add here what a person may order about a send after it began; nothing of Dagster, so that an order takes no three
seconds. Starting and following a send stands in ``sending``, how senders obey in ``senders``.
"""

import difflib
import time
from collections.abc import Sequence
from typing import Any

from senders.clock import format_time
from senders.errors import ConfigError, GuardError
from senders.ledger.rows import SendRow, SendState
from senders.ledger.store import Ledger
from senders.message import State

WAITING = (State.QUEUED, State.DEFERRED)
_POLL_SECONDS = 0.1
_WEEK_DAYS = 7


def choose_send(ledger: Ledger, wanted: str) -> SendRow:
    """Return the send of that id, or the one send of that campaign that is open, or its newest where all are over.

    Raises:
        ConfigError: there is none, or several of the campaign are open; names those that are known.
    """
    sends = ledger.sends()
    if found := [send for send in sends if send.send_id == wanted]:
        return found[0]
    of_campaign = [send for send in sends if send.campaign == wanted]
    still_open = [send for send in of_campaign if not send.state.is_over]
    if len(still_open) > 1:
        raise ConfigError(f"{wanted!r} has {len(still_open)} open sends; name one: {_listed(still_open)}.")
    if of_campaign:
        return (still_open or of_campaign)[-1]
    raise ConfigError(f"there is no send {wanted!r} in the ledger; {_known(sends, wanted)}.")


def pause_send(ledger: Ledger, send: SendRow, reason: str = "") -> None:
    """Pause a send; senders stop within a second. Pausing it again changes nothing but a new reason.

    Raises:
        GuardError: it is over.
    """
    if send.state.is_over:
        raise GuardError(f"{send.send_id} is {send.state}: nothing of it is left to pause.")
    if send.state is not SendState.PAUSED or reason:
        ledger.set_send_state(send.send_id, SendState.PAUSED, reason or "by a person")


def cancel_send(ledger: Ledger, send: SendRow, *, waiting: int | None, reason: str = "") -> None:
    """Cancel what waits of a send, if exactly ``waiting`` messages do. Doing it again changes nothing.

    Raises:
        GuardError: it is finished, or the number is missing or wrong; says the right one.
    """
    if send.state is SendState.FINISHED:
        raise GuardError(f"{send.send_id} is finished: nothing of it is left to cancel.")
    if waiting is None and send.state is not SendState.CANCELLED:
        counts = ledger.counts(send.send_no)
        number = sum(counts[state] for state in WAITING)
        raise GuardError(
            f"nothing was cancelled: {number} messages of {send.send_id} wait; run: "
            f"mailrail cancel {send.send_id} --confirm {number}"
        )
    ledger.cancel_send(send.send_id, reason or "by a person", waiting=waiting or 0)


def run_again(ledger: Ledger, send: SendRow) -> str:
    """Let a paused send run again and say why it was paused; '' where it was not.

    Raises:
        GuardError: it was cancelled.
    """
    if send.state is SendState.CANCELLED:
        raise GuardError(
            f"{send.send_id} is cancelled ({send.reason or 'by a person'}) and cannot go on; plan a new send: "
            f"mailrail plan {send.campaign}"
        )
    if send.state is not SendState.PAUSED:
        return ""
    ledger.set_send_state(send.send_id, SendState.RUNNING, "resumed by a person")
    return send.reason or "by a person"


def wait_quiet(ledger: Ledger, send: SendRow, *, seconds: float = 3.0) -> bool:
    """Wait until no offer of a stopped send is under way, so that its numbers stand still; say whether they do."""
    deadline = time.monotonic() + seconds
    while ledger.counts(send.send_no)[State.OFFERED]:
        if time.monotonic() > deadline or not ledger.alive("sender"):
            return False
        time.sleep(_POLL_SECONDS)
    if is_cancelled(ledger, send):
        # A reply that came after the cancel may have put a message back among those that wait.
        ledger.sweep_cancelled(send.send_no)
        ledger.finish_send(send.send_no)
    return True


def is_cancelled(ledger: Ledger, send: SendRow) -> bool:
    """Whether a send is cancelled by now."""
    present = ledger.send(send.send_id)
    return present is not None and present.state is SendState.CANCELLED


def status_row(ledger: Ledger, identity: str) -> dict[str, Any]:
    """Return a send's row as `mailrail status --json` prints it (CONTRACTS).

    Raises:
        ConfigError: the ledger does not know the send.
    """
    send = ledger.send(identity)
    if send is None:
        raise ConfigError(f"there is no send {identity!r} in the ledger; see: mailrail status")
    counts = ledger.counts(send.send_no)
    return {
        "send_id": send.send_id,
        "campaign": send.campaign,
        "scheduled_at": format_time(send.scheduled_at),
        "state": str(send.state),
        "reason": send.reason,
        "rehearsal": send.is_rehearsal,
        "audience": send.audience_rows,
        **{state.value: counts.get(state, 0) for state in State},
    }


def mail_rows(ledger: Ledger) -> list[dict[str, Any]]:
    """Return what became of transactional mail in the last week, by template and day (`mailrail status`)."""
    return [
        {
            "template": found.template,
            "day": found.day.isoformat(),
            "messages": sum(found.counts.values()),
            **{state.value: count for state, count in found.counts.items()},
        }
        for found in ledger.mail_days(_WEEK_DAYS)
    ]


def _known(sends: Sequence[SendRow], wanted: str) -> str:
    if not sends:
        return "it holds none yet; see who would get a campaign: mailrail plan CAMPAIGN"
    near = difflib.get_close_matches(wanted, [send.send_id for send in sends], n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{hint}known: {_listed(sends)}"


def _listed(sends: Sequence[SendRow], most: int = 8) -> str:
    newest = [f"{send.send_id} ({send.state})" for send in reversed(sends)]
    more = f" and {len(newest) - most} more" if len(newest) > most else ""
    return ", ".join(newest[:most]) + more
