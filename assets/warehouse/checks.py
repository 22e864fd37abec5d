"""dbt tests as asset checks: what each says in words, and what it found, with the first failing rows.

Add a sentence here for a kind of test that the project has not used before. The tests themselves stand in
``dbt_project``; running them belongs to ``dbt``.
"""

import itertools
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from assets.metadata import rows_table, sql_text
from assets.warehouse.dbt import NodeResult

MOST_ROWS = 20
_REF = re.compile(r"ref\('([^']+)'\)")


def describe_test(node: Mapping[str, Any]) -> str:
    """Return what a dbt test of the manifest demands, in words."""
    metadata = node.get("test_metadata") or {}
    sentence = _SENTENCES.get(metadata.get("name", ""))
    said = node.get("description") or _first_comment(str(node.get("raw_code") or ""))
    if said or sentence is None:
        words = said or f"{_plain(node['name'])}; its SQL yields the rows for which that does not hold."
    else:
        words = sentence({**metadata.get("kwargs", {}), "name": node["name"]})
    return f"{words} {'A failure warns.' if _is_warning(node) else 'A failure stops what is downstream.'}"


def _first_comment(sql: str) -> str:
    lines = itertools.takewhile(lambda line: line.startswith("--"), sql.strip().splitlines())
    return " ".join(line.lstrip("- ") for line in lines)


def _plain(name: str) -> str:
    words = name.removeprefix("assert_").replace("__", " ").replace("_", " ")
    return words[:1].upper() + words[1:]


def _is_warning(node: Mapping[str, Any]) -> bool:
    return str(node["config"].get("severity", "error")).lower() == "warn"


def _relationship(given: Mapping[str, Any]) -> str:
    found = _REF.search(str(given["to"]))
    return f"Every {given['column_name']} stands in {found.group(1) if found else given['to']}.{given['field']}."


def _accepted(given: Mapping[str, Any]) -> str:
    values = ", ".join(str(value) or "''" for value in given["values"])
    return f"Every {given['column_name']} is one of: {values}."


def _range(given: Mapping[str, Any]) -> str:
    limits = [f"at {word} {given[name]}" for name, word in (("minimum", "least"), ("maximum", "most")) if name in given]
    return f"Every {given['column_name']} is {' and '.join(limits)}."


_SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "unique": lambda given: f"No two rows have the same {given['column_name']}.",
    "not_null": lambda given: f"Every row has a {given['column_name']}.",
    "accepted_values": _accepted,
    "accepted_range": _range,
    "relationships": _relationship,
    "unique_combination": lambda given: f"No two rows have the same {', '.join(given['columns'])}.",
    "expression_is_true": lambda given: (
        f"{_plain(given['name'])}: in every row {' '.join(given['expression'].split())}."
    ),
    "recent": lambda given: f"The newest {given['column_name']} is at most {given['days']} days old.",
}


def report_test(
    key: dg.AssetCheckKey, node: Mapping[str, Any], result: NodeResult, warehouse: Path
) -> dg.AssetCheckResult:
    """Return what a test found; where it failed, with its first rows. The caller holds the warehouse."""
    is_passed = result.status == "pass"
    metadata: dict[str, Any] = {
        "failures": result.failures,
        "dbt": result.message or result.status,
        "file": dg.MetadataValue.path(f"dbt_project/{node['original_file_path']}"),
    }
    if not is_passed and result.sql:
        metadata |= {"failing_rows": _failing_rows(warehouse, result.sql), "sql": sql_text(result.sql)}
    return dg.AssetCheckResult(
        passed=is_passed,
        asset_key=key.asset_key,
        check_name=key.name,
        severity=dg.AssetCheckSeverity.WARN if _is_warning(node) else dg.AssetCheckSeverity.ERROR,
        metadata=metadata,
    )


def _failing_rows(warehouse: Path, sql: str) -> dg.MetadataValue[Any]:
    """Return the first rows that a test's SQL yields; addresses masked, names left out."""
    import duckdb

    try:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            found = connection.sql(sql).limit(MOST_ROWS)
            return rows_table(found.columns, found.fetchall())
    except duckdb.Error as error:  # the check's verdict stands without them
        return dg.MetadataValue.text(f"cannot be read: {error}")
