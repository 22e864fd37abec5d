import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from orchestration.cli.main import cli
from orchestration.settings import load_settings
from senders.errors import ConfigError, GuardError
from senders.ledger.store import Ledger

ONE = "news.20261103T0900Z"


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("MAILRAIL_HOME", str(tmp_path))
    assert load_settings().home == Path(tmp_path)
    return lambda *words: CliRunner().invoke(cli, words)


def row(result: Result) -> dict:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_pause_cancel_and_the_sheet_adds_up_without_a_sender(run, make_send, settle):
    make_send(5)
    paused = row(run("pause", "news", "--reason", "wrong price", "--json"))
    assert (paused["send_id"], paused["state"], paused["reason"], paused["queued"]) == (ONE, "paused", "wrong price", 5)
    cancelled = row(run("cancel", ONE, "--confirm", "5", "--json"))
    assert (cancelled["state"], cancelled["cancelled"], cancelled["queued"]) == ("cancelled", 5, 0)
    assert row(run("cancel", ONE, "--confirm", "5", "--json")) == cancelled


def test_the_proof_sheet_is_shown_to_people(run, make_send):
    make_send(5)
    assert "still open" in run("pause", ONE).stdout
    result = run("cancel", ONE, "--confirm", "5")
    assert "adds up" in result.stdout
    assert result.exit_code == 0


@pytest.mark.parametrize("words", [("cancel", ONE), ("cancel", ONE, "--confirm", "4")])
def test_without_the_number_nothing_is_cancelled(run, make_send, tmp_path, words):
    make_send(5)
    result = run(*words)
    assert isinstance(result.exception, GuardError)
    assert f"mailrail cancel {ONE} --confirm 5" in str(result.exception)
    with Ledger.open(tmp_path) as ledger:
        assert ledger.send(ONE).state == "running"


def test_an_unknown_send_is_answered_with_the_known_ones(run, make_send):
    make_send(5)
    assert isinstance(run("pause", "spring").exception, ConfigError)
    assert ONE in str(run("cancel", "spring", "--confirm", "1").exception)


def test_resume_names_what_stays_paused(run, make_send):
    make_send(5)
    run("pause", ONE, "--reason", "wrong price")
    result = run("resume", "--json")
    assert row(result) == {"sends": []}
    assert f"{ONE} stays paused: wrong price; to go on with it: mailrail resume {ONE}" in result.stderr.replace(
        "\n", " "
    )


def test_resume_refuses_a_cancelled_send_and_passes_over_a_finished_one(run, make_send, settle, tmp_path):
    number = make_send(5)
    settle(ONE, "accepted")
    with Ledger.open(tmp_path) as ledger:
        ledger.finish_send(number)
    assert row(run("resume", ONE, "--json")) == {"sends": []}
    make_send(3, "sale.20261103T0900Z")
    run("cancel", "sale", "--confirm", "3")
    assert isinstance(run("resume", "sale").exception, GuardError)


def test_watching_ends_with_the_sends_and_shows_where_they_stand(run, make_send):
    make_send(5)
    assert run("cancel", ONE, "--confirm", "5").exit_code == 0
    result = run("status", "--watch")
    assert result.exit_code == 0, result.output
    assert ONE in result.stdout


def test_watching_is_not_for_programs(run, make_send):
    make_send(5)
    assert run("status", "--watch", "--json").exit_code == 2


def test_status_of_one_send(run, make_send):
    make_send(5)
    make_send(3, "sale.20261103T0900Z")
    found = row(run("status", "sale", "--json"))
    assert [send["audience"] for send in found["sends"]] == [3]


def test_watching_goes_on_until_the_send_is_over(run, make_send, tmp_path, monkeypatch):
    from orchestration import watching

    make_send(5)
    looks = []

    def sleep(seconds):
        looks.append(seconds)
        with Ledger.open(tmp_path) as ledger:
            ledger.cancel_send(ONE, "wrong price", waiting=5)

    monkeypatch.setattr("orchestration.cli.results.time.sleep", sleep)
    result = run("status", ONE, "--watch")
    assert result.exit_code == 0, result.output
    assert looks == [watching.LOOK_SECONDS]
