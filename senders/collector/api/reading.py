"""Reads the body of a call: JSON as RFC 8259 has it, from anybody, within limits that are the same for all calls.

Whatever passes here can be stored, written out again and read by everything behind us. Add a limit here when it holds
for every value; what a call may say belongs to ``models``.
"""

import json
import math
from collections import Counter
from typing import Any, NoReturn

from starlette.requests import Request

from senders.collector.api.problems import Mistake, Problem, invalid, malformed, shown
from senders.collector.routes import read_body

MAX_BODY_BYTES = 1024 * 1024
MAX_DEPTH = 16
MAX_NUMBER = 10**18

_DIGITS = 400  # more than any number that a float or a 64-bit integer can hold needs


async def read_json_bytes(request: Request) -> bytes:
    """Return the body of a call that says it is JSON.

    Raises:
        Problem: it says it is something else (415).
        HTTPException: it is larger than 1 MB (413) or slow (408).
    """
    kind, _, rest = request.headers.get("content-type", "").partition(";")
    charset = rest.lower().replace(" ", "").replace('"', "")
    is_json = kind.strip().lower() == "application/json" and charset in {"", "charset=utf-8"}
    if not is_json or request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(
            415,
            "media-type",
            "The body has a form that is not read here",
            "send plain JSON in UTF-8, with Content-Type: application/json and no Content-Encoding",
        )
    return await read_body(request, max_bytes=MAX_BODY_BYTES)


def parse(body: bytes) -> Any:
    """Return the value of a body.

    Raises:
        Problem: it is no JSON in UTF-8 (400), or holds what cannot be stored (422).
    """
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_int=_integer,
        )
    except UnicodeDecodeError as error:
        raise malformed(f"byte {error.start} is not UTF-8; send JSON in UTF-8") from None
    except RecursionError:
        raise malformed(f"it is nested deeper than {MAX_DEPTH} levels; flatten it") from None
    except json.JSONDecodeError as error:
        raise malformed(f"line {error.lineno}, column {error.colno}: {error.msg}; send JSON (RFC 8259)") from None
    if mistakes := find_unstorable(value):
        raise invalid(mistakes)
    return value


def find_unstorable(value: Any) -> list[Mistake]:
    """Return what no store of ours keeps as it is: NUL, half of a surrogate pair, numbers too large, deep nesting."""
    mistakes: list[Mistake] = []
    waiting: list[tuple[str, Any, int]] = [("", value, 0)]
    while waiting:
        path, item, depth = waiting.pop()
        if isinstance(item, str):
            mistakes += _of_text(path, item)
        elif isinstance(item, dict | list):
            if depth >= MAX_DEPTH:
                mistakes.append(Mistake(path, f"is nested deeper than {MAX_DEPTH} levels", "flatten it"))
                continue
            if isinstance(item, dict):
                mistakes += [mistake for key in item for mistake in _of_text(f"{path}/{pointer(key)}", key)]
            pairs = item.items() if isinstance(item, dict) else enumerate(item)
            waiting += [(f"{path}/{pointer(key)}", below, depth + 1) for key, below in pairs]
        elif isinstance(item, int | float) and not abs(item) <= MAX_NUMBER:
            message = f"is a number beyond ±{MAX_NUMBER}"
            mistakes.append(Mistake(path, message, "send it as a text", shown(item)))
    return mistakes


def pointer(key: str | int) -> str:
    """Return a part of a JSON pointer (RFC 6901 section 3), fit for an answer."""
    return str(key).replace("~", "~0").replace("/", "~1").encode("utf-8", "replace").decode("utf-8")[:80]


def _of_text(path: str, text: str) -> list[Mistake]:
    if "\0" in text:
        return [Mistake(path, "holds a NUL character", "take it out", shown(text))]
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        return [Mistake(path, "holds half of a surrogate pair", "send whole characters", shown(text))]
    return []


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise malformed(f"an object has the name {shown(twice)} twice; send each name once")
    return found


def _no_constant(name: str) -> NoReturn:
    raise malformed(f"{name} is no JSON; leave the value out")


def _integer(digits: str) -> int | float:
    # Python refuses to read thousands of digits, and reading them takes time that grows with their square.
    return int(digits) if len(digits) <= _DIGITS else math.inf
