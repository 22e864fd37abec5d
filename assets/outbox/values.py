"""The values of a request against the fields of its template.

Add a kind of field here. What the template does with a value belongs to ``senders.rendering``.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from assets.outbox.definition import FieldDefinition, TransactionalDefinition

MAX_TEXT = 4_000
_WEB = re.compile(r"https?://[^\s/?#\x00-\x1f\x7f]+[^\s\x00-\x1f\x7f]*", re.IGNORECASE)


class ValueFault(ValueError):  # noqa: N818 - what is wrong with a value
    """A value that the template cannot be given; says which and why, and never the value itself."""


def fit_values(definition: TransactionalDefinition, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that the template is given; what it does not know is left out.

    Raises:
        ValueFault: one that it needs is missing, or of another kind.
    """
    return _fit(definition.fields, given, "")


def example_values(definition: TransactionalDefinition) -> dict[str, Any]:
    """Return values to try and to show the template with."""
    return {name: _example(name, field) for name, field in definition.fields.items()}


def _fit(fields: Mapping[str, FieldDefinition], given: Mapping[str, Any], place: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, field in fields.items():
        value = given.get(name)
        if value is None or value == "":
            if field.required:
                raise ValueFault(f"field {place}{name} is missing")
            continue
        fit = _rows if field.type == "list" else _one
        values[name] = fit(field, value, f"{place}{name}")
    return values


def _rows(field: FieldDefinition, value: Any, name: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(row, Mapping) for row in value):
        raise ValueFault(f"field {name} is {_kind(value)} and should be a list of rows")
    if len(value) > field.most:
        raise ValueFault(f"field {name} has {len(value)} rows; at most {field.most} are shown")
    return [_fit(field.fields, row, f"{name}[{number}].") for number, row in enumerate(value, 1)]


def _one(field: FieldDefinition, value: Any, name: str) -> Any:
    if not _IS[field.type](value):
        raise ValueFault(f"field {name} is {_kind(value)} and should be {_WANTED[field.type]}")
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise ValueFault(f"field {name} has {len(value)} characters; at most {MAX_TEXT} are carried")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


_IS: Mapping[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "number": _is_number,
    "flag": lambda value: isinstance(value, bool),
    "url": lambda value: isinstance(value, str) and _WEB.fullmatch(value) is not None,
}
_WANTED = {"text": "a text", "number": "a number", "flag": "true or false", "url": "a web address (https://…)"}


def _kind(value: Any) -> str:
    names = {bool: "a truth", int: "a number", float: "a number", str: "a text", list: "a list", dict: "an object"}
    return names.get(type(value), type(value).__name__)


def _example(name: str, field: FieldDefinition) -> Any:
    if field.example is not None:
        return field.example
    if field.type == "list":
        return [{inner: _example(inner, below) for inner, below in field.fields.items()}]
    return {"text": name.replace("_", " "), "number": 1, "flag": True, "url": f"https://shop.example/{name}"}[
        field.type
    ]
