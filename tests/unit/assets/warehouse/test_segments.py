import json
from pathlib import Path

import pytest

from assets.warehouse.dbt import DbtProject
from assets.warehouse.segments import check_segments


def node(name, schema, columns=(), sql=""):
    return {
        "resource_type": "model", "name": name, "schema": schema, "database": "w", "compiled_code": sql,
        "original_file_path": f"models/{name}.sql", "columns": {column: {"data_type": "text"} for column in columns},
    }  # fmt: skip


@pytest.fixture
def check(tmp_path):
    def run(sql):
        nodes = [
            node("dim_contacts", "marts", ["contact_id", "country"]),
            node("seg_base", "segments", ["contact_id"], 'select contact_id from "w"."marts"."dim_contacts"'),
            node("seg_new", "segments", ["contact_id"], sql),
        ]
        (tmp_path / "manifest.json").write_text(json.dumps({"nodes": {n["name"]: n for n in nodes}}))
        return check_segments(DbtProject(Path("p"), Path("p"), tmp_path))

    return run


def test_a_segment_may_read_marts_and_other_segments(check):
    assert check('select contact_id from "w"."segments"."seg_base"') == []


@pytest.mark.parametrize(
    ("sql", "place", "remedy"),
    [
        (
            'select contact_id\nfrom "w"."marts"."dim_contacts"\nwhere contry = 1',
            (3, 7),
            'Did you mean "country", "contact_id"?',
        ),
        ("select contact_id from dim_contacts", (1, 24), "Write {{ ref('dim_contacts') }}."),
        ("select contact_id from people", (1, 24), "Read a mart, as {{ ref('dim_contacts') }}: dim_contacts."),
        ("select contact_id\nform x", (2, 6), "Mend the segment's SQL."),
    ],
)
def test_bad_sql_has_a_place_and_a_remedy(check, sql, place, remedy):
    (problem,) = check(sql)
    assert ((problem.line, problem.column), problem.remedy) == (place, remedy)
    assert problem.id == "SEG-SQL"
    assert "LINE" not in problem.message


def test_a_segment_yields_contact_ids_alone(check):
    (problem,) = check('select contact_id, country from "w"."marts"."dim_contacts"')
    assert problem.id == "SEG-COLUMNS"
