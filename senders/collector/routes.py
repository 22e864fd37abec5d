"""What all routes share, and those that only read: open pixel, click, view in browser, logo, health.

GET and HEAD record what happened and never change what a person gets; what takes a POST stands in modules of its own
(`leaving`, `preferences`, `signup`). A token that is not ours gets a harmless 404, a store that cannot answer a 503,
and neither says anything about a person. Add a route here; the words people read belong to `pages`.
"""

import asyncio
import base64
import functools
import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from senders.clock import AwaitedClock, format_time
from senders.collector import pages
from senders.collector.look import Look, Looks
from senders.collector.lookups import Lookups, Tokens
from senders.collector.recorder import Recorder
from senders.collector.theme import LOGO_PATH, VIEW_POLICY
from senders.collector.viewer import View, Viewer, ViewJob
from senders.config import CollectorConfig
from senders.errors import TokenError
from senders.event import Event, Kind
from senders.ledger.rows import SendRow
from senders.tracking.keys import Keyring
from senders.tracking.tokens import Claims, Purpose, send_tokens

MAX_BODY_BYTES = 64 * 1024
BODY_TIMEOUT_SECONDS = 10.0
MAX_USER_AGENT = 512
MAX_IP = 64
MAX_URL = 4096

PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
NO_STORE = {
    "Cache-Control": "no-store, no-cache, must-revalidate, private, max-age=0",
    "Pragma": "no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}


# The same for all: an answer is its bytes, and is not changed by being sent.
_PIXEL_ANSWER = Response(
    PIXEL,
    media_type="image/gif",
    headers={name: NO_STORE[name] for name in ("Cache-Control", "X-Content-Type-Options")},
)
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")
# Our forms must be able to say that they come from here; nobody else learns an address of ours.
PAGE = {"Referrer-Policy": "same-origin"}


class _Direct:
    """An endpoint of a busy route: the app catches its errors, and no second time the route, as Starlette has it."""

    def __init__(self, answer: Callable[[Request], Awaitable[Response]]) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(Request(scope, receive, send))
        await response(scope, receive, send)


class Collector:
    """The public door of one home folder: its routes and what they share."""

    def __init__(self, config: CollectorConfig, recorder: Recorder, lookups: Lookups) -> None:
        self.config = config
        self.recorder = recorder
        self.lookups = lookups
        self.tokens = Tokens(config.home)
        self.viewer = Viewer()
        self.looks = Looks(config)
        self.host = urlsplit(config.base_url).hostname or ""
        self._clock = AwaitedClock(config.home)
        # Ids of events must be unique and are nobody's secret; asking the system for each costs a turn of the thread.
        self._random = random.Random()  # noqa: S311
        self._policy = {"Content-Security-Policy": self.looks.theme.policy}

    def routes(self) -> list[Route]:
        """Return the routes of this module; those that take a POST stand in modules of their own."""
        reading = ["GET", "HEAD"]
        return [
            Route("/o/{token}.gif", _Direct(self.open), methods=reading),
            Route("/c/{token}", _Direct(self.click), methods=reading),
            Route("/v/{token}", self.view, methods=reading),
            Route(LOGO_PATH, self.logo, methods=reading),
            Route("/healthz", self.health, methods=reading),
        ]

    async def open(self, request: Request) -> Response:
        """Record an open and return the pixel."""
        claims = self.claims(request, Purpose.OPEN)
        await self._track(self.event(request, Kind.OPENED, claims))
        return _PIXEL_ANSWER

    async def click(self, request: Request) -> Response:
        """Record a click and send the reader on: to where our table or our token says, and nowhere else."""
        claims = self.claims(request, Purpose.CLICK)
        target = claims.url or await self.lookups.link_url(claims.send_no, claims.link_no)
        if not is_web_address(target):
            raise TokenError("link: it leads nowhere")
        await self._track(self.event(request, Kind.CLICKED, claims, link_no=claims.link_no, url=target))
        return _redirect(target)

    async def view(self, request: Request) -> Response:
        """Show a message in the browser, as long as it is kept; who is not tracked in mail is not tracked here."""
        claims = self.claims(request, Purpose.VIEW)
        send = await self.lookups.send(claims.send_no)
        seen = await self._rendered(request, send, claims) if send else None
        if seen is None:
            return self.page(pages.message_page(self.look(request), "gone"), 410)
        if seen.is_tracked:
            await self._track(self.event(request, Kind.VIEWED, claims))
        return HTMLResponse(seen.html, headers=NO_STORE | {"Content-Security-Policy": VIEW_POLICY})

    async def logo(self, request: Request) -> Response:
        """Return the project's own picture; its address is another for each, so that it may be kept."""
        config = self.config.pages.theme
        if not config.logo:
            raise HTTPException(404)
        headers = {"Cache-Control": "public, max-age=604800", "X-Content-Type-Options": "nosniff"}
        return Response(config.logo, media_type=config.logo_type, headers=headers)

    async def health(self, request: Request) -> Response:
        """Say that we are here, how many events wait, and how many this process dropped for want of room."""
        state = {"status": "ok", "waiting": self.recorder.waiting, "dropped": self.recorder.dropped}
        return JSONResponse(state, headers=NO_STORE)

    async def not_found(self, request: Request, error: Exception) -> Response:
        """Answer a token that is not ours, or a path that is none; the same words for all of them."""
        return self.page(pages.message_page(self.look(request), "not_found"), 404)

    async def refused(self, request: Request, error: Exception) -> Response:
        """Answer what HTTP itself forbids: a wrong method, a body too large or too slow."""
        status = error.status_code if isinstance(error, HTTPException) else 400
        headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
        return self.page(pages.message_page(self.look(request), "not_found"), status, headers)

    async def busy(self, request: Request, error: Exception) -> Response:
        """Answer while the ledger cannot store; providers try a one-click POST again."""
        return self.page(pages.message_page(self.look(request), "busy", is_alert=True), 503, {"Retry-After": "5"})

    async def failed(self, request: Request, error: Exception) -> Response:
        """Answer a fault of ours; never a false 2xx."""
        return self.page(pages.message_page(self.look(request), "failure", is_alert=True), 500, {"Retry-After": "60"})

    def close(self) -> None:
        """Store what waits and let go of everything."""
        self.recorder.close()
        self.lookups.close()
        self.viewer.close()

    def page(self, page: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
        """Return a page of ours, which nobody keeps and in which nothing runs."""
        return HTMLResponse(page, status_code=status, headers=NO_STORE | PAGE | self._policy | (headers or {}))

    def look(self, request: Request, *, language: str = "") -> Look:
        """Return how a page looks for a reader; ``language`` is what they chose before."""
        return self.looks.look(request, language=language)

    def claims(self, request: Request, purpose: Purpose) -> Claims:
        """Return what the token of an address says.

        Raises:
            TokenError: it is none of ours, or for another purpose.
        """
        return self.tokens.read(request.path_params["token"], purpose)

    def now(self) -> datetime:
        """Return the business time."""
        return self._clock.now()

    def event(self, request: Request, kind: Kind, claims: Claims, *, link_no: int = 0, url: str = "") -> Event:
        """Return what happened to a message, with the facts of the client."""
        agent, ip, method = facts_of(request)
        now = self.now()
        return Event(
            # Time first: each finds its place at the end of the index, on a page that its neighbours write to as well.
            f"{int(now.timestamp() * 1000):012x}{self._random.getrandbits(80):020x}",
            kind,
            now,
            send_no=claims.send_no,
            seq=claims.seq,
            link_no=link_no,
            url=url[:MAX_URL],
            user_agent=agent,
            ip=ip,
            method=method,
        )

    async def _track(self, event: Event) -> None:
        """Store an open, a click or a view; the ledger keeps none of people who do not want it."""
        if self.config.tracking:
            await self.recorder.record(event)

    async def _rendered(self, request: Request, send: SendRow, claims: Claims) -> View | None:
        if request.method == "HEAD":
            return View("", is_tracked=False)
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
                tracking=self.config.tracking,
            )
        )


