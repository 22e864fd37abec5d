"""Tries a template on sample contacts, and reports what fails, what reads badly and what is too large.

Beyond the compiler's own rules: what only shows in a rendered mail, and what is hard to read. Add a trial here when it
needs rendered mails; mistakes that the template alone shows belong to ``lint`` or ``legibility``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from senders.config import MARKETING, TRANSACTIONAL, SenderProfile
from senders.errors import ConfigError, Problem, TemplateError
from senders.message import Unrenderable
from senders.rendering.context import SendContext
from senders.rendering.gaps import find_gaps
from senders.rendering.includes import insert_brand, read_source, resolve_includes, strip_comments
from senders.rendering.legibility import lint_legibility
from senders.rendering.lint import CLIP_BYTES, CLIP_WARNING_BYTES
from senders.rendering.mjml import parse
from senders.rendering.pinpoint import place_of_failure, place_of_field
from senders.rendering.renderer import Rendered, Renderer
from senders.rendering.samples import SAMPLES
from senders.rendering.source import Source
from senders.rendering.template import CAMPAIGN, MAX_SUBJECT, CompiledTemplate, Parts, compile_template, read_brand
from senders.tracking.tokens import NO_SEND, SendTokens

_PROFILE = SenderProfile(
    name="trial",
    from_name="Trial",
    from_address="trial@contact.example",
    reply_to="",
    bounce_domain="contact.example",
    message_id_domain="contact.example",
    relay="",
)
_BASE_URL = "https://mail.contact.example"


@dataclass(frozen=True, slots=True)
class Sources:
    """The files of a campaign as they were written, with includes and brand values in place."""

    template: Source
    subject: Source

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file that a character of the mail stands in, in the order of first use."""
        return tuple(dict.fromkeys([*self.template.paths, *self.subject.paths]))

    def both(self) -> tuple[Source, Source]:
        """Subject and template."""
        return self.subject, self.template


@dataclass(frozen=True, slots=True)
class Trial:
    """What a trial found. ``html_bytes`` and ``bytes`` are of the largest mail, 0 where none could be made."""

    problems: tuple[Problem, ...]
    paths: tuple[str, ...]
    samples: int = 0
    html_bytes: int = 0
    bytes: int = 0
    links: int = 0
    template: CompiledTemplate | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One row that a template is tried on, and in words what it stands for."""

    what: str
    row: Mapping[str, object]


def try_template(folder: Path, shared: Path) -> Trial:
    """Compile a campaign's folder and render it for every sample contact."""
    cases = [Case(sample.what, sample.row(seq)) for seq, sample in enumerate(SAMPLES, 1)]
    return try_parts(folder, shared, CAMPAIGN, cases)


def try_parts(folder: Path, shared: Path, parts: Parts, cases: Sequence[Case]) -> Trial:
    """Compile a folder's mail and render it for every case."""
    template, problems = _compile(folder, shared, parts)
    try:
        sources = read_sources(folder, shared, parts)
    except ConfigError:  # the compiler has said so
        return Trial(tuple(problems), ())
    problems += lint_legibility(parse(sources.template))
    if template is None:
        return Trial(_in_order(problems), sources.paths)
    if not parts.is_awaited:
        problems += _field_problems(sources, template)
    sizes = [(0, 0)]
    for found, size in _render_all(sources, template, cases, _context(parts)):
        problems += found
        sizes.append(size)
    html_bytes = max(size[0] for size in sizes)
    problems += _size_problems(sources.template, html_bytes) if not _has(problems, "html-size") else []
    return Trial(
        problems=_in_order(problems),
        paths=sources.paths,
        samples=len(sizes) - 1,
        html_bytes=html_bytes,
        bytes=max(size[1] for size in sizes),
        links=len(template.links),
        template=template,
    )


def read_sources(folder: Path, shared: Path, parts: Parts = CAMPAIGN) -> Sources:
    """Read a mail's files, with includes and brand values in place and comments out.

    Raises:
        ConfigError: a file is missing or cannot be read.
    """
    brand = read_brand(shared)
    template = resolve_includes(read_source(folder / parts.template), shared, [])
    subject = strip_comments(read_source(folder / parts.subject))
    return Sources(insert_brand(template, brand, [], escape=True), insert_brand(subject, brand, [], escape=False))


def _compile(folder: Path, shared: Path, parts: Parts) -> tuple[CompiledTemplate | None, list[Problem]]:
    try:
        template = compile_template(folder, shared, parts)
    except TemplateError as error:
        return None, list(error.problems)
    return template, list(template.warnings)


def _field_problems(sources: Sources, template: CompiledTemplate) -> Iterator[Problem]:
    for name in template.required_fields:
        message = f"people without {name} are left out: contact.{name} has no default"
        remedy = f"Write {{{{ contact.{name}|default('…') }}}}, or put it into {{% if contact.{name} %}}."
        yield place_of_field(sources.both(), name).problem("field-required", message, remedy, "warning")


def _render_all(
    sources: Sources, template: CompiledTemplate, cases: Sequence[Case], context: SendContext
) -> Iterator[tuple[list[Problem], tuple[int, int]]]:
    renderer = Renderer(template, context)
    for sample in cases:
        row = dict(sample.row)
        # People without a required field are left out of every audience; what the others get is tried on all.
        row |= {name: row.get(name) or "Sample" for name in template.required_fields if not row.get(name)}
        message = renderer.build(row)
        if isinstance(message, Unrenderable):
            place = place_of_failure(sources.both(), row, template.fields)
            remedy = "Make the expression cope with such a contact."
            yield [place.problem("sample-failed", f"with {sample.what}: {message.reason}", remedy)], (0, 0)
            continue
        rendered = renderer.render(row)
        found = find_gaps(sources.both(), rendered, sample.what) + _subject_problems(sources, rendered, sample.what)
        yield found, (len(rendered.html.encode("ascii", "xmlcharrefreplace")), len(message.raw))


def _subject_problems(sources: Sources, rendered: Rendered, what: str) -> list[Problem]:
    if len(rendered.subject) <= MAX_SUBJECT:
        return []
    message = f"the subject has {len(rendered.subject)} characters with {what}"
    remedy = "Shorten the value: contact.…|truncate(40)."
    return [sources.subject.place(0).problem("subject-long", message, remedy, "warning")]


def _size_problems(source: Source, size: int) -> list[Problem]:
    if size <= CLIP_WARNING_BYTES:
        return []
    message = f"the rendered HTML has up to {size:,} bytes; Gmail cuts off at about 102,000"
    severity = "error" if size > CLIP_BYTES else "warning"
    return [source.place(0).problem("html-size", message, "Shorten the template.", severity)]


def _context(parts: Parts) -> SendContext:
    return SendContext(
        profile=replace(_PROFILE, stream=TRANSACTIONAL if parts.is_awaited else MARKETING),
        tokens=SendTokens(NO_SEND, 0, bytes(32)),
        send_id="trial",
        campaign="trial",
        topic="trial",
        base_url=_BASE_URL,
        sent_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def _has(problems: list[Problem], id: str) -> bool:
    return any(problem.id == id for problem in problems)


def _in_order(problems: list[Problem]) -> tuple[Problem, ...]:
    """Return problems by place; the same finding with another contact is told once."""
    first: dict[tuple[object, ...], Problem] = {}
    for problem in problems:
        told = problem if problem.id in {"sample-failed", "text-gap", "subject-long"} else None
        key = (problem.path, problem.line, problem.column, problem.id, "" if told else problem.message)
        first.setdefault(key, problem)
    return tuple(sorted(first.values(), key=lambda one: (one.path, one.line, one.column, one.severity)))
