"""Writes a new segment: its SQL from a base and a condition, its contract, a trial beside the project, its size.

Add a way to begin a segment here. What is wrong with a segment's SQL is found in ``segments``; how a condition is
judged belongs to ``assets.audiences.predicates``.
"""

import contextlib
import os
import re
import shutil
import threading
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from assets.audiences.predicates import Refusal, check_predicate, place_as_of
from assets.audiences.suggestions import suggest
from assets.warehouse import dbt
from assets.warehouse.published import connect_published, current
from assets.warehouse.segments import check_segments
from senders.clock import Clock
from senders.errors import ConfigError, GuardError, Problem

PREFIX = "seg_"
EVERYBODY = "all"
# Short words for the segments that every project begins with.
ALIASES = {EVERYBODY: "seg_all_contacts", "new": "seg_new_contacts_30d", "not_opened": "seg_not_opened_90d"}
TIME_LIMIT_SECONDS = 10.0

_NAME = re.compile(r"seg_[a-z][a-z0-9_]*")
_LONGEST_NAME = 60
_STAMP = re.compile(r"cast\('(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)' as timestamp\)")
_NO_NODE = re.compile(r"depends on a node named '(\w+)' which was not found")
_CONTRACT = """\
models:
  - name: {name}
    description: {description}
    columns:
      - name: contact_id
        data_type: string
        description: "Keyed hash of the address, 32 hexadecimal digits."
        constraints: [{{type: not_null}}]
        data_tests:
          - unique
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How many contacts a segment has in the published copy; ``rows`` is more where one comes twice."""

    contacts: int
    rows: int
    version: str


def full_name(name: str) -> str:
    """Return the model name of a segment, `german` as `seg_german`.

    Raises:
        ConfigError: no table can be called so.
    """
    full = name if name.startswith(PREFIX) else f"{PREFIX}{name}"
    if not _NAME.fullmatch(full) or len(full) > _LONGEST_NAME:
        ascii_only = unicodedata.normalize("NFKD", name.lower()).encode("ascii", "ignore").decode()
        cleaned = re.sub(r"[^a-z0-9]+", "_", ascii_only).strip("_")[:40] or "new"
        raise ConfigError(
            f"{name!r} cannot name a segment: small letters, digits and _, beginning with a letter, at most "
            f"{_LONGEST_NAME}; for instance {cleaned if cleaned[0].isalpha() else f's_{cleaned}'}."
        )
    return full


def find_base(name: str, known: Mapping[str, str]) -> str | None:
    """Return the segment that a new one begins from; None for everybody.

    Raises:
        ConfigError: there is none of that name.
    """
    full = ALIASES.get(name, name if name.startswith(PREFIX) else f"{PREFIX}{name}")
    if name == EVERYBODY:
        return None
    if full not in known:
        names = {*(segment.removeprefix(PREFIX) for segment in known), *ALIASES}
        raise ConfigError(f"there is no segment {name!r} to begin from. {suggest(name, names)}")
    return full


def segment_sql(base: str | None, where: str) -> str:
    """Return the SQL of a segment: a base, narrowed by a condition.

    Raises:
        ConfigError: the condition is refused; says line, column and remedy.
    """
    refusals = check_predicate(where) if where else []
    if "{{" in where or "{%" in where or "{#" in where:
        refusals = [Refusal(1, 1, "where may not hold {{, {% or {#.", "Write as_of for the time of the send.")]
    if refusals:
        raise ConfigError(
            "\n  ".join(f"where, line {r.line}, column {r.column}: {r.message} {r.remedy}" for r in refusals)
        )
    conditions = ["contact_id in (select base.contact_id from base)"] if base else []
    if where:
        written = place_as_of(where, "{{ as_of() }}").replace("\n", "\n        ")
        # On lines of their own, so that a comment at the end takes no bracket with it.
        conditions.append(f"(\n        {written}\n    )" if base else written)
    lines = ["with contacts as (", "", "    select * from {{ ref('dim_contacts') }}", "", ")"]
    if base:
        lines[-1] = "),"
        lines += ["", "base as (", "", f"    select contact_id from {{{{ ref('{base}') }}}}", "", ")"]  # noqa: S608
    lines += ["", "select contact_id", "from contacts"]
    if conditions:
        lines += ["where", "    " + "\n    and ".join(conditions)]
    return "\n".join(lines) + "\n"


def describe(base: str | None, where: str) -> str:
    """Return what a segment is, for people who gave no description."""
    of = f"of {base}" if base else ""
    narrowed = f"with {' '.join(where.split())}" if where else ""
    return " ".join(part for part in ("One row per contact", of, narrowed) if part) + "."


def segment_files(source: Path, name: str) -> tuple[Path, Path]:
    """Return where the SQL and the contract of a segment stand."""
    folder = source / dbt.SEGMENT_FOLDER
    return folder / f"{name}.sql", folder / f"{name}.yml"


