"""Loads and checks campaigns: ``defs.yaml``, template and subject of one folder, each folder by itself.

Add here what can be wrong with a campaign as a whole. What a key may hold belongs to ``models``, what a template
may hold to ``senders.rendering``.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml.scalarstring import FoldedScalarString, LiteralScalarString

from assets.audiences.documents import Document, read_document
from assets.audiences.fields import FIELD_COLUMNS
from assets.audiences.models import Audience, CampaignDefinition, FrequencyCap, Schedule
from assets.audiences.predicates import check_predicate
from assets.audiences.suggestions import suggest
from senders.errors import ConfigError, Problem, TemplateError
from senders.rendering.template import CompiledTemplate, compile_template

__all__ = ["CampaignDefinition", "DefinitionError", "check_campaign", "check_campaigns", "load_campaign"]

TYPE = "assets.components.Campaign"
DEFS_FILE = "defs.yaml"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_TOP_KEYS = ("type", "attributes")
_MODELS: dict[str, type[BaseModel]] = {
    "": CampaignDefinition,
    "audience": Audience,
    "schedule": Schedule,
    "frequency_cap": FrequencyCap,
}


class DefinitionError(ConfigError):
    """A ``defs.yaml`` that cannot be used; ``problems`` lists all that was found."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


def shared_templates(folder: Path) -> Path:
    """Return the folder of brand and partials that the campaigns beside this one share."""
    return folder.parent.parent / "templates"


def load_campaign(folder: Path) -> CampaignDefinition:
    """Read the ``defs.yaml`` of a campaign's folder.

    Raises:
        DefinitionError: with every problem of the file.
    """
    definition, _, problems = _read(folder)
    if definition is None:
        raise DefinitionError(problems)
    return definition


def check_campaigns(root: Path, *, segments: Collection[str] | None, profiles: Mapping[str, float]) -> list[Problem]:
    """Return the problems of every campaign below ``assets/campaigns``; one never hides another."""
    folders = sorted(path.parent for path in root.glob(f"*/{DEFS_FILE}"))
    return [p for folder in folders for p in check_campaign(folder, segments=segments, profiles=profiles)]


def check_campaign(folder: Path, *, segments: Collection[str] | None, profiles: Mapping[str, float]) -> list[Problem]:
    """Return all problems of one campaign.

    Args:
        folder: ``assets/campaigns/<name>``.
        segments: the segments that exist; None where that is not known.
        profiles: the sender profiles that exist, with the hours after which what they send is given up.
    """
    definition, document, problems = _read(folder)
    template, found = _compile(folder)
    problems = [*problems, *found]
    if definition is not None and document is not None:
        problems += _check_names(definition, document, segments, profiles)
        problems += _check_rollout(definition, document, profiles)
    if template is not None:
        problems += check_fields(folder, template, definition)
    return problems


def _read(folder: Path) -> tuple[CampaignDefinition | None, Document | None, list[Problem]]:
    document = read_document(folder / DEFS_FILE)
    if isinstance(document, Problem):
        return None, None, [document]
    problems = list(_check_top(folder, document))
    attributes = document.plain("attributes")
    if not isinstance(attributes, dict):
        remedy = "Write below attributes: title, topic, sender and audience."
        return (
            None,
            document,
            [*problems, document.problem(["attributes"], "CAMPAIGN-SHAPE", "attributes are missing.", remedy)],
        )
    try:
        definition = CampaignDefinition.model_validate(attributes)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False)
        return None, document, [*problems, *(_fault(document, fault) for fault in faults)]
    return (None if problems else definition), document, problems


def _check_top(folder: Path, document: Document) -> Iterator[Problem]:
    if not _NAME.fullmatch(folder.name):
        message = f"the folder {folder.name!r} cannot name a campaign."
        yield document.problem([], "CAMPAIGN-NAME", message, "Use small letters, digits and _, such as spring_sale.")
    if document.content.get("type") != TYPE:
        message = f"type is {document.content.get('type')!r}."
        yield document.problem(["type"], "CAMPAIGN-TYPE", message, f"Write type: {TYPE}")
    for key in document.content:
        if key not in _TOP_KEYS:
            remedy = "Keys of the campaign stand below attributes."
            yield document.problem([key], "CAMPAIGN-KEY", f"{key!r} is not known here.", remedy)


