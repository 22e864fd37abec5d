"""The send journal: an append-only file beside the ledger that remembers how far sending had come.

A ledger that was restored from a backup is older than its journal, and then sending stops. Add nothing
else here: what was sent stands in the ledger.
"""

import os
import sqlite3
from pathlib import Path

from senders.errors import GuardError

_TAIL_BYTES = 4096


class SendJournal:
    """Lines of ``epoch sequence``, each durable before an offer of that epoch or sequence is answered."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "journal.log"
        existed = self.path.exists()
        self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not existed:
            _sync_folder(folder)

    def append(self, epoch: int, sequence: int) -> None:
        """Write one line and flush it to the disk."""
        os.write(self._file, b"%d %d\n" % (epoch, sequence))
        os.fdatasync(self._file)

    def highest(self) -> tuple[int, int]:
        """Return the highest epoch and sequence; a line torn by a power cut is passed over.

        The last lines suffice: several senders append nearly in order, none runs thousands of bytes ahead.
        """
        size = os.fstat(self._file).st_size
        tail = os.pread(self._file, _TAIL_BYTES, max(0, size - _TAIL_BYTES))
        lines = tail.split(b"\n")[:-1]
        if size > _TAIL_BYTES:
            lines = lines[1:]
        pairs = [pair for pair in map(_parse, lines) if pair]
        return max((pair[0] for pair in pairs), default=0), max((pair[1] for pair in pairs), default=0)

    def check(self, connection: sqlite3.Connection) -> None:
        """Stop before a ledger that is older than this journal.

        Raises:
            GuardError: an offer may have gone out that this ledger does not know.
        """
        epoch, sequence = self.highest()
        known = dict(connection.execute("select name, value from counters").fetchall())
        if known["epoch"] < epoch or known["sequence"] < sequence:
            raise GuardError(
                f"the ledger stands at epoch {known['epoch']}, sequence {known['sequence']}, but the send journal "
                f"{self.path} at {epoch} and {sequence}: an older copy was put back, and mail sent since would be "
                "sent again. Sending stays stopped; put the newest ledger back, or cancel the sends that were open"
            )

    def close(self) -> None:
        """Give the file back."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _parse(line: bytes) -> tuple[int, int] | None:
    parts = line.split()
    if len(parts) != 2 or not all(part.isdigit() for part in parts):
        return None
    return int(parts[0]), int(parts[1])


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
