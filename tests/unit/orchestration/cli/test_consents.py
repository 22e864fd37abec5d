import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from orchestration.cli.main import cli
from senders.event import Event, Kind
from senders.ledger.store import Ledger
from senders.tracking.addresses import hash_address
from senders.tracking.keys import Keyring

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)


@pytest.fixture
def home(tmp_path, monkeypatch):
    (tmp_path / "mailrail.toml").write_text("")
    monkeypatch.setenv("MAILRAIL_PROJECT", str(tmp_path))
    monkeypatch.setenv("MAILRAIL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def run(*arguments):
    return CliRunner().invoke(cli, ["person", "consent", *arguments])


def test_the_proof_says_when_how_and_to_which_words(home):
    who = hash_address("ada@example.org", Keyring.open(home / "keys").address_key)
    body = {
        "email": "ada@example.org",
        "source": "newsletter",
        "basis": "confirmed",
        "wording": "2026-11",
        "wording_text": "Yes, I do.",
        "language": "en",
        "fields": {"first_name": "Ada"},
        "asked_at": "2026-11-03T08:00:00Z",
        "asked_ip": "192.0.2.1",
    }
    with Ledger.open(home) as ledger:
        ledger.record(
            [
                Event("a" * 32, Kind.SUBSCRIBED, NOW, address_hash=who, scope="news", ip="192.0.2.7", body=body),
                Event(
                    "b" * 32, Kind.UNSUBSCRIBED, NOW + timedelta(days=1), address_hash=who, scope="news", detail="page"
                ),
            ]
        )
    proof = json.loads(run("Ada@Example.org", "--json").output)
    assert proof["address"] == "ada@example.org"
    assert proof["contact_id"] == who.hex()
    (given,) = proof["consents"]
    assert given["at"] == "2026-11-03T09:00:00Z"
    assert {name: given[name] for name in ("topic", "ip", "wording", "wording_text", "asked_ip")} == {
        "topic": "news",
        "ip": "192.0.2.7",
        "wording": "2026-11",
        "wording_text": "Yes, I do.",
        "asked_ip": "192.0.2.1",
    }
    assert [(one["topic"], one["road"]) for one in proof["withdrawals"]] == [("news", "page")]
    assert [(one["topic"], one["reason"]) for one in proof["suppressions"]] == [("news", "unsubscribed")]
    text = run("ada@example.org").output
    assert "ada@example.org" not in text
    assert "agreed to news by newsletter (confirmed), wording 2026-11" in " ".join(text.split())
    assert "“Yes, I do.”" in text


def test_who_is_unknown_has_no_proof(home):
    nothing = {"address": "x@example.org", "contact_id": "", "consents": [], "withdrawals": [], "suppressions": []}
    assert json.loads(run("x@example.org", "--json").output) == nothing
    assert "holds no consent" in run("x@example.org").output
    assert run("nobody").exit_code != 0
