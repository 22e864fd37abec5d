"""The OpenAPI 3.1 document, made from the models that check the calls and the table of operations.

Bump `VERSION` and add a line to `HISTORY` when the document changes: a test compares it with ``openapi.json`` beside
this module, which `python -m senders.collector.api.openapi` writes. The first number rises where a caller of the
version before would be refused or would read something else.
"""

import functools
import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from senders.collector.api import answers, models
from senders.collector.api.keys import SCOPES
from senders.collector.api.operations import OPERATIONS, Operation, Reading, Writing
from senders.collector.api.paging import DEFAULT_PAGE, MAX_PAGE
from senders.collector.api.suppressions import CURSOR

FILE = Path(__file__).with_name("openapi.json")
HISTORY = {
    "1.0.0": ("42b166ec8b24bd23", "Events, contacts, transactional mail, suppressions."),
}
"""Each version: the digest of its document and what is new in it."""
VERSION = next(reversed(HISTORY))

_SCHEMAS = "#/components/schemas/"
_REFUSALS = {
    "400": "The body is no JSON, or a header cannot be used.",
    "401": "No key, or one that opens nothing.",
    "403": "The key has not the scope that is needed.",
    "404": "Nothing has this id.",
    "408": "The body came too slowly.",
    "409": "The Idempotency-Key was used for another call.",
    "413": "The body is larger than 1 MB.",
    "415": "The body is not plain JSON in UTF-8.",
    "422": "Values that cannot be used, each with path and remedy.",
    "429": "Too many calls; Retry-After says how long to wait.",
    "500": "A fault of ours; what was stored is not known, so repeat the call with the same Idempotency-Key.",
    "503": "Nothing was stored; Retry-After says when to come back.",
}
_OF_BODIES = {"400", "408", "413", "415"}
_PARAMETERS: dict[str, dict[str, Any]] = {
    "after_id": {
        "name": "after",
        "in": "query",
        "description": "The id after which to begin: next_after of the page before.",
        "schema": {"type": "integer", "minimum": 0, "maximum": 2**63 - 1, "default": 0},
    },
    "after_cursor": {
        "name": "after",
        "in": "query",
        "description": "next of the page before.",
        "schema": {"type": "string", "pattern": CURSOR},
    },
    "limit": {
        "name": "limit",
        "in": "query",
        "description": "How many rows at most.",
        "schema": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": DEFAULT_PAGE},
    },
    "email": {
        "name": "email",
        "in": "path",
        "required": True,
        "description": "An address, percent-encoded.",
        "schema": {"type": "string", "format": "email"},
    },
    "id": {
        "name": "id",
        "in": "path",
        "required": True,
        "description": "The id of the answer to POST /mail.",
        "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    },
    "idempotency": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Yours, 1 to 255 visible ASCII characters. The same call again, within 48 hours and with the "
        "same key and body, gets the same answer and changes nothing; another call with it is refused.",
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    },
}


@functools.cache
def document() -> dict[str, Any]:
    """Return the document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Mailrail",
            "version": VERSION,
            "description": "Events, contacts, transactional mail and suppressions. Every writing call is answered "
            "after its rows are durable. Problems are problem details (RFC 9457). Times are UTC, RFC 3339.",
        },
        "servers": [{"url": "/api/v1"}],
        "security": [{"key": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key, mr_<id>_<secret>, made by: mailrail key new NAME --scope SCOPE. Scopes: "
                    + "; ".join(f"{scope}: {meaning}" for scope, meaning in SCOPES.items())
                    + ".",
                }
            },
            "responses": _refusals(),
            "schemas": _schemas(),
        },
    }


def as_text() -> str:
    """Return the document as it stands in the file."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def digest() -> str:
    """Return what tells one document from another, whatever its version."""
    bare = document() | {"info": {}}
    return hashlib.sha256(json.dumps(bare, sort_keys=True).encode()).hexdigest()[:16]


def _paths() -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return paths


def _operation(operation: Operation) -> dict[str, Any]:
    names = [*_path_names(operation.path), *operation.query]
    if operation.method == "POST":
        names.append("idempotency")
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": f"{operation.text} Scope: {operation.scope}.",
        "parameters": [_PARAMETERS[name] for name in names],
        "responses": _responses(operation),
    }
    if isinstance(operation, Writing):
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _body(operation)}},
        }
    return described


def _path_names(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def _body(operation: Writing) -> dict[str, Any]:
    one = _any_of([_reference(model) for model in operation.body])
    if not operation.many:
        return one
    many = {
        "type": "object",
        "properties": {operation.many: {"type": "array", "items": one, "minItems": 1, "maxItems": operation.most}},
        "required": [operation.many],
        "additionalProperties": False,
    }
    return {"oneOf": [*(one.get("oneOf", [one])), many]}


def _any_of(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    return schemas[0] if len(schemas) == 1 else {"oneOf": schemas}


def _responses(operation: Operation) -> dict[str, Any]:
    refusals = set(_REFUSALS) - {"404", "409"}
    if isinstance(operation, Reading):
        refusals -= _OF_BODIES
    if operation.method == "POST":
        refusals.add("409")
    if operation.may_be_missing:
        refusals.add("404")
    return {
        str(operation.status): {
            "description": "Done, and durable." if isinstance(operation, Writing) else "What was asked for.",
            "content": {"application/json": {"schema": _reference(operation.answer)}},
        },
        **{status: {"$ref": f"#/components/responses/{_response_name(status)}"} for status in sorted(refusals)},
    }


def _refusals() -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": _reference(answers.ProblemAnswer)}}
    return {_response_name(status): {"description": text, "content": problem} for status, text in _REFUSALS.items()}


def _response_name(status: str) -> str:
    return f"problem-{status}"


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _SCHEMAS + model.__name__}


def _schemas() -> dict[str, Any]:
    spoken = {model for operation in OPERATIONS if isinstance(operation, Writing) for model in operation.body}
    answered = {operation.answer for operation in OPERATIONS} | {answers.ProblemAnswer}
    wanted = sorted(spoken | answered, key=lambda model: model.__name__)
    _, made = models_json_schema([(model, "validation") for model in wanted], ref_template=_SCHEMAS + "{model}")
    schemas: dict[str, Any] = _plain({**made["$defs"], "Value": models.VALUE_SCHEMA})
    return dict(sorted(schemas.items()))


def _plain(schema: Any) -> Any:
    """Return a schema without pydantic's titles and its null for what need not be said."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-any-value"):
        kept = {key: value for key, value in schema.items() if key == "description"}
        return {**kept, "$ref": f"{_SCHEMAS}Value"}
    if "patternProperties" in schema:
        schema = {"additionalProperties": False, **schema}
    return {
        key: _plain(value)
        for key, value in schema.items()
        if not (key == "title" and isinstance(value, str)) and not (key == "default" and value is None)
    }


if __name__ == "__main__":
    FILE.write_text(as_text(), encoding="utf-8")
