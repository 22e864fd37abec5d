"""The one client by which Mailrail calls others over HTTP/1.1: guarded, bounded in time, size and redirects.

Who calls says what and how often again; here each call is one connection to an address that was judged. Nothing of a
call is ever logged here: addresses of the web may hold secrets. Add a method or a limit here when a caller needs it.
"""

import asyncio
import functools
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin

import h11

from senders.errors import WebError
from senders.http_config import WebConfig
from senders.web.guard import Resolver, Target, choose_target, resolve

MAX_REDIRECTS = 3
_CONNECT_SECONDS = 5.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CHUNK_BYTES = 16 * 1024
_HEAD_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; names of headers are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def is_good(self) -> bool:
        """Whether the call was taken."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class WebClient:
    """Calls others. ``max_bytes`` is the most that is read of an answer; ``timeout_seconds`` holds for a whole call."""

    config: WebConfig = field(default_factory=WebConfig)
    timeout_seconds: float = 10.0
    max_bytes: int = 64 * 1024
    resolve: Resolver = resolve

    async def get(self, url: str, *, redirects: int = 0) -> Answer:
        """Fetch an address; follow at most so many redirects, each judged like the first address.

        Raises:
            WebRefusedError: it may not be called.
            WebError: nobody answered, not in time, too much, or it was no HTTP.
        """
        for _ in range(min(redirects, MAX_REDIRECTS)):
            answer = await self._call("GET", url, {}, b"")
            if answer.status not in _REDIRECTS or "location" not in answer.headers:
                return answer
            url = urljoin(url, answer.headers["location"])
        return await self._call("GET", url, {}, b"")

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Post to an address; a redirect is an answer like any other and not followed.

        Raises:
            WebRefusedError: it may not be called.
            WebError: nobody answered, not in time, too much, or it was no HTTP.
        """
        return await self._call("POST", url, headers, body)

    async def _call(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        target: Target | None = None
        try:
            async with asyncio.timeout(self.timeout_seconds):
                target = await choose_target(url, self.config, self.resolve)
                return await self._exchange(target, method, headers, body)
        except TimeoutError:
            raise WebError(f"{target.host if target else 'it'} did not answer in time") from None
        except (OSError, h11.ProtocolError) as error:
            host = target.host if target else "it"
            raise WebError(f"{host} cannot be talked to: {error or type(error).__name__}") from None

    async def _exchange(self, target: Target, method: str, headers: Mapping[str, str], body: bytes) -> Answer:
        reader, writer = await _connect(target)
        try:
            line = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_BYTES)
            fields = {"host": target.host_field, "user-agent": "mailrail", "connection": "close", **headers}
            if method == "POST":
                fields["content-length"] = str(len(body))
            request = h11.Request(method=method, target=target.path, headers=list(fields.items()))
            writer.write(
                b"".join(line.send(event) or b"" for event in (request, h11.Data(data=body), h11.EndOfMessage()))
            )
            await writer.drain()
            return await self._read(line, reader, target)
        finally:
            writer.close()

    async def _read(self, line: h11.Connection, reader: asyncio.StreamReader, target: Target) -> Answer:
        status, found, body = 0, dict[str, str](), bytearray()
        while True:
            event = line.next_event()
            if event is h11.NEED_DATA:
                line.receive_data(await reader.read(_CHUNK_BYTES))
            elif isinstance(event, h11.Response):
                status = event.status_code
                found = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > self.max_bytes:
                    raise WebError(f"{target.host} answered with more than {self.max_bytes:,} bytes")
            elif isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
                return Answer(status, found, bytes(body))


@functools.cache
def _authorities() -> ssl.SSLContext:
    """Return what says which certificates are good; reading them takes longer than a call."""
    return ssl.create_default_context()


async def _connect(target: Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the first address that answers; names are for the certificate and the field ``Host`` only."""
    context = _authorities() if target.is_tls else None
    name = target.host if target.is_tls else None
    last: OSError = OSError("no address")
    for address in target.addresses:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                return await asyncio.open_connection(address, target.port, ssl=context, server_hostname=name)
        except OSError as error:  # a time-out is one as well
            last = error
    raise last
