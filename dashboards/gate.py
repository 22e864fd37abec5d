"""What stands before the app: who may ask, and what a browser may do with the answer.

A pure ASGI layer, as a middleware of the web framework does not see websockets. Add a rule here when it holds for every
path; who may see which page is the work of the proxy with the login.
"""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class Gate:
    """Lets requests for our own host through, and sends a strict policy with every answer."""

    def __init__(self, app: App, *, hosts: Iterable[str], script_hashes: Iterable[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._headers = _headers(script_hashes)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            # Nothing of ours speaks it, and the framework opens one for everybody.
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        elif refusal := self._refusal(scope):
            await _refuse(send, *refusal)
        else:
            await self._app(scope, receive, self._with_policy(send))

    def _refusal(self, scope: Message) -> tuple[int, str] | None:
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host = _name(headers.get(b"host", ""))
        # Another name for this machine is how a stranger's page would read ours (DNS rebinding).
        if host not in self._hosts:
            return 421, f"This is not the host {host!r}; set dashboards.base_url to the address that people use."
        if scope["method"] not in _READING:
            origin = headers.get(b"origin", "")
            if _name(origin.partition("//")[2]) not in self._hosts:
                return 403, "A request that is not a page's own."
        return None

    def _with_policy(self, send: Send) -> Send:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *self._headers]
            await send(message)

        return answer


def _name(host: str) -> str:
    """Return a host without its port."""
    return host.rpartition(":")[0].lower() if host.rpartition(":")[2].isdigit() else host.lower()


def _headers(script_hashes: Iterable[str]) -> list[tuple[bytes, bytes]]:
    scripts = " ".join(["'self'", *script_hashes])
    # Plotly styles its elements one by one, which only 'unsafe-inline' allows.
    policy = (
        f"default-src 'none'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "font-src 'self'; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    )
    named = {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "x-robots-tag": "noindex",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
    }
    return [(name.encode(), value.encode()) for name, value in named.items()]


async def _refuse(send: Send, status: int, sentence: str) -> None:
    body = f"{sentence}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
