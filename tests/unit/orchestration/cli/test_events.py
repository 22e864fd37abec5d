"""`mailrail events export`: to a file or to standard output, in each form."""

import csv
import io
import json
from datetime import UTC, datetime

import duckdb
import pytest
from click.testing import CliRunner, Result

from assets.events.loading import load_events
from orchestration.cli.main import cli
from senders.clock import SteppedClock
from senders.event import Event, Kind
from senders.ledger.store import Ledger

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)


@pytest.fixture
def home(tmp_path, monkeypatch):
    (tmp_path / "mailrail.toml").write_text("")
    monkeypatch.setenv("MAILRAIL_PROJECT", str(tmp_path))
    monkeypatch.setenv("MAILRAIL_HOME", str(tmp_path / "home"))
    home = tmp_path / "home"
    SteppedClock(home / "clock").set(NOW)
    with Ledger.open(home) as ledger:
        body = {"name": "viewed", "properties": {"sku": "=1+1"}}
        ledger.record([Event("a" * 32, Kind.REPORTED, NOW, address_hash=b"a" * 16, body=body)])
        ledger.record([Event("b" * 32, Kind.COMPLAINED, NOW, address_hash=b"b" * 16, detail="=cmd")])
        load_events(home / "warehouse.duckdb", home, ledger)
    return home


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["events", "export", *arguments])


def test_csv_goes_to_standard_output_and_the_note_elsewhere(home):
    done = run()
    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(row["event_id"], row["kind"], row["detail"]) for row in rows] == [
        ("a" * 32, "reported", ""),
        ("b" * 32, "complained", "'=cmd"),
    ]
    assert "2 events; the next export goes on with --after 2" in done.stderr


def test_what_is_asked_for_is_chosen(home):
    assert run("--format", "jsonl", "--after", "1").stdout.count("\n") == 1
    (line,) = run("--format", "jsonl", "--kind", "reported").stdout.splitlines()
    assert json.loads(line)["body"] == {"name": "viewed", "properties": {"sku": "=1+1"}}
    assert run("--since", "2026-11-04", "--format", "jsonl").stdout == ""
    assert run("--until", "2026-11-03T09:00:00Z", "--format", "jsonl").stdout == ""
    assert run("--since", "2026-11-03", "--format", "jsonl").stdout.count("\n") == 2


def test_a_file_is_named_in_one_document(home, tmp_path):
    file = tmp_path / "events.parquet"
    document = json.loads(run("--format", "parquet", "--out", str(file), "--json").stdout)
    assert document == {"file": str(file), "format": "parquet", "rows": 2, "last_id": 2}
    assert duckdb.execute("select count(*) from read_parquet($file)", {"file": str(file)}).fetchall() == [(2,)]


@pytest.mark.parametrize("options", [("--format", "parquet"), ("--json",)])
def test_what_is_no_text_needs_a_file(home, options):
    done = run(*options)
    assert done.exit_code == 2
    assert "name a file for the events" in " ".join(done.stderr.split())
