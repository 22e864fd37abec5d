"""A client that is slow, sends too much, or speaks no HTTP is ended; the others are served meanwhile."""

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from senders.collector import connections as module
from senders.collector.connections import PatientProtocol, sweep
from tests.fixtures.collectors import Served, open_send, serving
from tests.fixtures.load import get, one_click


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("collector")
    open_send(home)
    with serving(home) as found:
        yield found


def talk(served: Served, sent: bytes, *, seconds: float = 3.0) -> bytes:
    """Send bytes and return all that comes back until the other end closes, or a while has passed."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=seconds) as line:
        answer = b""
        try:
            line.sendall(sent)
            while block := line.recv(65_536):
                answer += block
        except OSError:
            pass
    return answer


def status(answer: bytes) -> int:
    return int(answer[9:12] or 0)


CLOSE = b"Connection: close\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 40_000 + b"\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X-Many: 1\r\n" * 4_000 + b"\r\n",
        b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Endless: " + b"a" * 300_000,
    ],
    ids=["one long header", "many headers", "a long address", "a header without an end"],
)
def test_too_much_before_the_body_is_refused(served: Served, head: bytes) -> None:
    assert status(talk(served, head)) in {400, 431}


def test_a_head_that_is_only_large_is_served(served: Served) -> None:
    head = b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + CLOSE + b"X-Long: " + b"a" * 30_000 + b"\r\n\r\n"
    assert status(talk(served, head)) == 200


SMUGGLED = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        b"POST /u/x HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        b"POST /u/x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 30\r\n\r\nabc" + SMUGGLED,
        b"POST /u/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        b"POST /u/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        b"POST /u/x HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n" + SMUGGLED,
        b"POST /u/x HTTP/1.1\r\nHost: x\r\nContent-Length: 0x3\r\n\r\nabc" + SMUGGLED,
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\r\n b: c\r\n\r\n" + SMUGGLED,
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nBad Name: a\r\n\r\n" + SMUGGLED,
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n" + SMUGGLED,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + SMUGGLED,
    ],
    ids=[
        "length and chunked",
        "two lengths",
        "unknown encoding",
        "space before the colon",
        "length below zero",
        "length in hex",
        "folded line",
        "space in a name",
        "nul in a value",
        "tls on a plain port",
    ],
)
def test_what_two_servers_could_read_differently_is_not_read_twice(served: Served, sent: bytes) -> None:
    answer = talk(served, sent, seconds=1.0)
    assert status(answer) == 400
    assert answer.count(b"HTTP/1.1 ") == 1, "nothing behind it was taken for a request"
    assert b'"status":"ok"' not in answer


def test_slow_clients_hold_nobody_up(served: Served) -> None:
    lines = [socket.create_connection(("127.0.0.1", served.port), timeout=5) for _ in range(100)]
    for number, line in enumerate(lines):
        line.sendall(one_click("/u/x")[: 20 + number % 60])
    began = time.monotonic()
    assert served.health()["status"] == "ok"
    assert time.monotonic() - began < 1
    for line in lines:
        line.close()


def test_headers_that_never_end_are_ended(tmp_path: Path) -> None:
    """The time of each phase, with a second for each, in a process of its own."""
    code = (
        "import senders.collector.connections as c; c.HEAD_SECONDS = c.PatientProtocol.patience = 1;"
        "c.BODY_SECONDS = 1; c.WRITE_SECONDS = 1"
    )
    unended = (
        b"",
        b"GET /healthz HTT",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        b"POST /u/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc",
        get("/healthz") + b"\r\n\r\nGET /he",
    )
    with serving(tmp_path, before=code) as quick, ThreadPoolExecutor(len(unended)) as threads:
        assert max(threads.map(lambda sent: seconds_until_ended(quick, sent), unended)) < 6
        assert json.dumps(quick.health())


def seconds_until_ended(served: Served, sent: bytes) -> float:
    began = time.monotonic()
    talk(served, sent, seconds=8)
    return time.monotonic() - began


class Transport:
    """Remembers that it was aborted."""

    def __init__(self) -> None:
        self.is_aborted = False

    def abort(self) -> None:
        self.is_aborted = True


def test_a_sweep_counts_down_only_what_has_a_limit() -> None:
    protocols = []
    for patience in (1, 2, -1):
        protocol = PatientProtocol.__new__(PatientProtocol)
        protocol.patience, protocol.transport = patience, Transport()
        protocols.append(protocol)
    ended = []
    for _ in range(2):
        sweep([*protocols, object()])
        ended.append([protocol.transport.is_aborted for protocol in protocols])
    assert ended == [[True, False, False], [True, True, False]]
    assert protocols[2].patience == -1
    assert module.HEAD_SECONDS < module.BODY_SECONDS
