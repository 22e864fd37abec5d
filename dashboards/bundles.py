"""Keeps the scripts of Dash and Plotly as they were once compressed, since compressing 5 MB costs more than a page.

Wraps the application; everything but those scripts passes through. Add a folder to ``_FOLDER`` when there are other
files that never change while the process lives; pages and their data are never kept.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_FOLDER = "/_dash-component-suites/"
# Dash ships fewer; the bound is for addresses that a stranger makes up.
_MOST = 64


class Bundles:
    """An application that answers from memory what it has compressed before."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._kept: dict[str, list[Message]] = {}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if not _is_plain(scope):
            await self._app(scope, receive, send)
        elif kept := self._kept.get(scope["path"]):
            for message in kept:
                await send({**message})
        else:
            await self._app(scope, receive, self._keeping(scope["path"], send))

    def _keeping(self, path: str, send: Send) -> Send:
        heard: list[Message] = []

        async def answer(message: Message) -> None:
            heard.append({**message})
            await send(message)
            is_whole = message["type"] == "http.response.body" and not message.get("more_body")
            if is_whole and heard[0].get("status") == 200 and len(self._kept) < _MOST:
                self._kept[path] = heard

        return answer


def _is_plain(scope: Message) -> bool:
    """Whether it asks for the whole of a script, compressed."""
    if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith(_FOLDER):
        return False
    headers = dict(scope["headers"])
    return b"gzip" in headers.get(b"accept-encoding", b"") and not {b"if-none-match", b"range"} & headers.keys()
