"""Reads rows of a frozen shard, a batch at a time, in the order of seq.

The render child and the collector import this and nothing else of ours; memory stays at one row group, and a few rows
cost one row group, not the file. Rendering and writing do not belong here.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from senders.errors import GuardError

SEQ = "seq"
# A column of the outbox's shards: the values of a transactional template, whose names differ from one to the next.
FIELDS = "fields"
_BATCH = 1_000


def read_rows(shard_file: str, seqs: Sequence[int] | None = None) -> Iterator[dict[str, Any]]:
    """Yield the rows of a shard file as dicts, in the order of seq.

    Args:
        shard_file: path of the file.
        seqs: the wanted rows; None for all.

    Raises:
        GuardError: the file does not hold a wanted row.
    """
    with pq.ParquetFile(shard_file) as file:
        rows = _read_all(file) if seqs is None else _read_some(file, sorted(set(seqs)), Path(shard_file))
        yield from map(_with_fields, rows) if FIELDS in file.schema_arrow.names else rows


def _with_fields(row: dict[str, Any]) -> dict[str, Any]:
    return {**json.loads(row.pop(FIELDS)), **row}


def _read_all(file: pq.ParquetFile) -> Iterator[dict[str, Any]]:
    for batch in file.iter_batches(batch_size=_BATCH):
        yield from batch.to_pylist()


def _read_some(file: pq.ParquetFile, wanted: list[int], path: Path) -> Iterator[dict[str, Any]]:
    position = 0
    for group, (first, last) in enumerate(_ranges(file)):
        end = position
        while end < len(wanted) and wanted[end] <= last:
            end += 1
        if end > position and wanted[position] >= first:
            yield from _read_group(file, group, [seq - first for seq in wanted[position:end]])
            position = end
    if position < len(wanted):
        raise GuardError(f"{path}: holds no row with seq {wanted[position]}; it is not the shard of this send.")


def _read_group(file: pq.ParquetFile, group: int, places: list[int]) -> Iterator[dict[str, Any]]:
    table = file.read_row_group(group)
    for start in range(0, len(places), _BATCH):
        yield from table.take(pa.array(places[start : start + _BATCH])).to_pylist()


def _ranges(file: pq.ParquetFile) -> Iterator[tuple[int, int]]:
    """Yield first and last seq of each row group; within a file seq rises by one from row to row."""
    column = file.schema_arrow.get_field_index(SEQ)
    for group in range(file.metadata.num_row_groups):
        meta = file.metadata.row_group(group)
        first = meta.column(column).statistics.min
        yield first, first + meta.num_rows - 1
