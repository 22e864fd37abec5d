"""What is signed is signed by as many threads as there are, and goes in the order of the file."""

import asyncio
import threading
import time
from dataclasses import replace

from sending_world import PROFILE, open_send, settings, tuning

from senders.config import DkimConfig
from senders.delivery import context
from senders.delivery.sender import run_sender
from senders.transports.memory import MemoryRelay, MemoryTransport


class SlowSigner:
    """Takes its time, and more of it over the first message of a batch in two."""

    def __init__(self, _):
        self.lock = threading.Lock()
        self.busy = self.busy_most = self.signed = 0
        SlowSigner.last = self

    def sign(self, raw):
        with self.lock:
            self.busy += 1
            self.signed += 1
            self.busy_most = max(self.busy, self.busy_most)
            seconds = 0.02 if self.signed % 32 == 1 else 0.001
        time.sleep(seconds)
        with self.lock:
            self.busy -= 1
        return raw


def test_two_batches_are_signed_at_once_and_go_in_order(home, monkeypatch):
    open_send(home, 300)
    monkeypatch.setattr(context, "Signer", SlowSigner)
    relay = MemoryRelay()
    config = settings(home, 0, connections=1)
    config = replace(config, senders={"shop": replace(PROFILE, dkim=DkimConfig("shop.example", "s1", b""))})
    asyncio.run(run_sender(config, once=True, connect=lambda *_: MemoryTransport(relay), tuning=tuning()))
    assert [parcel.seq for parcel in relay.taken] == list(range(1, 301))
    assert (SlowSigner.last.signed, SlowSigner.last.busy_most) == (300, context.SIGNING_THREADS)
