import json

import pytest
from click.testing import CliRunner

from orchestration.cli.main import cli
from senders.ledger.api_keys import digest_of, key_id_of
from senders.ledger.store import Ledger


@pytest.fixture
def home(tmp_path, monkeypatch):
    (tmp_path / "mailrail.toml").write_text("")
    monkeypatch.setenv("MAILRAIL_PROJECT", str(tmp_path))
    monkeypatch.setenv("MAILRAIL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def run(*arguments):
    return CliRunner().invoke(cli, ["key", *arguments])


def test_a_key_is_shown_once_and_works_until_it_is_revoked(home):
    said = run("new", "web-shop", "--scope", "events:write", "--scope", "mail:send")
    key = said.stdout.strip()
    with Ledger.open(home) as ledger:
        (kept,) = ledger.living_api_keys()
    assert kept.digest == digest_of(key)
    assert kept.scopes == {"events:write", "mail:send"}
    assert "only time" in said.stderr
    listed = json.loads(run("list", "--json").stdout)["keys"]
    assert [(one["key_id"], one["name"], one["scopes"]) for one in listed] == [
        (key_id_of(key), "web-shop", ["events:write", "mail:send"])
    ]
    assert key.rpartition("_")[2] not in run("list").stdout
    assert json.loads(run("revoke", key_id_of(key), "--json").stdout) == {"key_id": key_id_of(key), "revoked": True}
    assert json.loads(run("revoke", key_id_of(key), "--json").stdout)["revoked"] is False
    with Ledger.open(home) as ledger:
        assert ledger.living_api_keys() == []


def test_json_holds_the_key_and_nothing_else_is_printed(home):
    made = json.loads(run("new", "till", "--scope", "events:write", "--json").stdout)
    assert made["key"].startswith(f"mr_{made['key_id']}_")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("new", "Web Shop", "--scope", "events:write"), "'Web Shop' is no name for a key"),
        (("new", "shop", "--scope", "events"), "events: there is no such scope; there are events:write"),
        (("revoke", "abc"), "there is no key 'abc'"),
    ],
)
def test_what_is_wrong_is_said_with_its_remedy(home, arguments, words):
    assert words in str(run(*arguments).exception)
