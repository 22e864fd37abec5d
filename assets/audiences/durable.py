"""Files of a send, whole and on the disk before anybody reads their name.

Add a form of file here when a send's folder needs it. What is written belongs to ``freeze`` and ``assets.outbox``.
"""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from assets.audiences.hashing import hash_table

_ROW_GROUP = 20_000


def write_table(path: Path, table: pa.Table) -> str:
    """Write a table as Parquet, flush it, and return the hash of its values."""
    with path.open("wb") as file:
        pq.write_table(table, file, compression="zstd", row_group_size=_ROW_GROUP)
        file.flush()
        os.fsync(file.fileno())
    return hash_table(table)


def write_text(path: Path, text: str) -> None:
    """Write a text and flush it."""
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
