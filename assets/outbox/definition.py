"""Transactional templates: ``defs.yaml`` and the mail of each language, in one folder of ``assets/transactional``.

Add here what can be wrong with such a folder as a whole. What a request's values must be belongs to ``values``, what a
template may hold to ``senders.rendering``.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from assets.audiences.documents import Document, read_document
from assets.audiences.suggestions import suggest
from senders.config import TRANSACTIONAL
from senders.errors import ConfigError, Problem, TemplateError
from senders.rendering.template import SUBJECT_FILE, TEMPLATE_FILE, CompiledTemplate, Parts, compile_template

DEFS_FILE = "defs.yaml"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_FIELD = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
# What every row of a shard has besides its fields.
RESERVED = frozenset({"seq", "contact_id", "address", "tracking", "variant", "fields", "request_id"})

FieldKind = Literal["text", "number", "flag", "url", "list"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FieldDefinition(_Strict):
    """What a request must give for one name that the template reads."""

    type: FieldKind = Field("text", description="text, number, flag (true or false), url, or list (rows of fields).")
    required: bool = Field(True, description="Whether a request without it is refused.")
    description: str = Field("", description="What it is, for whoever calls.")
    example: Any = Field(None, description="A value to try and to show the template with.")
    most: int = Field(100, ge=1, le=1000, description="Most rows of a list.")
    fields: dict[str, "FieldDefinition"] = Field(default_factory=dict, description="What each row of a list holds.")

    @field_validator("fields")
    @classmethod
    def _check_names(cls, value: dict[str, "FieldDefinition"]) -> dict[str, "FieldDefinition"]:
        for name, definition in value.items():
            _check_name(name)
            if definition.type == "list":
                raise ValueError(f"{name!r}: a list stands in no list")
        return value

    @model_validator(mode="after")
    def _check_rows(self) -> Self:
        if (self.type == "list") != bool(self.fields):
            raise ValueError("fields go with type: list, and a list needs them")
        return self


class TransactionalDefinition(_Strict):
    """A transactional template: who writes, and what it must be given."""

    title: str = Field(min_length=1, description="What people call it.")
    sender: str = Field(description='A sender profile of mailrail.toml with stream = "transactional".')
    language: str = Field("en", description="Language of template.mjml, for everybody whose own is not there.")
    asked_for: bool = Field(
        False, description="Whether its recipient asked for it: who unsubscribed from everything gets it as well."
    )
    known_only: bool = Field(False, description="Whether only people get it whom we wrote to, or who told us a wish.")
    fields: dict[str, FieldDefinition] = Field(default_factory=dict, description="What a request gives it.")

    @field_validator("language")
    @classmethod
    def _check_language(cls, value: str) -> str:
        if not _LANGUAGE.fullmatch(value):
            raise ValueError(f"{value!r} is no language; write a code such as en or de")
        return value

    @field_validator("fields")
    @classmethod
    def _check_fields(cls, value: dict[str, FieldDefinition]) -> dict[str, FieldDefinition]:
        for name in value:
            _check_name(name)
        return value


def _check_name(name: str) -> None:
    if not _FIELD.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a field; use small letters, digits and _, such as confirm_url")
    if name in RESERVED:
        raise ValueError(f"{name!r} is a name of our own; choose another")


@dataclass(frozen=True)
class Letter:
    """A transactional template that can be used: its definition and the compiled mail of each language."""

    name: str
    definition: TransactionalDefinition
    mails: Mapping[str, CompiledTemplate]

    def language_for(self, wanted: str) -> str:
        """Return the language that a request gets: its own, or the template's."""
        code = re.split("[-_]", wanted.strip().lower(), maxsplit=1)[0]
        return code if code in self.mails else self.definition.language


@dataclass(frozen=True)
class LetterFolder:
    """A folder below ``assets/transactional`` as it lies there."""

    path: Path

    @property
    def name(self) -> str:
        """The template's name."""
        return self.path.name

    @property
    def shared(self) -> Path:
        """The folder of brand and partials that all mails of the project share."""
        return self.path.parent.parent / "templates"

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """Languages with a file of their own, besides the template's default one."""
        found = (path.name.split(".") for path in sorted(self.path.glob("template.*.mjml")))
        return tuple(parts[1] for parts in found if len(parts) == 3)

    def parts(self, language: str) -> Parts:
        """Return the files of a language: its own, or those without a code."""
        if language not in self.languages:
            return Parts(TEMPLATE_FILE, SUBJECT_FILE, is_awaited=True)
        return Parts(f"template.{language}.mjml", f"subject.{language}.txt.j2", is_awaited=True)

    def stamp(self) -> tuple[tuple[str, int, int], ...]:
        """Return what changes when a file changes that the template is made of."""
        paths = [path for folder in (self.path, self.shared) for path in sorted(folder.rglob("*")) if path.is_file()]
        stats = [(str(path), path.stat()) for path in paths]
        return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)


def letter_folder(project: Path, name: str) -> LetterFolder | None:
    """Return the folder of a template, None where the project has none of that name."""
    path = project / "assets" / "transactional" / name
    return LetterFolder(path) if _NAME.fullmatch(name) and (path / DEFS_FILE).is_file() else None


