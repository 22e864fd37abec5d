"""Benchmarks of the sender: building, signing, sending, and how soon a pause reaches the wire.

Add here what SENDING.md gives a target for. What is sent stands in ``world``, what it is compared with in ``naive``.
"""

import asyncio
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from senders.config import DkimConfig
from senders.delivery.sender import run_sender
from senders.ledger.rows import SendState
from senders.ledger.store import Ledger
from senders.message import State
from senders.rendering.dkim import OVERSIGNED, SIGNED, Signer
from tests.benchmarks import naive
from tests.benchmarks.measure import ROUNDS, Benchmark, Measured, each_seconds, rounds, seconds
from tests.benchmarks.sender_process import CONNECTIONS
from tests.benchmarks.world import ROOT, World, any_sink, postfix_tool, smtp_sink, world

if TYPE_CHECKING:
    from sending_sink import SinkThread

_BUILDS = 600
_REFERENCE_BUILDS = 200
_SIGNATURES = 300
_REFERENCE_SIGNATURES = 40
_NAIVE_MESSAGES = 1_500
_MESSAGES = 5_000
_LONG_MESSAGES = 20_000
_PAUSED_MESSAGES = 8_000
_PAUSE_AFTER = 1_000


def build_vs_stdlib() -> Measured:
    """How many times faster a message is built than by Jinja and EmailMessage."""
    with world(_BUILDS) as sent:
        renderer, builder = sent.renderer(), sent.stdlib_builder()
        reference_rows = sent.naive_rows()[:_REFERENCE_BUILDS]
        found = rounds(
            lambda: seconds(lambda: [builder.build(row).as_bytes() for row in reference_rows]) / _REFERENCE_BUILDS,
            lambda: seconds(lambda: [renderer.build(row) for row in sent.rows]) / _BUILDS,
        )
        size = len(sent.example())
    return Measured(
        found.speedup,
        f"Jinja + EmailMessage: {found.reference * 1e6:,.0f} µs; ours: {found.ours * 1e6:,.0f} µs a message of "
        f"{size:,} bytes",
    )


def dkim_vs_dkimpy() -> Measured:
    """How many times faster a message is signed with RSA-2048 than by dkimpy."""
    key = _rsa_key()
    pem = _pem(key)
    signer = Signer(DkimConfig("shop.example", "s1", pem))
    with world(1) as sent:
        message = sent.example()
    present = [name.partition(b":")[0].lower() for name in message.partition(b"\r\n\r\n")[0].split(b"\r\n")]
    names = [name for name in (*OVERSIGNED, *SIGNED) if name in present]

    def sign_with_dkimpy() -> bytes:
        relaxed = (b"relaxed", b"relaxed")
        return dkim.sign(message, b"s1", b"shop.example", pem, canonicalize=relaxed, include_headers=names)

    found = rounds(
        lambda: each_seconds(sign_with_dkimpy, _REFERENCE_SIGNATURES),
        lambda: each_seconds(lambda: signer.sign(message), _SIGNATURES),
    )
    bare = each_seconds(lambda: key.sign(message[:800], PKCS1v15(), SHA256()), _SIGNATURES)
    return Measured(
        found.speedup,
        f"dkimpy: {found.reference * 1e6:,.0f} µs; ours: {found.ours * 1e6:,.0f} µs for {len(message):,} bytes, "
        f"of it {bare * 1e6:,.0f} µs OpenSSL's signature alone",
    )


