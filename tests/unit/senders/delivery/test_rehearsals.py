"""Relays that drop repeats: a Maildir killed again and again, nowhere, and a provider with an idempotency key."""

import asyncio
import random
import subprocess
import sys
import time
from dataclasses import replace
from email import message_from_bytes
from pathlib import Path

import pytest
from maildir_world import maildir_settings
from sending_world import address, open_send, settings, tuning

from senders.delivery.sender import run_sender
from senders.ledger.resolving import RELAY
from senders.ledger.store import Ledger
from senders.message import State
from senders.transports import kinds
from senders.transports.base import Ending, Reply
from senders.transports.smtp import RelayManners

HELPERS = Path(__file__).parent / "helpers"
COUNT = 120
KILLS = 5


def send_all(config, **options):
    asyncio.run(run_sender(config, once=True, tuning=tuning(), **options))


def found(home, send_no):
    with Ledger.open(home) as ledger:
        return {state: count for state, count in ledger.counts(send_no).items() if count}


def recipients(home):
    texts = [message_from_bytes(file.read_bytes()) for file in (home / "mail" / "new").iterdir()]
    return sorted(text["Delivered-To"] for text in texts)


def test_a_maildir_holds_what_would_go_on_the_wire(home):
    send_no = open_send(home, 10)
    send_all(maildir_settings(home))
    assert found(home, send_no) == {State.ACCEPTED: 10}
    assert recipients(home) == sorted(address(seq) for seq in range(1, 11))
    assert list((home / "mail" / "tmp").iterdir()) == []
    (file,) = (home / "mail" / "new").glob("7.*.mailrail")
    assert file.read_bytes() == (
        b"Return-Path: <b+7@bounce.example>\r\nDelivered-To: user7@mail.example\r\n"
        b"From: a@b.example\r\nSubject: news.1 7\r\n\r\n.dot first\r\nHello 7\r\n"
    )
    with Ledger.open(home) as ledger:
        assert ledger.attempts(send_no, 7)[0].reply == f"2.0.0 written as {file.name}"


def test_a_maildir_that_takes_no_file_keeps_the_messages(home):
    send_no = open_send(home, 3)
    (home / "mail").write_text("not a folder")
    stop = asyncio.Event()

    async def run():
        sender = asyncio.create_task(run_sender(maildir_settings(home), once=True, stop=stop, tuning=tuning()))
        await asyncio.sleep(1.0)
        stop.set()
        await sender

    asyncio.run(run())
    assert found(home, send_no) == {State.QUEUED: 3}
    (home / "mail").unlink()
    send_all(maildir_settings(home))
    assert len(recipients(home)) == 3


def test_kill_minus_nine_leaves_no_doubt_at_a_maildir(home):
    """The name of a file follows from its key: what was renamed and not recorded replaces itself."""
    send_no = open_send(home, COUNT, shard_rows=40)
    chance, kills = random.Random(11), 0
    new = home / "mail" / "new"
    for number in range(KILLS + 1):
        sender = subprocess.Popen(
            [sys.executable, str(HELPERS / "maildir_world.py"), str(home)],
            env={"PYTHONPATH": ":".join(entry for entry in [str(HELPERS), *sys.path] if entry)},
        )
        goal = COUNT * (number + 1) // (KILLS + 2) + chance.randrange(8)
        limit = time.monotonic() + 15
        while number < KILLS and sender.poll() is None and time.monotonic() < limit:
            if new.exists() and len(list(new.iterdir())) >= goal:
                break
            time.sleep(0.001)
        if number < KILLS and sender.poll() is None:
            sender.kill()
            kills += 1
        sender.wait(timeout=30)
    assert kills >= KILLS - 1
    assert recipients(home) == sorted(address(seq) for seq in range(1, COUNT + 1))
    assert found(home, send_no) == {State.ACCEPTED: COUNT}


def test_what_a_mail_program_has_read_is_not_written_again(home):
    send_no = open_send(home, 3)
    send_all(maildir_settings(home))
    for path in (home / "mail" / "new").iterdir():
        path.rename(home / "mail" / "cur" / f"{path.name}:2,S")
    leave_a_doubt(home, 2, relay="sink")
    with Ledger.open(home) as ledger, ledger._database.write() as connection:
        connection.execute("update sends set state = 'running'")
        connection.execute("update shards set done = 0, next_at = 0")
    send_all(maildir_settings(home))
    assert found(home, send_no) == {State.ACCEPTED: 3}
    assert list((home / "mail" / "new").iterdir()) == []
    assert len(list((home / "mail" / "cur").iterdir())) == 3


