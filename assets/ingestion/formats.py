"""Reading files as they came: every row as text with its file and line, broken rows beside the whole ones.

Add a format here. What a value means belongs to ``validation``; nothing here drops or mends a value.

A frame as read has one text column per column of theirs, and four of ours: ``_file``, ``_line`` (the physical
line on which the row begins; the row's number in Parquet), ``_row`` (the row as JSON, or a broken row's text)
and ``_problem`` (null, or ``broken_row``).
"""

import codecs
import csv
import hashlib
import json
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from assets.ingestion.mapping import SourceDefinition
from senders.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl

OWN_COLUMNS = ("_file", "_line", "_row", "_problem")
REJECT_COLUMNS = ("_file", "_line", "_reason", "_column", "_value")
BROKEN = "broken_row"
CHUNK_ROWS = 50_000
SAMPLE_LINES = 200
READ_BYTES = 1 << 20


def read_raw(definition: SourceDefinition, path: Path, *, rows: int | None = None) -> "pl.DataFrame":
    """Return every row of a file as text.

    Args:
        definition: how the file is read.
        path: the file.
        rows: no more than the first of these many.

    Raises:
        ConfigError: the file as a whole cannot be read, or lacks a column that the definition names.
    """
    kind = definition.format_of(path)
    if kind != "parquet":
        check_encoding(definition, path)
    header = read_header(definition, path)
    missing = [column for column in definition.used_columns if column not in header]
    if kind == "jsonl":  # an object may leave a key out, but not every object one that says who, or what consent
        missing = [column for column in missing if column in definition.telling_columns]
    if missing:
        raise ConfigError(
            f"source {definition.name}: {path} has no column {missing[0]!r}; its columns are {', '.join(header)}. "
            f"Mend columns in assets/sources/{definition.name}/defs.yaml."
        )
    reader = {"csv": _read_csv, "jsonl": _read_jsonl, "parquet": _read_parquet}[kind]
    return reader(definition, path, header, rows)


def read_header(definition: SourceDefinition, path: Path) -> list[str]:
    """Return the names of a file's columns; for JSON lines the keys of its objects."""
    kind = definition.format_of(path)
    if kind == "parquet":
        return _scan_parquet(definition, path).columns
    with path.open(encoding=_codec(definition), newline="", errors="replace") as handle:
        return (
            _csv_header(definition, path, handle)
            if kind == "csv"
            else _jsonl_keys(handle, set(definition.used_columns))
        )


def read_column(definition: SourceDefinition, path: Path, column: str) -> Iterator[str | None]:
    """Yield the values of one column of the whole file as text, holding no more than a row; broken rows are None."""
    kind = definition.format_of(path)
    if kind == "parquet":
        frame = _flatten(_open_parquet(definition, path, columns=[column.split(".")[0]]))
        yield from frame.select(_as_text(column, frame.schema[column])).to_series()
        return
    with path.open(encoding=_codec(definition), newline="" if kind == "csv" else None) as handle:
        if kind == "jsonl":
            records = (_parse_object(line) for line in handle if line.strip())
            yield from (_text(_look_up(record, column)) if record is not None else None for record in records)
            return
        header, lines = read_header(definition, path), _Lines(handle)
        place = header.index(column)
        next(_csv_records(lines, definition.delimiter))
        for _, cells, text in _csv_rows(lines, definition.delimiter, len(header)):
            yield cells[place] if text is None else None


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def check_encoding(definition: SourceDefinition, path: Path) -> None:
    """Refuse a file that is not in the encoding its definition names.

    Raises:
        ConfigError: with the offset of the first byte that does not fit.
    """
    decoder, offset, line = codecs.getincrementaldecoder(definition.encoding)(), 0, 1
    with path.open("rb") as handle:
        while True:
            block = handle.read(READ_BYTES)
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                found = max(0, error.start - pending)
                line += block[:found].count(b"\n")
                byte, place = error.object[error.start], offset - pending + error.start
                raise ConfigError(
                    f"source {definition.name}: {path} is not {definition.encoding}: byte 0x{byte:02x} at offset "
                    f"{place} (line {line}). Set encoding in assets/sources/{definition.name}/defs.yaml "
                    "(cp1252 for files from Windows), or save the file anew."
                ) from None
            if not block:
                return
            offset, line = offset + len(block), line + block.count(b"\n")


