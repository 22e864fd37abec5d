"""Runs dbt as a subprocess, and keeps its manifest fresh.

A subprocess, because dbt in our own process keeps the warehouse file locked after it returns. A segment that
does not even parse is left out of the build, with its problem, so that it never stops the others. Which
models exist and what they mean belongs to ``dbt_project``.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from senders.clock import format_time
from senders.errors import ConfigError, Problem

SEGMENT_FOLDER = Path("models") / "marts" / "segments"
_SEGMENT_FILE = re.compile(r"models/marts/segments/([\w.-]+\.(?:sql|yml))")
_TIME_LIMIT_SECONDS = 3600
_STAMP = "parsed.json"
# Compiling parses too, and leaves the segments' SQL in the manifest, where it can be checked without a build.
_COMPILE = ["compile", "--no-introspect", "--select", f"path:{SEGMENT_FOLDER.as_posix()}"]


@dataclass(frozen=True)
class DbtProject:
    """A parsed dbt project: the user's folder, the one that dbt reads, and the segments left out of it.

    ``folder`` is a copy of ``source`` without the broken segments, or ``source`` itself where all parse.
    """

    source: Path
    folder: Path
    target: Path
    broken: tuple[Problem, ...] = ()

    @property
    def manifest_path(self) -> Path:
        """Path of manifest.json."""
        return self.target / "manifest.json"

    @property
    def built_path(self) -> Path:
        """Path of the results of the last build; dbt's own run_results.json is written anew whenever we parse."""
        return self.target / "build_results.json"

    def manifest(self) -> dict[str, Any]:
        """Read the manifest."""
        loaded: dict[str, Any] = json.loads(self.manifest_path.read_text(encoding="utf-8"))
        return loaded

    def segments(self) -> dict[str, str]:
        """Return the segments: model name to description."""
        nodes = self.manifest()["nodes"].values()
        return {
            node["name"]: node["description"]
            for node in nodes
            if node["resource_type"] == "model" and node["name"].startswith("seg_")
        }


@dataclass(frozen=True)
class NodeResult:
    """What became of one model, seed or test in a build."""

    unique_id: str
    status: str
    seconds: float
    message: str
    failures: int
    sql: str = ""

    @property
    def is_ok(self) -> bool:
        """Whether it was built, or passed."""
        return self.status in {"success", "pass", "warn"}

    @property
    def was_skipped(self) -> bool:
        """Whether it did not run because something before it failed."""
        return self.status == "skipped"


