"""A send of made-up recipients for tests: rows, builder, ledger and settings that fit together.

``python sending_world.py <home> <port>`` runs one sender over it, to be killed.
"""

import asyncio
import logging
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from senders.config import DeliveryConfig, RelayConfig, SenderProfile
from senders.delivery.context import Tuning
from senders.delivery.feed import RenderLimits
from senders.delivery.sender import run_sender
from senders.ledger.rows import Approval, SendSpec, ShardSpec
from senders.ledger.store import Ledger
from senders.message import Message, Unrenderable
from senders.tracking.addresses import hash_address, normalize_address
from senders.tracking.keys import Keyring

PROFILE = SenderProfile("shop", "Shop", "shop@shop.example", "", "bounce.shop.example", "shop.example", "sink")


def address(seq: int) -> str:
    return f"user{seq}@mail.example"


def address_hash(home: Path, seq: int) -> bytes:
    return hash_address(normalize_address(address(seq)), Keyring.open(home / "keys").address_key)


def read_rows(shard_file: Path, seqs: list[int]):
    for seq in seqs:
        if seq != 999:
            yield {"seq": seq, "address": address(seq)}


def plain_builder(job):
    def build(row):
        seq = row["seq"]
        raw = f"From: a@b.example\r\nSubject: {job.context.send_id} {seq}\r\n\r\n.dot first\r\nHello {seq}\r\n".encode()
        return Message(seq, row["address"], f"b+{seq}@bounce.example", f"{seq}@shop.example", raw)

    return build


def troubled_builder(job):
    """Row 3 can't be rendered, 5 raises, 7 hangs, 9 kills its process, 11 goes to somebody else."""
    plain = plain_builder(job)

    def build(row):
        seq = row["seq"]
        if seq == 3:
            return Unrenderable(3, "no first name")
        if seq == 5:
            raise ValueError("five")
        if seq == 7:
            time.sleep(60)
        if seq == 9:
            os._exit(9)
        if seq == 11:
            return plain({"seq": 11, "address": "mallory@mail.example"})
        return plain(row)

    return build


def large_builder(job):
    """Messages as large as attachments make them."""
    body = b"x" * 70 + b"\r\n"
    return lambda row: Message(row["seq"], row["address"], "b@x.example", "m", body * 80_000)


gap_builder = plain_builder


def environment_builder(job):
    """The body is the child's environment."""
    text = "\r\n".join(f"{name}={value}" for name, value in os.environ.items())
    return lambda row: Message(row["seq"], row["address"], "b@x.example", "m", text.encode())


def writing_builder(job):
    def build(row):
        with (job.shard_file.parent / "left-behind").open("w") as file:
            file.write("x")
            file.flush()

    return build


def twice_killed_builder(job):
    """Row 40 ends the first two children that come to it, as a killer from outside would."""
    plain = plain_builder(job)

    def build(row):
        marks = [job.shard_file.with_name(f"killed-{number}") for number in (1, 2)]
        if row["seq"] == 40 and (left := [mark for mark in marks if not mark.exists()]):
            left[0].touch()
            os._exit(9)
        return plain(row)

    return build


def pid_builder(job):
    """The Message-ID is the child's number."""
    return lambda row: Message(row["seq"], row["address"], "b@x.example", str(os.getpid()), b"")


def broken_builder(job):
    raise ValueError("the template file is gone")


def open_send(
    home: Path, count: int, *, send_id="news.1", shard_rows=1000, sender="shop", providers=(), **changes
) -> int:
    folder = home / "files" / "sends" / send_id
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text("{}")
    now = datetime.now(UTC)
    shards = []
    for number, first in enumerate(range(1, count + 1, shard_rows)):
        last = min(first + shard_rows - 1, count)
        hashes = [address_hash(home, seq) for seq in range(first, last + 1)]
        names = [providers[seq % len(providers)] for seq in range(first, last + 1)] if providers else ()
        shards.append(ShardSpec(number, f"shard-{number:04d}.parquet", first, last, hashes, names))
    with Ledger.open(home) as ledger:
        ledger.approve(Approval(send_id, "a", "c", count, "test", now, "cli"))
        return ledger.open_send(
            SendSpec(
                send_id,
                "news",
                "offers",
                now,
                sender,
                f"files/sends/{send_id}",
                count,
                "a",
                "c",
                shards,
                **changes,
            )
        )


def settings(home: Path, port: int, **changes) -> DeliveryConfig:
    relay = RelayConfig(
        "sink",
        "127.0.0.1",
        port,
        tls="none",
        connections=changes.pop("connections", 5),
        messages_per_connection=changes.pop("messages_per_connection", 1000),
        connect_timeout_seconds=5.0,
        reply_timeout_seconds=changes.pop("reply_timeout_seconds", 5.0),
        end_timeout_seconds=changes.pop("end_timeout_seconds", 5.0),
    )
    values = {"retry_seconds": (0.2, 0.4), **changes}
    return DeliveryConfig(
        home, "sending_world:read_rows", "http://127.0.0.1", {"sink": relay}, {"shop": PROFILE}, **values
    )


def tuning(builder="plain_builder", **changes) -> Tuning:
    values = {
        "limits": RenderLimits(30.0, 1.5),
        "relay_pauses": (0.05, 0.1, 0.2),
        "relay_rest_seconds": 0.3,
        "poll_seconds": 0.05,
        "goodbye_seconds": 0.5,
        **changes,
    }
    return Tuning(builder=f"sending_world:{builder}", **values)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    changes = {"lease_seconds": float(sys.argv[3])} if len(sys.argv) > 3 else {}
    asyncio.run(run_sender(settings(Path(sys.argv[1]), int(sys.argv[2]), **changes), once=True, tuning=tuning()))
