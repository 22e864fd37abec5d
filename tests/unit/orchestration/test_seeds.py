"""Test mails over real SMTP into the embedded sink."""

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestration.demo.sink import Sink, SinkConfig
from orchestration.seeds import send_test
from orchestration.settings import load_settings
from senders.errors import ConfigError, GuardError, TransientError
from senders.event import Event, Kind
from senders.tracking.addresses import hash_address
from tests.fixtures.audiences import World

TOML = """
seed_list = ["me@team.example", "you@team.example"]
[relays.sink]
host = "127.0.0.1"
port = {port}
tls = "none"
[senders.shop]
from_name = "The Shop"
from_address = "news@shop.example"
bounce_domain = "bounce.shop.example"
message_id_domain = "shop.example"
relay = "sink"
"""


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    """The embedded sink, in a thread of its own."""
    running = Sink(SinkConfig("127.0.0.1", 0, tmp_path / "home" / "sink"))
    loop = asyncio.new_event_loop()
    started = threading.Event()

    async def listen() -> None:
        async with running:
            started.set()
            await asyncio.Event().wait()

    task = loop.create_task(listen())

    def serve() -> None:
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            loop.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert started.wait(10)
    yield running
    loop.call_soon_threadsafe(task.cancel)
    thread.join(10)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(tmp_path)
    monkeypatch.setenv("MAILRAIL_PROJECT", str(world.project))
    monkeypatch.setenv("MAILRAIL_HOME", str(world.home))
    write_toml(world, 9)
    return world


def write_toml(world: World, port: int, text: str = TOML) -> None:
    (world.project / "mailrail.toml").write_text(text.format(port=port))


def test_the_seed_list_gets_the_mail_and_the_sink_logs_it(world: World, sink: Sink) -> None:
    write_toml(world, sink.port)
    done = send_test(load_settings(), "spring_sale")
    assert done.is_complete
    assert done.as_json() == {
        "campaign": "spring_sale",
        "subject": "[Test] News for you",
        "like": "",
        "relay": f"127.0.0.1:{sink.port}",
        "messages": [
            {"address": f"{who}@team.example", "outcome": "accepted", "reply": done.mails[0].reply}
            for who in ("me", "you")
        ],
    }
    assert done.mails[0].reply.startswith("250 ")
    lines = (world.home / "sink" / "log.jsonl").read_text().splitlines()
    logged = [json.loads(line) for line in lines]
    assert [(line["send_id"], line["recipient"]) for line in logged] == [
        ("spring_sale.test", "me@team.example"),
        ("spring_sale.test", "you@team.example"),
    ]
    with world.mailrail.open_ledger() as ledger:
        assert ledger.sends() == []


def test_given_addresses_replace_the_seed_list(world: World, sink: Sink) -> None:
    write_toml(world, sink.port)
    done = send_test(load_settings(), "spring_sale", to=["other@team.example"])
    assert [mail.address for mail in done.mails] == ["other@team.example"]


def test_who_is_suppressed_gets_none_and_the_test_is_not_complete(world: World, sink: Sink) -> None:
    write_toml(world, sink.port)
    suppress(world, "you@team.example")
    done = send_test(load_settings(), "spring_sale")
    assert [mail.outcome for mail in done.mails] == ["accepted", "not_sent"]
    assert done.mails[1].reply.startswith("suppressed: complained on 2026-10-01")
    assert not done.is_complete


def test_when_nobody_may_be_written_to_a_guard_says_so(world: World) -> None:
    suppress(world, "you@team.example")
    with pytest.raises(GuardError, match=r"nothing was sent: you@team\.example: suppressed"):
        send_test(load_settings(), "spring_sale", to=["you@team.example"])


def test_a_relay_that_is_not_there_is_named_with_a_remedy(world: World) -> None:
    with pytest.raises(
        TransientError, match=r"relay sink at 127\.0\.0\.1:9: .*nothing was sent: .*mailrail sink"
    ) as caught:
        send_test(load_settings(), "spring_sale")
    assert "mailrail dev" in str(caught.value)


def test_a_relay_beyond_this_machine_needs_the_settings_word(world: World) -> None:
    write_toml(world, 587, TOML.replace("127.0.0.1", "smtp.relay.example").replace('tls = "none"', 'tls = "starttls"'))
    with pytest.raises(ConfigError, match="allow_real_sends is false"):
        send_test(load_settings(), "spring_sale")


def suppress(world: World, address: str) -> None:
    event = Event(
        event_id="one",
        kind=Kind.COMPLAINED,
        occurred_at=datetime(2026, 10, 1, tzinfo=UTC),
        address_hash=hash_address(address, world.keyring.address_key),
    )
    with world.mailrail.open_ledger() as ledger:
        ledger.record([event])