def _fault(document: Document, fault: ErrorDetails) -> Problem:
    """Turn one of pydantic's findings into a problem at its line."""
    keys = fault["loc"]
    name = ".".join(map(str, keys))
    place = ["attributes", *keys]
    if fault["type"] == "extra_forbidden":
        model = _MODELS.get(str(keys[0]) if len(keys) > 1 else "", CampaignDefinition)
        return document.problem(
            place, "CAMPAIGN-KEY", f"{name!r} is not known.", suggest(str(keys[-1]), model.model_fields)
        )
    if fault["type"] == "missing":
        return document.problem(place, "CAMPAIGN-KEY", f"{name!r} is missing.", f"Add “{keys[-1]}:”.")
    if name == "audience.where" and isinstance(fault["input"], str):
        return _where_problem(document, fault["input"])
    message = fault["msg"].removeprefix("Value error, ")
    shown = f"{name}: {message}" if name else message
    given = "" if fault["type"] == "value_error" else f" (it is {fault['input']!r})"
    return document.problem(place, "CAMPAIGN-VALUE", f"{shown}{given}.", "")


def _where_problem(document: Document, sql: str) -> Problem:
    """Place a refusal of ``where`` at the very word in the YAML file."""
    refusal = check_predicate(sql)[0]
    keys = ["attributes", "audience", "where"]
    written = document.content["attributes"]["audience"]["where"]
    line, column = document.value_place(keys)
    if isinstance(written, LiteralScalarString):
        line, column = line + refusal.line, refusal.column
    elif isinstance(written, FoldedScalarString):
        line, column = line + 1, 1
    elif refusal.line == 1:
        column += refusal.column - 1
    return Problem(str(document.path), line, column, "CAMPAIGN-WHERE", "error", refusal.message, refusal.remedy)


def _check_names(
    definition: CampaignDefinition, document: Document, segments: Collection[str] | None, profiles: Collection[str]
) -> Iterator[Problem]:
    if definition.sender not in profiles:
        message = f"sender {definition.sender!r} is not in mailrail.toml."
        yield document.problem(
            ["attributes", "sender"], "CAMPAIGN-SENDER", message, suggest(definition.sender, profiles)
        )
    for side in ("include", "exclude"):
        for number, name in enumerate(getattr(definition.audience, side)):
            if segments is not None and name not in segments:
                place = ["attributes", "audience", side, number]
                message = f"there is no segment {name!r} in dbt_project."
                yield document.problem(place, "CAMPAIGN-SEGMENT", message, suggest(name, segments))


def rollout_fault(definition: CampaignDefinition, expire_hours: float) -> tuple[str, str] | None:
    """Return what is wrong with a roll-out and its remedy, where messages would be given up before their turn."""
    percent = definition.rollout_percent_per_hour
    if percent is None or 100 / percent < expire_hours:
        return None
    hours = 100 / percent
    message = (
        f"rollout_percent_per_hour {percent:g} takes {hours:g} hours, and messages are given up after {expire_hours:g}"
    )
    return message, f"set expire_hours above {hours:g} in defs.yaml, or a quicker roll-out."


def _check_rollout(
    definition: CampaignDefinition, document: Document, profiles: Mapping[str, float]
) -> Iterator[Problem]:
    hours = definition.expire_hours or profiles.get(definition.sender)
    if hours is not None and (wrong := rollout_fault(definition, hours)):
        message, remedy = wrong
        place = ["attributes", "rollout_percent_per_hour"]
        yield document.problem(place, "CAMPAIGN-ROLLOUT", f"{message}.", remedy.capitalize())


def _compile(folder: Path) -> tuple[CompiledTemplate | None, list[Problem]]:
    try:
        template = compile_template(folder, shared_templates(folder))
    except TemplateError as error:
        return None, error.problems
    return template, list(template.warnings)


def check_fields(folder: Path, template: CompiledTemplate, definition: CampaignDefinition | None) -> Iterator[Problem]:
    """Yield the fields of a template that the audience does not carry."""
    declared = definition.fields if definition is not None else None
    for name in template.fields:
        if name not in FIELD_COLUMNS:
            message = f"dim_contacts has no column {name!r} for templates."
            yield _field_problem(folder, name, message, suggest(name, FIELD_COLUMNS))
        elif declared is not None and name not in declared:
            message = f"the template uses contact.{name}, which fields: does not list."
            yield _field_problem(folder, name, message, f"Add {name} to fields in {DEFS_FILE}.")


def _field_problem(folder: Path, field: str, message: str, remedy: str) -> Problem:
    used = re.compile(rf"\bcontact\s*(?:\.\s*|\[\s*['\"]){re.escape(field)}\b")
    for path in (folder / "template.mjml", folder / "subject.txt.j2"):
        text = path.read_text(encoding="utf-8")
        if match := used.search(text):
            start = match.start()
            line, column = text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
            return Problem(str(path), line, column, "TEMPLATE-FIELD", "error", message, remedy)
    return Problem(str(folder / "template.mjml"), 0, 0, "TEMPLATE-FIELD", "error", message, remedy)
