"""One connection to the collector and its limits: what a client may send before it is served, and how slowly.

The server below has a time-out for idle connections only, and none of its limits holds for headers. Each phase of a
request has a number of seconds here; ``sweep`` counts them down, so that a request in good order costs no timer.
Add a limit that holds before a request has a route; what one may send as a body belongs to the routes.
"""

import asyncio
from collections.abc import Iterable

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 32 * 1024
HEAD_SECONDS = 10
BODY_SECONDS = 60
WRITE_SECONDS = 30
_NO_LIMIT = -1
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: 31\r\nconnection: close\r\n\r\nRequest Header Fields Too Large"
)


class PatientProtocol(HttpToolsProtocol):
    """HTTP/1.1 with an end to patience. ``patience`` is how many more seconds this phase may take, -1 for any."""

    patience = HEAD_SECONDS
    _head_bytes = 0
    _block_bytes = 0
    _is_in_head = True

    def data_received(self, data: bytes) -> None:
        """Take bytes from the client; those that begin a request begin its time."""
        if self.patience == _NO_LIMIT:
            self.patience = HEAD_SECONDS
        self._block_bytes = len(data)
        super().data_received(data)
        if self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self.transport.write(_TOO_LARGE)
                self.transport.close()

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self.patience, self._is_in_head, self._head_bytes = HEAD_SECONDS, True, 0

    def on_headers_complete(self) -> None:
        """Go on to the body.

        Raises:
            ValueError: the headers are too large; the parser turns it into its own refusal.
        """
        self._is_in_head = False
        # Counted only where a block was large enough to hold too much; the usual request is one small block.
        if self._block_bytes + self._head_bytes > MAX_HEAD_BYTES:
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > MAX_HEAD_BYTES:
                raise ValueError(f"request: headers of {size} bytes; at most {MAX_HEAD_BYTES} are read")
        self.patience = BODY_SECONDS
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Let the application take its time: the request is here."""
        self.patience = _NO_LIMIT
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Begin the time in which a slow reader must take something."""
        self.patience = WRITE_SECONDS
        super().pause_writing()

    def resume_writing(self) -> None:
        """Go on: the reader took what it was sent."""
        self.patience = _NO_LIMIT
        super().resume_writing()


def sweep(connections: Iterable[object]) -> None:
    """Count a second down, and end the connections whose time is over."""
    for connection in list(connections):
        if not isinstance(connection, PatientProtocol) or connection.patience == _NO_LIMIT:
            continue
        connection.patience -= 1
        if connection.patience <= 0:
            connection.transport.abort()


async def keep_sweeping(connections: Iterable[object]) -> None:
    """Sweep every second, until cancelled."""
    while True:
        await asyncio.sleep(1)
        sweep(connections)
