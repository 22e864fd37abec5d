"""Tries a new source on its file, and writes it: the ``defs.yaml`` with comments, and the file below the home.

Add a line to the text here when a person should see a setting from the start. What the settings mean belongs to
``mapping``; which of them a file gets is decided in ``adding``.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assets.ingestion.definitions import TYPE, load_definition
from assets.ingestion.formats import read_raw
from assets.ingestion.mapping import ConsentRule, SourceDefinition
from assets.ingestion.validation import validate
from assets.ingestion.values import MASK, mask_text, one_line
from assets.yaml_words import scalar, sequence
from senders.errors import ConfigError, GuardError

TRIED_ROWS = 100_000
_SHOWN_REJECTS = 10
_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
# What YAML reads as the text it is, without quotes.
_NOTHING_READ = b"\0" * 32  # hashes of a trial are looked at by nobody


@dataclass(frozen=True, slots=True)
class Trial:
    """What the first rows of a file would become under a definition; values are masked."""

    rows: int
    rejected: int
    duplicates: int
    rejects: dict[str, int]
    warnings: dict[str, int]
    examples: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return it as `mailrail source add --json` prints it."""
        names = ("rows", "rejected", "duplicates", "rejects", "warnings", "examples")
        return {name: getattr(self, name) for name in names}

    def is_too_much(self, definition: SourceDefinition) -> bool:
        """Whether so many rows would be rejected that a load is set aside."""
        return self.rows > 0 and self.rejected / self.rows > definition.max_rejected_share


