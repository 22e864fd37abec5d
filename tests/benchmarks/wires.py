"""Benchmarks of the bare wire: ready messages over SMTP connections, without and with the ledger.

Nothing is rendered here, so they show what the protocol and the durable intent cost. Whole sends stand in ``sending``.
"""

import asyncio
import subprocess
from collections.abc import Iterator
from statistics import median

import aiosmtplib

from senders.clock import SystemClock
from senders.config import RelayConfig
from senders.ledger.lease import Lease, claim
from senders.ledger.owner import this_owner
from senders.ledger.transitions import Offer, Outcome, Verdict
from senders.ledger.writer import LedgerWriter
from senders.message import Message, State
from senders.transports.base import Ending, Parcel, Reply
from senders.transports.smtp import RelayManners, SmtpTransport
from senders.transports.wire import stuff
from tests.benchmarks.measure import Benchmark, Measured, rounds, seconds
from tests.benchmarks.sender_process import CONNECTIONS
from tests.benchmarks.world import World, postfix_tool, smtp_sink, world

_MESSAGES = 10_000
_SENDMAIL_MESSAGES = 3_000
_MANY_CONNECTIONS = 50


def ready_parcels(sent: World) -> list[Parcel]:
    """Return a packed parcel for each row; all share one body, as smtp-source's do."""
    example = sent.renderer().build(sent.rows[0])
    if not isinstance(example, Message):
        raise RuntimeError(f"the sample template cannot be rendered: {example.reason}")
    body = stuff(example.raw)
    return [Parcel(row["seq"], example.return_path, row["address"], body) for row in sent.rows]


class _Tray:
    """A source of ready parcels, and a desk that lets all go and counts those that were accepted."""

    def __init__(self, parcels: list[Parcel]) -> None:
        self._left: Iterator[Parcel] = iter(parcels)
        self.accepted = 0

    def ready(self) -> Parcel | None:
        return next(self._left, None)

    async def next(self) -> Parcel | None:
        return self.ready()

    def put_back(self, parcel: Parcel, *, strike: bool) -> None:
        raise RuntimeError(f"message {parcel.seq} came back: a line broke")

    async def offer(self, parcel: Parcel) -> bool:
        return True

    def settle(self, parcel: Parcel, ending: Ending, reply: Reply, connection: str) -> None:
        self.accepted += ending is Ending.ANSWERED and reply.is_good

    def dismissed(self, parcel: Parcel, reply: Reply) -> None:
        """Let it come back: that is an error here."""


class _LedgerTray(_Tray):
    """The same with a durable intent before each end mark and a durable result after it."""

    def __init__(self, parcels: list[Parcel], writer: LedgerWriter, lease: Lease, hashes: dict[int, bytes]) -> None:
        super().__init__(parcels)
        self._writer, self._lease, self._hashes = writer, lease, hashes

    async def offer(self, parcel: Parcel) -> bool:
        wish = Offer(self._lease, parcel.seq, self._hashes[parcel.seq])
        return await self._writer.offer(wish) is Verdict.GO

    def settle(self, parcel: Parcel, ending: Ending, reply: Reply, connection: str) -> None:
        super().settle(parcel, ending, reply, connection)
        state = State.ACCEPTED if reply.is_good else State.REFUSED
        self._writer.result(Outcome(self._lease, parcel.seq, state, offered=True, relay="sink", code=reply.code))


async def _drive(tray: _Tray, port: int, connections: int, count: int) -> None:
    relay = RelayConfig("sink", "127.0.0.1", port, tls="none", connections=connections)
    manners = RelayManners()

    async def work() -> None:
        while tray.accepted < count:
            await SmtpTransport(relay, helo="bench.example", manners=manners).run(tray, tray)
            if tray.accepted < count:
                await asyncio.sleep(0)

    await asyncio.gather(*(work() for _ in range(connections)))


def _wire_seconds(sent: World, port: int, connections: int) -> float:
    parcels = ready_parcels(sent)
    return seconds(lambda: asyncio.run(_drive(_Tray(parcels), port, connections, len(parcels))))


def _durable_seconds(port: int, connections: int) -> float:
    with world(_MESSAGES) as sent:
        parcels = ready_parcels(sent)
        return asyncio.run(_drive_durably(sent, parcels, port, connections))


