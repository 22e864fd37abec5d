"""dbt tests as checks: a sentence for each, and the rows where one fails."""

import dagster as dg
import duckdb
import pytest

from assets.warehouse.checks import MOST_ROWS, describe_test, report_test
from assets.warehouse.dbt import NodeResult

KEY = dg.AssetCheckKey(dg.AssetKey(["marts", "dim_contacts"]), "a_test")


def node(kind="", severity="ERROR", name="a_test", **given):
    metadata = {"name": kind, "kwargs": given} if kind else None
    return {
        "name": name,
        "test_metadata": metadata,
        "description": "",
        "raw_code": "",
        "config": {"severity": severity},
        "original_file_path": "data-tests/a_test.sql",
    }


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        ("unique", {"column_name": "send_no"}, "No two rows have the same send_no."),
        ("not_null", {"column_name": "email"}, "Every row has a email."),
        ("accepted_values", {"column_name": "rule", "values": ["", "sweep"]}, "Every rule is one of: '', sweep."),
        (
            "accepted_range",
            {"column_name": "share", "minimum": 0, "maximum": 1},
            "Every share is at least 0 and at most 1.",
        ),
        ("accepted_range", {"column_name": "n", "minimum": 0}, "Every n is at least 0."),
        (
            "relationships",
            {"column_name": "send_no", "to": "ref('fct_sends')", "field": "send_no"},
            "Every send_no stands in fct_sends.send_no.",
        ),
        ("unique_combination", {"columns": ["a", "b"]}, "No two rows have the same a, b."),
        ("expression_is_true", {"expression": "a <=\n b"}, "A test: in every row a <= b."),
        ("recent", {"column_name": "at", "days": 3}, "The newest at is at most 3 days old."),
        ("never_seen_before", {}, "A test; its SQL yields the rows for which that does not hold."),
    ],
)
def test_each_kind_says_what_must_hold(kind, given, words):
    assert describe_test(node(kind, **given)) == f"{words} A failure stops what is downstream."


def test_a_test_of_its_own_is_described_by_the_comment_before_its_sql():
    own = {**node(severity="warn"), "raw_code": "-- Nobody lives\n-- in Germany.\nselect 1 -- not this"}
    assert describe_test(own) == "Nobody lives in Germany. A failure warns."
    assert describe_test({**own, "description": "In words."}) == "In words. A failure warns."
    assert describe_test(node(name="assert_sums__match")).startswith("Sums match; its SQL")


@pytest.fixture
def warehouse(tmp_path):
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "create table people as select i as id, 'p' || i || '@example.com' as email from range(50) t(i)"
        )
    return path


def result(status, sql="\n-- why\nselect * from people\n"):
    return NodeResult("test.x", status, 0.1, "Got 50 results", 50, sql)


def test_a_failure_shows_its_first_rows_and_its_sql(warehouse):
    found = report_test(KEY, node(), result("fail"), warehouse)
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert found.metadata["failures"].value == 50
    rows = [record.data for record in found.metadata["failing_rows"].records]
    assert len(rows) == MOST_ROWS
    assert rows[0] == {"id": "0", "email": "p•••@example.com"}
    assert "select * from people" in found.metadata["sql"].value
    assert found.metadata["file"].value == "dbt_project/data-tests/a_test.sql"


def test_a_warning_is_a_warning(warehouse):
    assert report_test(KEY, node(severity="WARN"), result("warn"), warehouse).severity is dg.AssetCheckSeverity.WARN


def test_one_that_passes_reads_nothing(tmp_path):
    found = report_test(KEY, node(), result("pass"), tmp_path / "nowhere.duckdb")
    assert found.passed
    assert set(found.metadata) == {"failures", "dbt", "file"}


def test_rows_that_cannot_be_read_leave_the_verdict(warehouse):
    found = report_test(KEY, node(), result("error", "select * from nothing"), warehouse)
    assert not found.passed
    assert "cannot be read" in found.metadata["failing_rows"].value
