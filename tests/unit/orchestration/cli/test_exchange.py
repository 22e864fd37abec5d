"""The commands about dead letters and outgoing webhooks."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestration.cli.main import cli
from orchestration.doctor.finding import Case
from orchestration.doctor.hooks import check_dead_letters, check_hooks
from orchestration.settings import load_settings
from senders.clock import SystemClock
from senders.errors import ConfigError, GuardError
from senders.event import Event, Kind
from senders.inbound.webhooks import sendgrid
from senders.ledger.store import Ledger
from tests.fixtures.hooks import Program, listening
from tests.fixtures.webhooks import PATH_SECRET, SECRET, sendgrid_key

BATCH = [
    {"event": "new_fashion", "email": "mira@example.com", "sg_event_id": "1"},
    {"event": "spamreport", "sg_event_id": "2"},
]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in {"path": PATH_SECRET, "key": sendgrid_key(), "whsec": SECRET}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "mailrail.toml").write_text(
        '[webhooks.grid]\nprovider = "sendgrid"\nsecret_file = "path"\nsigning_key_file = "key"\n'
    )
    monkeypatch.setenv("MAILRAIL_PROJECT", str(tmp_path))
    return tmp_path / ".mailrail"


@pytest.fixture
def run(home):
    return lambda *words: CliRunner().invoke(cli, words)


@pytest.fixture
def answer(run):
    def ask(*words, code=0):
        result = run(*words, "--json")
        assert result.exit_code == code, result.output
        return json.loads(result.stdout)

    return ask


@pytest.fixture
def letters(home):
    with Ledger.open(home) as ledger:
        ledger.bury("webhook:grid", "an unknown event, 'new_fashion'", json.dumps(BATCH).encode())
        ledger.bury("mailbox", "RuntimeError: odd", b"Subject: hello\r\n\r\nHello\r\n")
        ledger.bury("webhook:gone", "odd", b"{}")
    return home


def test_letters_are_listed_and_shown(run, answer, letters):
    rows = answer("dead-letters", "list")["dead_letters"]
    assert [(row["id"], row["source"], row["state"], row["tries"]) for row in rows] == [
        (1, "webhook:grid", "waiting", 0),
        (2, "mailbox", "waiting", 0),
        (3, "webhook:gone", "waiting", 0),
    ]
    assert "new_fashion" in run("dead-letters", "list").output
    assert json.loads(answer("dead-letters", "show", "1")["payload"]) == BATCH
    assert "Subject: hello" in run("dead-letters", "show", "2").output
    with pytest.raises(ConfigError, match="no dead letter 9"):
        raise run("dead-letters", "show", "9").exception


def test_a_replay_reads_again_by_todays_code_and_changes_nothing_twice(answer, letters, home, monkeypatch):
    first = answer("dead-letters", "replay", "--all", code=4)
    assert (first["replayed"], first["new_events"]) == ([2], 0)
    assert [one["id"] for one in first["failed"]] == [1, 3]
    assert answer("dead-letters", "replay", "1", code=4)["new_events"] == 0
    monkeypatch.setitem(sendgrid._PLAIN, "new_fashion", sendgrid.Said.COMPLAINED)
    assert answer("dead-letters", "replay", "1") == {"replayed": [1], "new_events": 1, "failed": []}
    with Ledger.open(home) as ledger:
        assert len(ledger.inbound_after(0, 100)) == 2
        assert [letter.id for letter in ledger.dead_letters()] == [3]
        assert ledger.dead_letter(3).tries == 0


def test_letters_are_dropped_by_name_or_all_by_their_number(run, answer, letters):
    assert answer("dead-letters", "drop", "2")["dropped"] == [2]
    for refused, kind in ((("2",), ConfigError), (("--all",), GuardError), (("--all", "--confirm", "3"), GuardError)):
        assert isinstance(run("dead-letters", "drop", *refused).exception, kind)
    assert run("dead-letters", "drop").exit_code == 2
    assert answer("dead-letters", "drop", "--all", "--confirm", "2")["dropped"] == [1, 3]
    assert answer("dead-letters", "list")["dead_letters"] == []
    assert len(answer("dead-letters", "list", "--all")["dead_letters"]) == 3


def test_the_doctor_warns_while_letters_wait(letters):
    finding = check_dead_letters(Case(load_settings()))
    assert (finding.state, finding.remedy) == ("warn", "mailrail dead-letters list")
    assert "3 letters" in finding.found


# ---- hooks


def set_hook(home: Path, url: str) -> None:
    toml = f'[outgoing.shop]\nurl = "{url}"\nsecret_file = "whsec"\nkinds = ["message.clicked"]\n'
    (home.parent / "mailrail.toml").write_text(toml)


def click(home: Path) -> None:
    with Ledger.open(home) as ledger:
        ledger.record([Event("a" * 32, Kind.CLICKED, SystemClock().now(), address_hash=bytes(16))])


def test_a_hook_is_told_tried_and_listed(home, run, answer):
    with listening(Program(204, 500)) as program:
        set_hook(home, program.url)
        assert run("hooks", "run", "--once").exit_code == 0
        assert answer("hooks", "test", "shop") == {
            "hook": "shop",
            "taken": True,
            "status": 204,
            "answer": "the answer was 204",
        }
        click(home)
        assert run("hooks", "run", "--once").exit_code == 0
        assert answer("hooks", "test", "shop", code=1)["status"] == 500
    kinds = [json.loads(body)["type"] for _, body in program.calls]
    assert kinds == ["hook.test", "message.clicked", "hook.test"]
    (row,) = answer("hooks", "list")["hooks"]
    assert (row["name"], row["host"], row["delivered"], row["waiting"], row["failed"]) == ("shop", "127.0.0.1", 0, 1, 0)
    assert row["next"] == [
        {"id": "evt_" + "a" * 32, "type": "message.clicked", "tries": 1, "answer": "the answer was 500"}
    ]
    assert "the answer was 500" in run("hooks", "list").output


def test_the_doctor_warns_of_what_is_not_taken(home):
    with listening(Program(500)) as program:
        set_hook(home, program.url)
        case = Case(load_settings())
        CliRunner().invoke(cli, ("hooks", "run", "--once"))
        click(home)
        assert check_hooks(case).state == "ok"
        for _ in range(4):
            CliRunner().invoke(cli, ("hooks", "run", "--once"))
            with Ledger.open(home) as ledger, ledger._database.write() as connection:
                connection.execute("update hook_calls set next_at = 0")
    finding = check_hooks(case)
    assert (finding.state, finding.remedy) == ("warn", "mailrail hooks test shop")
    assert "the answer was 500" in finding.found


def test_without_a_hook_that_is_said(home, run, answer):
    (home.parent / "mailrail.toml").write_text("")
    assert answer("hooks", "list") == {"hooks": []}
    assert check_hooks(Case(load_settings())).state == "ok"
    for words in (("run",), ("test", "shop")):
        assert isinstance(run("hooks", *words).exception, ConfigError)
