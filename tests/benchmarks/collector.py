"""Benchmarks of the public door: what durability costs, one click in a flood of opens, and what a kill may lose.

The generator is `tests.fixtures.load`, in the process of the benchmark; server and generator share the machine. Add
here what needs a collector that is served and no warehouse.
"""

import contextlib
import itertools
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import uvloop

from senders.tracking.tokens import SendTokens
from tests.benchmarks.measure import Benchmark, Measured, rounds
from tests.fixtures.acknowledged import count_lost, kill_under_load
from tests.fixtures.collectors import free_port, open_send, serving
from tests.fixtures.load import Shot, Waits, closed_loop, get, one_click, open_loop

_CONNECTIONS = 100
_SECONDS, _QUICK_SECONDS = 5.0, 2.0
_FLOOD_SECONDS, _QUICK_FLOOD_SECONDS = 30.0, 8.0
_EVENTS_PER_SECOND, _ONE_CLICKS_PER_SECOND = 2_000, 20
_KILLS, _QUICK_KILLS = 80, 20
_PEOPLE = 20_000
_QUICK = "quick"

# The same server with the same settings, and an app that does nothing.
_EMPTY = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
async def nothing(request):
    return Response(b"GIF89a", media_type="image/gif")
app = Starlette(routes=[Route("/o/{token}.gif", nothing), Route("/c/{token}", nothing)])
uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_config=None, ws="none")
"""


def mark(folder: Path, *, is_quick: bool) -> None:
    """Leave word whether the run is a quick one."""
    if is_quick:
        (folder / _QUICK).touch()


@contextlib.contextmanager
def _empty_app() -> Iterator[int]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", _EMPTY, str(port)], stderr=subprocess.DEVNULL)
    try:
        _await_port(port)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _await_port(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError("the empty app did not answer")


def _events(tokens: SendTokens) -> Iterator[bytes]:
    """Yield opens and clicks of many people, as long as they are asked for."""
    people = range(1, _PEOPLE + 1)
    made = [get(f"/o/{tokens.pixel(seq)}.gif") if seq % 3 else get(f"/c/{tokens.click(seq, 1)}") for seq in people]
    random.Random(1).shuffle(made)
    return itertools.cycle(made)


def _rate(port: int, requests: Iterator[bytes], seconds: float) -> float:
    found = uvloop.run(closed_loop(port, requests, connections=_CONNECTIONS, seconds=seconds))
    if set(found.statuses) - {200, 302}:
        raise RuntimeError(f"not every request was answered: {dict(found.statuses)}")
    return found.of(200) + found.of(302)


def vs_empty_app(folder: Path) -> Measured:
    """Our rate of durable opens and clicks as a share of what an empty app answers."""
    seconds = _QUICK_SECONDS if (folder / _QUICK).exists() else _SECONDS
    with tempfile.TemporaryDirectory(prefix="mailrail-bench-") as home:
        requests = _events(open_send(Path(home), rows=_PEOPLE))
        with _empty_app() as empty, serving(Path(home)) as ours:
            found = rounds(
                lambda: _rate(empty, requests, seconds),
                lambda: _rate(ours.port, requests, seconds),
            )
    return Measured(
        found.ratio,
        f"empty Starlette app on uvicorn: {found.reference:,.0f} answers/s; durable events: {found.ours:,.0f}/s; one "
        f"process each, {_CONNECTIONS} connections, opens and clicks 2 : 1",
    )


def one_click_p99(folder: Path) -> Measured:
    """How long one-click unsubscribes take in a flood of opens and clicks, from when they were meant to go."""
    seconds = _QUICK_FLOOD_SECONDS if (folder / _QUICK).exists() else _FLOOD_SECONDS
    with tempfile.TemporaryDirectory(prefix="mailrail-bench-") as home:
        shots = _flood(Path(home), seconds)
        with serving(Path(home)) as ours:
            waits = uvloop.run(open_loop(ours.port, shots))
    _require_answers(waits)
    clicks = waits.by_kind["one-click"]
    return Measured(
        waits.percentile("one-click", 99),
        f"{len(clicks)} one-clicks at {_ONE_CLICKS_PER_SECOND}/s, median {waits.percentile('one-click', 50):.0f} ms, "
        f"longest {max(clicks):.0f} ms; {_EVENTS_PER_SECOND:,} opens and clicks/s beside them, "
        f"p99 {waits.percentile('event', 99):.0f} ms; open loop, one process, {seconds:g} s",
    )


def _flood(home: Path, seconds: float) -> list[Shot]:
    tokens = open_send(home, rows=_PEOPLE)
    events = _events(tokens)
    count, clicks = int(seconds * _EVENTS_PER_SECOND), int(seconds * _ONE_CLICKS_PER_SECOND)
    shots = [Shot(number / _EVENTS_PER_SECOND, "event", next(events)) for number in range(count)]
    for number in range(clicks):
        seq = number + 1
        path = f"/u/{tokens.unsubscribe(seq, seq.to_bytes(16, 'big'), 'offers')}"
        shots.append(Shot(number / _ONE_CLICKS_PER_SECOND, "one-click", one_click(path)))
    return sorted(shots, key=lambda shot: shot.at)


def _require_answers(waits: Waits) -> None:
    wrong = {kind: dict(found) for kind, found in waits.statuses.items() if set(found) - {200, 302}}
    if wrong:
        raise RuntimeError(f"not every request was answered: {wrong}")


def kill_lost_rows(folder: Path) -> Measured:
    """How many events that were answered are missing after many kills."""
    kills = _QUICK_KILLS if (folder / _QUICK).exists() else _KILLS
    with tempfile.TemporaryDirectory(prefix="mailrail-bench-") as home:
        tokens = open_send(Path(home))
        with serving(Path(home), processes=2) as ours:
            answered = uvloop.run(kill_under_load(ours, tokens, kills=kills))
        lost = count_lost(Path(home), answered)
    return Measured(
        lost,
        f"{answered.kills} kills of collector processes, {len(answered.events):,} events and "
        f"{len(answered.unsubscribed):,} unsubscribes answered",
    )


BENCHMARKS = (
    Benchmark("return.collector_vs_empty_app", "ratio", ">= 0.5", vs_empty_app, prepare=mark),
    Benchmark("return.one_click_p99_ms", "ms", "<= 250", one_click_p99, prepare=mark),
    Benchmark("return.kill_lost_rows", "rows", "<= 0", kill_lost_rows, limit_seconds=300, prepare=mark),
)
