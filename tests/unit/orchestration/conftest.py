"""A home folder with a ledger and one send of it, opened as the pipeline opens one."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from senders.ledger.rows import Approval, SendSpec, ShardSpec
from senders.ledger.store import Ledger

DUE = datetime(2026, 11, 3, 9, tzinfo=UTC)


def open_send(home: Path, count: int = 5, send_id: str = "news.20261103T0900Z", **changes: Any) -> int:
    hashes = [seq.to_bytes(16, "big") for seq in range(1, count + 1)]
    given = {"campaign": send_id.partition(".")[0], "topic": "offers", "scheduled_at": DUE, "sender": "shop"}
    hashed = {"audience_rows": count, "audience_hash": "a", "content_hash": "c"}
    shards = [ShardSpec(0, "shard-0000.parquet", 1, count, hashes)]
    spec = SendSpec(send_id=send_id, folder=f"files/sends/{send_id}", shards=shards, **{**given, **hashed, **changes})
    with Ledger.open(home) as ledger:
        ledger.approve(Approval(send_id, "a", "c", count, "ada", DUE, "cli"))
        return ledger.open_send(spec)


@pytest.fixture
def make_send(tmp_path: Path) -> Callable[..., int]:
    """Open a send in the home folder ``tmp_path``."""
    return lambda *args, **changes: open_send(tmp_path, *args, **changes)


@pytest.fixture
def settle(tmp_path: Path) -> Callable[[str, str], None]:
    """Put every message of a send into one state."""

    def put(send_id: str, state: str) -> None:
        with Ledger.open(tmp_path) as ledger, ledger._database.write() as connection:
            number = "select send_no from sends where send_id = ?"
            connection.execute(f"update messages set state = ? where send_no = ({number})", (state, send_id))

    return put