def check_name(name: str) -> None:
    """Refuse a name that no folder of a source may have.

    Raises:
        ConfigError: with a name that may be used instead.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"--name {name!r} cannot name a source: small letters, digits and _, beginning with a letter; "
            f"for instance {suggest_name(name)}."
        )


def suggest_name(text: str) -> str:
    """Return a text as the name of a source: `Kunden 2024` is kunden_2024."""
    from assets.ingestion.vocabulary import fold

    name = fold(text).replace(" ", "_")
    return name if _NAME.fullmatch(name) else f"source_{name}".rstrip("_")


def try_rows(definition: SourceDefinition, path: Path) -> Trial:
    """Judge the first rows of a file as a load would."""
    raw = read_raw(definition, path, rows=TRIED_ROWS)
    validated = validate(definition, raw, _NOTHING_READ)
    counted = validated.rejects.group_by("reason").len().sort("len", "reason", descending=[True, False])
    return Trial(
        rows=validated.rows,
        rejected=validated.rejects.height,
        duplicates=validated.duplicates,
        rejects=dict(counted.iter_rows()),
        warnings=validated.warnings,
        examples=[
            {"line": row["line"], "reason": row["reason"], "column": row["column_name"], "value": _masked(row)}
            for row in validated.rejects.head(_SHOWN_REJECTS).to_dicts()
        ],
    )


def write_source(
    definition: SourceDefinition, path: Path, project: Path, home: Path, *, notes: Sequence[str] = (), replace: bool
) -> tuple[Path, Path]:
    """Copy a file below the home, write its definition, and return both paths.

    Args:
        definition: the source; its location is where the file goes.
        path: the file as it came.
        project: the project folder.
        home: the home folder.
        notes: lines that stand above the columns as comments.
        replace: whether a source of that name may be written anew.

    Raises:
        GuardError: there is such a source already.
        ConfigError: a column has a name that cannot stand in a definition; nothing is written.
    """
    target = definition_path(project, definition.name)
    refuse_taken(project, definition.name, replace=replace)
    copy = home / definition.location
    text = definition_text(definition, notes)
    require_readable(text, definition.name)
    _copy_whole(path, copy)
    _write_whole(target, text)
    return target, copy


def require_readable(text: str, name: str) -> None:
    """Refuse a definition that could not be read back, before anything is written.

    Raises:
        ConfigError: with every problem of the definition.
    """
    with tempfile.TemporaryDirectory() as folder:
        trial = definition_path(Path(folder), name)
        trial.parent.mkdir(parents=True)
        trial.write_text(text, encoding="utf-8")
        load_definition(trial)


def refuse_taken(project: Path, name: str, *, replace: bool) -> None:
    """Refuse the name of a source that exists.

    Raises:
        GuardError: says how to go on.
    """
    target = definition_path(project, name)
    if target.exists() and not replace:
        raise GuardError(
            f"there is a source {name!r} already ({target}); give another --name, or --replace to write it anew. "
            "For newer rows of the same columns, put the file in its place and run: mailrail source load " + name
        )


def definition_path(project: Path, name: str) -> Path:
    """Return where the definition of a source stands."""
    return project / "assets" / "sources" / name / "defs.yaml"


def definition_text(definition: SourceDefinition, notes: Sequence[str] = ()) -> str:
    """Return a definition as YAML with comments, in the order in which people read it."""
    return "".join(f"{line}\n" for line in _lines(definition, notes))


def _lines(definition: SourceDefinition, notes: Sequence[str]) -> Iterator[str]:
    yield f"type: {TYPE}"
    yield "attributes:"
    yield f"  kind: {definition.kind}"
    yield f"  format: {definition.format}"
    yield f"  location: {scalar(definition.location)} # below MAILRAIL_HOME; newer files go to the same place"
    yield f"  description: {scalar(definition.description)}"
    if definition.kind == "contacts":
        yield f"  rank: {definition.rank} # where sources disagree, the smaller rank wins"
    yield from _reading_lines(definition)
    yield from (f"  # {one_line(note)}" for note in notes)
    yield "  columns: # our field: their column"
    yield from (f"    {name}: {scalar(column)}" for name, column in definition.columns.items())
    if definition.kind == "contacts":
        yield from _consent_lines(definition.consent)
    yield f"  max_rejected_share: {definition.max_rejected_share} # more bad rows than this, and a load is set aside"


def _reading_lines(definition: SourceDefinition) -> Iterator[str]:
    if definition.format == "csv":
        yield f"  delimiter: {scalar(definition.delimiter)}"
    if definition.format != "parquet":
        yield f"  encoding: {definition.encoding}"
    if definition.decimal != ".":
        yield f"  decimal: {scalar(definition.decimal)}"
    if len(definition.date_formats) == 1:
        yield f"  date_format: {scalar(definition.date_formats[0])} # ISO 8601 is understood anyway"
    elif definition.date_formats:
        yield f"  date_format: {sequence(definition.date_formats)} # tried in this order; ISO 8601 is understood anyway"


def _consent_lines(rule: ConsentRule) -> Iterator[str]:
    yield "  consent:"
    if rule.column is not None:
        yield f"    column: {scalar(rule.column)}"
        yield f"    granted: {sequence(rule.granted)}"
        yield f"    denied: {sequence(rule.denied)}"
        yield f"    unsubscribed: {sequence(rule.unsubscribed)} # these are suppressed for good"
        yield f"    default: {rule.default} # where the cell is empty; a word that is not listed is unknown, too"
    if rule.opt_out_column is not None:
        yield f"    opt_out_column: {scalar(rule.opt_out_column)} # goes before the other column"
        yield f"    opt_out: {sequence(rule.opt_out)} # these are suppressed for good; * is any value"
    if rule.column is None and rule.default == "unknown":
        yield "    default: unknown # no column says who asked for mail, so nobody in this source gets any"
    elif rule.column is None:
        yield f"    default: {rule.default} # a person decided so for everybody in the file"
    yield f"    basis: {scalar(rule.basis)} # how these people were asked; kept with every contact"


def _masked(row: dict[str, Any]) -> str:
    value = row["value"] or ""
    is_broken_address = row["reason"].startswith("invalid_address") and "@" not in value
    return f"{value[:1]}{MASK}" if is_broken_address else mask_text(value)


def _copy_whole(path: Path, target: Path) -> None:
    """Copy a file so that it is there whole or not at all; a file that lies there already stays."""
    if target.exists() and path.samefile(target):
        return
    _replace_whole(target, lambda scratch: shutil.copyfile(path, scratch))


def _write_whole(target: Path, text: str) -> None:
    _replace_whole(target, lambda scratch: scratch.write_text(text, encoding="utf-8"))


def _replace_whole(target: Path, write: Callable[[Path], object]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        write(scratch)
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)
