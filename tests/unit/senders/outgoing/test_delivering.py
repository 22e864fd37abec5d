"""Programs are told at least once, in order, signed, whatever fails in between."""

import asyncio
import base64
import hmac
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from senders.event import Event, Kind
from senders.http_config import WebConfig
from senders.ledger import hook_calls
from senders.ledger.rows import Approval, SendSpec, SendState, ShardSpec
from senders.ledger.store import Ledger
from senders.outgoing import delivering
from senders.outgoing.delivering import run_hooks
from tests.fixtures import hooks as world
from tests.fixtures.hooks import HANGS, SECRET, Program, hook, listening, outgoing

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
HASH = bytes(range(16))


@pytest.fixture
def ledger(tmp_path):
    with Ledger.open(tmp_path) as opened:
        yield opened


def clicks(ledger, *names: str) -> None:
    ledger.record([Event(name.ljust(32, "0"), Kind.CLICKED, NOW, address_hash=HASH, url=name) for name in names])


def tell(home, *hooks) -> None:
    asyncio.run(run_hooks(outgoing(home, *hooks), once=True))


def begin(home, *hooks) -> None:
    """Let hooks begin before anything happens."""
    tell(home, *hooks)


def told(program: Program) -> list[str]:
    return [json.loads(body)["data"].get("url", json.loads(body)["type"]) for _, body in program.calls]


def make_due(ledger) -> None:
    with ledger._database.write() as connection:
        connection.execute("update hook_calls set next_at = 0")


def test_a_call_is_signed_and_told_once(tmp_path, ledger):
    with listening(Program()) as program:
        clicks(ledger, "before")
        begin(tmp_path, hook(program.url))
        clicks(ledger, "a", "b", "c")
        for _ in range(3):
            tell(tmp_path, hook(program.url))
    assert told(program) == ["a", "b", "c"]  # in order, and nothing of the time before the hook
    headers, body = program.calls[0]
    assert headers["webhook-id"] == "evt_" + "a".ljust(32, "0")
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    assert headers["webhook-signature"] == "v1," + base64.b64encode(hmac.digest(SECRET, signed, "sha256")).decode()
    state = ledger.hook_state("shop")
    assert (state.delivered, state.waiting, state.failed) == (3, 0, 0)
    assert state.delivered_at is not None


def test_a_hook_gets_only_its_kinds(tmp_path, ledger):
    with listening(Program()) as program:
        ours = hook(program.url, kinds=frozenset({"contact.unsubscribed", "send.paused"}))
        begin(tmp_path, ours)
        clicks(ledger, "a")
        ledger.record([Event("f" * 32, Kind.UNSUBSCRIBED, NOW, address_hash=HASH, scope="offers")])
        tell(tmp_path, ours)
    assert told(program) == ["contact.unsubscribed"]


def test_the_life_of_a_send_is_told_step_by_step(tmp_path, ledger):
    with listening(Program()) as program:
        begin(tmp_path, hook(program.url))
        ledger.reserve_send("news.1", "news")
        ledger.approve(Approval("news.1", "a", "c", 1, "ada", NOW, "test"))
        spec = SendSpec("news.1", "news", "offers", NOW, "shop", "x", 1, "a", "c", [ShardSpec(0, "s", 1, 1, [HASH])])
        ledger.open_send(spec)
        ledger.open_send(spec)
        ledger.set_send_state("news.1", SendState.PAUSED, "by a person")
        ledger.set_send_state("news.1", SendState.RUNNING, "resumed")
        ledger.set_send_state("news.1", SendState.CANCELLED, "wrong price")
        ledger.finish_send(1)
        tell(tmp_path, hook(program.url))
    documents = [json.loads(body) for _, body in program.calls]
    kinds = ["send.opened", "send.paused", "send.resumed", "send.cancelled"]
    assert [document["type"] for document in documents] == kinds
    assert [document["data"]["reason"] for document in documents] == ["", "by a person", "resumed", "wrong price"]
    assert documents[0]["data"]["recipients"] == 1


def test_while_the_program_is_away_everything_waits_in_order(tmp_path, ledger):
    with listening(Program(503, 204)) as program:
        begin(tmp_path, hook(program.url))
        clicks(ledger, "a", "b")
        tell(tmp_path, hook(program.url))
        clicks(ledger, "c")
        tell(tmp_path, hook(program.url))
        assert told(program) == ["a"]
        (call, *_) = ledger.calls("shop", "waiting")
        assert (call.tries, call.answer) == (1, "the answer was 503")
        make_due(ledger)
        tell(tmp_path, hook(program.url))
    assert told(program) == ["a", "a", "b", "c"]
    assert program.ids[0] == program.ids[1]


