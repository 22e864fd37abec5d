"""Where providers report: ``POST /w/<name>/<secret>``, for the webhooks of the settings.

A wrong name or secret is a path that is not there. A call that cannot be verified is refused without a word of why.
Whatever a verified call says is durable before it is answered with 200: as events, or as a dead letter. What it means
belongs to ``inbound.webhooks``.
"""

import asyncio
import hmac
import logging
import time
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from senders.collector.lookups import Lookups
from senders.collector.routes import NO_STORE, Collector, read_body
from senders.errors import TokenError, WebError
from senders.event import Event
from senders.inbound.webhooks.provider import Provider, WebhookRefusedError
from senders.inbound.webhooks.receiving import take
from senders.inbound.webhooks.registry import build_provider
from senders.ledger.store import Ledger
from senders.tracking.keys import Keyring
from senders.web.client import WebClient

# Providers send batches; SendGrid's hold up to 768 KB.
MAX_BYTES = 1024 * 1024
_FETCH_SECONDS = 5.0

logger = logging.getLogger(__name__)


class Webhooks:
    """The routes of providers; ``lookups`` is a thread of its own, so that a slow search holds up no click."""

    def __init__(self, collector: Collector, lookups: Lookups) -> None:
        config = collector.config
        self._collector = collector
        self._lookups = lookups
        self._web = WebClient(config.web, timeout_seconds=_FETCH_SECONDS)
        self._providers = {hook.name: build_provider(hook, self._fetch) for hook in config.webhooks}

    def routes(self) -> list[Route]:
        """Return the one route."""
        return [Route("/w/{name}/{secret}", self.receive, methods=["GET", "HEAD", "POST"])]

    async def receive(self, request: Request) -> Response:
        """Take what a provider reports; HEAD says that the address is there (Mandrill looks before it takes one).

        Raises:
            TokenError: no webhook has this address.
        """
        provider = self._provider(request)
        if request.method == "HEAD":
            return Response(status_code=200, headers=NO_STORE)
        raw = await read_body(request, max_bytes=MAX_BYTES)
        headers = request.headers
        try:
            # Beside the loop: a certificate may have to be fetched.
            await asyncio.to_thread(provider.verify, raw, headers, time.time())
            events = await self._lookups.ask(lambda ledger: self._take(provider, raw, headers, ledger))
            await self._visit(provider, raw)
        except WebhookRefusedError:
            logger.warning("webhook %s: a call was refused", provider.config.name)
            return Response(status_code=401, headers=NO_STORE)
        await asyncio.gather(*(self._collector.recorder.record(event) for event in events))
        return Response(status_code=200, headers=NO_STORE)

    def close(self) -> None:
        """Let go of the ledger."""
        self._lookups.close()

    def _provider(self, request: Request) -> Provider:
        provider = self._providers.get(request.path_params["name"])
        wanted = provider.config.secret if provider else ""
        fits = hmac.compare_digest(request.path_params["secret"].encode(), wanted.encode())
        if provider is None or not wanted or not fits or request.method == "GET":
            raise TokenError("webhook: none of ours")
        return provider

    def _take(self, provider: Provider, raw: bytes, headers: Mapping[str, str], ledger: Ledger) -> list[Event]:
        keyring = Keyring.open(self._collector.config.home / "keys")
        return take(provider, raw, headers, ledger, keyring, self._collector.now())

    async def _visit(self, provider: Provider, raw: bytes) -> None:
        """Visit what a verified call asks for, so that others follow.

        Raises:
            WebhookRefusedError: it cannot be visited now; the provider asks again.
        """
        if url := provider.visit(raw):
            try:
                answer = await self._web.get(url)
                if not answer.is_good:
                    raise WebError(f"the answer was {answer.status}")
            except WebError as error:
                logger.warning("webhook %s: it cannot be confirmed: %s", provider.config.name, error)
                raise WebhookRefusedError("not confirmed") from error
            logger.info("webhook %s: confirmed", provider.config.name)

    def _fetch(self, url: str) -> bytes:
        """Fetch what verifies a call; called beside the loop.

        Raises:
            WebError: it cannot be had.
        """
        answer = asyncio.run(self._web.get(url))
        if not answer.is_good:
            raise WebError(f"a certificate's address answered with {answer.status}")
        return answer.body
