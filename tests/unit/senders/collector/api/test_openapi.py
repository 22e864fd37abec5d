"""The document is what the calls do: written down, versioned, and held to by calls made from it."""

import json

import pytest

from senders.collector.api import openapi
from senders.collector.api.keys import SCOPES
from senders.collector.api.operations import OPERATIONS
from tests.fixtures.fuzzing import fuzz


def test_the_file_is_the_document():
    assert openapi.FILE.read_text(encoding="utf-8") == openapi.as_text(), (
        "the document changed: add a version with what is new to HISTORY in senders/collector/api/openapi.py, "
        "then write the file: python -m senders.collector.api.openapi"
    )


def test_every_version_says_what_is_new_and_which_document_it_is():
    digest, note = openapi.HISTORY[openapi.VERSION]
    assert digest == openapi.digest(), (
        f"the document of version {openapi.VERSION} is another; add a version with a note and {openapi.digest()!r}"
    )
    assert note
    assert json.loads(openapi.FILE.read_text(encoding="utf-8"))["info"]["version"] == openapi.VERSION
    numbers = [tuple(map(int, version.split("."))) for version in openapi.HISTORY]
    assert numbers == sorted(set(numbers))


def test_the_document_is_served_without_a_key(world):
    served = world.client.get("/api/v1/openapi.json")
    assert served.status_code == 200
    assert served.json() == json.loads(openapi.FILE.read_text(encoding="utf-8"))


def test_every_reference_leads_somewhere_and_every_scope_is_used():
    document = openapi.document()

    def references(part):
        if isinstance(part, dict):
            yield from [part["$ref"]] if "$ref" in part else []
            part = list(part.values())
        if isinstance(part, list):
            for item in part:
                yield from references(item)

    for reference in references(document):
        place = document
        for name in reference.removeprefix("#/").split("/"):
            place = place[name]
    assert {operation.scope for operation in OPERATIONS} == set(SCOPES)
    assert "x-any-value" not in openapi.as_text()


@pytest.mark.slow
def test_calls_made_from_the_document_find_nothing(tmp_path):
    said = fuzz(tmp_path, examples=5, phases="coverage,fuzzing", timeout_seconds=120)
    assert "Tested: 10" in said
