"""Checks of what people write: definitions, the dbt project, templates.

Add a check here when something in the project's folders can be wrong. Findings file by file are the work of
``mailrail check``; these only count them.
"""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from orchestration.doctor.finding import Case, Finding, age, fail, ok, plural, size, warn
from senders.errors import ConfigError, Problem, TemplateError

T = TypeVar("T")

# Gmail cuts a message off after this much HTML.
CLIPPED_AT = 102_000
_SECONDS_MOST = 0.7


def check_dbt(case: Case) -> Finding:
    """The dbt project: parsed as it stands, and the segments that its last build could not make."""
    from assets.warehouse import dbt

    source = case.settings.project / "dbt_project"
    if not source.is_dir():
        return fail(f"{source} is missing", "mailrail init DIR")
    project = dbt.parsed(source, case.home)
    if project is None:
        return ok("changed since it was parsed; the next command parses it")
    try:
        segments, broken = project.segments(), [*project.broken, *dbt.failed_segments(project)]
    except (ValueError, KeyError) as error:
        return fail(f"{project.manifest_path} is damaged ({error})", f"rm -r {case.home / 'dbt'} && mailrail check")
    parsed = age(time.time() - project.manifest_path.stat().st_mtime)
    found = f"manifest {parsed} old · {plural(len(segments), 'segment')}"
    if broken:
        names = ", ".join(sorted({Path(problem.path).stem for problem in broken}))
        return fail(f"{found} · {len(broken)} not built: {names}", "mailrail check")
    return ok(f"{found}, none failed")


def check_definitions(case: Case) -> Finding:
    """Campaigns and sources: how many load, and how many problems they have."""
    from assets.audiences.definition import check_campaign
    from assets.ingestion.definitions import check_definition

    root = case.settings.project / "assets"
    campaigns, sources = sorted(root.glob("campaigns/*/defs.yaml")), sorted(root.glob("sources/*/defs.yaml"))
    segments, profiles = _segments(case), case.settings.expire_hours
    by_source = [check_definition(path) for path in sources]
    by_campaign = list(
        _in_time(check_campaign(path.parent, segments=segments, profiles=profiles) for path in campaigns)
    )
    sound = [sum(map(_is_sound, group)) for group in (by_campaign, by_source)]
    found = " · ".join(map(plural, sound, ("campaign", "source")))
    if len(by_campaign) < len(campaigns):
        found += f" of the first {len(by_campaign)}"
    problems = [problem for group in (*by_campaign, *by_source) for problem in group]
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        return fail(f"{found} · {plural(len(errors), 'error')}: {_first(errors, case)}", "mailrail check")
    if problems:
        return warn(f"{found} · {plural(len(problems), 'warning')}: {_first(problems, case)}", "mailrail check")
    return ok(f"{found} · no problem")


def _segments(case: Case) -> set[str] | None:
    """Return the segments that exist; None where that is not known without a parse."""
    from assets.warehouse import dbt

    try:
        project = dbt.parsed(case.settings.project / "dbt_project", case.home)
        return set(project.segments()) if project else None
    except (ValueError, KeyError):  # a damaged manifest is dbt's own finding
        return None


def check_templates(case: Case) -> Finding:
    """Every campaign's template compiles, and none is so large that Gmail cuts it off."""
    from assets.audiences.definition import shared_templates
    from senders.rendering.template import compile_template

    folders = sorted(path.parent for path in (case.settings.project / "assets").glob("campaigns/*/template.*"))
    sizes, broken = {}, []
    for folder in _in_time(folders):
        try:
            sizes[folder.name] = len(compile_template(folder, shared_templates(folder)).html.encode())
        except (TemplateError, ConfigError):
            broken.append(folder.name)
    if broken:
        return fail(f"{', '.join(broken)} cannot be used", "mailrail check")
    if not sizes:
        return ok("none yet")
    largest = max(sizes, key=lambda name: sizes[name])
    found = f"{len(sizes)} compiled · largest {size(sizes[largest])} of {size(CLIPPED_AT)} ({largest})"
    if len(sizes) < len(folders):
        found += f" · {len(folders) - len(sizes)} more not looked at"
    if sizes[largest] > CLIPPED_AT:
        return warn(f"{found}: Gmail cuts it off", f"mailrail preview {largest} --limit 1")
    return ok(found)


def _in_time(items: Iterable[T]) -> Iterator[T]:
    """Yield items until the check has had its time, one at least."""
    deadline = time.monotonic() + _SECONDS_MOST
    for item in items:
        yield item
        if time.monotonic() > deadline:
            return


def _is_sound(problems: list[Problem]) -> bool:
    return not any(problem.severity == "error" for problem in problems)


def _first(problems: list[Problem], case: Case) -> str:
    """Return where the first problem stands, and its code."""
    problem = problems[0]
    path = Path(problem.path)
    root = case.settings.project
    shown = path.relative_to(root) if path.is_relative_to(root) else path
    return f"{shown}:{problem.line} {problem.id}" if problem.line else f"{shown} {problem.id}"
