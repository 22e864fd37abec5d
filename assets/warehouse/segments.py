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


def check_segments(project: DbtProject) -> list[Problem]:
    """Return a problem for each segment that could not be built on the marts as their contracts promise."""
    nodes = [node for node in project.manifest()["nodes"].values() if node["resource_type"] == "model"]
    with duckdb.connect(":memory:") as connection:
        for node in nodes:
            if node["schema"] == "marts":
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
        columns = [column[0] for column in connection.execute(f"describe {sql}").fetchall()]
    except duckdb.Error as error:
        text = str(error)
        line = _LINE.search(text)
        hint = _HINT.search(text)
        remedy = f"Did you mean {hint.group(1).strip()}?" if hint else "Mend the segment's SQL."
        message = " ".join(text.split("LINE ")[0].split())
        return Problem(path, int(line.group(1)) if line else 0, 0, "SEG-SQL", "error", message, remedy)
    if columns != ["contact_id"]:
        found = ", ".join(columns)
        return Problem(
            path, 0, 0, "SEG-COLUMNS", "error", f"a segment yields contact_id, this one yields {found}",
            "Select contact_id and nothing else; the audience joins the fields.",
        )  # fmt: skip
    return None
