"""Tries a transactional template in each of its languages: with all its examples, and with what it must be given only.

Add a trial here when a kind of request breaks mails. What a folder must hold belongs to ``definition``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from assets.outbox.definition import LetterFolder, TransactionalDefinition, check_reads, read_definition
from assets.outbox.values import example_values
from senders.errors import Problem
from senders.rendering.trial import Case, Trial, try_parts


def check_letter(folder: LetterFolder, streams: Mapping[str, str]) -> list[Problem]:
    """Return all problems of a template, warnings too; empty where it is fine."""
    definition, problems = read_definition(folder, streams)
    return [*problems, *(problem for _, trial in try_letter(folder, definition) for problem in trial.problems)]


def try_letter(folder: LetterFolder, definition: TransactionalDefinition | None) -> Iterator[tuple[str, Trial]]:
    """Yield what a trial of each language found; without a definition only what the files alone show."""
    languages = (definition.language if definition else "", *folder.languages)
    for language in dict.fromkeys(languages):
        cases = _cases(definition) if definition else []
        trial = try_parts(folder.path, folder.shared, folder.parts(language), cases)
        if definition is not None and trial.template is not None:
            found = tuple(check_reads(folder, trial.template, definition, language))
            trial = replace(trial, problems=(*trial.problems, *found))
        yield language, trial


def example_row(values: Mapping[str, object]) -> dict[str, object]:
    """Return values as a row of a shard for somebody who does not exist."""
    somebody = {"seq": 1, "contact_id": bytes(16).hex(), "address": "maya@contact.example", "tracking": False}
    return {**values, **somebody, "variant": None}


def _cases(definition: TransactionalDefinition) -> list[Case]:
    values = example_values(definition)
    least = {name: values[name] for name, field in definition.fields.items() if field.required}
    return [Case("all examples", example_row(values)), Case("what is required alone", example_row(least))]
