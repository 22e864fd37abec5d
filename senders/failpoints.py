"""Named places at which a test ends the process or fails a write, so that every crash point can be tried.

The code calls `passing` wherever the state of a message, a lease or a send changes. Nothing happens there unless a
process was armed, and only the processes of tests are: no setting does it. Add a name to `NAMES` with the call.
"""

import errno
import os
import signal
from dataclasses import dataclass

NAMES = (
    "opening.shard",  # a shard's rows are in, not committed
    "opening.send",  # the send's row is in, not committed
    "outbox.numbered",  # a batch of requests has a send's number, and no files
    "outbox.frozen",  # its files are there, the requests still wait
    "outbox.taken",  # its requests are taken into the send, not committed
    "outbox.open",  # committed, not yet in the journal
    "outbox.refused",  # requests are refused, not committed
    "lease.claimed",
    "lease.renewed",
    "lease.released",
    "lease.reaped",
    "envelope.before",  # nothing of this message is on the wire
    "envelope.after",  # the relay asked for the body
    "body.written",
    "offer.applied",  # within the ledger's transaction
    "result.queued",
    "result.applied",
    "commit.before",
    "commit.after",  # durable in the ledger, not yet in the journal
    "journal.after",  # durable in both, nobody was told
    "mark.before",
    "mark.written",
    "reply.read",
    "cancel.chunk",
    "mailbox.recorded",  # what returned mails tell is durable, and they are not marked as read
    "finish",
)


@dataclass(slots=True)
class _Armed:
    """A failpoint that is to go off at its n-th passing; ``number`` is the error to raise, 0 to end the process."""

    name: str
    passings: int
    number: int


_armed: _Armed | None = None


def arm(text: str) -> None:
    """Let ``name``, ``name:n`` or ``name:n:EIO`` go off: at the n-th passing the process dies, or the write fails.

    With an error the failpoint fails at each passing from the n-th on, until `disarm`, as a full disk does.

    Raises:
        ValueError: there is no such failpoint or error.
    """
    global _armed
    name, _, rest = text.partition(":")
    count, _, error = rest.partition(":")
    if name not in NAMES:
        raise ValueError(f"failpoint {name!r} is not known; there are: {', '.join(NAMES)}")
    if error and not hasattr(errno, error):
        raise ValueError(f"failpoint {text!r}: {error!r} is no error of errno, such as ENOSPC")
    _armed = _Armed(name, int(count or 1), getattr(errno, error) if error else 0)


def disarm() -> None:
    """Let nothing go off any more."""
    global _armed
    _armed = None


def passing(name: str) -> None:
    """Pass a named place.

    Raises:
        OSError: the failpoint is armed with an error.
    """
    if _armed is not None and _armed.name == name:
        _go_off(_armed)


def _go_off(armed: _Armed) -> None:
    armed.passings -= 1
    if armed.passings > 0:
        return
    if armed.number:
        raise OSError(armed.number, os.strerror(armed.number), armed.name)
    os.kill(os.getpid(), signal.SIGKILL)