def test_nowhere_takes_everything(home):
    send_no = open_send(home, 20)
    config = settings(home, 0)
    send_all(replace(config, relays={"sink": replace(config.relays["sink"], transport="null", host="")}))
    assert found(home, send_no) == {State.ACCEPTED: 20}
    with Ledger.open(home) as ledger:
        assert "thrown away" in ledger.attempts(send_no, 3)[0].reply


class Provider:
    """A provider behind HTTP that drops repeats of a key; its answer to some messages is lost."""

    def __init__(self, lose=()):
        self.taken = {}
        self.requests = []
        self.lose = set(lose)

    def post(self, parcel):
        self.requests.append(parcel.key)
        self.taken.setdefault(parcel.key, parcel.recipient)
        if parcel.seq in self.lose:
            self.lose.discard(parcel.seq)
            raise TimeoutError
        return 202


class ProviderTransport:
    """What the docstring of the package asks of such a transport, and nothing more."""

    def __init__(self, provider):
        self._provider = provider

    async def run(self, source, desk):
        while (parcel := await source.next()) is not None:
            if not await desk.offer(parcel):
                continue
            try:
                self._provider.post(parcel)
            except TimeoutError:
                desk.settle(parcel, Ending.ANSWERED, Reply(451, "", "no answer"), "provider")
            else:
                desk.settle(parcel, Ending.ANSWERED, Reply(250, "", "202 accepted"), "provider")


@pytest.fixture
def provider(monkeypatch):
    provider = Provider(lose={4, 9})
    kind = kinds.Kind(lambda *_: ProviderTransport(provider), drops_repeats=True)
    monkeypatch.setitem(kinds.KINDS, "provider", kind)
    return provider


def provider_settings(home):
    config = settings(home, 0)
    return replace(config, relays={"sink": replace(config.relays["sink"], transport="provider")})


def test_a_provider_with_a_key_needs_no_change_of_the_engine(home, provider):
    send_no = open_send(home, 12)
    for _ in range(20):
        send_all(provider_settings(home))
        if found(home, send_no) == {State.ACCEPTED: 12}:
            break
        time.sleep(0.1)
    assert found(home, send_no) == {State.ACCEPTED: 12}
    assert sorted(provider.taken.values()) == sorted(address(seq) for seq in range(1, 13))
    assert len(provider.requests) == 14  # two answers were lost, and both were asked for again with their key


def leave_a_doubt(home, seq, *, relay=""):
    """As if a sender had died between the intent and the answer."""
    with Ledger.open(home) as ledger, ledger._database.write() as connection:
        connection.execute("update messages set state = 'in_doubt' where seq = ?", (seq,))
        connection.execute(
            "insert into attempts (send_no, seq, tries, state, at, relay, connection, code, enhanced_code, reply,"
            " class, sequence) values (1, ?, 1, 'in_doubt', 0, ?, '', 0, '', 'died', 'connection', 1)",
            (seq, relay),
        )


def test_what_a_crash_left_in_doubt_is_offered_again_with_its_key(home, provider):
    send_no = open_send(home, 3)
    leave_a_doubt(home, 2, relay="sink")
    send_all(provider_settings(home))
    assert found(home, send_no) == {State.ACCEPTED: 3}
    with Ledger.open(home) as ledger:
        (resolution,) = ledger.resolutions(send_no)
    assert (resolution.seq, resolution.state, resolution.resolver) == (2, State.QUEUED, RELAY)


@pytest.mark.parametrize("relay", ["old-smtp", ""])
def test_a_doubt_of_another_relay_or_of_none_known_stays_one(home, provider, relay):
    send_no = open_send(home, 3)
    leave_a_doubt(home, 2, relay=relay)
    send_all(provider_settings(home))
    assert found(home, send_no) == {State.ACCEPTED: 2, State.IN_DOUBT: 1}


def test_a_doubt_at_an_smtp_relay_is_never_offered_again_by_itself(home):
    relay = settings(home, 25).relays["sink"]
    assert not kinds.drops_repeats(relay)
    transport = kinds.open_transport(relay, "shop.example", RelayManners())
    assert type(transport).__name__ == "SmtpTransport"


def test_a_rehearsal_never_goes_on_by_a_relay_that_mails_people(home):
    open_send(home, 5, is_rehearsal=True)
    send_all(settings(home, 9))
    with Ledger.open(home) as ledger:
        send = ledger.send("news.1")
    assert (send.state, send.reason.partition(",")[0]) == ("paused", "news.1 is a rehearsal")
