"""Hashes over the values of frozen files, the same whatever library or version wrote the file.

Add a type here when an audience may carry it. When a hash is asked for belongs to ``freeze`` and ``manifest``.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


def hash_table(table: pa.Table) -> str:
    """Return the SHA-256 of a table's column names, kinds and values, in order."""
    digest = hashlib.sha256()
    for name in table.column_names:
        array = table.column(name).combine_chunks()
        if isinstance(array, pa.ChunkedArray):  # a table without rows may have no chunk
            array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], type=array.type)
        _add_column(digest, name, array)
    return digest.hexdigest()


def hash_document(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a JSON document in its canonical form."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _add_column(digest: Any, name: str, array: pa.Array) -> None:
    kind, values = _canonical(array)
    digest.update(json.dumps([name, kind, len(array)]).encode())
    digest.update(pc.cast(pc.is_null(array), pa.uint8()).to_numpy().tobytes())
    if kind == "text":
        lengths = pc.cast(pc.binary_length(values), pa.int64())
        digest.update(lengths.to_numpy().astype("<i8").tobytes())
        digest.update("".join(values.to_pylist()).encode())
    else:
        digest.update(values.to_numpy().astype("<f8" if kind == "number" else "<i8").tobytes())


def _canonical(array: pa.Array) -> tuple[str, pa.Array]:
    """Return the kind of a column and its values without nulls, in one type per kind."""
    kind = array.type
    if pa.types.is_boolean(kind):
        return "flag", pc.fill_null(pc.cast(array, pa.int64()), 0)
    if pa.types.is_integer(kind):
        return "integer", pc.fill_null(pc.cast(array, pa.int64()), 0)
    if pa.types.is_floating(kind):
        return "number", pc.fill_null(pc.cast(array, pa.float64()), 0.0)
    if pa.types.is_timestamp(kind):
        return "time", pc.fill_null(pc.cast(pc.cast(array, pa.timestamp("us")), pa.int64()), 0)
    if pa.types.is_null(kind):
        return "text", pa.array([""] * len(array), type=pa.large_string())
    return "text", pc.fill_null(pc.cast(array, pa.large_string()), "")
