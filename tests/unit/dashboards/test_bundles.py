import asyncio
from typing import Any

from dashboards.bundles import Bundles

SCRIPT = "/_dash-component-suites/plotly.min.js"
PACKED = [(b"accept-encoding", b"gzip, br")]


class Inner:
    """An application that counts what it is asked and answers in two parts."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.asked = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked += 1
        await send({"type": "http.response.start", "status": self.status, "headers": [(b"etag", b"1")]})
        await send({"type": "http.response.body", "body": b"one ", "more_body": True})
        await send({"type": "http.response.body", "body": str(self.asked).encode()})


def ask(app: Bundles, path: str = SCRIPT, headers: Any = PACKED, method: str = "GET") -> bytes:
    heard: list[Any] = []

    async def send(message: Any) -> None:
        heard.append(message)
        message["headers"] = "changed by the next in line"

    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    asyncio.run(app(scope, None, send))  # type: ignore[arg-type]
    return b"".join(message.get("body", b"") for message in heard)


def test_a_script_is_made_once() -> None:
    app = Bundles(inner := Inner())
    assert [ask(app), ask(app), ask(app)] == [b"one 1"] * 3
    assert inner.asked == 1


def test_what_differs_from_a_whole_compressed_script_is_not_kept() -> None:
    app = Bundles(inner := Inner())
    ask(app, "/")
    ask(app, headers=[])
    ask(app, headers=[*PACKED, (b"if-none-match", b"1")])
    ask(app, headers=[*PACKED, (b"range", b"bytes=0-1")])
    ask(app, method="HEAD")
    assert ask(app) == b"one 6"
    assert inner.asked == 6


def test_an_error_is_not_kept() -> None:
    app = Bundles(Inner(status=500))
    assert [ask(app), ask(app)] == [b"one 1", b"one 2"]


def test_made_up_addresses_do_not_fill_the_memory() -> None:
    app = Bundles(inner := Inner())
    for number in range(100):
        ask(app, f"{SCRIPT}{number}")
    assert ask(app, f"{SCRIPT}0") == b"one 1"
    ask(app, f"{SCRIPT}99")
    assert inner.asked == 101
