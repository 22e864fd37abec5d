"""Exports: what is in the file is what was recorded, and no cell of it is a formula."""

import csv
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.events.exporting import COLUMNS, Form, Selection, export_events, harmless
from assets.warehouse.tables import create_raw_tables
from senders.errors import ConfigError
from senders.event import Kind
from tests.fixtures.warehouse import insert

AT = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
FORMULA = re.compile(r"^'*[\s\"]*[=+\-@\t\r\n＝＋－＠]")
HOSTILE = [
    "=1+1",
    "+cmd",
    "-2",
    "@x",
    "\t=1",
    "\r=1",
    '"=1',
    " =1",
    "＝1",
    "'=1",
    "''@x",
    'a "quoted", text\n=1',
    "plain",
    "O'Hara",
]


def event(number: int, kind: str = "clicked", **values: object) -> dict[str, object]:
    at = (AT + timedelta(hours=number)).replace(tzinfo=None)
    return {
        "inbound_id": number, "event_id": f"{number:032x}", "kind": kind, "send_no": 1, "seq": number,
        "occurred_at": at, "received_at": at, "record_version": 2,
    } | values  # fmt: skip


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        create_raw_tables(connection)
        insert(connection, "mail_sends", [{"send_no": 1, "send_id": "s.1", "campaign": "s"}])
        rows = [event(n + 1, user_agent=text) for n, text in enumerate(HOSTILE)]
        rows.append(event(50, "reported", send_no=0, body='{"name": "viewed", "properties": {"n": [1, 2]}}'))
        rows.append(event(51, "opened", record_version=None))  # of an earlier version
        insert(connection, "mail_inbound", [*rows, event(52, "opened", event_id=f"{51:032x}")])
    return path


def undone(text: str) -> str:
    return text[1:] if text.startswith("'") and FORMULA.match(text[1:]) else text


def test_csv_holds_no_formula_and_gives_back_what_was(warehouse: Path, tmp_path: Path) -> None:
    done = export_events(warehouse, tmp_path / "events.csv", Form.CSV, Selection(kinds=(Kind.CLICKED,)))
    assert (done.rows, done.last_id) == (len(HOSTILE), len(HOSTILE))
    with (tmp_path / "events.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    for row in rows:
        for cell in row.values():
            assert not re.match(r"[\s\"]*[=+\-@＝＋－＠]", cell), cell
    assert [undone(row["user_agent"]) for row in rows] == HOSTILE
    assert (rows[0]["inbound_id"], rows[0]["send_id"]) == ("1", "s.1")
    assert rows[0]["occurred_at"] == "2026-11-03T10:00:00.000000Z"


@settings(deadline=None)
@given(st.text(max_size=20))
def test_what_goes_before_a_formula_can_be_taken_away_again(text: str) -> None:
    text = text.replace("\0", "")
    with duckdb.connect() as connection:
        ((cell,),) = connection.execute(f"select {harmless('x')} from (select $x as x)", {"x": text}).fetchall()
    assert undone(cell) == text
    assert cell[:1] not in set("=+-@\t\r＝＋－＠")


def test_json_lines_nest_what_an_event_says(warehouse: Path, tmp_path: Path) -> None:
    export_events(warehouse, tmp_path / "e.jsonl", Form.JSONL, Selection(after=20))
    first, last = map(json.loads, (tmp_path / "e.jsonl").read_text(encoding="utf-8").splitlines())
    assert first["body"] == {"name": "viewed", "properties": {"n": [1, 2]}}
    assert (last["kind"], last["record_version"], last["body"]) == ("opened", 1, None)


def test_parquet_keeps_types_and_each_event_stands_once(warehouse: Path, tmp_path: Path) -> None:
    since, until = AT + timedelta(hours=2), AT + timedelta(hours=52)
    done = export_events(warehouse, tmp_path / "e.parquet", Form.PARQUET, Selection(since=since, until=until))
    rows = duckdb.execute("select * from read_parquet($file)", {"file": str(tmp_path / "e.parquet")}).fetchall()
    assert done.rows == len(rows) == len({row[0] for row in rows})
    assert [row[1] for row in rows] == [*range(2, len(HOSTILE) + 1), 50, 51]
    assert rows[0][3] == datetime(2026, 11, 3, 11)


def test_nothing_is_left_of_an_export_that_fails(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no warehouse"):
        export_events(tmp_path / "none.duckdb", tmp_path / "e.csv", Form.CSV, Selection())
    duckdb.connect(str(tmp_path / "empty.duckdb")).close()
    with pytest.raises(ConfigError, match="nothing was loaded"):
        export_events(tmp_path / "empty.duckdb", tmp_path / "e.csv", Form.CSV, Selection())
    assert [path.name for path in tmp_path.iterdir()] == ["empty.duckdb"]
