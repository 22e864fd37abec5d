"""The long form of the calls made from the OpenAPI document: many examples, and calls in a row."""

from tests.fixtures.fuzzing import fuzz


def test_thousands_of_calls_made_from_the_document_find_nothing(tmp_path, say):
    said = fuzz(tmp_path, examples=300, phases="examples,coverage,fuzzing,stateful", timeout_seconds=3000)
    say(next(line for line in said.splitlines() if "generated" in line).strip())
