"""What goes wrong with a call, in one form: problem details (RFC 9457), with the value and what mends it.

Add a `Problem` where a call can fail in a new way. No secret is ever shown: a key is not repeated, and a value only
by its beginning.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from senders.collector.routes import NO_STORE

MEDIA_TYPE = "application/problem+json"
MAX_ERRORS = 20
_SHOWN = 60
_TYPE = "urn:mailrail:problem:"


@dataclass(frozen=True, slots=True)
class Mistake:
    """One value that cannot be used: ``path`` is a JSON pointer (RFC 6901) into the body, or names a header."""

    path: str
    message: str
    remedy: str
    value: str = ""

    def as_json(self) -> dict[str, str]:
        """Return it as it stands in the answer."""
        return {"path": self.path, "value": self.value, "message": self.message, "remedy": self.remedy}


@dataclass(eq=False)
class Problem(Exception):  # noqa: N818 - RFC 9457's own word
    """A call that is not carried out; nothing of it was stored.

    ``kind`` is the last part of the type, for programs; ``title`` says the same for people and never changes.
    """

    status: int
    kind: str
    title: str
    detail: str
    mistakes: Sequence[Mistake] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        """Return the answer."""
        document: dict[str, Any] = {
            "type": _TYPE + self.kind,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.mistakes:
            document["errors"] = [mistake.as_json() for mistake in self.mistakes[:MAX_ERRORS]]
        return Response(
            json.dumps(document, ensure_ascii=False).encode("utf-8", "replace"),
            status_code=self.status,
            media_type=MEDIA_TYPE,
            headers=NO_STORE | dict(self.headers),
        )


def invalid(mistakes: Sequence[Mistake]) -> Problem:
    """Return the problem of values that cannot be used."""
    count = len(mistakes)
    seen = f", the first {MAX_ERRORS} are listed" if count > MAX_ERRORS else ""
    found = "1 value cannot be used" if count == 1 else f"{count} values cannot be used{seen}"
    return Problem(422, "invalid", "Some values cannot be used", f"{found}; nothing was stored", mistakes)


def malformed(detail: str) -> Problem:
    """Return the problem of a body that is no JSON as we read it."""
    return Problem(400, "malformed", "The body cannot be read", f"{detail}; nothing was stored")


def busy(detail: str = "the ledger is busy") -> Problem:
    """Return the problem of a moment in which nothing can be stored."""
    return Problem(
        503, "busy", "Please try again in a moment", f"{detail}; nothing was stored", headers={"Retry-After": "2"}
    )


def failed() -> Problem:
    """Return the problem of a fault of ours; what was stored is not known."""
    detail = "it has been noted; send the same call again later, with the same Idempotency-Key"
    return Problem(500, "failed", "Something went wrong on our side", detail, headers={"Retry-After": "60"})


def of_http(status: int, headers: Mapping[str, str] | None = None) -> Problem:
    """Return the problem of what HTTP itself forbids."""
    known = {
        404: ("unknown-path", "nothing is here; the document at /api/v1/openapi.json lists every path"),
        405: ("method", "this path does not take this method; the header Allow says which it takes"),
        408: ("slow", "the body came too slowly; send it again"),
        413: ("too-large", "the body is larger than 1 MB; send fewer rows in one call"),
    }
    kind, detail = known.get(status, ("http", "the call could not be read; look at its method, path and headers"))
    return Problem(status, kind, HTTPStatus(status).phrase, detail, headers=headers or {})


def shown(value: Any) -> str:
    """Return the beginning of a value, as JSON, fit for an answer."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (ValueError, TypeError, RecursionError):
        text = type(value).__name__
    text = text.encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
