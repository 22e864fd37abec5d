"""A small HTTP/1.1 client with kept-open connections: many people's programs at once.

Follows no redirect, sends no cookie and retries until the other side answers for good. Add what a mail program's
HTTP needs; who fetches what belongs to ``habits``.
"""

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass
from urllib.parse import urlsplit

from senders.errors import ConfigError

PATIENCE_SECONDS = 60.0
REPLY_TIMEOUT_SECONDS = 20.0
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    body: bytes


class Browser:
    """Connections to one server; as many requests run at once as there are callers.

    Args:
        base_url: where the server is; paths are asked there whatever host a link named.
        patience_seconds: how long a request is tried again before it is given up.
    """

    def __init__(self, base_url: str, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        parts = urlsplit(base_url)
        if parts.scheme != "http" or not parts.hostname:
            raise ConfigError(f"collector.base_url: {base_url!r} is no http:// address that the demo can fetch from.")
        self._host, self._port = parts.hostname, parts.port or 80
        self._base_url = base_url
        self._patience = patience_seconds
        self._idle: deque[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = deque()
        self.requests = 0

    async def fetch(self, method: str, path: str, *, user_agent: str, form: str | None = None) -> Reply:
        """Ask until there is an answer other than 503.

        Raises:
            ConfigError: nobody answered within the patience; says where and what to do.
        """
        request = self._request(method, path, user_agent, form)
        deadline = asyncio.get_running_loop().time() + self._patience
        pause = 0.05
        while True:
            is_reused = bool(self._idle)
            try:
                reply = await self._once(request, has_body=method != "HEAD")
            except (OSError, asyncio.IncompleteReadError, TimeoutError):
                if is_reused:
                    continue  # the server had closed it meanwhile; a fresh one tells
            else:
                if reply.status != 503:
                    return reply
            if asyncio.get_running_loop().time() + pause > deadline:
                raise ConfigError(
                    f"collector: no answer from {self._base_url} within {self._patience:g} s; "
                    "start it with: mailrail collector"
                )
            await asyncio.sleep(pause)
            pause = min(pause * 2, 1.0)

    async def close(self) -> None:
        """Close all connections."""
        while self._idle:
            _, writer = self._idle.pop()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _once(self, request: bytes, *, has_body: bool) -> Reply:
        if self._idle:
            reader, writer = self._idle.pop()
        else:
            reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(request)
            async with asyncio.timeout(REPLY_TIMEOUT_SECONDS):
                reply, stays_open = await _read_reply(reader, has_body=has_body)
        except BaseException:
            writer.close()
            raise
        self.requests += 1
        if stays_open:
            self._idle.append((reader, writer))
        else:
            writer.close()
        return reply

    def _request(self, method: str, path: str, user_agent: str, form: str | None) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._host}:{self._port}", f"User-Agent: {user_agent}"]
        if form is not None:
            lines += [f"Content-Type: {_FORM}", f"Content-Length: {len(form.encode())}"]
        return ("\r\n".join(lines) + "\r\n\r\n" + (form or "")).encode()


async def _read_reply(reader: asyncio.StreamReader, *, has_body: bool) -> tuple[Reply, bool]:
    """Read one reply; also tell whether the connection may be used again."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status_line, *lines = head.split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    status = int(status_line.split(" ")[1])
    stays_open = headers.get("connection", "").lower() != "close"
    if not has_body or status in {204, 304}:
        return Reply(status, b""), stays_open
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return Reply(status, await _read_chunks(reader)), stays_open
    if "content-length" not in headers:
        return Reply(status, await reader.read()), False
    return Reply(status, await reader.readexactly(int(headers["content-length"]))), stays_open


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    chunks = []
    while size := int((await reader.readline()).split(b";")[0], 16):
        chunks.append(await reader.readexactly(size))
        await reader.readexactly(2)
    while (await reader.readline()).strip():  # trailers
        pass
    return b"".join(chunks)