async def _drive_durably(sent: World, parcels: list[Parcel], port: int, connections: int) -> float:
    loop = asyncio.get_running_loop()
    hashes = {row["seq"]: bytes.fromhex(row["contact_id"]) for row in sent.rows}
    writer = LedgerWriter(sent.home, SystemClock())
    try:
        writer.start()
        owner = str(this_owner())
        lease = await writer.call(lambda connection, now: claim(connection, owner, 120.0, now))
        began = loop.time()
        await _drive(_LedgerTray(parcels, writer, lease, hashes), port, connections, len(parcels))
        await writer.call(lambda connection, now: None)  # every result before it is durable by now
        return loop.time() - began
    finally:
        await writer.close()


def _source_seconds(port: int, size: int, connections: int) -> float:
    command = [postfix_tool("smtp-source"), "-d", "-s", connections, "-m", _MESSAGES, "-l", size, f"127.0.0.1:{port}"]
    return seconds(lambda: subprocess.run([*map(str, command)], check=True, timeout=60, capture_output=True))


def wire_ratio() -> Measured:
    """The rate of our wire as a share of smtp-source's, which does not pipeline."""
    with world(_MESSAGES) as sent, smtp_sink() as port:
        size = len(sent.example())
        found = rounds(lambda: _source_seconds(port, size, CONNECTIONS), lambda: _wire_seconds(sent, port, CONNECTIONS))
    return Measured(found.speedup, _said(found.reference, found.ours, CONNECTIONS, size))


def wire_durable_ratio() -> Measured:
    """The same with a durable intent and result for each message."""
    with world(1) as sent, smtp_sink() as port:
        size = len(sent.example())
        found = rounds(
            lambda: _source_seconds(port, size, _MANY_CONNECTIONS), lambda: _durable_seconds(port, _MANY_CONNECTIONS)
        )
    return Measured(found.speedup, _said(found.reference, found.ours, _MANY_CONNECTIONS, size))


def durability_share() -> Measured:
    """What share of the bare wire's rate the durable intent takes."""
    with world(_MESSAGES) as sent, smtp_sink() as port:
        found = rounds(
            lambda: _wire_seconds(sent, port, _MANY_CONNECTIONS), lambda: _durable_seconds(port, _MANY_CONNECTIONS)
        )
    value = median(1 - bare / durable for bare, durable in found.pairs)
    return Measured(
        value,
        f"bare wire: {_MESSAGES / found.reference:,.0f} msg/s; with intent and result in the ledger: "
        f"{_MESSAGES / found.ours:,.0f} msg/s; {_MANY_CONNECTIONS} connections, smtp-sink",
    )


def wire_vs_aiosmtplib() -> Measured:
    """How many times more ready messages a second than aiosmtplib's ``sendmail`` over as many connections."""
    with world(_MESSAGES) as sent, smtp_sink() as port:
        raw = sent.example()
        addresses = [row["address"] for row in sent.rows[:_SENDMAIL_MESSAGES]]
        found = rounds(
            lambda: seconds(lambda: asyncio.run(_sendmail(raw, addresses, port))) / _SENDMAIL_MESSAGES,
            lambda: _wire_seconds(sent, port, CONNECTIONS) / _MESSAGES,
        )
    return Measured(
        found.speedup,
        f"aiosmtplib sendmail: {1 / found.reference:,.0f} msg/s; ours: {1 / found.ours:,.0f} msg/s; "
        f"{CONNECTIONS} connections, smtp-sink",
    )


async def _sendmail(raw: bytes, addresses: list[str], port: int) -> None:
    left = iter(addresses)

    async def work() -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, timeout=30) as client:
            for address in left:
                await client.sendmail("bench@shop.example", [address], raw)

    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))


def _said(reference: float, ours: float, connections: int, size: int) -> str:
    return (
        f"smtp-source: {_MESSAGES / reference:,.0f} msg/s; ours: {_MESSAGES / ours:,.0f} msg/s over {_MESSAGES:,} "
        f"ready messages of {size:,} bytes; {connections} connections, smtp-sink"
    )


BENCHMARKS = (
    Benchmark("sender.wire_ratio", "ratio", ">= 1.0", wire_ratio),
    Benchmark("sender.wire_vs_aiosmtplib", "times", ">= 4", wire_vs_aiosmtplib),
    Benchmark("sender.wire_durable_ratio", "ratio", ">= 0.8", wire_durable_ratio),
    Benchmark("sender.durability_share", "share", "<= 0.3", durability_share),
)
