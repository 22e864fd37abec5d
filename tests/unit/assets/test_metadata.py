"""What the UI shows beside assets: rows without personal data, columns, links to files."""

import json

from assets.metadata import made_from, raw_columns, rows_table, sql_text


def records(value):
    return [dict(record.data) for record in value.records]


def test_rows_carry_no_address_and_no_name():
    shown = rows_table(
        ["contact_id", "email", "first_name", "note"],
        [("c1", "ada@example.com", "Ada", None), ("c2", None, "B", "x" * 999)],
    )
    assert records(shown) == [
        {"contact_id": "c1", "email": "a•••@example.com", "note": ""},
        {"contact_id": "c2", "email": "", "note": "x" * 200},
    ]
    assert "Ada" not in json.dumps(records(shown))
    assert [column.name for column in shown.schema.columns] == ["contact_id", "email", "note"]


def test_a_table_without_rows_still_has_its_columns():
    assert [column.name for column in rows_table(["a", "b"], []).schema.columns] == ["a", "b"]


def test_a_raw_table_shows_its_columns():
    found = raw_columns("mail_sends")
    assert found["dagster/table_name"] == "raw.mail_sends"
    assert found["dagster/column_schema"].columns[0].name == "send_no"


def test_a_definition_links_to_its_file_without_a_warning(tmp_path):
    (reference,) = made_from(tmp_path / "defs.yaml")["dagster/code_references"].code_references
    assert (reference.file_path, reference.label) == (str(tmp_path / "defs.yaml"), "defs.yaml")


def test_sql_is_shown_as_code():
    assert sql_text("\nselect 1\n").value == "```sql\nselect 1\n```"
