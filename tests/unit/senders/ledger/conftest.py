"""A ledger with one open send; another store joins by adding its opener to ``OPENERS``."""

from datetime import UTC, datetime

import pytest

from senders.ledger.rows import Approval, LinkRow, SendSpec, ShardSpec
from senders.ledger.store import Ledger

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
OPENERS = {"sqlite": Ledger.open}


class StillClock:
    def __init__(self):
        self.moment = NOW

    def now(self):
        return self.moment


def address_hash(number):
    return number.to_bytes(16, "big")


def spec_of(count=10, *, send_id="news.1", shard_rows=5, **changes):
    shards = [
        ShardSpec(
            number,
            f"shard-{number:04d}.parquet",
            first,
            min(first + shard_rows - 1, count),
            [address_hash(seq) for seq in range(first, min(first + shard_rows, count + 1))],
        )
        for number, first in enumerate(range(1, count + 1, shard_rows))
    ]
    values = {
        "send_id": send_id,
        "campaign": "news",
        "topic": "offers",
        "scheduled_at": NOW,
        "sender": "shop",
        "folder": f"files/sends/{send_id}",
        "audience_rows": count,
        "audience_hash": "a",
        "content_hash": "c",
        "shards": shards,
        "links": [LinkRow(1, "https://shop.example/", "Shop")],
        **changes,
    }
    return SendSpec(**values)


def approve(ledger, spec, recipients=None):
    count = spec.audience_rows if recipients is None else recipients
    ledger.approve(Approval(spec.send_id, spec.audience_hash, spec.content_hash, count, "ada", NOW, "cli"))


@pytest.fixture
def clock():
    return StillClock()


@pytest.fixture(params=sorted(OPENERS))
def ledger(request, tmp_path, clock):
    with OPENERS[request.param](tmp_path, busy_timeout_seconds=0.3, clock=clock) as opened:
        yield opened


@pytest.fixture
def make_spec():
    return spec_of


@pytest.fixture
def open_send(ledger):
    def open_it(count=10, **changes):
        spec = spec_of(count, **changes)
        approve(ledger, spec)
        return ledger.open_send(spec)

    return open_it


@pytest.fixture
def allow(ledger):
    return lambda spec, recipients=None: approve(ledger, spec, recipients)
