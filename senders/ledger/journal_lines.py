"""The form of a line of the send journal, written and read.

``7 1234 3:12-40,55 4:9`` says: when the ledger stood at epoch 7 and sequence 1234, messages 12 to 40 and 55 of
send 3 and message 9 of send 4 were offered. ``7 1234 [3, "cancelled", …]`` says what a person ordered about send 3.
Add a form here when the journal must remember something else; older lines have neither and stay readable.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass

Offered = tuple[int, int]  # send_no, seq


OPENED = "opened"


@dataclass(frozen=True, slots=True)
class Order:
    """What was ordered about a send: that it opens, or the state that it was given.

    Its number stands in links and return paths, so it must stay its own.
    """

    send_no: int
    state: str
    send_id: str
    campaign: str
    audience_hash: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: the ledger's stand, and the offers begun, or the order given, until then."""

    epoch: int
    sequence: int
    ranges: tuple[tuple[int, int, int], ...] = ()  # send_no, first seq, last seq
    order: Order | None = None

    def offered(self) -> Iterator[Offered]:
        """Yield every offer of the line."""
        for send_no, first, last in self.ranges:
            yield from ((send_no, seq) for seq in range(first, last + 1))


def format_line(epoch: int, sequence: int, offered: Iterable[Offered] = (), order: Order | None = None) -> bytes:
    """Return a line with its end."""
    line = b"%d %d" % (epoch, sequence)
    if order is not None:
        line += b" " + json.dumps(astuple(order), ensure_ascii=True).encode("ascii")
    else:
        line += _format_offers(offered)
    return line + b"\n"


def _format_offers(offered: Iterable[Offered]) -> bytes:
    parts: list[str] = []
    of_send = start = before = -1
    for send_no, seq in sorted(offered):
        if send_no == of_send and seq <= before + 1:
            before = seq
            continue
        if before > start:
            parts.append(f"-{before}")
        parts.append(f",{seq}" if send_no == of_send else f" {send_no}:{seq}")
        of_send, start, before = send_no, seq, seq
    if before > start:
        parts.append(f"-{before}")
    return "".join(parts).encode("ascii")


def read_stand(line: bytes) -> tuple[int, int] | None:
    """Return epoch and sequence of a line, None where it is no whole line of ours."""
    words = line.split(b" ", 3)
    if len(words) < 2 or not (words[0].isdigit() and words[1].isdigit()):
        return None
    if len(words) > 2 and b":" not in words[2] and not words[2].startswith(b"["):
        return None  # two lines that ran into each other
    return int(words[0]), int(words[1])


def read_entry(line: bytes) -> Entry | None:
    """Return what a line says, None where it is no whole line of ours."""
    stand = read_stand(line)
    if stand is None:
        return None
    rest = line.split(b" ", 2)[2:]
    try:
        if rest and rest[0].startswith(b"["):
            return Entry(*stand, order=Order(*json.loads(rest[0])))
        return Entry(*stand, ranges=tuple(_read_offers(rest[0].decode("ascii")) if rest else ()))
    except (ValueError, TypeError):
        return None


def _read_offers(text: str) -> Iterator[tuple[int, int, int]]:
    for word in text.split(" "):
        send_no, _, ranges = word.partition(":")
        for part in ranges.split(","):
            first, _, last = part.partition("-")
            yield int(send_no), int(first), int(last or first)