def segment_contract(name: str, description: str) -> str:
    """Return the YAML that goes with a segment's SQL."""
    import json

    return _CONTRACT.format(name=name, description=json.dumps(" ".join(description.split()), ensure_ascii=False))


def refuse_taken(source: Path, name: str) -> None:
    """Refuse the name of a segment that exists.

    Raises:
        GuardError: says where it stands.
    """
    for path in segment_files(source, name):
        if path.exists():
            raise GuardError(f"there is a segment {name!r} already ({path}); edit that file, or take another name.")


def try_segment(source: Path, home: Path, name: str, texts: tuple[str, str]) -> tuple[list[Problem], str]:
    """Check a segment as `mailrail check` would, in a copy of the project, so that nothing is written into it.

    Args:
        source: the dbt project.
        home: the home folder; its parsed state makes the check fast.
        name: the segment's name.
        texts: its SQL and its contract.

    Returns:
        The problems of this segment with the path it would have, and its SQL as the warehouse would get it.
    """
    with _trial_folder(home) as trial:
        copy = trial / "project"
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns("target", "logs", ".user.yml"))
        for path, text in zip(segment_files(copy, name), texts, strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        known = home / "dbt" / "target" / "partial_parse.msgpack"
        if known.exists():
            (trial / "dbt" / "target").mkdir(parents=True)
            shutil.copy(known, trial / "dbt" / "target")
        project = dbt.prepare(copy, trial)
        found = [*project.broken, *check_segments(project)]
        place = segment_files(source, name)[0]
        nodes = list(project.manifest()["nodes"].values())
        readable = {node["name"] for node in nodes if node["resource_type"] == "model"}
        problems = [
            replace(problem, path=str(place), remedy=_remedy(problem, readable))
            for problem in found
            if Path(problem.path).stem == name
        ]
        compiled = next((node.get("compiled_code") or "" for node in nodes if node["name"] == name), "")
        database = next((node["database"] for node in nodes if node["name"] == name), "")
        return problems, compiled.replace(f'"{database}".', "")


def write_segment(source: Path, name: str, texts: tuple[str, str]) -> tuple[Path, Path]:
    """Write the files of a segment; the contract first, so that no SQL ever stands there without one.

    Raises:
        GuardError: somebody else made the segment in the meantime.
    """
    paths = segment_files(source, name)
    paths[0].parent.mkdir(parents=True, exist_ok=True)
    for path, text in reversed(list(zip(paths, texts, strict=True))):
        scratch = path.with_name(f".{path.name}.{os.getpid()}.part")
        scratch.write_text(text, encoding="utf-8")
        try:
            os.link(scratch, path)  # unlike a rename it fails where the file exists
        except FileExistsError:
            raise GuardError(f"{path} is there already; somebody made the segment {name!r} in the meantime.") from None
        finally:
            scratch.unlink()
    return paths


def measure_segment(published: Path, sql: str, clock: Clock, *, compiled_after: datetime) -> Size | None:
    """Return the size that a segment's SQL has in the published copy; None where it cannot be told (in time).

    Args:
        published: folder of the published copies.
        sql: the SQL as compiled.
        clock: business time, which the SQL is asked for.
        compiled_after: when compiling began; dbt writes that moment where the time of a build would stand.
    """
    copy = current(published)
    if copy is None:
        return None
    now = clock.now().strftime("%Y-%m-%d %H:%M:%S")
    earliest = (compiled_after - timedelta(seconds=2)).strftime("%Y-%m-%d %H:%M:%S")
    asked = _STAMP.sub(lambda m: f"cast('{now}' as timestamp)" if m[1] >= earliest else m[0], sql)
    with connect_published(published) as connection:
        limit = threading.Timer(TIME_LIMIT_SECONDS, connection.interrupt)
        limit.start()
        try:
            row = connection.execute(
                f"select count(distinct contact_id), count(*) from (\n{asked}\n)"  # noqa: S608 - the author's own
            ).fetchone()
        except duckdb.Error:  # it reads what is not published yet, or takes too long: told after the next refresh
            return None
        finally:
            limit.cancel()
    return Size(*row, copy.version) if row else None


def count_segments(published: Path) -> dict[str, int]:
    """Return the sizes of all published segments by name; empty where nothing is published."""
    if current(published) is None:
        return {}
    with connect_published(published) as connection:
        names = connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'segments' order by 1"
        ).fetchall()
        counts = {}
        for (name,) in names:
            row = connection.execute(f'select count(*) from segments."{name}"').fetchone()  # noqa: S608 - a table's name
            counts[name] = row[0] if row else 0
        return counts


def _remedy(problem: Problem, readable: Collection[str]) -> str:
    """Return what mends a segment that is not there yet."""
    if lacking := _NO_NODE.search(problem.message):
        return suggest(lacking.group(1), readable)
    return "Mend the SQL." if problem.id == "SEG-PARSE" else problem.remedy


@contextlib.contextmanager
def _trial_folder(home: Path) -> Iterator[Path]:
    import tempfile

    parent = home / "dbt"
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="trial-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
