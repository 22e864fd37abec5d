"""Reads the log of a relay: which of our messages it had taken, and which it had not.

Three forms: Postfix's ``mail.log`` with either form of time, KumoMTA's JSON lines (with ``Message-ID`` among the
logged headers), and the log of the embedded sink. Add a form here; what follows for a message in doubt is decided
by whoever asks.

Postfix's cleanup names the Message-ID while the message still comes in, so that line alone proves nothing. Taken is
what the queue manager has picked up or a delivery agent has spoken of, under the same queue id.
"""

import gzip
import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BufferedIOBase
from pathlib import Path

from senders.message import State

_POSTFIX = re.compile(
    rb"^(?P<stamp>\w{3} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S+) \S+ \S*?/(?P<daemon>\w+)\[\d+\]: "
    rb"(?P<queue>[0-9A-Za-z]{6,20}): (?P<rest>.*)$"
)
_STAMP = re.compile(rb"^(\w{3} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*) ")
_OUR_ID = re.compile(rb"([0-9a-f]{30})@")
_MESSAGE_ID = re.compile(rb"^message-id=<?([0-9a-f]{30})@")
_STATUS = re.compile(rb"status=(\w+)")
_REJECT = re.compile(rb"reject: .*?[: ]([45])\.\d{1,3}\.\d{1,3} ")
_KUMO_TAKEN = frozenset(
    {"Reception", "Delivery", "TransientFailure", "Bounce", "Expiration", "AdminBounce", "OOB", "Feedback"}
)


@dataclass(frozen=True, slots=True)
class Trace:
    """What a log says of one message: ``accepted``, ``refused``, or ``queued`` where it was turned away for now."""

    state: State
    words: str


@dataclass(slots=True)
class RelayLog:
    """What logs say, by Message-ID (the part before the @), and the time from which to which they run."""

    traces: dict[str, Trace] = field(default_factory=dict)
    first: datetime | None = None
    last: datetime | None = None

    def covers(self, since: datetime, until: datetime) -> bool:
        """Whether the logs begin before and end after a span; what lies between is the word of who brought them."""
        return self.first is not None and self.last is not None and self.first <= since and until <= self.last

    def note(self, message_id: str, trace: Trace) -> None:
        """Remember a trace; once taken, a message stays taken."""
        known = self.traces.get(message_id)
        if known is None or known.state is not State.ACCEPTED or trace.state is State.ACCEPTED:
            self.traces[message_id] = trace

    def stretch(self, moment: datetime | None) -> None:
        """Let a moment be covered."""
        if moment is not None:
            self.first = min(self.first or moment, moment)
            self.last = max(self.last or moment, moment)


def read_relay_logs(paths: Collection[Path], wanted: Collection[str], *, now: datetime) -> RelayLog:
    """Read log files (also ``.gz``) for messages, named by the part of their Message-ID before the @.

    Args:
        paths: the files, in any order.
        wanted: the messages; of others nothing is kept.
        now: the year of times without one is the latest that does not lie after it.

    Raises:
        OSError: a file cannot be read.
    """
    log = RelayLog()
    wanted_ids = frozenset(name.encode("ascii") for name in wanted)
    for path in paths:
        with _open(path) as file:
            _read(file, wanted_ids, log, now)
    return log


def _open(path: Path) -> BufferedIOBase:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


def _read(lines: Iterable[bytes], wanted: frozenset[bytes], log: RelayLog, now: datetime) -> None:
    queues: dict[bytes, str] = {}
    newest = b""
    for line in lines:
        if not newest:
            log.stretch(_moment(line, now))
        newest = line
        if line.startswith(b"{"):
            _read_json(line, wanted, log)
        elif b"message-id=" in line or queues:
            _read_postfix(line, wanted, queues, log)
    log.stretch(_moment(newest, now))


def _read_postfix(line: bytes, wanted: frozenset[bytes], queues: dict[bytes, str], log: RelayLog) -> None:
    match = _POSTFIX.match(line.rstrip())
    if match is None:
        return
    queue, daemon, rest = match["queue"], match["daemon"].decode("ascii"), match["rest"]
    if daemon == "cleanup" and rest.startswith(b"message-id="):
        # Queue ids are used again: from here on this one means another message.
        queues.pop(queue, None)
        found = _MESSAGE_ID.match(rest)
        if found is not None and found[1] in wanted:
            queues[queue] = found[1].decode("ascii")
        return
    message_id = queues.get(queue)
    if message_id is None:
        return
    place = f"queue id {queue.decode('ascii')}"
    if status := _STATUS.search(rest):
        log.note(message_id, Trace(State.ACCEPTED, f"{place}, status={status[1].decode('ascii')}"))
    elif daemon == "qmgr" and rest.startswith(b"from="):
        log.note(message_id, Trace(State.ACCEPTED, f"{place}, taken into the queue"))
    elif reject := _REJECT.search(rest):
        state = State.REFUSED if reject[1] == b"5" else State.QUEUED
        log.note(message_id, Trace(state, f"{place}, {'refused' if reject[1] == b'5' else 'put off'} by the relay"))


def _read_json(line: bytes, wanted: frozenset[bytes], log: RelayLog) -> None:
    if not any(found in wanted for found in _OUR_ID.findall(line)):
        return
    record = _parse(line)
    headers = record.get("headers")
    named = {str(name).lower(): value for name, value in headers.items()} if isinstance(headers, dict) else {}
    found = _OUR_ID.search(str(record.get("message_id") or named.get("message-id") or "").encode())
    if found is None or found[1] not in wanted:
        return
    kind = record.get("type")
    if kind is None or kind in _KUMO_TAKEN:
        words = f"{kind or 'accepted'} {record.get('id', '')}".strip()
        log.note(found[1].decode("ascii"), Trace(State.ACCEPTED, words))


def _parse(line: bytes) -> dict[str, object]:
    try:
        record = json.loads(line)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def _moment(line: bytes, now: datetime) -> datetime | None:
    """Return the time of a line, None where it shows none."""
    if line.startswith(b"{"):
        return _json_moment(_parse(line))
    match = _STAMP.match(line)
    return _stamp_moment(match[1].decode("ascii"), now) if match else None


def _json_moment(record: dict[str, object]) -> datetime | None:
    stamp = record.get("timestamp")
    if isinstance(stamp, int | float):
        return datetime.fromtimestamp(stamp, UTC)
    at = record.get("at")
    return _iso(at) if isinstance(at, str) else None


def _stamp_moment(text: str, now: datetime) -> datetime | None:
    if text[0].isdigit():
        return _iso(text)
    # RFC 3164: no year and the local time of the machine.
    for year in (now.year + 1, now.year, now.year - 1):
        try:
            moment = datetime.strptime(f"{year} {text}", "%Y %b %d %H:%M:%S").astimezone()
        except ValueError:
            continue
        if moment <= now + timedelta(days=1):
            return moment.astimezone(UTC)
    return None


def _iso(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC)
