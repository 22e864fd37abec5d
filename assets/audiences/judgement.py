"""Where the answer about one person stands: in the frozen files of a send, or in the plan of this moment.

Both give the same `Judged`. Add a place here when there is another; what is told about a person belongs to
``explain``.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Protocol

import duckdb

from assets.audiences.judging import JUDGED, Request, WishLog, judge
from assets.audiences.manifest import load_manifest
from senders.clock import parse_time
from senders.ledger.store import Ledger
from senders.message import State

_LOOKED_THROUGH = 200_000  # messages that a sample looks at for rare states


@dataclass(frozen=True, slots=True)
class Judged:
    """What was decided about one person of a campaign's segments; ``reason`` is None for recipients."""

    contact_id: str
    seq: int
    variant: str
    reason: str | None
    detail: str | None
    event_id: str | None
    at: datetime | None


class Answer(Protocol):
    """Who was judged how."""

    @property
    def segments(self) -> tuple[str, ...]:
        """The segments that were included and excluded."""
        ...

    def find(self, contact_id: str) -> Judged | None:
        """Return what was decided about a person, None for somebody outside the segments."""
        ...

    def sample(self, size: int) -> list[str]:
        """Return contact ids, in turn from each outcome."""
        ...


class Planned:
    """The answer of this moment, judged on an open published copy."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, request: Request, ledger: WishLog | None) -> None:
        judge(connection, request, ledger)
        self._connection = connection
        self.segments = request.definition.segments

    def find(self, contact_id: str) -> Judged | None:
        """Return what would be decided about a person now."""
        rows = self._connection.execute(
            f"select contact_id, 0, variant, reason, detail, event_id, suppressed_at from {JUDGED}"  # noqa: S608
            " where contact_id = $contact_id",
            {"contact_id": contact_id},
        ).fetchall()
        return Judged(*rows[0]) if rows else None

    def sample(self, size: int) -> list[str]:
        """Return contact ids, in turn from recipients and each reason."""
        return [
            contact_id
            for (contact_id,) in self._connection.execute(
                f"select contact_id from {JUDGED}"  # noqa: S608
                " order by row_number() over (partition by reason order by contact_id), reason nulls first limit $size",
                {"size": size},
            ).fetchall()
        ]


class Frozen:
    """The answer that was frozen for a send, with the states of its messages."""

    def __init__(self, folder: Path, ledger: Ledger, send_no: int) -> None:
        manifest = load_manifest(folder)
        self._folder = folder
        self._ledger = ledger
        self._send_no = send_no
        self._files = [str(folder / shard.file) for shard in manifest.shards]
        self._exclusions = str(folder / manifest.exclusions.file)
        self.as_of = parse_time(manifest.as_of)
        self.segments = (*manifest.segments["include"], *manifest.segments["exclude"])

    def find(self, contact_id: str) -> Judged | None:
        """Return what was decided about a person when the audience was frozen."""
        for query in self._queries():
            with duckdb.connect(":memory:") as connection:
                rows = connection.execute(query, {"contact_id": contact_id}).fetchall()
            if rows:
                return Judged(*rows[0])
        return None

    def sample(self, size: int) -> list[str]:
        """Return contact ids, in turn from each state and each reason."""
        groups = [*self._by_state(size), *self._by_reason(size)]
        return list(islice(_in_turn(groups), size))

    def _queries(self) -> Iterator[str]:
        if self._files:
            columns = "contact_id, seq, variant, null, null, null, null"
            yield f"select {columns} from read_parquet({_listed(self._files)}) where contact_id = $contact_id"  # noqa: S608
        columns = "contact_id, 0, '', reason, detail, event_id, \"at\""
        yield f"select {columns} from read_parquet({_listed([self._exclusions])}) where contact_id = $contact_id"  # noqa: S608

    def _by_state(self, size: int) -> list[list[str]]:
        seqs: dict[State, list[int]] = {}
        for seq, state, _, _ in islice(self._ledger.message_rows(self._send_no), _LOOKED_THROUGH):
            found = seqs.setdefault(state, [])
            if len(found) < size:
                found.append(seq)
        return [self._contacts(found) for _, found in sorted(seqs.items())]

    def _contacts(self, seqs: list[int]) -> list[str]:
        messages = (self._ledger.message(self._send_no, seq) for seq in seqs)
        return [message.address_hash.hex() for message in messages if message is not None]

    def _by_reason(self, size: int) -> list[list[str]]:
        with duckdb.connect(":memory:") as connection:
            rows = connection.execute(
                f"select reason, contact_id from read_parquet({_listed([self._exclusions])})"  # noqa: S608
                " qualify row_number() over (partition by reason order by contact_id) <= $size"
                " order by reason, contact_id",
                {"size": size},
            ).fetchall()
        groups: dict[str, list[str]] = {}
        for reason, contact_id in rows:
            groups.setdefault(reason, []).append(contact_id)
        return list(groups.values())


def _in_turn(groups: Iterable[list[str]]) -> Iterator[str]:
    waiting = [iter(group) for group in groups]
    while waiting:
        still = []
        for group in waiting:
            contact_id = next(group, None)
            if contact_id is not None:
                still.append(group)
                yield contact_id
        waiting = still


def _listed(files: list[str]) -> str:
    quoted = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
    return f"[{quoted}]"
