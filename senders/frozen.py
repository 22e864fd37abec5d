"""Single rows of a frozen audience: which file holds one, and the function that reads it.

The files are the pipeline's, and so is the function, named ``module:function``; only processes that may load its
libraries call it. Add nothing that writes.
"""

import functools
import importlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

RowReader = Callable[[Path, list[int]], Iterable[Mapping[str, Any]]]


def find_shard(folder: Path, seq: int) -> Path | None:
    """Return the file of an audience that holds a sequence number, where it is still there."""
    manifest = folder / "manifest.json"
    if not manifest.exists():
        return None
    for shard in json.loads(manifest.read_text(encoding="utf-8"))["shards"]:
        if shard["first_seq"] <= seq < shard["first_seq"] + shard["rows"]:
            path = folder / shard["file"]
            return path if path.exists() else None
    return None


@functools.lru_cache(maxsize=4)
def load_reader(name: str) -> RowReader:
    """Return the function that reads rows of a file."""
    module, _, function = name.partition(":")
    reader: RowReader = getattr(importlib.import_module(module), function)
    return reader
