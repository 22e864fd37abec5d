"""A cancel beside a sender that is at work: no offer begins after it, and every message ends once."""

import asyncio

from sending_world import open_send, settings, tuning

from senders.delivery.sender import run_sender
from senders.errors import GuardError
from senders.ledger.store import Ledger
from senders.message import FINAL_STATES, State
from senders.transports.base import Reply
from senders.transports.memory import MemoryRelay, MemoryTransport


def run(home, relay, stop=None):
    connect = lambda *_: MemoryTransport(relay)  # noqa: E731
    return run_sender(settings(home, 0, connections=4), once=stop is None, stop=stop, connect=connect, tuning=tuning())


async def until(condition):
    for _ in range(200):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not come to pass")


def waiting(ledger, send_no):
    counts = ledger.counts(send_no)
    return counts[State.QUEUED] + counts[State.DEFERRED]


def test_paused_then_cancelled_beside_a_living_sender(home):
    send_no = open_send(home, 120)
    with Ledger.open(home) as ledger:

        def answer(parcel):
            if len(relay.taken) == 20:
                ledger.set_send_state("news.1", "paused", "by hand")
            return Reply(451, "", "later") if parcel.seq % 3 == 0 else Reply(250, "", "ok")

        relay = MemoryRelay(answer)

        async def scene():
            stop = asyncio.Event()
            sender = asyncio.create_task(run(home, relay, stop))
            await until(lambda: ledger.send("news.1").state == "paused" and not ledger.counts(send_no)[State.OFFERED])
            taken = len(relay.taken)
            ledger.cancel_send("news.1", "wrong price", waiting=waiting(ledger, send_no))
            await asyncio.sleep(0.3)
            assert len(relay.taken) == taken
            stop.set()
            await sender

        asyncio.run(scene())
        counts = ledger.counts(send_no)
        assert counts[State.ACCEPTED] == len(relay.taken)
        assert sum(counts[state] for state in FINAL_STATES) == 120
        assert ledger.send("news.1").finished_at is not None


def test_cancelled_in_the_middle_of_the_offers(home):
    """With the number of that very moment: the replies under way still count, everything else is cancelled."""
    send_no = open_send(home, 80)
    with Ledger.open(home) as ledger:
        refused = []

        def answer(_):
            if len(relay.taken) == 10:
                try:
                    ledger.cancel_send("news.1", "", waiting=80)
                except GuardError as error:
                    refused.append(str(error))
                ledger.cancel_send("news.1", "", waiting=waiting(ledger, send_no))
            return Reply(250, "", "ok")

        relay = MemoryRelay(answer)
        asyncio.run(run(home, relay))
        asyncio.run(run(home, relay))
        counts = ledger.counts(send_no)
        assert "Run: mailrail pause news.1" in refused[0]
        assert counts[State.ACCEPTED] == len(relay.taken) < 20
        assert counts[State.ACCEPTED] + counts[State.CANCELLED] == 80
        assert ledger.send("news.1").finished_at is not None
