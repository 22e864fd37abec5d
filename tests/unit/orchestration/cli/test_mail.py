"""`mailrail mail` and `mailrail status`: transactional mail as a person asks for it and reads about it."""

import json

import pytest
from click.testing import CliRunner

from orchestration.cli.main import cli
from orchestration.settings import load_settings
from senders.errors import ConfigError
from senders.ledger.store import Ledger
from senders.message import State


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("MAILRAIL_HOME", str(tmp_path))
    return lambda *words: CliRunner().invoke(cli, words)


def said(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def taken(run, tmp_path):
    """One mail that was asked for and taken into a send."""
    from assets.outbox.running import take_all
    from orchestration.resources import build_mailrail

    said(run("mail", "send", "order_thanks", "--to", "me@contact.example", "--example", "--request-id", "a", "--json"))
    settings = load_settings()
    take_all(build_mailrail(settings), settings.outbox.build())
    with Ledger.open(tmp_path) as ledger:
        yield ledger


def test_a_mail_is_asked_for_once_by_its_id(run, tmp_path):
    words = ("mail", "send", "order_thanks", "--to", "me@contact.example", "--example", "--request-id", "order-1")
    assert said(run(*words, "--json")) == {"request_id": "order-1", "is_new": True}
    assert said(run(*words, "--json")) == {"request_id": "order-1", "is_new": False}
    found = said(run("mail", "status", "order-1", "--json"))
    assert (found["state"], found["template"], found["message"]) == ("waiting", "order_thanks", None)
    assert "me@" not in found["address"]
    listed = said(run("mail", "list", "--json"))
    assert listed["counts"] == {"waiting": 1, "taken": 0, "refused": 0}
    assert "confirm_signup" in listed["templates"]


def test_values_come_from_a_file_and_from_words(run, tmp_path):
    path = tmp_path / "order.json"
    path.write_text(json.dumps({"lines": [{"name": "Boots", "quantity": 1, "price": "€ 1"}], "total": "€ 1"}))
    words = (
        "mail",
        "send",
        "order_thanks",
        "--to",
        "me@contact.example",
        "--fields",
        str(path),
        "--field",
        "order_no=N-7",
    )
    asked = said(run(*words, "--language", "de", "--json"))["request_id"]
    with Ledger.open(tmp_path) as ledger:
        request = ledger.mail(asked).request
    assert (request.fields["order_no"], request.fields["lines"][0]["name"]) == ("N-7", "Boots")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nothing", "--to", "a@contact.example"), "there is no template 'nothing'"),
        (("order_thanks", "--to", "a@contact.example"), "field order_no is missing"),
        (("order_thanks", "--to", "nobody", "--example"), "has no @"),
    ],
)
def test_what_could_not_be_sent_is_not_asked_for(run, tmp_path, words, message):
    result = run("mail", "send", *words)
    assert isinstance(result.exception, ConfigError)
    assert message in str(result.exception)
    assert said(run("mail", "list", "--json"))["counts"]["waiting"] == 0


def test_a_refused_request_is_listed_with_its_reason_and_tried_again(run, tmp_path):
    said(run("mail", "send", "order_thanks", "--to", "me@contact.example", "--example", "--request-id", "a", "--json"))
    with Ledger.open(tmp_path) as ledger:
        ledger.refuse_mail({1: "field total is missing"})
    assert "field total is missing" in run("mail", "list").stdout
    assert said(run("mail", "retry", "a", "--json")) == {"waiting": 1}
    assert isinstance(run("mail", "retry", "a").exception, ConfigError)
    assert run("mail", "retry").exit_code != 0


def test_status_shows_such_mail_by_template_and_day_and_not_among_the_sends(run, taken):
    found = said(run("status", "--json"))
    assert found["sends"] == []
    (day,) = found["transactional"]
    assert (day["template"], day["messages"], day["queued"]) == ("order_thanks", 1, 1)
    assert "order_thanks" in run("status").stdout
    (send,) = taken.sends()
    assert said(run("status", send.send_id, "--json"))["sends"][0]["audience"] == 1


def test_what_became_of_a_taken_request_is_what_became_of_its_message(run, taken):
    (send,) = taken.sends()
    with taken._database.write() as connection:
        connection.execute("update messages set state = 'accepted'")
    found = said(run("mail", "status", "a", "--json"))
    assert (found["state"], found["send_id"], found["message"]) == ("taken", send.send_id, "accepted")
    assert found["address"] == ""


def test_a_paused_send_of_the_outbox_goes_on(run, taken, monkeypatch):
    (send,) = taken.sends()
    taken.set_send_state(send.send_id, "paused", "the relay refuses us")
    called = []
    monkeypatch.setattr("orchestration.mailing.run_to_end", lambda settings, *words: called.append(words))
    (row,) = json.loads(run("resume", send.send_id, "--json").stdout)["sends"]
    assert (row["state"], called) == ("running", [("sender", "--once")])
    assert taken.counts(send.send_no)[State.QUEUED] == 1


def test_a_template_is_shown_in_each_language_before_anybody_gets_it(run, tmp_path):
    found = said(run("preview", "order_thanks", "--write", str(tmp_path / "shown"), "--json"))
    assert [mail["subject"] for mail in found["messages"]] == [
        "Thank you: your order N-20417",
        "Danke für Ihre Bestellung N-20417",
    ]
    assert len(list((tmp_path / "shown").iterdir())) == 6
    assert run("preview", "order_thanks", "--open", "--no-browser").exit_code == 0
    assert "Tarn 28 pack" in (tmp_path / "previews" / "order_thanks.html").read_text(encoding="utf-8")
