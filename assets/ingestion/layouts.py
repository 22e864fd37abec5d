"""How a file is laid out, told from its content: format, encoding, delimiter, header, and its first rows.

Add a format or a trap of one here. Reading a file whose definition is known belongs to ``formats``, what its
columns mean to ``proposals``.
"""

import csv
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from assets.ingestion.encodings import Encoding, detect_encoding
from assets.ingestion.formats import read_column, read_header, read_raw
from assets.ingestion.mapping import SUFFIXES, FileFormat, SourceDefinition
from senders.errors import ConfigError

SAMPLE_ROWS = 2_000
SAMPLE_CHARACTERS = 1 << 20
# In order of how rarely they stand inside a text: the first of equals is taken.
DELIMITERS = (";", "\t", "|", ",")

_MOSTLY = 0.7  # of the records must have as many cells as the header
_OTHER_KINDS = (
    (b"PK\x03\x04", "an Excel workbook or a ZIP archive", "save it as CSV (in Excel: Save as, CSV UTF-8)"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save it as CSV (in Excel: Save as, CSV UTF-8)"),
    (b"\x1f\x8b", "compressed", "unpack it with gunzip"),
    (b"%PDF", "a PDF", "export the contacts as CSV"),
)


@dataclass(frozen=True, slots=True)
class Layout:
    """A file as found: how to read it, the names of its columns, and its first rows as text."""

    path: Path
    format: FileFormat
    encoding: Encoding
    delimiter: str
    header: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]

    def values(self, column: str) -> list[str]:
        """Return the values of a column in the first rows, trimmed, without the blank ones."""
        place = self.header.index(column)
        found = ((row[place] or "").strip() for row in self.rows)
        return [value for value in found if value]


def detect_layout(path: Path, *, encoding: str | None = None, delimiter: str | None = None) -> Layout:
    """Return how a file is laid out.

    Args:
        path: the file.
        encoding: taken instead of what would be found.
        delimiter: taken instead of what would be found.

    Raises:
        ConfigError: the file is none that can become a source; says what to do.
    """
    head = _read_head(path)
    if head.startswith(b"PAR1"):
        _refuse_other_name(path, "parquet")
        return _with_rows(Layout(path, "parquet", Encoding("utf-8"), ",", (), ()))
    found = Encoding(encoding) if encoding else detect_encoding(path)
    text = _decode_head(path, found.name)
    if text.lstrip().startswith("{") and _is_object(text.lstrip()):
        _refuse_other_name(path, "jsonl")
        return _with_rows(Layout(path, "jsonl", found, ",", (), ()))
    _refuse_other_text(path, text)
    _refuse_other_name(path, "csv")
    chosen = delimiter or find_delimiter(text)
    layout = _with_rows(Layout(path, "csv", found, chosen, (), ()))
    _refuse_missing_header(layout)
    return layout


def find_delimiter(text: str) -> str:
    """Return the delimiter under which most records have as many cells as the header; a comma if none fits."""
    scored = {delimiter: _consistency(text, delimiter) for delimiter in DELIMITERS}
    best = max(scored, key=lambda delimiter: scored[delimiter])  # the first of equals
    return best if scored[best][0] >= _MOSTLY else ","


def count_words(definition: SourceDefinition, column: str, limit: int = 1_000) -> tuple[Counter[str], int]:
    """Return how often each value stands in a column of the whole file, and how many rows there are.

    Args:
        definition: how to read the file; its location is absolute.
        column: their column.
        limit: no more different values than this are kept.
    """
    words: Counter[str] = Counter()
    rows = 0
    for value in read_column(definition, Path(definition.location), column):
        rows += 1
        word = (value or "").strip()
        if word and (word in words or len(words) < limit):
            words[word] += 1
    return words, rows


def draft_definition(layout: Layout, columns: dict[str, str], **more: Any) -> SourceDefinition:
    """Return a definition that reads the file as it lies, with columns of ours."""
    return SourceDefinition.model_validate(
        {
            "name": "draft",
            "kind": "contacts",
            "format": layout.format,
            "location": str(layout.path.resolve()),
            "encoding": layout.encoding.name,
            "delimiter": layout.delimiter,
            "columns": columns,
            **more,
        }
    )