def _codec(definition: SourceDefinition) -> str:
    # A byte order mark is no part of the first column's name.
    return "utf-8-sig" if codecs.lookup(definition.encoding).name == "utf-8" else definition.encoding


class _Lines:
    """The physical lines of a file, counted, able to take some back."""

    def __init__(self, handle: TextIO) -> None:
        self._handle = handle
        self._returned: deque[str] = deque()
        self.number = 0
        self.taken: list[str] = []

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._returned.popleft() if self._returned else next(self._handle)
        self.number += 1
        self.taken.append(line)
        return line

    def give_back(self, lines: list[str]) -> None:
        """Let lines that were taken come again."""
        self._returned.extendleft(reversed(lines))
        self.number -= len(lines)


def _csv_records(lines: _Lines, delimiter: str) -> Iterator[tuple[int, list[str] | None]]:
    """Yield the line where each record begins and its cells, None where the text is no record."""
    reader = csv.reader(lines, delimiter=delimiter)
    while True:
        start = lines.number + 1
        lines.taken.clear()
        try:
            cells: list[str] | None = next(reader)
        except StopIteration:
            return
        except csv.Error:
            cells = None
        if cells != []:  # an empty line is no row
            yield start, cells


def _csv_header(definition: SourceDefinition, path: Path, handle: TextIO) -> list[str]:
    cells = next((cells for _, cells in _csv_records(_Lines(handle), definition.delimiter)), None)
    if cells is None:
        raise ConfigError(f"source {definition.name}: {path} is empty; its first line must name the columns.")
    header = [cell.strip() or f"column_{number}" for number, cell in enumerate(cells, start=1)]
    twice = [name for name in dict.fromkeys(header) if header.count(name) > 1]
    if twice:
        raise ConfigError(
            f"source {definition.name}: {path} has the column {twice[0]!r} more than once; rename one of them."
        )
    return header


def _csv_rows(lines: _Lines, delimiter: str, width: int) -> Iterator[tuple[int, list[str], str | None]]:
    """Yield line and cells of each record after the header; a broken one comes with its text."""
    for line, cells in _csv_records(lines, delimiter):
        if cells is not None and len(cells) == width:
            yield line, cells, None
        else:
            # An unclosed quote swallows what follows: only its own line is lost, the others are read again.
            text = lines.taken[0].rstrip("\r\n") if lines.taken else ""
            lines.give_back(lines.taken[1:])
            yield line, cells or [], text


def _read_csv(definition: SourceDefinition, path: Path, header: list[str], rows: int | None) -> "pl.DataFrame":
    import polars as pl

    frames, table = [], _Table(header, path)
    with path.open(encoding=_codec(definition), newline="") as handle:
        lines = _Lines(handle)
        next(_csv_records(lines, definition.delimiter))
        for line, cells, broken in islice(_csv_rows(lines, definition.delimiter, len(header)), rows):
            if broken is None:
                table.add(line, cells)
            else:
                table.add_broken(line, broken, cells)
            if table.is_full:
                frames.append(table.frame())
                table = _Table(header, path)
    return _with_row_json(pl.concat([*frames, table.frame()]), header)


class _Table:
    """Rows of one file on their way into a frame."""

    def __init__(self, header: list[str], path: Path) -> None:
        self.header, self.path = header, path
        self.rows: list[list[str | None]] = []
        self.lines: list[int] = []
        self.texts: dict[int, str] = {}
        self.broken: set[int] = set()

    @property
    def is_full(self) -> bool:
        return len(self.rows) >= CHUNK_ROWS

    def add(self, line: int, cells: list[Any], text: str | None = None) -> None:
        if text is not None:
            self.texts[len(self.rows)] = text
        self.rows.append(cells)
        self.lines.append(line)

    def add_broken(self, line: int, text: str, cells: list[str]) -> None:
        self.broken.add(len(self.rows))
        cut: list[str | None] = [*cells[: len(self.header)]] if "\n" not in "".join(cells) else []
        self.add(line, cut + [None] * (len(self.header) - len(cut)), text)

    def frame(self) -> "pl.DataFrame":
        """Return what was added."""
        import polars as pl

        count = len(self.rows)
        columns = zip(*self.rows, strict=True) if count else ((),) * len(self.header)
        return pl.DataFrame(
            {name: list(cells) for name, cells in zip(self.header, columns, strict=True)},
            schema=dict.fromkeys(self.header, pl.String),
        ).with_columns(
            pl.lit(self.path.name).alias("_file"),
            pl.Series("_line", self.lines, dtype=pl.Int64),
            pl.Series("_row", [self.texts.get(number) for number in range(count)], dtype=pl.String),
            pl.Series(
                "_problem", [BROKEN if number in self.broken else None for number in range(count)], dtype=pl.String
            ),
        )


