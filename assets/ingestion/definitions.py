"""Loading ``defs.yaml`` files leniently, each by itself, with every mistake at its line.

Add here what can be wrong with a source's definition. What a definition means belongs to ``mapping``, what can
be wrong with a row to ``validation``.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from assets.ingestion.formats import read_header
from assets.ingestion.mapping import SourceDefinition
from senders.errors import ConfigError, Problem

TYPE = "assets.components.Source"
_TYPES = (TYPE, "assets.components.source.Source")  # dg scaffolds the second
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class DefinitionError(ConfigError):
    """A ``defs.yaml`` that cannot be used; ``problems`` lists all that was found."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


def load_definition(path: Path) -> SourceDefinition:
    """Read one ``defs.yaml``; the source is named by its folder.

    Raises:
        DefinitionError: with every problem of the file.
    """
    name = path.parent.name
    if not _NAME.fullmatch(name):
        remedy = "Rename the folder: small letters, digits and _, beginning with a letter."
        raise DefinitionError([_problem(path, (0, 0), "name", f"{name!r} cannot name a source.", remedy)])
    document = _read_yaml(path)
    attributes = _attributes(path, document)
    try:
        return SourceDefinition.model_validate({**attributes, "name": name})
    except ValidationError as error:
        raise DefinitionError(_problems_of(path, document, error)) from None


def check_definitions(root: Path, *, home: Path | None = None) -> list[Problem]:
    """Return the problems of every source below ``root``; one broken file never hides the others.

    Args:
        root: ``assets/sources``.
        home: with it, columns are compared with the files themselves, where those exist.
    """
    return [problem for path in find_definitions(root) for problem in check_definition(path, home=home)]


def find_definitions(root: Path) -> list[Path]:
    """Return the ``defs.yaml`` of every source folder, in order of names."""
    return sorted(root.glob("*/defs.yaml"))


def check_definition(path: Path, *, home: Path | None = None) -> list[Problem]:
    """Return the problems of one ``defs.yaml``."""
    try:
        definition = load_definition(path)
    except DefinitionError as error:
        return error.problems
    return [] if home is None else check_columns(path, definition, home)


def check_columns(path: Path, definition: SourceDefinition, home: Path) -> list[Problem]:
    """Compare the mapped columns with the files' own; files that are not there yet are no problem."""
    try:
        files = definition.files(home)
    except ConfigError:
        return []
    document, problems = _read_yaml(path), []
    for file in files[:1]:
        try:
            header = read_header(definition, file)
        except ConfigError as error:
            problems.append(_problem(path, _place(document, ("location",)), "source-file", str(error), ""))
            continue
        problems += [
            _missing(path, document, place, column, file, header)
            for place, column in _named(definition)
            if column not in header
        ]
    return problems


def _named(definition: SourceDefinition) -> list[tuple[tuple[str, ...], str]]:
    named: list[tuple[tuple[str, ...], str]] = [
        (("columns", field), column) for field, column in definition.columns.items()
    ]
    rule = definition.consent
    asked = {"column": rule.column, "opt_out_column": rule.opt_out_column}
    return named + [(("consent", name), column) for name, column in asked.items() if column]


def _missing(path: Path, document: Any, place: Sequence[str], column: str, file: Path, header: list[str]) -> Problem:
    message = f"{place[-1]} names the column {column!r}, which {file.name} does not have."
    return _problem(path, _place(document, place), "unknown-column", message, f"Its columns are: {', '.join(header)}.")


def _read_yaml(path: Path) -> Any:
    try:
        return YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        problem = _problem(path, (0, 0), "no-file", "the file does not exist.", "Create it, or remove the folder.")
    except UnicodeDecodeError as error:
        problem = _problem(path, (0, 0), "yaml", f"byte {error.start} is not UTF-8.", "Save the file as UTF-8.")
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        problem = _problem(
            path, place, "yaml", f"this is not YAML: {error.problem or error.context}.", "Mend the line."
        )
    except YAMLError as error:
        problem = _problem(path, (0, 0), "yaml", f"this is not YAML: {error}.", "Mend the file.")
    raise DefinitionError([problem])


def _attributes(path: Path, document: Any) -> dict[str, Any]:
    remedy = f"Write “type: {TYPE}” and below “attributes:” what the source is."
    if not isinstance(document, CommentedMap):
        raise DefinitionError([_problem(path, (1, 1), "shape", "the file holds no mapping.", remedy)])
    unknown = [key for key in document if key not in ("type", "attributes")]
    problems = [
        _problem(
            path, _key_place(document, key), "unknown-key", f"{key!r} is not known here.", "Move it below attributes."
        )
        for key in unknown
    ]
    if document.get("type") not in _TYPES:
        problems.append(
            _problem(path, _key_place(document, "type"), "type", f"type is {document.get('type')!r}.", remedy)
        )
    if not isinstance(document.get("attributes"), CommentedMap):
        problems.append(_problem(path, _key_place(document, "attributes"), "shape", "attributes are missing.", remedy))
    if problems:
        raise DefinitionError(problems)
    attributes: dict[str, Any] = _plain(document["attributes"])
    return attributes


def _plain(value: Any) -> Any:
    """Return YAML's own containers as Python's, with scalars as their plain types."""
    if isinstance(value, CommentedMap):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, CommentedSeq):
        return [_plain(item) for item in value]
    return value


def _problems_of(path: Path, document: Any, error: ValidationError) -> list[Problem]:
    known = ", ".join(name for name in SourceDefinition.model_fields if name != "name")
    problems = []
    for fault in error.errors(include_url=False):
        loc = [str(part) for part in fault["loc"]]
        place, name = _place(document, loc), ".".join(loc)
        if fault["type"] == "extra_forbidden":
            remedy = f"The keys are: {known}." if len(loc) == 1 else "Remove it."
            problems.append(_problem(path, place, "unknown-key", f"{name!r} is not known.", remedy))
        elif fault["type"] == "missing":
            problems.append(_problem(path, place, "missing-key", f"{name!r} is missing.", f"Add “{name}:”."))
        else:
            message = fault["msg"].removeprefix("Value error, ")
            given = "" if fault["type"] == "value_error" else f", but it is {fault['input']!r}"
            problems.append(_problem(path, place, "value", f"{name + ': ' if name else ''}{message}{given}.", ""))
    return problems


def _place(document: Any, loc: Sequence[str]) -> tuple[int, int]:
    """Return line and column of the deepest part of ``attributes`` that the location names."""
    place, node = _key_place(document, "attributes"), document["attributes"]
    for part in loc:
        if isinstance(node, CommentedMap) and part in node:
            place, node = _key_place(node, part), node[part]
        elif isinstance(node, CommentedSeq) and part.isdigit() and int(part) < len(node):
            line, column = node.lc.item(int(part))
            place, node = (line + 1, column + 1), node[int(part)]
        else:
            break
    return place


def _key_place(node: CommentedMap, key: str) -> tuple[int, int]:
    if key not in node:
        return (node.lc.line + 1, node.lc.col + 1)
    line, column = node.lc.key(key)
    return (line + 1, column + 1)


def _problem(path: Path, place: tuple[int, int], name: str, message: str, remedy: str) -> Problem:
    shown = "/".join(path.parts[-4:])  # assets/sources/<name>/defs.yaml
    return Problem(shown, place[0], place[1], f"source/{name}", "error", message, remedy)