def letter_folders(project: Path) -> list[LetterFolder]:
    """Return the folder of every transactional template of a project, by name."""
    root = project / "assets" / "transactional"
    return [LetterFolder(path.parent) for path in sorted(root.glob(f"*/{DEFS_FILE}"))]


def load_letter(folder: LetterFolder, streams: Mapping[str, str]) -> Letter:
    """Read and compile a template in all its languages.

    Args:
        folder: the template's folder.
        streams: the stream of each sender profile, by name.

    Raises:
        ConfigError: lists every problem, one a line.
    """
    definition, problems = read_definition(folder, streams)
    mails: dict[str, CompiledTemplate] = {}
    if definition is not None:
        for language in dict.fromkeys((definition.language, *folder.languages)):
            try:
                mails[language] = compile_template(folder.path, folder.shared, folder.parts(language))
                problems += check_reads(folder, mails[language], definition, language)
            except TemplateError as error:
                problems += error.problems
    errors = [problem for problem in problems if problem.severity == "error"]
    if definition is None or errors:
        raise ConfigError("\n".join(map(str, errors)))
    return Letter(folder.name, definition, mails)


def read_definition(
    folder: LetterFolder, streams: Mapping[str, str] | None
) -> tuple[TransactionalDefinition | None, list[Problem]]:
    """Return the definition of a folder, None where it cannot be used, and what is wrong with it.

    ``streams`` is None where the sender profiles are not asked for.
    """
    document = read_document(folder.path / DEFS_FILE)
    if isinstance(document, Problem):
        return None, [document]
    try:
        definition = TransactionalDefinition.model_validate({str(k): document.plain(str(k)) for k in document.content})
    except ValidationError as error:
        return None, [_fault(document, fault) for fault in error.errors(include_url=False, include_context=False)]
    problems = [*_check_folder(folder, document)]
    if streams is not None:
        problems += _check_sender(definition, document, streams)
    return definition, problems


def _fault(document: Document, fault: Any) -> Problem:
    keys = list(fault["loc"])
    name = ".".join(map(str, keys))
    if fault["type"] == "extra_forbidden":
        model = FieldDefinition if len(keys) > 1 else TransactionalDefinition
        remedy = suggest(str(keys[-1]), model.model_fields)
        return document.problem(keys, "TRANSACTIONAL-KEY", f"{name!r} is not known.", remedy)
    if fault["type"] == "missing":
        return document.problem(keys, "TRANSACTIONAL-KEY", f"{name!r} is missing.", f"Add “{keys[-1]}:”.")
    return document.problem(keys, "TRANSACTIONAL-VALUE", f"{name}: {fault['msg'].removeprefix('Value error, ')}.", "")


def _check_folder(folder: LetterFolder, document: Document) -> Iterator[Problem]:
    if not _NAME.fullmatch(folder.name):
        message = f"the folder {folder.name!r} cannot name a template."
        remedy = "Use small letters, digits and _, such as order_thanks."
        yield document.problem([], "TRANSACTIONAL-NAME", message, remedy)
    if (folder.path.parent.parent / "campaigns" / folder.name).is_dir():
        message = f"a campaign is called {folder.name!r} too."
        yield document.problem([], "TRANSACTIONAL-NAME", message, "Rename one: reports tell sends apart by this name.")
    for language in folder.languages:
        if not _LANGUAGE.fullmatch(language):
            message = f"template.{language}.mjml: {language!r} is no language."
            yield document.problem([], "TRANSACTIONAL-LANGUAGE", message, "Use a code such as de.")


def _check_sender(
    definition: TransactionalDefinition, document: Document, streams: Mapping[str, str]
) -> Iterator[Problem]:
    stream = streams.get(definition.sender)
    if stream is None:
        message = f"sender {definition.sender!r} is not in mailrail.toml."
        remedy = f'Add [senders.{definition.sender}] with stream = "transactional".'
        yield document.problem(["sender"], "TRANSACTIONAL-SENDER", message, remedy)
    elif stream != TRANSACTIONAL:
        message = f"sender {definition.sender!r} is for marketing, so these mails would wait behind campaigns."
        remedy = f'Write stream = "transactional" below [senders.{definition.sender}], or name another sender.'
        yield document.problem(["sender"], "TRANSACTIONAL-SENDER", message, remedy)


def check_reads(
    folder: LetterFolder, template: CompiledTemplate, definition: TransactionalDefinition, language: str
) -> Iterator[Problem]:
    """Yield what a mail reads and its definition does not promise."""
    path = str(folder.path / folder.parts(language).template)
    optional: Collection[str] = {name for name, field in definition.fields.items() if not field.required}
    for name in template.fields:
        if name not in definition.fields:
            message = f"contact.{name} is not among the fields of {DEFS_FILE}."
            yield Problem(path, 0, 0, "TRANSACTIONAL-FIELD", "error", message, suggest(name, definition.fields))
    for name in template.required_fields:
        if name in optional:
            message = f"contact.{name} has no default, and {DEFS_FILE} says that it may be missing."
            remedy = f"Write {{{{ contact.{name}|default('…') }}}}, or put it into {{% if contact.{name} %}}."
            yield Problem(path, 0, 0, "TRANSACTIONAL-FIELD", "error", message, remedy)
