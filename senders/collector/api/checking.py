"""Checks what a call says against its model, and says what is wrong in words that name path, value and remedy.

Add a remedy to `_REMEDIES` where pydantic's own word does not say what to do.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from senders.collector.api.problems import MAX_ERRORS, Mistake, Problem, invalid, shown
from senders.collector.api.reading import pointer

Checked = TypeVar("Checked", bound=BaseModel)
Item = TypeVar("Item")

_REMEDIES = {
    "missing": "add it",
    "extra_forbidden": "leave it out, or look at its spelling",
    "string_type": "send a text",
    "bool_type": "send true or false",
    "int_type": "send a whole number, without quotes",
    "float_type": "send a number, without quotes",
    "dict_type": "send an object",
    "model_type": "send an object",
    "list_type": "send a list",
    "too_long": "send less",
    "string_too_long": "shorten it",
    "string_too_short": "fill it, or leave it out",
}
_DEFAULT_REMEDY = "look at its limits in /api/v1/openapi.json"


def check(model: type[Checked], value: Any, path: str = "") -> Checked:
    """Return a value as its model.

    Raises:
        Problem: lists what is wrong (422).
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise invalid([_mistake(detail, path) for detail in error.errors(include_url=False)]) from None


def require_object(value: Any) -> dict[str, Any]:
    """Return a body that is an object.

    Raises:
        Problem: it is none (422).
    """
    if not isinstance(value, dict):
        raise invalid([Mistake("", "is no object", "send an object", shown(value))])
    return value


def check_each(values: Sequence[tuple[str, Any]], judge: Callable[[str, Any], Item]) -> list[Item]:
    """Return what ``judge`` makes of each path and value; it raises `Problem` for a wrong one.

    Raises:
        Problem: lists what is wrong in all of them (422).
    """
    items: list[Item] = []
    mistakes: list[Mistake] = []
    for path, value in values:
        try:
            items.append(judge(path, value))
        except Problem as problem:
            mistakes += problem.mistakes
            if len(mistakes) > MAX_ERRORS:
                break
    if mistakes:
        raise invalid(mistakes)
    return items


def one_or_many(value: Any, name: str, most: int) -> list[tuple[str, Any]]:
    """Return what a body holds, each with its path: the body itself, or the list that it has under ``name``.

    Raises:
        Problem: it is neither, or holds none, or too many (422).
    """
    if not isinstance(value, dict):
        raise invalid([Mistake("", "is no object", f"send one, or {{{name!r}: […]}}".replace("'", '"'), shown(value))])
    if name not in value:
        return [("", value)]
    mistakes = [
        Mistake(f"/{pointer(key)}", "is not known here", "leave it out", shown(value[key]))
        for key in value
        if key != name
    ]
    many = value[name]
    if not isinstance(many, list):
        mistakes.append(Mistake(f"/{name}", "is no list", "send a list", shown(many)))
    elif not 1 <= len(many) <= most:
        remedy = f"send between 1 and {most} in one call"
        mistakes.append(Mistake(f"/{name}", f"holds {len(many)}", remedy, str(len(many))))
    if mistakes:
        raise invalid(mistakes)
    return [(f"/{name}/{number}", one) for number, one in enumerate(many)]


def check_size(value: Any, path: str, max_bytes: int) -> None:
    """Refuse a value that is too large as JSON.

    Raises:
        Problem: says how large it is (422).
    """
    size = len(json.dumps(value, ensure_ascii=False).encode())
    if size > max_bytes:
        mistake = Mistake(path, f"has {size} bytes, {max_bytes} are the most", "send less", f"{size} bytes")
        raise invalid([mistake])


def _mistake(detail: ErrorDetails, path: str) -> Mistake:
    parts = [part for part in detail["loc"] if part != "[key]"]
    place = path + "".join(f"/{pointer(part)}" for part in parts)
    kind, message = detail["type"], detail["msg"]
    if kind == "value_error":
        message = message.removeprefix("Value error, ")
    value = "" if kind == "missing" else shown(detail["input"])
    pattern = detail.get("ctx", {}).get("pattern")
    remedy = f"it must match {pattern}" if pattern else _REMEDIES.get(kind, _DEFAULT_REMEDY)
    return Mistake(place, f"{message[:1].lower()}{message[1:]}", remedy, value)
