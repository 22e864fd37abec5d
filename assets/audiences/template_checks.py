"""Checks templates as a person names them: a campaign, a folder, a template, a subject or a shared partial.

Each campaign is compiled and tried on sample contacts, and what was found is sorted by file. Add a way to name
templates here; what can be wrong with one belongs to ``senders.rendering``.
"""

import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from assets.audiences.definition import DefinitionError, check_fields, load_campaign, shared_templates
from assets.audiences.suggestions import suggest
from assets.outbox.checking import try_letter
from assets.outbox.definition import LetterFolder, letter_folder, letter_folders, read_definition
from senders.errors import ConfigError, Problem
from senders.rendering.files import IMAGES
from senders.rendering.includes import read_source
from senders.rendering.mjml import parse
from senders.rendering.template import BRAND_FILE, SUBJECT_FILE, TEMPLATE_FILE
from senders.rendering.trial import Trial, try_template

_LANGUAGE_PART = re.compile(r"(template|subject)\.[a-z]{2,3}\.(mjml|txt\.j2)")
_KEYS = ("line", "column", "id", "severity", "message", "remedy")


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """One file and what is wrong with it."""

    path: str
    problems: tuple[Problem, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the file as `mailrail template check --json` prints it (CONTRACTS)."""
        return {"path": self.path, "problems": [{key: getattr(one, key) for key in _KEYS} for one in self.problems]}


@dataclass(frozen=True, slots=True)
class CheckedCampaign:
    """The mail of one campaign: sizes of the largest one, links, and on how many sample contacts it was tried."""

    name: str
    html_bytes: int
    bytes: int
    links: int
    samples: int

    def as_json(self) -> dict[str, Any]:
        """Return the campaign as `mailrail template check --json` prints it."""
        return {
            "campaign": self.name,
            "html_bytes": self.html_bytes,
            "bytes": self.bytes,
            "links": self.links,
            "samples": self.samples,
        }


@dataclass(frozen=True, slots=True)
class Checked:
    """All that was checked."""

    files: tuple[CheckedFile, ...]
    campaigns: tuple[CheckedCampaign, ...]

    def count(self, severity: str) -> int:
        """Return how many problems of a severity there are."""
        return sum(problem.severity == severity for file in self.files for problem in file.problems)

    def as_json(self) -> dict[str, Any]:
        """Return the document of `mailrail template check --json` (CONTRACTS)."""
        return {
            "files": [file.as_json() for file in self.files],
            "campaigns": [campaign.as_json() for campaign in self.campaigns],
        }


@dataclass(frozen=True, slots=True)
class _Tried:
    """One mail of a folder: what it is called, its own files, and what was found."""

    name: str
    paths: tuple[str, ...]
    problems: tuple[Problem, ...]
    trial: Trial


@dataclass(slots=True)
class _Findings:
    """Problems by file, in the order in which files were asked for."""

    project: Path
    files: dict[str, dict[Problem, None]] = field(default_factory=dict)
    campaigns: dict[str, CheckedCampaign] = field(default_factory=dict)

    def add(self, paths: Iterable[str], problems: Iterable[Problem]) -> None:
        for path in paths:
            self.files.setdefault(self.shown(path), {})
        for problem in problems:
            path = self.shown(problem.path)
            self.files.setdefault(path, {})[replace(problem, path=path)] = None

    def shown(self, path: str) -> str:
        """Return a path as people read it: from the project's folder where it is in there."""
        whole = Path(path).resolve()
        return str(whole.relative_to(self.project)) if whole.is_relative_to(self.project) else path

    def finish(self) -> Checked:
        files = (
            CheckedFile(path, tuple(sorted(found, key=lambda one: (one.line, one.column))))
            for path, found in self.files.items()
        )
        return Checked(tuple(files), tuple(self.campaigns.values()))


def check_templates(project: Path, names: Sequence[str] = ()) -> Checked:
    """Check templates; all campaigns where none is named.

    Args:
        project: the project's folder.
        names: campaigns, folders, templates, subjects or partials.

    Raises:
        ConfigError: a name is none of these.
    """
    findings = _Findings(project.resolve())
    if not names:
        for folder in (*_folders(project), *(letter.path for letter in letter_folders(project))):
            _check_folder(findings, folder, _shared(project, folder))
    for name in names:
        _check_name(findings, project, name)
    return findings.finish()


def _check_name(findings: _Findings, project: Path, name: str) -> None:
    folder, path = project / "assets" / "campaigns" / name, Path(name)
    letter = letter_folder(project, name)
    if "/" not in name and folder.is_dir():
        _check_folder(findings, folder, _shared(project, folder))
    elif letter is not None:
        _check_folder(findings, letter.path, letter.shared)
    elif path.is_dir():
        _check_tree(findings, project, path)
    elif not path.is_file():
        known = [one.name for one in (*_folders(project), *letter_folders(project))]
        raise ConfigError(f"{name!r} is neither a file nor a campaign. {suggest(name, known)}")
    elif _is_part(path):
        _check_folder(findings, path.parent, _shared(project, path.parent))
    elif path.resolve().is_relative_to((project / "assets" / "templates").resolve()):
        _check_shared(findings, project, path)
    elif path.suffix == ".mjml":
        _check_loose(findings, project, path)
    else:
        remedy = f"name a {TEMPLATE_FILE}, a {SUBJECT_FILE}, a partial, or a folder"
        raise ConfigError(f"{name!r} is no template; {remedy}.")


def _check_tree(findings: _Findings, project: Path, folder: Path) -> None:
    """Check every campaign in or below a folder; the shared folder stands for all of them."""
    shared = (project / "assets" / "templates").resolve()
    below = sorted(path.parent for path in folder.rglob(TEMPLATE_FILE))
    if folder.resolve().is_relative_to(shared):
        for path in sorted(folder.rglob("*.mjml")):
            _check_shared(findings, project, path)
    elif not below:
        raise ConfigError(f"{folder}: holds no {TEMPLATE_FILE}; name a campaign's folder.")
    for each in below:
        _check_folder(findings, each, _shared(project, each))


def _is_part(path: Path) -> bool:
    """Whether a file is the template or the subject of a folder, in whatever language."""
    plain = _LANGUAGE_PART.sub(r"\1.\2", path.name)
    return plain in {TEMPLATE_FILE, SUBJECT_FILE} and (path.parent / TEMPLATE_FILE).is_file()


def _check_folder(findings: _Findings, folder: Path, shared: Path) -> None:
    for tried in _tries(folder, shared):
        findings.add(tried.paths, tried.problems)
        _note(findings, tried.name, tried.trial)


def _tries(folder: Path, shared: Path) -> Iterator[_Tried]:
    """Try the mail of a campaign, or that of each language of a transactional template."""
    if folder.resolve().parent.name != "transactional":
        trial = try_template(folder, shared)
        own = (str(folder / TEMPLATE_FILE), str(folder / SUBJECT_FILE))
        yield _Tried(folder.resolve().name, own, (*trial.problems, *_fields(folder, trial)), trial)
        return
    letter = LetterFolder(folder)
    definition, problems = read_definition(letter, None)
    for language, trial in try_letter(letter, definition):
        parts = letter.parts(language)
        own = (str(folder / parts.template), str(folder / parts.subject))
        name = f"{folder.resolve().name} ({language})" if language else folder.resolve().name
        yield _Tried(name, own, (*trial.problems, *problems), trial)


def _note(findings: _Findings, name: str, trial: Trial) -> None:
    if trial.template is not None:
        found = CheckedCampaign(name, trial.html_bytes, trial.bytes, trial.links, trial.samples)
        findings.campaigns[name] = found


def _fields(folder: Path, trial: Trial) -> Iterator[Problem]:
    if trial.template is None:
        return
    try:
        definition = load_campaign(folder)
    except DefinitionError:  # `mailrail check` says so; here the template is asked for
        definition = None
    yield from check_fields(folder, trial.template, definition)


def _check_shared(findings: _Findings, project: Path, path: Path) -> None:
    """Check a partial or the brand through the mails that use it: what it breaks may show elsewhere."""
    whole = path.resolve()
    users = []
    folders = [*_folders(project), *(letter.path for letter in letter_folders(project))]
    for tried in (tried for folder in folders for tried in _tries(folder, _shared(project, folder))):
        if path.name == BRAND_FILE or whole in {Path(one).resolve() for one in tried.trial.paths}:
            users.append(tried.name)
            own = [p for p in tried.trial.problems if Path(p.path).resolve() == whole or p.severity == "error"]
            findings.add([str(path)], own)
            _note(findings, tried.name, tried.trial)
    if not users:
        source = read_source(path)
        message, remedy = "no mail includes it", "Include it in one to see it in a mail, or remove it."
        unused = Problem(str(path), 1, 1, "partial-unused", "warning", message, remedy)
        findings.add([str(path)], [*parse(source).problems, unused])


def _check_loose(findings: _Findings, project: Path, path: Path) -> None:
    """Check a template that stands alone, with no subject beside it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / TEMPLATE_FILE).write_bytes(path.read_bytes())
        (folder / SUBJECT_FILE).write_text("Subject\n", encoding="utf-8")
        if (images := path.resolve().parent / IMAGES).is_dir():
            (folder / IMAGES).symlink_to(images)
        trial = try_template(folder, project / "assets" / "templates")
        problems = [*trial.problems, *_fields(folder, trial)]
        copy = str(folder / TEMPLATE_FILE)
        findings.add([str(path)], [replace(p, path=str(path)) if p.path == copy else p for p in problems])
        _note(findings, path.stem, trial)


def _folders(project: Path) -> list[Path]:
    """Return the folders of all campaigns."""
    root = project / "assets" / "campaigns"
    found = {path.parent for name in (TEMPLATE_FILE, "defs.yaml") for path in root.glob(f"*/{name}")}
    return sorted(found)


def _shared(project: Path, folder: Path) -> Path:
    """Return the shared templates beside a campaign's folder, else the project's."""
    beside = shared_templates(folder.resolve())
    return beside if (beside / BRAND_FILE).is_file() else project / "assets" / "templates"
