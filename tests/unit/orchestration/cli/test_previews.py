import json
import webbrowser
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestration.cli import previews
from orchestration.cli.main import cli
from orchestration.seeds import SeedAnswer, SeedRun
from senders.errors import ConfigError, TransientError
from tests.fixtures.audiences import World

TOML = """
[relays.sink]
host = "127.0.0.1"
port = 9
tls = "none"
[senders.shop]
from_name = "The Shop"
from_address = "news@shop.example"
bounce_domain = "bounce.shop.example"
message_id_domain = "shop.example"
relay = "sink"
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(tmp_path)
    (world.project / "mailrail.toml").write_text(TOML)
    monkeypatch.setenv("MAILRAIL_PROJECT", str(world.project))
    monkeypatch.setenv("MAILRAIL_HOME", str(world.home))
    return world


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a browser was asked to show, on a machine with a display."""
    asked: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: asked.append(url) or True)
    monkeypatch.setattr(previews, "has_display", lambda: True)
    return asked


def run(*words: str):
    return CliRunner().invoke(cli, words)


def test_before_any_data_made_up_contacts_are_shown_and_said(world):
    result = run("preview", "spring_sale")
    assert result.exit_code == 0, result.output
    assert "an ordinary contact" in result.stdout
    assert "These are sample contacts, nobody real. Nothing is published yet." in result.stdout


def test_real_recipients_are_shown_masked(world):
    world.add("ann@mail.example")
    world.publish()
    result = run("preview", "spring_sale")
    assert "a•••@mail.example" in result.stdout
    assert "sample" not in result.stdout
    document = json.loads(run("preview", "spring_sale", "--json").stdout)
    assert [message["masked"] for message in document["messages"]] == ["a•••@mail.example"]


def test_open_writes_one_page_and_off_a_terminal_opens_nothing(world, opened):
    result = run("preview", "spring_sale", "--open", "--limit", "2")
    page = world.home / "previews" / "spring_sale.html"
    assert f"page: {page}" in result.stdout
    assert page.read_text(encoding="utf-8").count("<article") == 2
    assert opened == []


def test_on_a_terminal_the_page_is_opened_unless_told_not_to(world, opened, monkeypatch):
    monkeypatch.setattr(previews.out, "_force_terminal", True)
    run("preview", "spring_sale", "--open", "--no-browser")
    run("preview", "spring_sale", "--open", "--json")
    assert opened == []
    run("preview", "spring_sale", "--open")
    assert opened == [(world.home / "previews" / "spring_sale.html").as_uri()]
    monkeypatch.setattr(previews, "has_display", lambda: False)
    run("preview", "spring_sale", "--open")
    assert len(opened) == 1


def test_a_test_without_addresses_says_how_to_give_some(world):
    result = run("test", "spring_sale")
    assert isinstance(result.exception, ConfigError)
    assert "seed_list" in str(result.exception)


def test_a_relay_that_is_not_there_is_said(world):
    result = run("test", "spring_sale", "--to", "me@team.example")
    assert isinstance(result.exception, TransientError)
    assert "127.0.0.1:9" in str(result.exception)


@pytest.mark.parametrize(("outcome", "code"), [("accepted", 0), ("refused", 4), ("not_sent", 4), ("in_doubt", 4)])
def test_what_the_relay_said_is_shown(world, monkeypatch, outcome, code):
    done = SeedRun("spring_sale", "[Test] Hi", "", "127.0.0.1:9", (SeedAnswer("me@team.example", outcome, "250 said"),))
    monkeypatch.setattr("orchestration.seeds.send_test", lambda settings, campaign, *, to, like: done)
    result = run("test", "spring_sale")
    assert result.exit_code == code
    assert "me@team.example" in result.stdout
    assert "250 said" in result.stdout
    assert "with the fields of a sample contact" in result.stdout
    assert json.loads(run("test", "spring_sale", "--json").stdout)["messages"][0]["outcome"] == outcome