def _with_row_json(frame: "pl.DataFrame", header: list[str]) -> "pl.DataFrame":
    import polars as pl

    kept = [name for name in header if name not in REJECT_COLUMNS]
    return frame.with_columns(pl.coalesce("_row", pl.struct(kept).struct.json_encode()).alias("_row"))


def _jsonl_keys(handle: TextIO, wanted: set[str]) -> list[str]:
    """Return the keys of the first objects, and of as many more as it takes to meet every wanted one."""
    keys: dict[str, None] = {}
    for number, line in enumerate(handle):
        if number >= SAMPLE_LINES and wanted <= keys.keys():
            break
        record = _parse_object(line)
        keys.update(dict.fromkeys(_paths(record)) if record else {})
    return list(keys)


def _paths(record: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in record.items():
        if isinstance(value, dict):
            yield from _paths(value, f"{prefix}{key}.")
        else:
            yield prefix + key


def _parse_object(text: str) -> dict[str, Any] | None:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _read_jsonl(definition: SourceDefinition, path: Path, header: list[str], rows: int | None) -> "pl.DataFrame":
    import polars as pl

    wanted = definition.used_columns
    frames, table = [], _Table(wanted, path)
    with path.open(encoding=_codec(definition)) as handle:
        whole = ((number, line.rstrip("\r\n")) for number, line in enumerate(handle, start=1) if line.strip())
        for number, text in islice(whole, rows):
            record = _parse_object(text)
            if record is None:
                table.add_broken(number, text, [])
            else:
                table.add(number, [_text(_look_up(record, name)) for name in wanted], text)
            if table.is_full:
                frames.append(table.frame())
                table = _Table(wanted, path)
    return pl.concat([*frames, table.frame()])


def _look_up(record: dict[str, Any], path: str) -> Any:
    """Return a value by its key or dotted path, None where there is none."""
    if path in record:
        return record[path]
    value: Any = record
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _text(value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    # JSON can spell half a character (a lone surrogate), which is no text.
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _scan_parquet(definition: SourceDefinition, path: Path) -> "pl.DataFrame":
    """Return the first row, for the names of all columns, structs as dotted paths."""
    return _flatten(_open_parquet(definition, path, rows=1))


def _open_parquet(
    definition: SourceDefinition, path: Path, rows: int | None = None, columns: list[str] | None = None
) -> "pl.DataFrame":
    import polars as pl

    try:
        return pl.read_parquet(path, columns=columns, n_rows=rows, use_pyarrow=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"source {definition.name}: {path} is no Parquet file we can read ({reason}); write it anew."
        ) from error


def _flatten(frame: "pl.DataFrame") -> "pl.DataFrame":
    import polars as pl

    columns = []
    for name, kind in frame.schema.items():
        if isinstance(kind, pl.Struct):
            columns += [pl.col(name).struct.field(part.name).alias(f"{name}.{part.name}") for part in kind.fields]
        else:
            columns.append(pl.col(name))
    return frame.select(columns)


def _as_text(name: str, kind: Any) -> "pl.Expr":
    import polars as pl

    if isinstance(kind, pl.Datetime) and kind.time_zone:
        return pl.col(name).dt.convert_time_zone("UTC").dt.replace_time_zone(None).cast(pl.String)
    if kind.is_nested():
        return pl.struct(name).struct.json_encode().alias(name)
    return pl.col(name).cast(pl.String, strict=False)


def _read_parquet(definition: SourceDefinition, path: Path, header: list[str], rows: int | None) -> "pl.DataFrame":
    import polars as pl

    frame = _flatten(_open_parquet(definition, path, rows))
    frame = frame.select(_as_text(name, kind) for name, kind in frame.schema.items()).with_columns(
        pl.lit(path.name).alias("_file"),
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("_line"),
        pl.lit(None, dtype=pl.String).alias("_row"),
        pl.lit(None, dtype=pl.String).alias("_problem"),
    )
    return _with_row_json(frame, header)
