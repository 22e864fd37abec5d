"""Checks of what everything stands on: Python, the disk, the settings, the home folder, the clock.

Add a check here that needs neither the stores nor the definitions. None of these opens a file of ours but the
settings' and the clock's.
"""

import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from orchestration.doctor.finding import Case, Finding, fail, ok, shorten, size, warn
from senders.clock import SteppedClock, format_time, open_clock

OLDEST_PYTHON = (3, 11)
_FREE_WATCH, _FREE_ACT = 5_000_000_000, 500_000_000
_PARTS = ("duckdb", "dagster", "dbt-core")


def check_python() -> Finding:
    """The Python that runs this, and the versions of what it runs."""
    present = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        return fail(f"{present} at {sys.executable}; {wanted} or newer is needed", f"python{wanted} -m venv .venv")
    try:
        parts = [f"{name} {version(name)}" for name in _PARTS]
    except PackageNotFoundError as error:
        return fail(f"{present}, but {error.name} is not installed", "pip install -r requirements.lock")
    return ok(" · ".join([present, *parts]))


def check_disk(case: Case) -> Finding:
    """Room for the home folder: a full disk stops sending, and a rebuild needs twice the warehouse."""
    place = _nearest(case.home)
    free = shutil.disk_usage(place).free
    found = f"{size(free)} free at {shorten(place, case.settings.project)}"
    if free < _FREE_ACT:
        return fail(found, f"df -h {place}")
    return warn(found, f"df -h {place}") if free < _FREE_WATCH else ok(found)


def check_settings(case: Case) -> Finding:
    """Which file was read, and whether mail can reach strangers."""
    settings = case.settings
    file = settings.project / "mailrail.toml"
    read = shorten(file, settings.project) if file.exists() else "no mailrail.toml"
    allowed = len(settings.recipient_allow_list)
    parts = [read, settings.environment, f"real sends {'allowed' if settings.allow_real_sends else 'off'}"]
    if settings.environment != "production" and settings.allow_real_sends:
        parts.append(f"{allowed} on the allow list")
    found = " · ".join(parts)
    if not file.exists():
        return warn(f"{found} in {settings.project}", "mailrail init DIR")
    settings.require_public_address()
    settings.relay_configs()
    if not settings.senders:
        return warn(f"{found} · no sender profile", "add [senders.NAME] to mailrail.toml")
    return ok(found)


def check_home(case: Case) -> Finding:
    """The folder of all state."""
    if not case.home.exists():
        return warn(
            f"{case.home} does not exist yet; the first command makes it",
            "mailrail demo   (sample data), or   mailrail source add FILE   (your own)",
        )
    if not case.home.is_dir():
        return fail(f"{case.home} is a file where a folder is needed", f"mv {case.home} {case.home}.old")
    mode = case.home.stat().st_mode & 0o777
    found = f"{shorten(case.home, case.settings.project)} · mode {mode:04o}"
    if mode & 0o077:
        return warn(f"{found}: others on this machine can read people's data", f"chmod 700 {case.home}")
    return ok(found)


def check_clock(case: Case) -> Finding:
    """Whose time it is: the machine's, or one that is stepped."""
    clock = open_clock(case.home)
    if not isinstance(clock, SteppedClock):
        return ok("the machine's own time")
    try:
        found = f"stands at {format_time(clock.now())}, stepped by {shorten(clock.path, case.settings.project)}"
    except ValueError:
        return fail(f"{clock.path} holds no time ({clock.path.read_text(errors='replace')[:40]!r})", f"rm {clock.path}")
    if case.settings.allow_real_sends:
        return fail(f"{found}, and real sends are allowed", f"rm {clock.path}")
    return ok(found)


def _nearest(path: Path) -> Path:
    """Return the path or its nearest parent that exists."""
    return next(place for place in (path, *path.parents) if place.exists())
