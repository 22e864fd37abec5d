"""A home with keys, a ledger and one open send; clients of its collector."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from senders.collector.app import create_app
from senders.config import CollectorConfig
from senders.event import Event
from senders.ledger.rows import Approval, LinkRow, SendSpec, ShardSpec
from senders.ledger.store import Ledger
from senders.tracking.keys import Keyring
from senders.tracking.tokens import SendTokens, send_tokens

if TYPE_CHECKING:
    from starlette.testclient import TestClient

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
SEND_ID = "spring.20261103T0900Z"
TARGET = "https://shop.example/tents?size=2&utm_source=mail#top"
LINKS = [
    LinkRow(1, TARGET, "Tents"),
    LinkRow(2, "javascript:alert(1)", "Bad"),
    LinkRow(3, "//evil.example/x", "Bad"),
    LinkRow(4, "", "Personal"),
]


@dataclass
class World:
    """All that a test of the collector touches."""

    home: Path
    config: CollectorConfig
    ledger: Ledger
    tokens: SendTokens
    client: "TestClient"

    def events(self) -> list[Event]:
        return [row.event for row in self.ledger.inbound_after(0, 10_000)]

    def address_hash(self, seq: int) -> bytes:
        return seq.to_bytes(16, "big")

    def unsubscribe_path(self, seq: int = 1, topic: str = "offers") -> str:
        return f"/u/{self.tokens.unsubscribe(seq, self.address_hash(seq), topic)}"


def open_send(ledger: Ledger, send_id: str = SEND_ID, rows: int = 3) -> int:
    ledger.reserve_send(send_id, "spring")
    ledger.approve(Approval(send_id, "audience", "content", rows, "tester", NOW, "test"))
    hashes = [seq.to_bytes(16, "big") for seq in range(1, rows + 1)]
    return ledger.open_send(
        SendSpec(
            send_id=send_id,
            campaign="spring",
            topic="offers",
            scheduled_at=NOW,
            sender="shop",
            folder=send_id,
            audience_rows=rows,
            audience_hash="audience",
            content_hash="content",
            shards=[ShardSpec(0, "shard-0000.parquet", 1, rows, hashes)],
            links=LINKS,
            expires_at=NOW + timedelta(days=1),
        )
    )


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Return a maker of worlds; its clients are closed at the end."""
    opened: list[World] = []

    def make(row_reader: str = "", **changes: Any) -> World:
        config = CollectorConfig(home=tmp_path, base_url="https://mail.shop.example", row_reader=row_reader, **changes)
        keyring, ledger = Keyring.open(tmp_path / "keys"), Ledger.open(tmp_path)
        tokens = send_tokens(keyring, open_send(ledger))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it would rather have another HTTP client
            from starlette.testclient import TestClient
        client = TestClient(create_app(config), follow_redirects=False, raise_server_exceptions=False)
        client.__enter__()
        world = World(tmp_path, config, ledger, tokens, client)
        opened.append(world)
        return world

    yield make
    for world in opened:
        world.client.__exit__(None, None, None)
        world.ledger.close()


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()
