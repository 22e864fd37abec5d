"""Checks segments without building them: their compiled SQL is bound against the contracts of the marts.

So an unknown column is found by ``mailrail check`` in a second, on a machine without a warehouse. What a
segment may be belongs to ``dbt_project``.
"""

import re
from typing import Any

import duckdb

from assets.warehouse.dbt import DbtProject
from senders.errors import Problem

_LINE = re.compile(r"LINE (\d+):")
_HINT = re.compile(r"Candidate bindings: (.+)")
_LACKING = re.compile(r"Table with name (\w+) does not exist")
_DESCRIBE = "describe "
_PUBLIC_SCHEMAS = ("marts", "segments")


def check_segments(project: DbtProject) -> list[Problem]:
    """Return a problem for each segment that could not be built on the marts as their contracts promise."""
    nodes = [node for node in project.manifest()["nodes"].values() if node["resource_type"] == "model"]
    with duckdb.connect(":memory:") as connection:
        for node in nodes:
            if node["schema"] in _PUBLIC_SCHEMAS:
                _make_empty(connection, node)
        segments = [node for node in nodes if node["name"].startswith("seg_") and node.get("compiled_code")]
        checked = [_check(connection, project, node) for node in segments]
    return [problem for problem in checked if problem is not None]


def _make_empty(connection: duckdb.DuckDBPyConnection, node: dict[str, Any]) -> None:
    columns = ", ".join(f'"{name}" {column["data_type"] or "text"}' for name, column in node["columns"].items())
    connection.execute(f"create schema if not exists {node['schema']}")
    connection.execute(f'create table {node["schema"]}."{node["name"]}" ({columns})')


def _check(connection: duckdb.DuckDBPyConnection, project: DbtProject, node: dict[str, Any]) -> Problem | None:
    sql = node["compiled_code"].replace(f'"{node["database"]}".', "")
    path = str(project.source / node["original_file_path"])
    try:
        columns = [column[0] for column in connection.execute(f"{_DESCRIBE}{sql}").fetchall()]
    except duckdb.Error as error:
        text = str(error)
        return Problem(path, *_place(text), "SEG-SQL", "error", text.splitlines()[0], _remedy(text, connection))
    if columns != ["contact_id"]:
        found = ", ".join(columns)
        return Problem(
            path, 0, 0, "SEG-COLUMNS", "error", f"a segment yields contact_id, this one yields {found}",
            "Select contact_id and nothing else; the audience joins the fields.",
        )  # fmt: skip
    return None


def _place(text: str) -> tuple[int, int]:
    """Return line and column that DuckDB points at, 0 where it does not."""
    line = _LINE.search(text)
    if line is None:
        return 0, 0
    shown, _, below = text[line.start() :].partition("\n")
    is_cut = shown.removeprefix(line.group()).lstrip().startswith("...")
    pointer = below.split("\n")[0].find("^")
    if is_cut or pointer < 0:
        return int(line.group(1)), 0
    ours = len(_DESCRIBE) if line.group(1) == "1" else 0
    return int(line.group(1)), pointer - len(line.group()) - ours


def _remedy(text: str, connection: duckdb.DuckDBPyConnection) -> str:
    if hint := _HINT.search(text):
        return f"Did you mean {hint.group(1).strip()}?"
    lacking = _LACKING.search(text)
    known = connection.execute("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()
    if lacking and (lacking.group(1),) in known:
        return f"Write {{{{ ref('{lacking.group(1)}') }}}}."
    if lacking:
        return f"Read a mart, as {{{{ ref('dim_contacts') }}}}: {', '.join(sorted(name for (name,) in known))}."
    return "Mend the segment's SQL."
