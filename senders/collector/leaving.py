"""The way out: ``/u/{token}`` asks on GET and unsubscribes on POST, by a button or one click of a mailbox provider.

Its token works without an end and can only stop mail; of a person it shows nothing but the language they chose. Add
here another way to get less mail by that link. Choosing what one gets belongs to `preferences`.
"""

from collections.abc import Sequence
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from senders.collector import pages
from senders.collector.preference_form import pause_events
from senders.collector.routes import Collector, read_body, with_facts
from senders.errors import SenderError
from senders.inbound.unsubscribe import unsubscribe_event
from senders.ledger.choices import LANGUAGE
from senders.tracking.tokens import Claims, Purpose

ONE_CLICK = "one-click"


class WayOut:
    """The routes of the unsubscribe page."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def routes(self) -> list[Route]:
        """Return the routes; with and without a slash at the end, since a redirect could lose a POST."""
        methods = ["GET", "HEAD", "POST"]
        return [Route(f"/u/{{token}}{end}", self.unsubscribe, methods=methods) for end in ("", "/")]

    async def unsubscribe(self, request: Request) -> Response:
        """Ask on GET; unsubscribe on POST, by the page's button or one click (RFC 8058), as often as it comes."""
        collector = self._collector
        claims = collector.claims(request, Purpose.UNSUBSCRIBE)
        if request.method != "POST":
            look = collector.look(request, language=await self._language(claims.address_hash))
            return collector.page(pages.unsubscribe_page(look, claims.topic))
        body = await read_body(request)
        if days := pause_of(body, collector.config.pages.pause_days):
            return await self._paused(request, claims, days)
        road, topic = road_of(body), "" if wants_everything(body) else claims.topic
        event = unsubscribe_event(claims, claims.address_hash, topic, at=collector.now(), road=road)
        await collector.recorder.record(with_facts(event, request))
        await collector.lookups.wait_for_open_offer(claims.address_hash)
        # A provider that clicks for a person reads no page.
        language = "" if road == ONE_CLICK else await self._language(claims.address_hash)
        return collector.page(pages.unsubscribed_page(collector.look(request, language=language), topic))

    async def _paused(self, request: Request, claims: Claims, days: int) -> Response:
        """Pause all mail, as the offer on the unsubscribe page says.

        That token may only stop mail, so a longer pause stays; and show no choice, so the page does not say how long.
        """
        collector = self._collector
        now = collector.now()
        standing = await collector.lookups.ask(lambda ledger: ledger.standing(claims.address_hash))
        events = pause_events(standing, claims, now, days)
        if events:
            await collector.recorder.record_all([with_facts(event, request) for event in events])
        look = collector.look(request, language=standing.choice(LANGUAGE))
        return collector.page(pages.paused_page(look, now.date() + timedelta(days=days)))

    async def _language(self, address_hash: bytes) -> str:
        """Return the language a person chose, '' while the ledger does not say."""
        try:
            return await self._collector.lookups.ask(lambda ledger: ledger.choice(address_hash, LANGUAGE))
        except SenderError:
            return ""


def road_of(body: bytes) -> str:
    """Tell one click by a mailbox provider (either encoding of RFC 8058) from the button on the page."""
    if b"List-Unsubscribe" in body and b"One-Click" in body:
        return ONE_CLICK
    return "page" if b"road" in body else "post"


def pause_of(body: bytes, known: Sequence[int]) -> int:
    """Return for how many days a form asks for a pause instead, 0 for none; one click never does."""
    name, _, days = body.partition(b"=")
    return int(days) if name == pages.PAUSE_FIELD.encode() and days in {str(one).encode() for one in known} else 0


def wants_everything(body: bytes) -> bool:
    """Whether the form's button for all mail was pressed."""
    return f"{pages.EVERYTHING_FIELD}=yes".encode() in body.split(b"&")
