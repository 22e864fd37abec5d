"""Checks every definition of a project, each by itself, and collects all problems.

Add a kind of definition here when users can write one. The rules belong to the packages that load it.
"""

from pathlib import Path

from assets.audiences.definition import check_campaign
from assets.ingestion.definitions import check_definition
from assets.outbox.checking import check_letter
from assets.outbox.definition import letter_folders
from assets.warehouse import dbt
from assets.warehouse.segments import check_segments
from orchestration.settings import Settings, export_environment
from senders.errors import ConfigError, Problem


def check_project(settings: Settings) -> tuple[list[Problem], dict[str, int]]:
    """Return all problems, and how many definitions of each kind load."""
    export_environment(settings)
    segments, found = _check_segments(settings)
    sources = sorted((settings.project / "assets" / "sources").glob("*/defs.yaml"))
    campaigns = sorted((settings.project / "assets" / "campaigns").glob("*/defs.yaml"))
    by_source = [check_definition(path, home=settings.home) for path in sources]
    by_campaign = [check_campaign(path.parent, segments=segments, profiles=settings.expire_hours) for path in campaigns]
    streams = {name: sender.stream for name, sender in settings.senders.items()}
    by_letter = [check_letter(folder, streams) for folder in letter_folders(settings.project)]
    problems = [*found, *(p for group in (*by_source, *by_campaign, *by_letter) for p in group)]
    loaded = {
        "campaigns": sum(map(_is_sound, by_campaign)),
        "sources": sum(map(_is_sound, by_source)),
        "segments": len(segments - {Path(p.path).stem for p in found}),
        "transactional": sum(map(_is_sound, by_letter)),
        "journeys": 0,
    }
    return [_relative(problem, settings.project) for problem in problems], loaded


def _check_segments(settings: Settings) -> tuple[set[str], list[Problem]]:
    try:
        project = dbt.prepare(settings.project / "dbt_project", settings.home)
    except ConfigError as error:
        return set(), [Problem("dbt_project", 0, 0, "DBT-PARSE", "error", str(error), "Mend the dbt project.")]
    return set(project.segments()), [*project.broken, *check_segments(project)]


def _is_sound(problems: list[Problem]) -> bool:
    return not any(problem.severity == "error" for problem in problems)


def _relative(problem: Problem, root: Path) -> Problem:
    path = Path(problem.path)
    shown = path.relative_to(root) if path.is_relative_to(root) else path
    return Problem(str(shown), *(getattr(problem, name) for name in problem.__dataclass_fields__ if name != "path"))
