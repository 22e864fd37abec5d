"""The send journal: an append-only file beside the ledger that remembers which offers were begun.

A ledger that was put back from a backup is older than its journal; then sending stops until ``restoring`` has
compared the two. Add here only what must be known when the ledger has forgotten it: the form of the lines
stands in ``journal_lines``, suppressions in ``suppression_log``.

A line is written after the commit of its group and is durable before an offer of the group is answered. So the
journal is never ahead of the ledger it belongs to, and no message is on the wire that it does not name.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from senders.errors import GuardError
from senders.ledger.connection import Connection
from senders.ledger.durable_lines import DurableLines, read_tail, sync
from senders.ledger.journal_lines import Entry, Offered, Order, format_line, read_entry, read_stand

ROTATE_BYTES = 16 << 20
KEPT_SECONDS = 90 * 86_400
# The counter that marks a ledger as older than its journal; its value is the sequence the copy came with.
BEHIND = "restored"
_TAIL_BYTES = 32_768


class SendJournal:
    """Lines of ``epoch sequence [offers | order]``; several processes append to one file."""

    def __init__(self, folder: Path, *, rotate_bytes: int = ROTATE_BYTES) -> None:
        self._folder = folder
        self._rotate_bytes = rotate_bytes
        self.path = folder / "journal.log"
        self._lines = DurableLines(self.path)

    def append(self, epoch: int, sequence: int, offered: Iterable[Offered] = (), order: Order | None = None) -> None:
        """Write one line with the offers of a group, or with an order, and flush it to the disk.

        Raises:
            OSError: it may not be durable; append it again.
        """
        self._lines.follow()
        self._lines.append(format_line(epoch, sequence, offered, order))
        if self._lines.size >= self._rotate_bytes:
            self._rotate()

    def _rotate(self) -> None:
        """Set a full file aside, begin the next with the stand so far, and drop what is older than 90 days.

        The new file takes the name in one step, so that nobody ever finds none. A line that another process still
        appends to the old file is not lost: `highest` looks at the newest two.
        """
        with _held(self._folder / "journal.lock") as is_held:
            if not is_held or self.path.stat().st_size < self._rotate_bytes:
                return
            following = self._folder / "journal.next"
            following.touch(0o600)
            following.write_bytes(format_line(*self.highest()))
            sync(following)
            os.link(self.path, self._folder / f"journal-{time.time_ns():020d}.log")
            following.replace(self.path)
            _drop_old(self._folder)
            sync(self._folder)

    def highest(self) -> tuple[int, int]:
        """Return the highest epoch and sequence."""
        return read_highest(self._folder)

    def check(self, connection: Connection) -> None:
        """Stop before a ledger that is older than this journal.

        Raises:
            GuardError: an offer may have gone out that this ledger does not know.
        """
        epoch, sequence = self.highest()
        known = read_counters(connection)
        if BEHIND in known or known["epoch"] < epoch or known["sequence"] < sequence:
            raise GuardError(
                f"the ledger stands at epoch {known['epoch']}, sequence {known.get(BEHIND, known['sequence'])}, but "
                f"the send journal {self.path} at {epoch} and {sequence}: an older copy was put back, and mail sent "
                "since would be sent again. Sending stays stopped; run: mailrail reconcile"
            )

    def close(self) -> None:
        """Give the file back."""
        self._lines.close()


def read_highest(folder: Path) -> tuple[int, int]:
    """Return the highest epoch and sequence in a folder's journal; a line torn by a power cut is passed over.

    The last lines suffice: several senders append nearly in order, none runs thousands of bytes ahead.
    """
    tails = (read_tail(path, _TAIL_BYTES) for path in _files(folder)[-2:])
    stands = [stand for tail in tails for stand in map(read_stand, tail) if stand]
    return max((stand[0] for stand in stands), default=0), max((stand[1] for stand in stands), default=0)


def read_entries(folder: Path, above: int) -> Iterator[Entry]:
    """Yield what a folder's journal knows of sequences above the given one, oldest file first."""
    for path in _files(folder):
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            for line in file:
                entry = read_entry(line.rstrip(b"\n")) if line.endswith(b"\n") else None
                if entry is not None and entry.sequence > above:
                    yield entry


def _files(folder: Path) -> list[Path]:
    return [*sorted(folder.glob("journal-*.log")), folder / "journal.log"]


def note_order(folder: Path, sequence: int, order: Order) -> None:
    """Remember an order after its commit; its sequence was advanced with it, and an order has no epoch."""
    with contextlib.closing(SendJournal(folder)) as journal:
        journal.append(0, sequence, order=order)


def read_counters(connection: Connection) -> dict[str, int]:
    """Return the ledger's counters by name."""
    return {name: int(value) for name, value in connection.execute("select name, value from counters").fetchall()}


def refuse_behind(connection: Connection) -> None:
    """Stop what would give numbers out a second time, in a ledger marked as older than its journal.

    Raises:
        GuardError: an older copy was put back and nobody has reconciled it yet.
    """
    if BEHIND in read_counters(connection):
        raise GuardError(
            "an older copy of the ledger was put back, which does not know the newest sends; run: mailrail reconcile"
        )


@contextlib.contextmanager
def _held(path: Path) -> Iterator[bool]:
    """Say whether a lock was free, and hold it meanwhile."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(lock)


def _drop_old(folder: Path) -> None:
    oldest = time.time() - KEPT_SECONDS
    for path in folder.glob("journal-*.log"):
        if path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)
