"""Promises about SQL: portable between DuckDB and Spark, and Python reads public relations only."""

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from sqlglot import exp
from sqlglot.tokens import Token

from assets.warehouse.tables import RAW_TABLES
from tests.fixtures.warehouse import DBT_PROJECT, ROOT, build_once

BANNED_FUNCTIONS = {
    "list": "array_agg",
    "epoch": "the macro seconds_between",
    "date_diff": "dates and dbt.datediff, or the macro seconds_between",
    "datediff": "dates and dbt.datediff, or the macro seconds_between",
    "regexp_matches": "like",
    "arg_max": "max_by",
    "arg_min": "min_by",
    "hash": "the macro bucket",
    "unnest": "a join",
    "generate_series": "a sequence",
}
BANNED_WORDS = {"asof": "a window", "exclude": "a column list", "varchar": "dbt.type_string()"}
RELATION = re.compile(r"\b(?:from|join)\s+(raw|staging|intermediate|marts|segments)\.(\w+)", re.IGNORECASE)
PYTHON_PACKAGES = ("assets", "dashboards", "orchestration", "senders")


def problems(sql: str) -> list[str]:
    """Return what in a statement would break or differ on Spark."""
    tokens = sqlglot.tokenize(sql, read="duckdb")
    found = [_function(name, after) for name, after in itertools.pairwise(tokens)]
    found += [
        f"{token.text}: use {BANNED_WORDS[token.text.lower()]}"
        for token in tokens
        if token.text.lower() in BANNED_WORDS
    ]
    found += [_pair(first, second) for first, second in itertools.pairwise(tokens)]
    found += [_bare_filter(*three) for three in zip(tokens, tokens[1:], tokens[2:], strict=False)]
    found += [f"{token.text}: no literal lists or structs" for token in tokens if token.text in {"[", "{"}]
    tree = sqlglot.parse_one(sql, read="duckdb")
    found += [
        f'"{name.name}": never quote an identifier' for name in tree.find_all(exp.Identifier) if _quoted_column(name)
    ]
    found += ["not in (select …): use not exists or a left join" for one in tree.find_all(exp.Not) if _in_query(one)]
    return [problem for problem in found if problem]


def _function(name: Token, after: Token) -> str:
    word = name.text.lower()
    return f"{word}(): use {BANNED_FUNCTIONS[word]}" if after.text == "(" and word in BANNED_FUNCTIONS else ""


def _pair(first: Token, second: Token) -> str:
    if first.text == "//":
        return "//: divide doubles and floor"
    decimal = first.text == "/" and re.fullmatch(r"\d*\.\d+", second.text)
    return f"/ {second.text}: cast it as a double" if decimal else ""


def _bare_filter(word: Token, bracket: Token, condition: Token) -> str:
    bare = word.text.lower() == "filter" and bracket.text == "(" and condition.text.lower() != "where"
    return "filter (…): needs where" if bare else ""


def _quoted_column(name: exp.Identifier) -> bool:
    # dbt quotes the relations themselves, in the way of each engine.
    return bool(name.args.get("quoted")) and not isinstance(name.parent, exp.Table)


def _in_query(one: exp.Not) -> bool:
    return isinstance(one.this, exp.In) and one.this.args.get("query") is not None


@pytest.mark.parametrize(
    "sql",
    [
        "select list(a) from t",
        "select epoch(a) from t",
        "select date_diff('day', a, b) from t",
        "select regexp_matches(a, 'x') from t",
        "select arg_max(a, b) from t",
        "select hash(a) from t",
        "select * exclude (a) from t",
        "select * from t asof join u on t.a >= u.a",
        "select a // b from t",
        "select a / 30.0 from t",
        'select "a" from t',
        "select a from t where a not in (select b from u)",
        "select count(*) filter (a > 1) from t",
        "select [1, 2]",
        "select cast(a as varchar) from t",
    ],
)
def test_the_ban_list_bites(sql: str) -> None:
    assert problems(sql)


def test_the_ban_list_lets_common_sql_pass() -> None:
    sql = (
        "select max_by(a, b) filter (where a > 1), cast(floor(extract(epoch from (b - a))) as bigint) "
        'from "db"."marts"."t" where a in (select b from u) and not b in (1, 2) group by all '
        "qualify row_number() over (partition by a order by b nulls last) = 1"
    )
    assert problems(sql) == []


def _compiled() -> list[dict[str, Any]]:
    nodes = build_once().manifest()["nodes"].values()
    return [node for node in nodes if node["resource_type"] in {"model", "test"} and node.get("compiled_code")]


@pytest.mark.dbt
def test_compiled_models_keep_to_the_common_sql() -> None:
    models = [node for node in _compiled() if node["resource_type"] == "model"]
    assert len(models) > 30
    assert {node["name"]: found for node in models if (found := problems(node["compiled_code"]))} == {}


@pytest.mark.dbt
def test_compiled_models_parse_for_duckdb_and_can_be_written_for_spark() -> None:
    for node in _compiled():
        tree = sqlglot.parse_one(node["compiled_code"], read="duckdb")
        spark = tree.sql("spark", unsupported_level=sqlglot.ErrorLevel.RAISE)
        assert sqlglot.parse_one(spark, read="spark"), node["name"]


def test_sources_of_models_quote_no_identifier() -> None:
    for path in sorted(DBT_PROJECT.rglob("models/**/*.sql")):
        outside = re.sub(r"\{\{.*?\}\}|\{%.*?%\}|--[^\n]*", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert '"' not in outside, path.name


@pytest.fixture(scope="module")
def public_relations() -> set[str]:
    nodes = build_once().manifest()["nodes"].values()
    return {
        f"{node['schema']}.{node['name']}"
        for node in nodes
        if node["resource_type"] == "model" and node["access"] == "public"
    }


@pytest.mark.dbt
def test_dashboards_query_public_relations_only(public_relations: set[str]) -> None:
    for path in sorted((ROOT / "dashboards" / "queries").rglob("*.sql")):
        for statement in sqlglot.parse(path.read_text(encoding="utf-8"), read="duckdb"):
            if statement is None:
                continue
            ctes = {cte.alias for cte in statement.find_all(exp.CTE)}
            used = {f"{table.db}.{table.name}" for table in statement.find_all(exp.Table) if table.name not in ctes}
            assert used <= public_relations, f"{path.name}: {sorted(used - public_relations)}"


def _texts(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.dbt
def test_python_reads_public_relations_only(public_relations: set[str]) -> None:
    raw = {table.relation for table in RAW_TABLES.values()}
    for package in PYTHON_PACKAGES:
        allowed = public_relations | (raw if package == "assets" else set())
        for path in sorted((ROOT / package).rglob("*.py")):
            for text in _texts(path):
                used = {f"{schema}.{name}".lower() for schema, name in RELATION.findall(text)}
                assert used <= allowed, f"{path.relative_to(ROOT)} reads {sorted(used - allowed)}"