def test_a_call_that_is_refused_for_its_own_sake_lets_others_pass(tmp_path, ledger):
    with listening(Program(422, 204)) as program:
        begin(tmp_path, hook(program.url))
        clicks(ledger, "a", "b")
        tell(tmp_path, hook(program.url))
        assert told(program) == ["a", "b"]
        make_due(ledger)
        tell(tmp_path, hook(program.url))
    assert told(program) == ["a", "b", "a"]


def test_pauses_grow_and_a_wish_for_a_longer_one_is_kept(tmp_path, ledger):
    pauses = []
    with listening(Program(500)) as program:
        begin(tmp_path, hook(program.url))
        clicks(ledger, "a")
        for _ in range(12):
            tell(tmp_path, hook(program.url))
            (call,) = ledger.calls("shop", "waiting")
            pauses.append(round(call.next_at / 1e6 - time.time()))
            make_due(ledger)
        program.headers["retry-after"] = "90000"
        tell(tmp_path, hook(program.url))
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (5, 21_600)
    assert sum(delivering.PAUSES) < delivering.GIVE_UP_SECONDS
    with listening(Program(503, headers={"Retry-After": "600"})) as program:
        begin(tmp_path, hook(program.url, "other"))
        clicks(ledger, "b")
        tell(tmp_path, hook(program.url, "other"))
        (call,) = ledger.calls("other", "waiting")
        assert 590 < call.next_at / 1e6 - time.time() <= 600


def test_after_three_days_a_call_is_given_up_and_listed(tmp_path, ledger):
    with listening(Program(500, 500, 204)) as program:
        begin(tmp_path, hook(program.url))
        clicks(ledger, "a", "b")
        tell(tmp_path, hook(program.url))
        with ledger._database.write() as connection:
            tries = delivering.TRIES_MOST - 1
            connection.execute("update hook_calls set next_at = 0, tries = ? where id = 1", (tries,))
        tell(tmp_path, hook(program.url))
    assert told(program) == ["a", "a", "b"]
    (failed,) = ledger.calls("shop", "failed")
    assert (failed.kind, failed.tries, failed.answer) == ("message.clicked", tries + 1, "the answer was 500")
    assert ledger.hook_state("shop").failed == 1


def test_a_call_that_breaks_the_program_lets_others_pass_after_some_tries(tmp_path, ledger):
    with listening(Program(*[500] * 5, 204)) as program:
        begin(tmp_path, hook(program.url))
        clicks(ledger, "a", "b")
        for _ in range(5):
            tell(tmp_path, hook(program.url))
            make_due(ledger)
        tell(tmp_path, hook(program.url))
    assert told(program) == ["a"] * 5 + ["b", "a"]


def test_an_address_inside_is_not_called(tmp_path, ledger):
    with listening(Program()) as program:
        config = replace(outgoing(tmp_path, hook(program.url)), web=WebConfig())
        asyncio.run(run_hooks(config, once=True))
        clicks(ledger, "a")
        asyncio.run(run_hooks(config, once=True))
    assert program.calls == []
    assert "only https" in ledger.calls("shop", "waiting")[0].answer


def test_a_program_that_hangs_holds_up_no_other(tmp_path, ledger):
    with listening(Program(HANGS)) as stuck, listening(Program()) as quick:
        hooks = hook(stuck.url, "stuck"), hook(quick.url, "quick")
        begin(tmp_path, *hooks)
        clicks(ledger, *"abcdefgh")

        async def run() -> None:
            task = asyncio.create_task(run_hooks(outgoing(tmp_path, *hooks)))
            limit = time.monotonic() + 5
            while len(quick.calls) < 8 and time.monotonic() < limit:
                await asyncio.sleep(0.02)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        asyncio.run(run())
    assert told(quick) == list("abcdefgh")
    assert len(stuck.calls) == 1
    assert ledger.hook_state("stuck").waiting == 8
    assert ledger.presences() == []  # it ended in good order


def test_two_processes_make_each_call_once(tmp_path, ledger):
    with listening(Program()) as program:
        begin(tmp_path, hook(program.url))
        clicks(ledger, *[f"{number}x" for number in range(60)])
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda _: tell(tmp_path, hook(program.url)), range(2)))
        tell(tmp_path, hook(program.url))
    assert sorted(program.ids) == sorted(set(program.ids))
    assert len(program.ids) == 60


