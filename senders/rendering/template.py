"""Compiles a campaign's folder into one value that renders any number of messages.

The order is fixed: read, include, brand, parse, lint, slot the links, shield, compile the MJML once, settle, unshield.
Add a step here when it happens once per template. What happens per recipient belongs to ``renderer``.
"""

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import mrml
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from senders.errors import ConfigError, Problem, TemplateError
from senders.rendering.environment import LINK_SLOT, TemplateEnvironment
from senders.rendering.expressions import PIXEL_SLOT, Usage, analyse
from senders.rendering.files import MailFile, check_sizes, insert_images, read_attachments
from senders.rendering.includes import insert_brand, read_source, resolve_includes, strip_comments
from senders.rendering.layout import settle
from senders.rendering.links import Link, insert_slots
from senders.rendering.lint import lint_document, lint_duties, lint_size, lint_way_out
from senders.rendering.mjml import JINJA, Document, parse
from senders.rendering.shield import shield
from senders.rendering.source import Source
from senders.rendering.text import text_template

FORMAT = 1
TEMPLATE_FILE = "template.mjml"
SUBJECT_FILE = "subject.txt.j2"
BRAND_FILE = "brand.yaml"
BRAND_REQUIRED = ("name", "postal_address", "home_url")
MAX_SUBJECT = 150
REPLY = re.compile(r"\s*(?:re|fwd?|aw|wg)\s*:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Parts:
    """Which files of a folder make the mail, and whether somebody asked for it: then it needs no way out."""

    template: str = TEMPLATE_FILE
    subject: str = SUBJECT_FILE
    is_awaited: bool = False


CAMPAIGN = Parts()


@dataclass(frozen=True, slots=True)
class CompiledTemplate:
    """A template ready to render: Jinja sources with link slots.

    ``fields`` are all fields of the audience that it reads; ``optional_fields`` those of them whose absence it copes
    with, by ``default(…)`` or a condition. ``html_is_7bit`` says that the HTML apart from values is ASCII.
    ``files`` are the pictures and attachments that every message carries.
    """

    html: str
    text: str
    subject: str
    preheader: str
    links: tuple[Link, ...]
    fields: tuple[str, ...]
    optional_fields: tuple[str, ...]
    html_is_7bit: bool
    content_hash: str
    files: tuple[MailFile, ...] = ()
    warnings: tuple[Problem, ...] = field(default=(), compare=False)

    @property
    def required_fields(self) -> tuple[str, ...]:
        """The fields without which no message can be made."""
        return tuple(name for name in self.fields if name not in self.optional_fields)

    def to_json(self) -> str:
        """Return the template as text for a send's folder; the contents of its files lie beside it (``saved``)."""
        values = asdict(replace(self, files=tuple(replace(one, content=b"") for one in self.files)))
        del values["warnings"]
        for one in values["files"]:
            del one["content"]
        return json.dumps({"version": FORMAT, **values}, ensure_ascii=False, indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "CompiledTemplate":
        """Read a template written by `to_json`.

        Raises:
            ConfigError: another version wrote it, or it was changed.
        """
        try:
            values: dict[str, Any] = json.loads(text)
        except json.JSONDecodeError as error:
            raise ConfigError("template.json: cut short or damaged; restore the send's folder") from error
        if values.pop("version", None) != FORMAT:
            raise ConfigError(f"template.json: not of version {FORMAT}; freeze the audience again")
        values["links"] = tuple(Link(**link) for link in values["links"])
        values["fields"] = tuple(values["fields"])
        values["optional_fields"] = tuple(values["optional_fields"])
        values["files"] = tuple(MailFile(**one) for one in values.get("files", ()))
        compiled = cls(**values)
        if compiled.content_hash != _content_hash(compiled):
            raise ConfigError("template.json: its contents do not match its hash; restore the send's folder")
        return compiled


def compile_template(folder: Path, shared: Path, parts: Parts = CAMPAIGN) -> CompiledTemplate:
    """Compile a folder's mail with the shared templates; a campaign's where ``parts`` does not say otherwise.

    Raises:
        TemplateError: with every problem that was found, when one of them is an error.
    """
    try:
        compiled, problems = _Compiler(folder, shared, parts).run()
    except ConfigError as error:
        remedy = "Put the file there, or remove the folder."
        raise TemplateError([Problem(str(folder), 0, 0, "file", "error", str(error), remedy)]) from error
    if compiled is None:
        raise TemplateError(problems)
    return compiled


def check_template(folder: Path, shared: Path) -> list[Problem]:
    """Return all problems of a template, warnings too; empty where it is fine."""
    try:
        return list(compile_template(folder, shared).warnings)
    except TemplateError as error:
        return error.problems


def read_brand(shared: Path) -> dict[str, str]:
    """Read ``brand.yaml``: one level of names and texts.

    Raises:
        ConfigError: it is missing, no YAML, or lacks a value that every mail needs.
    """
    path = shared / BRAND_FILE
    try:
        values = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); it holds name, postal_address, home_url") from error
    except YAMLError as error:
        raise ConfigError(f"{path}: not YAML: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: is no list of names and values, such as name: My Shop")
    missing = [name for name in BRAND_REQUIRED if not values.get(name)]
    if missing:
        raise ConfigError(f"{path}: {', '.join(missing)} is missing; every mail must say who writes and from where")
    return {str(name): str(value).strip() for name, value in values.items()}


class _Compiler:
    def __init__(self, folder: Path, shared: Path, parts: Parts) -> None:
        self.folder = folder
        self.shared = shared
        self.parts = parts
        self.problems: list[Problem] = []
        self.usage = Usage()

    def run(self) -> tuple[CompiledTemplate | None, list[Problem]]:
        brand = read_brand(self.shared)
        subject = self._subject(brand)
        source = resolve_includes(read_source(self.folder / self.parts.template), self.shared, self.problems)
        source = insert_brand(source, brand, self.problems, escape=True)
        self._analyse(source, TemplateEnvironment(autoescape=True))
        source, files = self._files(source)
        document = parse(source)
        self.problems += document.problems + lint_document(document)
        slotted, links, found = insert_slots(document)
        self.problems += found + lint_duties(document, brand) + lint_way_out(document, links, self.parts.is_awaited)
        compiled = None if self._failed() else self._finish(parse(slotted), links, subject, files)
        problems = _in_order(self.problems)
        return (None if self._failed() or compiled is None else compiled), problems

    def _files(self, source: Source) -> tuple[Source, tuple[MailFile, ...]]:
        source, images, wrong_images = insert_images(parse(source), self.folder)
        attachments, wrong_attachments = read_attachments(self.folder)
        files = (*images, *attachments)
        self.problems += wrong_images + wrong_attachments + check_sizes(self.folder, files)
        return source, files

    def _failed(self) -> bool:
        return any(problem.severity == "error" for problem in self.problems)

    def _analyse(self, source: Source, environment: TemplateEnvironment) -> None:
        self.usage.merge(analyse(source, environment))
        self.problems, self.usage.problems = self.problems + self.usage.problems, []
        for name in (LINK_SLOT, PIXEL_SLOT):
            if name in source.text:
                place = source.place(source.text.index(name))
                self.problems.append(place.problem("reserved-name", f"{name} is our own name", "Use another word."))

    def _subject(self, brand: dict[str, str]) -> str:
        source = strip_comments(read_source(self.folder / self.parts.subject))
        source = insert_brand(source, brand, self.problems, escape=False)
        self._analyse(source, TemplateEnvironment(autoescape=False))
        subject = " ".join(source.text.split())
        if not subject:
            place = source.place(0)
            self.problems.append(place.problem("subject-empty", "the subject is empty", "Write one line."))
        elif "\n" in source.text.strip():
            place = source.place_of_line(2)
            self.problems.append(place.problem("subject-lines", "the subject has several lines", "Write one line."))
        elif (length := len(JINJA.sub("", subject))) > MAX_SUBJECT:
            message = f"the subject has {length} characters without its values"
            remedy = f"Phones show about 40; keep it below {MAX_SUBJECT}."
            self.problems.append(source.place(0).problem("subject-long", message, remedy, "warning"))
        if REPLY.match(subject):
            message, remedy = f"the subject begins with {subject.split(':')[0]!r} and answers nothing", "Leave it out."
            self.problems.append(source.place(0).problem("subject-reply", message, remedy, "warning"))
        return subject

    def _finish(
        self, document: Document, links: tuple[Link, ...], subject: str, files: tuple[MailFile, ...]
    ) -> CompiledTemplate | None:
        html, is_7bit = self._html(document)
        self.problems += lint_size(document, html)
        preview = document.first("mj-preview")
        fields = tuple(sorted(self.usage.fields))
        compiled = CompiledTemplate(
            html=html,
            text=text_template(document),
            subject=subject,
            preheader=" ".join(document.content(preview).split()) if preview else "",
            links=links,
            fields=fields,
            optional_fields=tuple(name for name in fields if name not in self.usage.required),
            html_is_7bit=is_7bit,
            content_hash="",
            files=files,
            warnings=tuple(_in_order(self.problems)),
        )
        object.__setattr__(compiled, "content_hash", _content_hash(compiled))
        return compiled

    def _html(self, document: Document) -> tuple[str, bool]:
        shielded = shield(document)
        try:
            output = mrml.to_html(shielded.text, mrml.ParserOptions(), mrml.RenderOptions(fonts={}))
        except OSError as error:
            self._report_compiler(document, str(error))
            return "", True
        html, is_7bit = settle(output.content)
        for token in shielded.lost(html):
            offset = document.source.text.find(token)
            remedy = "It stands where MJML drops it; move it into a text or around a component."
            place = document.source.place(max(0, offset))
            self.problems.append(place.problem("jinja-lost", f"{token} does not reach the mail", remedy))
        return _insert_pixel(shielded.restore(html)), is_7bit

    def _report_compiler(self, document: Document, message: str) -> None:
        place = document.source.place(0)
        self.problems.append(place.problem("mjml-compiler", f"MJML could not be compiled: {message}", ""))


def _insert_pixel(html: str) -> str:
    """Put the open pixel first in the body, where a cut-off message still has it."""
    begin = html.index("<body")
    end = html.index(">", begin) + 1
    return f"{html[:end]}{{{{ {PIXEL_SLOT} }}}}{html[end:]}"


def _content_hash(compiled: CompiledTemplate) -> str:
    shaping: dict[str, object] = {
        "format": FORMAT,
        "html": compiled.html,
        "text": compiled.text,
        "subject": compiled.subject,
        "links": [asdict(link) for link in compiled.links],
        "html_is_7bit": compiled.html_is_7bit,
    }
    if compiled.files:  # templates without any keep the hash they were approved with
        shaping["files"] = [[one.role, one.name, one.content_type, one.sha256] for one in compiled.files]
    return hashlib.sha256(json.dumps(shaping, sort_keys=True).encode()).hexdigest()


def _in_order(problems: list[Problem]) -> list[Problem]:
    return sorted(dict.fromkeys(problems), key=lambda one: (one.severity, one.path, one.line, one.column))
