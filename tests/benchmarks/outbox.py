"""Benchmark of transactional mail: how soon after its request a mail is with the relay, alone and beside a campaign.

An open-loop generator asks at a fixed rate, whatever comes of it; outbox and sender run as a user starts them, at
default settings. Add here what a person who waits would notice.
"""

import tempfile
import time
from datetime import datetime
from pathlib import Path
from statistics import median

from senders.clock import parse_time
from tests.benchmarks.measure import Benchmark, Measured
from tests.fixtures.outgoing import OutgoingHome, campaign_of

_REQUESTS = 200
_PER_SECOND = 10
_CAMPAIGN = 5_000


def request_to_mail() -> Measured:
    """The 99th percentile of the seconds from a durable request to the relay's acceptance."""
    alone, beside = _latencies(0), _latencies(_CAMPAIGN)
    return Measured(
        _p99(alone),
        f"p99 of {_REQUESTS} requests at {_PER_SECOND}/s, median {median(alone):.2f} s; while a campaign of "
        f"{_CAMPAIGN:,} runs: median {median(beside):.2f} s, p99 {_p99(beside):.2f} s",
    )


def _p99(ordered: list[float]) -> float:
    return ordered[len(ordered) * 99 // 100]


def _latencies(campaign: int) -> list[float]:
    """Return the seconds from request to acceptance, the shortest first."""
    with tempfile.TemporaryDirectory() as folder:
        outgoing = OutgoingHome(Path(folder))
        with outgoing.sink(), outgoing.running(("sender",), ("outbox",)):
            outgoing.wait(
                lambda: outgoing.ledger.alive("outbox") and outgoing.ledger.alive("sender"), "outbox and sender"
            )
            if campaign:
                campaign_of(outgoing, campaign)
            asked = _ask(outgoing)
            outgoing.wait(lambda: not asked.keys() - outgoing.taken().keys(), "all mails", seconds=120)
            taken = {outgoing.name_of(line): parse_time(line["at"]) for line in outgoing.lines()}
        outgoing.ledger.close()
    return sorted((taken[name] - at).total_seconds() for name, at in asked.items())


def _ask(outgoing: OutgoingHome) -> dict[str, datetime]:
    """Ask at a steady rate; an answer that takes long delays no later request."""
    asked = {}
    began = time.monotonic()
    for number in range(_REQUESTS):
        time.sleep(max(0.0, began + number / _PER_SECOND - time.monotonic()))
        asked[f"r{number}"] = outgoing.ask(f"r{number}")
    return asked


BENCHMARKS = (Benchmark("return.request_to_mail_seconds", "s", "<= 3", request_to_mail, limit_seconds=300),)