def _read_head(path: Path) -> bytes:
    if not path.is_file():
        what = "a folder" if path.is_dir() else "not there"
        raise ConfigError(f"{path} is {what}; name a file of contacts, orders or products.")
    with path.open("rb") as handle:
        head = handle.read(1 << 16)
    if not head.strip():
        raise ConfigError(f"{path} is empty; its first line must name the columns.")
    for magic, what, remedy in _OTHER_KINDS:
        if head.startswith(magic):
            raise ConfigError(f"{path} is {what}; {remedy}.")
    return head


def _decode_head(path: Path, encoding: str) -> str:
    try:
        with path.open(encoding=encoding, newline="", errors="replace") as handle:
            return handle.read(SAMPLE_CHARACTERS).removeprefix("\ufeff")
    except LookupError:
        raise ConfigError(f"{encoding!r} is no encoding that Python knows; use utf-8, cp1252 or latin-1.") from None


def _is_object(text: str) -> bool:
    line = text.splitlines()[0]
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _refuse_other_text(path: Path, text: str) -> None:
    start = text.lstrip()[:200]
    if "\0" in text[:4096]:
        raise ConfigError(f"{path} is no text; name a CSV, TSV, JSON lines or Parquet file.")
    if start.startswith(("[", "{")):
        raise ConfigError(f"{path} is JSON, but not one object per line; write each contact as one line (JSON lines).")
    if start.startswith("<"):
        raise ConfigError(f"{path} is XML or HTML; export the contacts as CSV.")
    if start.lower().startswith("sep="):
        raise ConfigError(f"{path} begins with {start.splitlines()[0]!r}, which only Excel reads; remove that line.")


def _refuse_other_name(path: Path, found: FileFormat) -> None:
    if SUFFIXES.get(path.suffix.lower(), found) != found:
        suffix = next(suffix for suffix, kind in SUFFIXES.items() if kind == found)
        raise ConfigError(f"{path} holds {found}, not what its name says; rename it to {path.stem}{suffix}.")


def _consistency(text: str, delimiter: str) -> tuple[float, int]:
    """Return the share of records with as many cells as the header, and how many that is; 0 for one column."""
    widths = [len(cells) for cells in _records(text, delimiter)]
    if not widths or widths[0] < 2:
        return 0.0, 0
    return round(sum(width == widths[0] for width in widths) / len(widths), 1), widths[0]


def _records(text: str, delimiter: str) -> Iterator[list[str]]:
    """Yield the records of the beginning of a file; the last may be cut and is left out if there are others."""
    lines = text.splitlines(keepends=True)
    reader = csv.reader(iter(lines), delimiter=delimiter)
    kept: list[list[str]] = []
    while len(kept) < SAMPLE_ROWS:
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error:
            continue
        if cells:
            kept.append(cells)
    yield from kept[:-1] if len(kept) > 2 and len(text) >= SAMPLE_CHARACTERS else kept


def _with_rows(layout: Layout) -> Layout:
    """Add header and first rows, read by the very code that loads the file later."""
    probe = draft_definition(layout, {"email": "\0"})
    try:
        header = read_header(probe, layout.path)
    except ConfigError as error:
        raise ConfigError(str(error).removeprefix("source draft: ")) from None
    if not header:
        raise ConfigError(f"{layout.path} names no columns.")
    wanted = probe.model_copy(update={"columns": {name: name for name in header}})
    frame = read_raw(wanted, layout.path, rows=SAMPLE_ROWS).filter(_is_whole()).select(header)
    return replace(layout, header=tuple(header), rows=tuple(frame.rows()))


def _is_whole() -> Any:
    import polars as pl

    return pl.col("_problem").is_null()


def _refuse_missing_header(layout: Layout) -> None:
    odd = [name for name in layout.header if "@" in name and "." in name] or [
        name for name in layout.header if name.replace(".", "").replace("-", "").isdigit()
    ]
    if len(odd) > len(layout.header) / 2 or any("@" in name for name in odd):
        raise ConfigError(
            f"{layout.path}: the first line holds values, not names of columns; write the names as a line above it, "
            f"such as: {layout.delimiter.join(_invented(layout.header))}"
        )


def _invented(header: Sequence[str]) -> list[str]:
    return ["email" if "@" in name else f"column_{number}" for number, name in enumerate(header, start=1)]
