"""A file of lines that several processes append to, each line whole and durable when `append` returns.

Add nothing about what the lines mean; that belongs to ``journal`` and ``suppression_log``.
"""

import errno
import os
from pathlib import Path

# Ends a torn line so that no reader takes it for a whole one.
_STRUCK = b"#\n"


class DurableLines:
    """One append-only file; it is made when it is missing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = -1
        self._is_torn = False
        self._open()

    def _open(self) -> None:
        existed = self.path.exists()
        self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not existed:
            sync(self.path.parent)
        size = self.size
        # What a power cut tore must not run into the next line.
        self._is_torn = bool(size) and os.pread(self._file, 1, size - 1) != b"\n"

    def append(self, lines: bytes) -> None:
        """Append whole lines in one write and flush them to the disk.

        Raises:
            OSError: they may not be durable; append them again.
        """
        wanted = _STRUCK + lines if self._is_torn else lines
        written = os.write(self._file, wanted)
        self._is_torn = written != len(wanted)
        if self._is_torn:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        os.fdatasync(self._file)

    def follow(self) -> None:
        """Go on in the file that has the name now, where another process set ours aside."""
        try:
            present = self.path.stat().st_ino
        except FileNotFoundError:
            present = 0
        if present != os.fstat(self._file).st_ino:
            self.close()
            self._open()

    @property
    def size(self) -> int:
        """How long the file is, in bytes."""
        return os.fstat(self._file).st_size

    def close(self) -> None:
        """Give the file back."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def read_tail(path: Path, most_bytes: int) -> list[bytes]:
    """Return the last whole lines of a file, without their ends; none where it is gone."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - most_bytes))
            lines = file.read().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    return lines[1:] if size > most_bytes else lines


def sync(path: Path) -> None:
    """Flush a file or folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
