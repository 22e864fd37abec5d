"""While a sender works, its progress and metrics tell how far it is, and name no person."""

import asyncio
import re
import socket
import time
import urllib.request

import pytest
from prometheus_client import generate_latest
from sending_world import address, address_hash, open_send, settings, tuning

from senders.delivery.metrics import Metrics, served
from senders.delivery.sender import run_sender
from senders.delivery.tally import Tally
from senders.errors import ConfigError
from senders.event import Event, Kind
from senders.ledger.lease import Lease
from senders.ledger.progress import Counts, ShardProgress
from senders.ledger.store import Ledger
from senders.ledger.transitions import Offer, Outcome, Verdict, Waiting
from senders.message import State
from senders.transports.base import Reply
from senders.transports.memory import ACCEPTED, MemoryRelay, MemoryTransport

PROVIDERS = ("google", "small.example", "microsoft", "google")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def scrape(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return answer.read().decode()


def value(text, name, **labels):
    wanted = "".join(f'(?=.*{key}="{word}")' for key, word in labels.items())
    found = re.search(rf"^{name}(?:\{{{wanted}[^}}]*\}})? (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else None


def send_all(home, relay, **changes):
    asyncio.run(
        run_sender(settings(home, 0, **changes), once=True, tuning=tuning(), connect=lambda *_: MemoryTransport(relay))
    )


def test_progress_moves_while_messages_go_out_and_ends_exact(home):
    send_no = open_send(home, 200, providers=PROVIDERS)
    seen, answered = [], []

    def answer(parcel):
        time.sleep(0.002)
        answered.append(parcel.seq)
        if len(answered) == 190:
            with Ledger.open(home) as ledger:
                seen.append(ledger.progress(send_no))
        return Reply(550, "5.2.1", "no") if parcel.seq == 20 else ACCEPTED

    send_all(home, MemoryRelay(answer))
    assert {name: counts.total for name, counts in seen[0].items()} == {
        "google": 100, "microsoft": 50, "small.example": 50,
    }  # fmt: skip
    settled = sum(counts.settled for counts in seen[0].values())
    assert 20 < settled < 200
    with Ledger.open(home) as ledger:
        assert ledger.progress(send_no) == {
            "google": Counts(100, accepted=99, refused=1),
            "microsoft": Counts(50, accepted=50),
            "small.example": Counts(50, accepted=50),
        }


def test_deferred_and_passed_over_messages_are_counted_where_they_are(home):
    send_no = open_send(home, 8, providers=PROVIDERS)
    with Ledger.open(home) as ledger:
        ledger.record([
            Event("a" * 32, Kind.UNSUBSCRIBED, ledger._clock.now(), address_hash=address_hash(home, 1), scope="")
        ])  # fmt: skip
    relay = MemoryRelay(lambda parcel: Reply(450, "4.2.0", "later") if parcel.seq == 2 else ACCEPTED)
    send_all(home, relay, retry_seconds=(600.0,))
    with Ledger.open(home) as ledger:
        assert ledger.progress(send_no) == {
            "google": Counts(4, accepted=4),
            "microsoft": Counts(2, accepted=1, deferred=1),
            "small.example": Counts(2, accepted=1, passed_over=1),
        }


class RecordingWriter:
    """A writer that answers at once and keeps what it is given."""

    def __init__(self, verdict=Verdict.GO):
        self.verdict = verdict
        self.results = []
        self.calls = 0

    def offer(self, wish):
        future = asyncio.get_running_loop().create_future()
        future.set_result(self.verdict)
        return future

    def result(self, outcome):
        self.results.append(outcome)

    def call(self, work):
        self.calls += 1
        future = asyncio.get_running_loop().create_future()
        future.set_result(None)
        return future


LEASE = Lease(1, 0, 1, "me", "shard-0000.parquet", 1, 10)


def outcome(seq, state, **changes):
    return Outcome(LEASE, seq, state, offered=True, relay="sink", **changes)


def tally_of(writer, known, metrics):
    waiting = {seq: Waiting(seq, 0, bytes(16), provider=1) for seq in range(1, 11)}
    return Tally(writer, LEASE, waiting, known, metrics)


def test_a_deferred_message_moves_on_from_there():
    async def run():
        known = ShardProgress({1: "google"}, {1: Counts(10, accepted=4, deferred=2)}, deferred={1, 2})
        writer, metrics = RecordingWriter(), Metrics()
        tally = tally_of(writer, known, metrics)
        for seq, state in ((1, State.ACCEPTED), (2, State.DEFERRED), (3, State.DEFERRED), (4, State.QUEUED)):
            await tally.offer(Offer(LEASE, seq, bytes(16)))
            await asyncio.sleep(0)
            tally.result(outcome(seq, state, code=250))
        assert known.counts[1] == Counts(10, accepted=5, deferred=2)
        assert [result.seq for result in writer.results] == [1, 2, 3, 4]
        assert metrics.registry.get_sample_value("mailrail_offers_in_flight") == 0

    asyncio.run(run())


@pytest.mark.parametrize("verdict", [Verdict.SUPPRESSED, Verdict.EXPIRED])
def test_a_message_passed_over_at_its_offer_is_counted(verdict):
    async def run():
        known = ShardProgress({1: "google"}, {1: Counts(10)})
        tally = tally_of(RecordingWriter(verdict), known, Metrics())
        await tally.offer(Offer(LEASE, 1, bytes(16)))
        await asyncio.sleep(0)
        assert known.counts[1] == Counts(10, passed_over=1)

    asyncio.run(run())


def test_what_did_not_change_is_not_written_again():
    async def run():
        writer = RecordingWriter()
        tally = tally_of(writer, ShardProgress({1: "google"}, {1: Counts(10)}), Metrics())
        tally.result(outcome(1, State.ACCEPTED, code=250))
        for _ in range(3):
            await tally.publish()
        assert writer.calls == 1

    asyncio.run(run())


def test_offers_of_a_run_that_broke_off_are_not_under_way():
    async def run():
        metrics = Metrics()
        tally = tally_of(RecordingWriter(), ShardProgress({1: "google"}, {1: Counts(10)}), metrics)
        await tally.offer(Offer(LEASE, 1, bytes(16)))
        await asyncio.sleep(0)
        assert metrics.registry.get_sample_value("mailrail_offers_in_flight") == 1
        tally.close()
        assert metrics.registry.get_sample_value("mailrail_offers_in_flight") == 0

    asyncio.run(run())


def test_prometheus_sees_a_send_and_nobody_in_it(home):
    open_send(home, 60, providers=PROVIDERS)
    port = free_port()
    seen, answered = [], []

    def answer(parcel):
        answered.append(parcel.seq)
        if len(answered) == 50:
            seen.append(scrape(port))
        return Reply(550, "5.2.1", f"no {address(parcel.seq)}") if parcel.seq == 7 else ACCEPTED

    send_all(home, MemoryRelay(answer), metrics_port=port, connections=1)
    text = seen[0]
    accepted = [
        value(text, "mailrail_messages_total", state="accepted", provider=name)
        for name in ("google", "microsoft", "others")
    ]
    refused = value(text, "mailrail_messages_total", state="refused", provider="google") or 0
    assert min(accepted) > 5
    assert sum(accepted) + refused == 49
    assert (value(text, "mailrail_replies_total", reply="5xx") or 0) == refused
    assert value(text, "mailrail_replies_total", reply="2xx", **{"class": "recipient"}) > 30
    assert value(text, "mailrail_offers_in_flight") >= 1
    assert value(text, "mailrail_connections_open", relay="sink") == 1
    assert value(text, "mailrail_relay_up", relay="sink") == 1
    assert value(text, "mailrail_ledger_commit_seconds_count") > 10
    assert value(text, "mailrail_ledger_queue") is not None
    assert value(text, "mailrail_due_lag_seconds") is not None
    assert value(text, "mailrail_send_messages", send_id="news.1", state="queued") > 0
    assert "user" not in text
    assert "example" not in text
    with pytest.raises(OSError, match="refused"):
        scrape(port)  # nothing listens after the sender has ended


def test_how_far_a_send_is_is_shown_until_it_is_over():
    metrics = Metrics()
    metrics.sends({"news.1": Counts(total=100, accepted=60, deferred=5, in_doubt=1), "sale.2": Counts(total=3)})
    shown = generate_latest(metrics.registry).decode()
    assert value(shown, "mailrail_send_messages", send_id="news.1", state="queued") == 34
    assert value(shown, "mailrail_send_messages", send_id="news.1", state="deferred") == 5
    assert value(shown, "mailrail_send_messages", send_id="news.1", state="in_doubt") == 1
    metrics.sends({"sale.2": Counts(total=3, accepted=3)})
    shown = generate_latest(metrics.registry).decode()
    assert value(shown, "mailrail_send_messages", send_id="news.1", state="queued") is None
    assert value(shown, "mailrail_send_messages", send_id="sale.2", state="accepted") == 3


def test_the_number_of_series_is_bounded():
    metrics = Metrics()
    for number in range(1000):
        metrics.message(State.ACCEPTED, f"firm{number}.example")
    families = {family.name: family for family in metrics.registry.collect()}
    assert [sample.labels["provider"] for sample in families["mailrail_messages"].samples[:1]] == ["others"]
    assert len(families["mailrail_messages"].samples) == 2  # the total, and when it began


def test_a_port_that_is_taken_names_its_setting():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=r"delivery\.metrics_port"), served(Metrics(), "127.0.0.1", port):
            pass
