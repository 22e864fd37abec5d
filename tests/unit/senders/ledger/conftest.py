"""A ledger with one open send: what uses ``ledger`` or ``store`` runs once for each of ``STORES``.

What holds for one store only stands in a module that overrides the fixture ``store``.
"""

from datetime import UTC, datetime

import pytest

from senders.ledger.database import choose_store
from senders.ledger.rows import Approval, LinkRow, SendSpec, ShardSpec
from senders.ledger.store import Ledger
from tests.fixtures.postgres import STORES, postgres_server, schema_url

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
__all__ = ["postgres_server", "schema_url"]


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


@pytest.fixture(params=STORES)
def store(request):
    """Let everything that opens a ledger open it in this store; an empty one for each test."""
    if request.param == "postgresql":
        choose_store(request.getfixturevalue("schema_url")())
    yield request.param
    choose_store("")


@pytest.fixture
def ledger(store, tmp_path, clock):
    with Ledger.open(tmp_path, busy_timeout_seconds=0.3, clock=clock) as opened:
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
