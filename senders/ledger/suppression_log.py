"""The record of suppressions outside the database: a line for each, appended when it is made and never removed.

It survives the loss of warehouse and ledger (RELIABILITY L10). A line is durable before the suppression is
committed, hence before any unsubscribe is answered; where the commit then fails, the line still tells a
person's wish. A lift is a line too, so that nothing taken back is revived. Add nothing else.
"""

import contextlib
import errno
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from senders.errors import LedgerBusy, LedgerFull
from senders.ledger.connection import Connection
from senders.ledger.durable_lines import DurableLines
from senders.ledger.rows import Suppression, from_micros, to_micros
from senders.ledger.wishes import is_missing, put_back_one

_CHUNK_BYTES = 65_536


class SuppressionLog:
    """``suppressions.log`` beside the ledger: ``[address hash, scope, reason, at, event id]`` a line.

    The reason ``lifted`` says that the person took an unsubscribe back.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "suppressions.log"

    def append(self, suppressions: Sequence[Suppression]) -> None:
        """Make suppressions durable.

        Raises:
            LedgerBusy: they may not be; commit nothing that depends on them.
        """
        if not suppressions:
            return
        try:
            with contextlib.closing(DurableLines(self.path)) as lines:
                lines.append(b"".join(map(_format, suppressions)))
        except OSError as error:
            kind = LedgerFull if error.errno in {errno.ENOSPC, errno.EDQUOT} else LedgerBusy
            raise kind(f"{self.path}: {error}") from error

    def read(self) -> Iterator[Suppression]:
        """Yield all of them, oldest first; what a power cut tore is passed over."""
        if self.path.exists():
            with self.path.open("rb") as file:
                yield from filter(None, map(_read, file))

    def newest_unknown(self, connection: Connection) -> list[Suppression]:
        """Return the newest suppressions that a ledger lacks, as far back as it lacks any."""
        found: list[Suppression] = []
        for chunk in self._backwards():
            missing = missing_of(connection, chunk)
            if not missing:
                break
            found = missing + found
        return found

    def _backwards(self) -> Iterator[list[Suppression]]:
        """Yield the lines in chunks, the newest chunk first."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            end, rest = self.path.stat().st_size, b""
            while end > 0:
                start = max(0, end - _CHUNK_BYTES)
                file.seek(start)
                block = file.read(end - start) + rest
                # The first line of a block may begin before it; it is read with the block before.
                rest, _, whole = (b"", b"", block) if start == 0 else block.partition(b"\n")
                yield list(filter(None, map(_read, whole.splitlines(keepends=True))))
                end = start
                rest += b"\n" if rest else b""


def missing_of(connection: Connection, suppressions: Iterable[Suppression]) -> list[Suppression]:
    """Return those of some suppressions that a ledger lacks and that were not lifted since."""
    return [one for one in suppressions if is_missing(connection, one)]


def put_back(connection: Connection, suppressions: Sequence[Suppression], sequence: int) -> int:
    """Insert suppressions that a ledger lacks, and return how many; inside a write transaction."""
    return sum(put_back_one(connection, one, sequence) for one in suppressions)


def _format(one: Suppression) -> bytes:
    words = [one.address_hash.hex(), one.scope, one.reason, to_micros(one.at), one.event_id]
    return json.dumps(words, ensure_ascii=True).encode("ascii") + b"\n"


def _read(line: bytes) -> Suppression | None:
    try:
        address_hash, scope, reason, at, event_id = json.loads(line)
        return Suppression(bytes.fromhex(address_hash), scope, reason, from_micros(at), event_id, 0)
    except (ValueError, TypeError):
        return None
