"""The preference centre: ``/p/{token}`` shows what a person chose, and a POST changes it.

The token in the path is the right to both; it comes by mail only, and opens the page for a limited time. GET and HEAD
change nothing. A save is one transaction, durable before the answer, and needs the ledger only. Add nothing about a
single question here; those stand in `preference_form` and `preference_page`.
"""

from datetime import timedelta
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from senders.collector import pages
from senders.collector.answers import UnreadableFormError, read_form
from senders.collector.look import Look
from senders.collector.preference_form import (
    SEEN_FIELD,
    Answers,
    agrees,
    answers_of,
    events_of,
    mark_of,
    questions_of,
    topics_of,
)
from senders.collector.preference_page import preference_page, wording_of
from senders.collector.routes import Collector, read_body, with_facts
from senders.errors import TokenError
from senders.ledger.rows import Standing
from senders.tracking.grants import GrantOverError, read_grant
from senders.tracking.keys import Keyring
from senders.tracking.tokens import NO_SEND, Claims, Purpose


class PreferenceCentre:
    """The routes of the preference page."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._pages = collector.config.pages

    def routes(self) -> list[Route]:
        """Return the routes; with and without a slash at the end, since a redirect could lose a POST."""
        methods = ["GET", "HEAD", "POST"]
        return [
            Route("/p/{token}", self.preferences, methods=methods),
            Route("/p/{token}/", self.preferences, methods=methods),
        ]

    async def preferences(self, request: Request) -> Response:
        """Show the choices on GET, change them on POST; the same POST again changes nothing more.

        A yes counts only from a page that shows what holds: sent again later, it takes back no unsubscribe.
        """
        collector = self._collector
        claims = await self._fresh_claims(request)
        if claims is None:
            return collector.page(pages.expired_page(collector.look(request)), 410)
        if request.method != "POST":
            return await self._shown(request, claims)
        if not is_from_us(request, collector.config.base_url):
            return collector.page(pages.message_page(collector.look(request), "refused", is_alert=True), 403)
        try:
            posted = read_form(await read_body(request), request.headers.get("content-type", ""))
        except UnreadableFormError:
            return await self._shown(request, claims, status=422)
        return await self._saved(request, claims, posted.as_mapping())

    async def _fresh_claims(self, request: Request) -> Claims | None:
        """Return whose page a link opens; None where it is too old to read and change choices by it (T6).

        Raises:
            TokenError: we did not make it for this.
        """
        collector = self._collector
        try:
            claims = collector.claims(request, Purpose.PREFERENCES)
        except TokenError:
            return self._granted(request.path_params["token"])
        send = await collector.lookups.send(claims.send_no)
        is_fresh = send is not None and collector.now() - send.opened_at <= timedelta(days=self._pages.preference_days)
        return claims if is_fresh else None

    def _granted(self, token: str) -> Claims | None:
        """Return whose page a link opens that was asked for by mail; its time is signed with it."""
        keyring = Keyring.open(self._collector.config.home / "keys")
        try:
            address_hash = read_grant(keyring, token, self._collector.now())
        except GrantOverError:
            return None
        return Claims(Purpose.PREFERENCES, NO_SEND, 0, address_hash=address_hash)

    async def _saved(self, request: Request, claims: Claims, form: dict[str, str]) -> Response:
        collector = self._collector
        standing = await self._standing(claims)
        topics = await self._topics(standing, claims)
        look = collector.look(request, language=standing.choice("language"))
        answers = self._answers(form, topics, look)
        wording = {topic: wording_of(look, topic) for topic in answers.topics}
        asked = events_of(answers, standing, claims, collector.now(), wording, look.words.language)
        # A page that was opened before the last change still shows a yes that may have been taken back since.
        is_true = form.get(SEEN_FIELD, mark := mark_of(standing)) == mark
        events = [event for event in asked if is_true or not agrees(event)]
        if events:
            await collector.recorder.record_all([with_facts(event, request) for event in events])
        if any(event.suppresses for event in events):
            await collector.lookups.wait_for_open_offer(claims.address_hash)
        # The same words for a repeat, which is what a second press on the button is.
        return await self._shown(request, claims, "saved" if len(events) == len(asked) else "changed")

    async def _shown(self, request: Request, claims: Claims, notice: str = "", status: int = 200) -> Response:
        collector = self._collector
        standing = await self._standing(claims)
        look = collector.look(request, language=standing.choice("language"))
        topics = await self._topics(standing, claims)
        questions = questions_of(standing, topics, collector.now().date())
        return collector.page(preference_page(look, questions, notice), status)

    def _answers(self, form: dict[str, str], topics: list[str], look: Look) -> Answers:
        languages = [words.language for words in look.languages]
        today = self._collector.now().date()
        return answers_of(form, topics, languages, self._pages.pause_days, today)

    async def _topics(self, standing: Standing, claims: Claims) -> list[str]:
        send = await self._collector.lookups.send(claims.send_no) if claims.send_no != NO_SEND else None
        return topics_of([one.name for one in self._pages.topics], standing, send.topic if send else "")

    async def _standing(self, claims: Claims) -> Standing:
        return await self._collector.lookups.ask(lambda ledger: ledger.standing(claims.address_hash))


def is_from_us(request: Request, base_url: str) -> bool:
    """Whether a POST comes from a page of ours, as far as the browser says where from (RELIABILITY T5).

    A program that says nothing is let in: the token is what it needs. ``null`` is what a browser says of a page that
    hides itself; ours do not.
    """
    origin = request.headers.get("origin")
    if origin is None:
        return request.headers.get("sec-fetch-site", "none") in {"same-origin", "none"}
    if origin == "null":
        return request.headers.get("sec-fetch-site") == "same-origin"
    try:
        host = urlsplit(origin).netloc.lower()
    except ValueError:
        return False
    return host in {request.headers.get("host", "").lower(), urlsplit(base_url).netloc.lower()} - {""}
