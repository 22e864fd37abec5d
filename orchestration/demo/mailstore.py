"""What the sink keeps of accepted mail: its log, the raw messages, and an index into them.

Contract of ``sink/log.jsonl``: CONTRACTS.md. Add a key to a line here; who accepts a message, and when, is the
sink's; what is done with it later, the recipients'.
"""

import json
import mmap
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from senders.clock import format_time, open_clock

_SEND = re.compile(rb"(?im)^Mailrail-Send:[ \t]*([^\r\n]*)")
_MESSAGE_ID = re.compile(rb"(?im)^Message-ID:(?:[ \t]|\r?\n[ \t])*<?([^>\r\n]*)")


@dataclass(frozen=True, slots=True)
class Stored:
    """One accepted message of one recipient, and where its bytes lie in ``mail.bin``."""

    recipient: str
    send_id: str
    message_id: str
    return_path: str
    offset: int
    length: int


class MailStore:
    """Appends accepted messages; every line is with the operating system when `add` returns."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._times = _CachedClock(folder.parent)
        self._files = [_AppendOnly(folder / name) for name in ("mail.bin", "index.jsonl", "log.jsonl")]
        self._refused = _AppendOnly(folder / "refused.jsonl")

    def add(self, return_path: str, recipients: list[str], raw: bytes) -> None:
        """Keep a message; nothing of it stays when the disk refuses any part.

        Raises:
            OSError: the disk is full, or the folder is gone.
        """
        mail, index, log = self._files
        offset = mail.size
        entries = [_stored(recipient, return_path, raw, offset) for recipient in recipients]
        at = self._times.now()
        lines = [
            {"at": at, "send_id": e.send_id, "recipient": e.recipient, "message_id": e.message_id, "bytes": e.length}
            for e in entries
        ]
        marks = [file.size for file in self._files]
        try:
            # The log last: what it tells is there.
            mail.append(raw)
            index.append(_jsonl([_index_line(entry) for entry in entries]))
            log.append(_jsonl(lines))
        except OSError:
            for file, mark in zip(self._files, marks, strict=True):
                file.cut(mark)
            raise

    def refuse(self, return_path: str, recipient: str, reply: bytes) -> None:
        """Write down that a recipient was refused for good; no message of it ever comes here."""
        line: dict[str, object] = {"recipient": recipient, "return_path": return_path, "reply": reply.decode().strip()}
        self._refused.append(_jsonl([line]))

    def close(self) -> None:
        """Close the files."""
        for file in (*self._files, self._refused):
            file.close()


class MailReader:
    """Reads what a sink kept of one send."""

    def __init__(self, folder: Path, send_id: str) -> None:
        self._stack = ExitStack()
        self.messages = [stored for stored in read_index(folder) if stored.send_id == send_id]
        self._bytes: mmap.mmap | bytes = b""
        if self.messages:
            file = self._stack.enter_context((folder / "mail.bin").open("rb"))
            self._bytes = self._stack.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

    def raw(self, stored: Stored) -> bytes:
        """Return the message as it came over the wire, without dot-stuffing."""
        return self._bytes[stored.offset : stored.offset + stored.length]

    def __enter__(self) -> "MailReader":
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()


def read_index(folder: Path) -> Iterator[Stored]:
    """Yield every message the sink of this folder accepted, in order."""
    for line in read_lines(folder / "index.jsonl"):
        yield Stored(**line)


def read_refused(folder: Path, message: Stored) -> Iterator[tuple[str, str]]:
    """Yield recipient and reply of everybody refused in the send of a message, told by its return path."""
    send = message.return_path.lower().partition(".")[0]
    for line in read_lines(folder / "refused.jsonl"):
        if line["return_path"].lower().partition(".")[0] == send:
            yield line["recipient"], line["reply"]


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON-lines file; nothing where there is none."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):  # else its writer was cut off, or is just writing
                yield json.loads(line)


def _stored(recipient: str, return_path: str, raw: bytes, offset: int) -> Stored:
    head = raw[: raw.find(b"\r\n\r\n") + 2]
    return Stored(recipient, _field(_SEND, head), _field(_MESSAGE_ID, head), return_path, offset, len(raw))


def _field(pattern: re.Pattern[bytes], head: bytes) -> str:
    found = pattern.search(head)
    return found.group(1).decode("utf-8", "replace").strip() if found else ""


def _index_line(entry: Stored) -> dict[str, object]:
    return {name: getattr(entry, name) for name in Stored.__slots__}


def _jsonl(objects: list[dict[str, object]]) -> bytes:
    return "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in objects).encode()


class _CachedClock:
    """The home's clock as text, read again only when its file changed: asked once per message."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._path = home / "clock"
        self._seen: tuple[int, int] | None = None
        self._text = ""

    def now(self) -> str:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return format_time(open_clock(self._home).now())
        seen = (status.st_ino, status.st_mtime_ns)
        if seen != self._seen:
            self._text = format_time(open_clock(self._home).now())
            self._seen = seen
        return self._text


class _AppendOnly:
    """A file that is only appended to, without a buffer of ours."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.size = os.fstat(self._fd).st_size
        if path.suffix == ".jsonl":
            self._drop_torn_line()

    def append(self, content: bytes) -> None:
        view = memoryview(content)
        while view:
            written = os.write(self._fd, view)
            self.size += written
            view = view[written:]

    def cut(self, size: int) -> None:
        os.ftruncate(self._fd, size)
        self.size = size

    def close(self) -> None:
        os.close(self._fd)

    def _drop_torn_line(self) -> None:
        """Remove a last line whose writer was killed in the middle; its message was never answered."""
        tail = os.pread(self._fd, 65_536, max(0, self.size - 65_536))
        if tail and not tail.endswith(b"\n"):
            self.cut(self.size - (len(tail) - tail.rfind(b"\n") - 1))