def test_the_streams_wait_while_too_much_waits(tmp_path, ledger, monkeypatch):
    monkeypatch.setattr(hook_calls, "WAITING_MOST", 3)
    monkeypatch.setattr(delivering, "PAGE", 2)
    with listening(Program(500)) as program:
        begin(tmp_path, hook(program.url))
        clicks(ledger, *"abcdefgh")
        tell(tmp_path, hook(program.url))
        assert ledger.hook_state("shop").waiting == 4
        program.statuses = [204]
        for _ in range(4):
            make_due(ledger)
            tell(tmp_path, hook(program.url))
    assert told(program)[1:] == list("abcdefgh")


def test_kill_minus_nine_loses_nothing_and_a_repeat_has_the_same_id(tmp_path, ledger):
    """Each process dies while the program holds its call unanswered; the last one tells the rest."""
    with listening(Program(204, 204, HANGS, 204, HANGS, HANGS, 204)) as program:
        begin(tmp_path, hook(program.url))
        clicks(ledger, *"abcdef")
        for seen in (3, 5, 6):
            process = start(tmp_path, program.url)
            wait_for(lambda seen=seen: len(program.calls) >= seen)
            process.kill()
            assert process.wait(10) == -9
            make_due(ledger)
        process = start(tmp_path, program.url)
        wait_for(lambda: ledger.hook_state("shop").delivered == 6)
        process.terminate()
        process.wait(10)
    assert list(dict.fromkeys(told(program))) == list("abcdef")
    assert len(set(program.ids)) == 6
    assert len(program.ids) == 9


def start(home: Path, url: str) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen([sys.executable, str(Path(world.__file__)), str(home), url], env=environment)


def wait_for(is_so) -> None:
    limit = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < limit
        time.sleep(0.02)


def test_an_address_is_told_where_asked_from_the_event_or_the_frozen_audience(tmp_path, ledger):
    place = "files/outbox/20261103/news.1"  # those of the outbox lie elsewhere than those of campaigns
    folder = tmp_path / place
    folder.mkdir(parents=True)
    (folder / "s").touch()
    manifest = {"shards": [{"file": "s", "first_seq": 1, "rows": 1}]}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    ledger.reserve_send("news.1", "news")
    ledger.approve(Approval("news.1", "a", "c", 1, "ada", NOW, "test"))
    spec = SendSpec("news.1", "news", "offers", NOW, "shop", place, 1, "a", "c", [ShardSpec(0, "s", 1, 1, [HASH])])
    send_no = ledger.open_send(spec)
    with listening(Program()) as program:
        ours = hook(program.url, with_address=True)
        config = outgoing(tmp_path, ours, row_reader=f"{__name__}:read_rows")
        asyncio.run(run_hooks(config, once=True))
        body = {"email": "ada@example.com", "name": "order"}
        ledger.record(
            [
                Event("1" * 32, Kind.OPENED, NOW, send_no=send_no, seq=1, address_hash=HASH),
                Event("2" * 32, Kind.REPORTED, NOW, address_hash=HASH, body=body),
                Event("3" * 32, Kind.UNSUBSCRIBED, NOW, address_hash=HASH),
            ]
        )
        asyncio.run(run_hooks(config, once=True))
    addresses = [json.loads(body)["data"]["email"] for _, body in program.calls]
    assert addresses == ["mira@example.com", "ada@example.com", None]


def gone(folder, seq):
    raise FileNotFoundError("tidied away just now")


@pytest.mark.parametrize("find", [lambda folder, seq: folder / "damaged", gone])
def test_a_file_that_cannot_be_read_stops_no_call(tmp_path, ledger, monkeypatch, find):
    monkeypatch.setattr(delivering, "find_shard", find)
    ledger.reserve_send("news.1", "news")
    ledger.approve(Approval("news.1", "a", "c", 1, "ada", NOW, "test"))
    spec = SendSpec("news.1", "news", "offers", NOW, "shop", "x", 1, "a", "c", [ShardSpec(0, "s", 1, 1, [HASH])])
    send_no = ledger.open_send(spec)
    with listening(Program()) as program:
        config = outgoing(tmp_path, hook(program.url, with_address=True), row_reader=f"{__name__}:refuse_rows")
        asyncio.run(run_hooks(config, once=True))
        ledger.record([Event("1" * 32, Kind.OPENED, NOW, send_no=send_no, seq=1, address_hash=HASH)])
        asyncio.run(run_hooks(config, once=True))
    assert [json.loads(body)["data"]["email"] for _, body in program.calls] == [None]


def refuse_rows(path, seqs):
    raise OSError("damaged")


def read_rows(path, seqs):
    return [{"seq": seqs[0], "address": "mira@example.com"}]