def _rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _pem(key: rsa.RSAPrivateKey | Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def vs_naive() -> Measured:
    """How many times more messages a second than an aiosmtplib loop, all of our guarantees included."""
    with any_sink() as (port, sink):

        def naive_seconds() -> float:
            with world(_NAIVE_MESSAGES) as sent:
                builder, rows = sent.stdlib_builder(), sent.naive_rows()
                return seconds(lambda: _send_naively(builder, rows, port)) / _NAIVE_MESSAGES

        found = rounds(naive_seconds, lambda: send_seconds(port, _LONG_MESSAGES) / _LONG_MESSAGES)
    return Measured(
        found.speedup,
        f"aiosmtplib send_message with Jinja + EmailMessage: {1 / found.reference:,.0f} msg/s; ours: "
        f"{1 / found.ours:,.0f} msg/s over {_LONG_MESSAGES:,} messages, start included; {CONNECTIONS} connections, "
        f"{sink}",
    )


def end_to_end_ratio() -> Measured:
    """Our rate, unsigned, as a share of smtp-source's, which sends one ready text of the same size."""
    return _end_to_end(_LONG_MESSAGES)


def end_to_end_rsa_ratio() -> Measured:
    """The same with an RSA-2048 signature in each of our messages, and none in the reference's."""
    return _end_to_end(_MESSAGES, DkimConfig("shop.example", "s1", _pem(_rsa_key())))


def end_to_end_ed25519_ratio() -> Measured:
    """The same with an Ed25519 signature."""
    return _end_to_end(_MESSAGES, DkimConfig("shop.example", "s1", _pem(Ed25519PrivateKey.generate())))


def _end_to_end(count: int, dkim: DkimConfig | None = None) -> Measured:
    source = postfix_tool("smtp-source")
    with world(200) as sent:
        renderer = sent.renderer()
        size = round(mean(len(renderer.build(row).raw) for row in sent.rows))
    with smtp_sink() as port:
        command = [source, "-d", "-s", CONNECTIONS, "-m", count, "-l", size, f"127.0.0.1:{port}"]

        def source_seconds() -> float:
            return seconds(lambda: subprocess.run([*map(str, command)], check=True, timeout=60, capture_output=True))

        found = rounds(source_seconds, lambda: send_seconds(port, count, dkim))
    return Measured(
        found.speedup,
        f"smtp-source: {count / found.reference:,.0f} msg/s; ours: {count / found.ours:,.0f} msg/s "
        f"over {count:,} messages of {size:,} bytes, start included; {CONNECTIONS} connections, smtp-sink",
    )


def _send_naively(builder: naive.StdlibBuilder, rows: list[dict[str, object]], port: int) -> None:
    accepted = asyncio.run(naive.send_all(builder, rows, port, CONNECTIONS))
    if accepted != len(rows):
        raise RuntimeError(f"the reference sent {accepted} of {len(rows)} messages")


def send_seconds(port: int, count: int, dkim: DkimConfig | None = None) -> float:
    """Return how long the sender takes from its start to the last result in the ledger."""
    with world(count) as sent:
        elapsed = seconds(lambda: asyncio.run(run_sender(sent.settings(port, dkim), once=True)))
        with Ledger.open(sent.home) as ledger:
            counts = ledger.counts(sent.send_no)
    if counts.get(State.ACCEPTED) != count:
        raise RuntimeError(f"not all {count} messages were accepted: {counts}")
    return elapsed


def pause_seconds() -> Measured:
    """The longest time from the call that pauses a send to the last end mark that a sink saw."""
    found = [_pause_once() for _ in range(ROUNDS)]
    left = min(left for _, left in found)
    return Measured(
        max(seconds for seconds, _ in found),
        f"worst of {ROUNDS} pauses, from set_send_state to the last end mark at the tests' sink; "
        f"{CONNECTIONS} connections at work, at least {left:,} messages were left unsent",
    )


def _pause_once() -> tuple[float, int]:
    """Pause a send that is under way; return how long mail still came, and how many messages were left."""
    sink, marks = _sink_that_notes_times()
    with world(_PAUSED_MESSAGES) as sent, sink as running:
        paused_at = asyncio.run(_send_and_pause(sent, running.port, lambda: len(marks)))
        with Ledger.open(sent.home) as ledger:
            counts: Counter[State] = Counter(ledger.counts(sent.send_no))
    if not counts[State.QUEUED]:
        raise RuntimeError(f"the send was over before it was paused: {dict(counts)}")
    return max(0.0, marks[-1] - paused_at), counts[State.QUEUED]


def _sink_that_notes_times() -> "tuple[SinkThread, list[float]]":
    """Return the tests' sink, in a thread, and the list of the moments at which an end mark came."""
    helpers = str(ROOT / "tests/unit/senders/delivery/helpers")
    if helpers not in sys.path:
        sys.path.insert(0, helpers)
    from sending_sink import Sink, SinkThread, take_all

    marks: list[float] = []

    def script(phase: str, recipient: str) -> str:
        if phase == "mark":
            marks.append(time.perf_counter())
        return take_all(phase, recipient)

    return SinkThread(Sink(script)), marks


async def _send_and_pause(sent: World, port: int, taken: Callable[[], int]) -> float:
    """Run the sender, pause it while it is at full speed, and return when that was asked for."""
    sending = asyncio.create_task(run_sender(sent.settings(port), once=True))
    while taken() < _PAUSE_AFTER and not sending.done():
        await asyncio.sleep(0.005)
    paused_at = time.perf_counter()
    await asyncio.to_thread(_pause, sent.home, sent.send_id)
    await sending
    return paused_at


def _pause(home: Path, send_id: str) -> None:
    with Ledger.open(home) as ledger:
        ledger.set_send_state(send_id, SendState.PAUSED, "benchmark")


BENCHMARKS = (
    Benchmark("sender.build_vs_stdlib", "times", ">= 10", build_vs_stdlib),
    Benchmark("sender.dkim_vs_dkimpy", "times", ">= 15", dkim_vs_dkimpy),
    Benchmark("sender.vs_naive", "times", ">= 14", vs_naive, limit_seconds=180),
    Benchmark("sender.end_to_end_ratio", "ratio", ">= 0.35", end_to_end_ratio, limit_seconds=240),
    Benchmark("sender.end_to_end_rsa_ratio", "ratio", ">= 0.15", end_to_end_rsa_ratio, limit_seconds=240),
    Benchmark("sender.end_to_end_ed25519_ratio", "ratio", ">= 0.2", end_to_end_ed25519_ratio, limit_seconds=240),
    Benchmark("sender.pause_seconds", "s", "<= 1", pause_seconds),
)
