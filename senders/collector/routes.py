"""The public routes: open pixel, click, view in browser, unsubscribe, health.

GET and HEAD record what happened and never change what a person gets; only POST to the unsubscribe address
does. A token that is not ours gets a harmless 404, a store that cannot answer a 503, and neither says anything
about a person. Add a route here; the words people read belong to `pages`.
"""

import asyncio
import base64
import uuid
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from senders.clock import format_time, open_clock
from senders.collector import pages
from senders.collector.lookups import Lookups, Tokens
from senders.collector.recorder import Recorder
from senders.collector.viewer import Viewer, ViewJob
from senders.config import CollectorConfig
from senders.errors import TokenError
from senders.event import Event, Kind
from senders.inbound.unsubscribe import unsubscribe_event
from senders.ledger.rows import SendRow
from senders.tracking.keys import Keyring
from senders.tracking.tokens import Claims, Purpose, send_tokens

MAX_BODY_BYTES = 64 * 1024
BODY_TIMEOUT_SECONDS = 10.0
MAX_USER_AGENT = 512
MAX_URL = 4096

PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
NO_STORE = {
    "Cache-Control": "no-store, no-cache, must-revalidate, private, max-age=0",
    "Pragma": "no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}


class Collector:
    """The public door of one home folder: its routes and what they share."""

    def __init__(self, config: CollectorConfig, recorder: Recorder, lookups: Lookups) -> None:
        self.config = config
        self.recorder = recorder
        self.lookups = lookups
        self.tokens = Tokens(config.home)
        self.viewer = Viewer()
        self.host = urlsplit(config.base_url).hostname or ""

    def routes(self) -> list[Route]:
        """Return all routes; each with and without a slash at its end, since a redirect could lose a POST."""
        reading, writing = ["GET", "HEAD"], ["GET", "HEAD", "POST"]
        return [
            Route("/o/{token}.gif", self.open, methods=reading),
            Route("/c/{token}", self.click, methods=reading),
            Route("/v/{token}", self.view, methods=reading),
            Route("/u/{token}", self.unsubscribe, methods=writing),
            Route("/u/{token}/", self.unsubscribe, methods=writing),
            Route("/healthz", self.health, methods=reading),
        ]

    async def open(self, request: Request) -> Response:
        """Record an open and return the pixel."""
        claims = self.claims(request, Purpose.OPEN)
        await self.recorder.record(self.event(request, Kind.OPENED, claims))
        return Response(PIXEL, media_type="image/gif", headers=NO_STORE)

    async def click(self, request: Request) -> Response:
        """Record a click and send the reader on: to where our table or our token says, and nowhere else."""
        claims = self.claims(request, Purpose.CLICK)
        target = claims.url or await self.lookups.link_url(claims.send_no, claims.link_no)
        if not is_web_address(target):
            raise TokenError("link: it leads nowhere")
        event = self.event(request, Kind.CLICKED, claims)
        await self.recorder.record(replace(event, link_no=claims.link_no, url=target[:MAX_URL]))
        return RedirectResponse(target, status_code=302, headers=NO_STORE)

    async def view(self, request: Request) -> Response:
        """Show a message in the browser, as long as it is kept."""
        claims = self.claims(request, Purpose.VIEW)
        send = await self.lookups.send(claims.send_no)
        page = await self._rendered(request, send, claims) if send else None
        if page is None:
            return self.page(pages.gone_page(self.host), 410)
        await self.recorder.record(self.event(request, Kind.VIEWED, claims))
        return HTMLResponse(page, headers=NO_STORE | {"Content-Security-Policy": pages.VIEW_POLICY})

    async def unsubscribe(self, request: Request) -> Response:
        """Ask on GET; unsubscribe on POST, by the page's button or one click (RFC 8058), as often as it comes."""
        claims = self.claims(request, Purpose.UNSUBSCRIBE)
        if request.method != "POST":
            return self.page(pages.unsubscribe_page(claims.topic, self.host))
        road = road_of(await read_body(request))
        event = unsubscribe_event(claims, claims.address_hash, claims.topic, at=self.now(), road=road)
        await self.recorder.record(with_facts(event, request))
        await self.lookups.wait_for_open_offer(claims.address_hash)
        return self.page(pages.unsubscribed_page(claims.topic, self.host))

    async def health(self, request: Request) -> Response:
        """Say that we are here and how many events wait."""
        return JSONResponse({"status": "ok", "waiting": self.recorder.waiting}, headers=NO_STORE)

    async def not_found(self, request: Request, error: Exception) -> Response:
        """Answer a token that is not ours, or a path that is none; the same words for all of them."""
        return self.page(pages.not_found_page(self.host), 404)

    async def refused(self, request: Request, error: Exception) -> Response:
        """Answer what HTTP itself forbids: a wrong method, a body too large or too slow."""
        status = error.status_code if isinstance(error, HTTPException) else 400
        headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
        return self.page(pages.not_found_page(self.host), status, headers)

    async def busy(self, request: Request, error: Exception) -> Response:
        """Answer while the ledger cannot store; providers try a one-click POST again."""
        return self.page(pages.busy_page(self.host), 503, {"Retry-After": "5"})

    async def failed(self, request: Request, error: Exception) -> Response:
        """Answer a fault of ours; never a false 2xx."""
        return self.page(pages.failure_page(self.host), 500, {"Retry-After": "60"})

    def close(self) -> None:
        """Store what waits and let go of everything."""
        self.recorder.close()
        self.lookups.close()
        self.viewer.close()

    def page(self, page: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
        """Return a page of ours, which nobody keeps and in which nothing runs."""
        policy = {"Content-Security-Policy": pages.PAGE_POLICY}
        return HTMLResponse(page, status_code=status, headers=NO_STORE | policy | (headers or {}))

    def claims(self, request: Request, purpose: Purpose) -> Claims:
        """Return what the token of an address says.

        Raises:
            TokenError: it is none of ours, or for another purpose.
        """
        return self.tokens.read(request.path_params["token"], purpose)

    def now(self) -> datetime:
        """Return the business time."""
        return open_clock(self.config.home).now()

    def event(self, request: Request, kind: Kind, claims: Claims) -> Event:
        """Return what happened to a message, with the facts of the client."""
        event = Event(uuid.uuid4().hex, kind, self.now(), send_no=claims.send_no, seq=claims.seq)
        return with_facts(event, request)

    async def _rendered(self, request: Request, send: SendRow, claims: Claims) -> str | None:
        if request.method == "HEAD":
            return ""
        signer = send_tokens(Keyring.open(self.config.home / "keys"), claims.send_no)
        return await self.viewer.render(
            ViewJob(
                row_reader=self.config.row_reader,
                folder=str(self.config.home / "files" / "sends" / send.send_id),
                seq=claims.seq,
                base_url=self.config.base_url,
                send_no=send.send_no,
                send_id=send.send_id,
                campaign=send.campaign,
                topic=send.topic,
                sent_at=format_time(send.opened_at),
                key_id=signer.key_id,
                key=signer.key.hex(),
                identity=signer.identity.hex(),
            )
        )


def with_facts(event: Event, request: Request) -> Event:
    """Return an event with what is stored of a client: its name, its address, its method, and nothing more."""
    return replace(
        event,
        user_agent=request.headers.get("user-agent", "")[:MAX_USER_AGENT],
        ip=request.client.host if request.client else "",
        method=request.method,
    )


def is_web_address(target: str) -> bool:
    """Whether a link may be followed: http or https, with a host, and without what could split a header."""
    if not target or any(ord(character) <= 32 or character in "\x7f\\" for character in target):
        return False
    try:
        parts = urlsplit(target)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False


def road_of(body: bytes) -> str:
    """Tell one click by a mailbox provider (either encoding of RFC 8058) from the button on the page."""
    if b"List-Unsubscribe" in body and b"One-Click" in body:
        return "one-click"
    return "page" if b"road" in body else "post"


async def read_body(request: Request) -> bytes:
    """Return a body of at most 64 KB, in at most ten seconds.

    Raises:
        HTTPException: it is larger (413) or slower (408).
    """
    try:
        async with asyncio.timeout(BODY_TIMEOUT_SECONDS):
            body = bytearray()
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise HTTPException(413)
            return bytes(body)
    except TimeoutError:
        raise HTTPException(408) from None
