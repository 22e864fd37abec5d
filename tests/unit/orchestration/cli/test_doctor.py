import json

import pytest
from click.testing import CliRunner

from orchestration.cli.main import cli
from orchestration.doctor import rounds
from orchestration.doctor.rounds import Result

OK = Result("disk", "ok", "74 GB free", "")
WARN = Result("relay shop", "warn", "nobody takes mail there", "mailrail sink --port 2525")
FAIL = Result("ledger", "fail", "damaged", "restore it")


@pytest.fixture
def run(monkeypatch):
    def invoke(results, *words):
        monkeypatch.setattr(rounds, "examine", lambda: iter(results))
        return CliRunner().invoke(cli, ["doctor", *words], standalone_mode=False)

    return invoke


@pytest.mark.parametrize(("results", "code"), [([OK], None), ([OK, WARN], None), ([OK, WARN, FAIL], 1)])
def test_only_what_is_broken_fails(run, results, code):
    assert run(results).return_value == code


def test_rows_and_the_command_that_mends(run):
    lines = run([OK, WARN, FAIL]).stdout.splitlines()
    assert lines[0] == "  ✔  disk            74 GB free"
    assert lines[2].strip() == "→ mailrail sink --port 2525"
    assert lines[-1].strip() == "1 problem, 1 warning   → restore it mends ledger"


def test_json_is_the_contract(run):
    document = json.loads(run([OK, WARN], "--json").stdout)
    assert document == {
        "checks": [
            {"name": "disk", "state": "ok", "found": "74 GB free", "remedy": ""},
            {
                "name": "relay shop",
                "state": "warn",
                "found": "nobody takes mail there",
                "remedy": "mailrail sink --port 2525",
            },
        ]
    }