def prepare(source: Path, home: Path) -> DbtProject:
    """Parse the dbt project unless its manifest is fresh; where another process parses it, wait for that.

    Args:
        source: the user's dbt project folder.
        home: the home folder; the parsed state goes to its ``dbt`` folder.

    Raises:
        ConfigError: the project does not parse for another reason than its segments.
    """
    state = home / "dbt"
    state.mkdir(parents=True, exist_ok=True)
    if known := _known(source, state, _fingerprint(source)):
        return known
    with (state / "parse.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fingerprint = _fingerprint(source)
        return _known(source, state, fingerprint) or _parse_anew(source, state, fingerprint)


def _parse_anew(source: Path, state: Path, fingerprint: str) -> DbtProject:
    project = _parse(source, state)
    record = {
        "fingerprint": fingerprint,
        "folder": str(project.folder),
        "broken": [{name: getattr(p, name) for name in p.__dataclass_fields__} for p in project.broken],
    }
    fresh = state / f"{_STAMP}.new"
    fresh.write_text(json.dumps(record), encoding="utf-8")
    fresh.replace(state / _STAMP)
    return project


def parsed(source: Path, home: Path) -> DbtProject | None:
    """Return the project as it was parsed last, or None where it never was or has changed since; parses nothing."""
    return _known(source, home / "dbt", _fingerprint(source))


def _known(source: Path, state: Path, fingerprint: str) -> DbtProject | None:
    stamp = state / _STAMP
    if not stamp.exists():
        return None
    known = json.loads(stamp.read_text(encoding="utf-8"))
    broken = tuple(Problem(**problem) for problem in known["broken"])
    project = DbtProject(source, Path(known["folder"]), state / "target", broken)
    return project if known["fingerprint"] == fingerprint and project.manifest_path.exists() else None


def build(
    project: DbtProject, warehouse: Path, *, as_of: datetime, keep_open: tuple[int, ...] = ()
) -> Iterator[NodeResult]:
    """Build seeds, models and their tests; one result for each node.

    Args:
        project: the parsed project.
        warehouse: the warehouse file; nobody else may hold it.
        as_of: business time that the models are told.
        keep_open: descriptors that dbt keeps if we die, so that a lock outlives us as long as dbt does.

    A failed node is a result, not an exception.

    Raises:
        ConfigError: dbt could not run at all.
    """
    results = project.target / "run_results.json"
    results.unlink(missing_ok=True)
    arguments = ["build", "--exclude-resource-type", "unit_test"]
    done = _dbt(arguments, project.folder, project.target, warehouse, as_of=as_of, keep_open=keep_open)
    if not results.exists():
        raise ConfigError(f"dbt build did not run: {_last_words(done.stdout)}")
    results.replace(project.built_path)
    for result in json.loads(project.built_path.read_text(encoding="utf-8"))["results"]:
        yield NodeResult(
            unique_id=result["unique_id"],
            status=result["status"],
            seconds=result["execution_time"],
            message=result["message"] or "",
            failures=result["failures"] or 0,
            sql=result.get("compiled_code") or "",
        )


def failed_segments(project: DbtProject) -> list[Problem]:
    """Return a problem for each segment whose last build failed."""
    if not project.built_path.exists():
        return []
    nodes = project.manifest()["nodes"]
    found = []
    for result in json.loads(project.built_path.read_text(encoding="utf-8"))["results"]:
        node = nodes.get(result["unique_id"], {})
        if node.get("name", "").startswith("seg_") and result["status"] in {"error", "skipped"}:
            found.append(_failure(project, node, result["message"] or "something it reads failed"))
    return found


def _failure(project: DbtProject, node: dict[str, Any], message: str) -> Problem:
    line = re.search(r"LINE (\d+)", message)
    return Problem(
        path=str(project.source / node["original_file_path"]),
        line=int(line.group(1)) if line else 0,
        column=0,
        id="SEG-BUILD",
        severity="error",
        message=" ".join(message.split()),
        remedy="Mend the segment and refresh; until then no campaign can use it.",
    )


def _parse(source: Path, state: Path) -> DbtProject:
    """Parse; leave out segments that do not parse, one after the other."""
    folder, broken = source, []
    for _ in range(len(list((source / SEGMENT_FOLDER).glob("*"))) + 1):
        done = _dbt(_COMPILE, folder, state / "target", state / "nowhere.duckdb")
        if done.returncode == 0:
            return DbtProject(source, folder, state / "target", tuple(broken))
        guilty = _SEGMENT_FILE.search(done.stdout)
        if guilty is None:
            break
        broken.append(_problem(source, guilty.group(1), done.stdout))
        folder = _without(source, state / "project", [Path(problem.path).name for problem in broken])
    raise ConfigError(f"{source}: the dbt project does not parse; {_last_words(done.stdout)}")


def _without(source: Path, copy: Path, names: list[str]) -> Path:
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("target", "logs", *names))
    return copy


def _problem(source: Path, name: str, output: str) -> Problem:
    line = re.search(r"line (\d+)", output)
    return Problem(
        path=str(source / SEGMENT_FOLDER / name),
        line=int(line.group(1)) if line else 0,
        column=0,
        id="SEG-PARSE",
        severity="error",
        message=_last_words(output),
        remedy="Mend the segment; until then no campaign can use it.",
    )


def _dbt(
    arguments: list[str],
    folder: Path,
    target: Path,
    warehouse: Path,
    *,
    as_of: datetime | None = None,
    keep_open: tuple[int, ...] = (),
) -> subprocess.CompletedProcess[str]:
    dbt = Path(sys.executable).with_name("dbt")
    environment = {
        **os.environ,  # noqa: TID251 - handed through, nothing is read from it
        "MAILRAIL_WAREHOUSE": str(warehouse),
        # Not --vars: with another value of a variable dbt parses the whole project anew.
        "MAILRAIL_AS_OF": format_time(as_of) if as_of else "",
        "DO_NOT_TRACK": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    command = [str(dbt), "--no-use-colors", *arguments, "--project-dir", str(folder), "--profiles-dir", str(folder)]
    return subprocess.run(
        [*command, "--target-path", str(target), "--log-path", str(target)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_TIME_LIMIT_SECONDS,
        pass_fds=keep_open,
        check=False,
    )


def _last_words(output: str) -> str:
    """Return the part of dbt's output that says what is wrong, without its clock."""
    lines = [re.sub(r"^\d\d:\d\d:\d\d\s*", "", line).strip() for line in output.splitlines()]
    start = next((i for i, line in enumerate(lines) if "Error" in line or "ERROR" in line), max(len(lines) - 8, 0))
    return " ".join(line for line in lines[start : start + 12] if line)


def _fingerprint(source: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(source.rglob("*")):
        parts = path.relative_to(source).parts
        if path.is_file() and parts[0] not in {"target", "logs", "dbt_packages"} and path.name != ".user.yml":
            digest.update(f"{path.relative_to(source)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()