def with_facts(event: Event, request: Request) -> Event:
    """Return an event with what is stored of a client."""
    agent, ip, method = facts_of(request)
    return replace(event, user_agent=agent, ip=ip, method=method)


def facts_of(request: Request) -> tuple[str, str, str]:
    """Return all that is stored of a client: its name, its address, its method."""
    client, agent = request.scope.get("client"), b""
    for name, value in request.scope["headers"]:
        if name == b"user-agent":
            agent = value
            break
    return agent[:MAX_USER_AGENT].decode("latin-1"), client[0][:MAX_IP] if client else "", request.scope["method"]


@functools.lru_cache(maxsize=1024)
def _redirect(target: str) -> Response:
    """Return the way on to a target; the same for all who clicked the same link."""
    return RedirectResponse(target, status_code=302, headers=NO_STORE)


@functools.lru_cache(maxsize=1024)
def is_web_address(target: str) -> bool:
    """Whether a link may be followed: http or https, with a host, and without what could split a header."""
    if not target or _UNSAFE.search(target):
        return False
    try:
        parts = urlsplit(target)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False


async def read_body(request: Request, *, max_bytes: int = MAX_BODY_BYTES) -> bytes:
    """Return a body of at most 64 KB where not said otherwise, in at most ten seconds.

    Raises:
        HTTPException: it is larger (413) or slower (408).
    """
    try:
        async with asyncio.timeout(BODY_TIMEOUT_SECONDS):
            body = bytearray()
            async for chunk in request.stream():
                body += chunk
                if len(body) > max_bytes:
                    raise HTTPException(413)
            return bytes(body)
    except TimeoutError:
        raise HTTPException(408) from None
