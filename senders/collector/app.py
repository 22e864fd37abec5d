"""The collector as an ASGI application.

`create_app` builds it from a config and opens nothing until the first request. How it is served belongs to
`serving`, what the routes do to `routes`.
"""

import contextlib
import re
from collections.abc import AsyncIterator, Awaitable
from functools import partial
from itertools import chain

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from senders.collector.api.app import PREFIX, Api
from senders.collector.leaving import WayOut
from senders.collector.lookups import Lookups
from senders.collector.preference_link import PreferenceLink
from senders.collector.preferences import PreferenceCentre
from senders.collector.recorder import Recorder
from senders.collector.routes import Collector
from senders.collector.signup import SignupRoutes
from senders.collector.space import Space
from senders.collector.webhooks import Webhooks
from senders.collector.writes import Writes
from senders.config import CollectorConfig
from senders.errors import LedgerBusy, TokenError
from senders.ledger.store import Ledger

_SLASHES = re.compile("/{2,}")


class OneSlash:
    """Reads several slashes in a row as one: a link is as good where somebody joined its parts badly."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Pass a request on."""
        # In a path of the API two slashes may be part of somebody's address.
        if "//" in scope.get("path", "") and not scope["path"].startswith(PREFIX):
            scope["path"] = _SLASHES.sub("/", scope["path"])
        return self._app(scope, receive, send)


def create_app(config: CollectorConfig) -> Starlette:
    """Return the collector of a home folder."""
    patience = config.busy_timeout_seconds
    # Short tries within the patience of each request: one that comes during a try is not refused with it.
    opener = partial(Ledger.open, config.home, busy_timeout_seconds=patience / 4)
    space = Space.of(config)
    recorder = Recorder(opener, patience_seconds=patience, space=space)
    collector = Collector(config, recorder, Lookups(opener))
    webhooks = Webhooks(collector, Lookups(opener))
    api = Api(config, opener, space)
    writes = Writes(opener, patience_seconds=patience, space=space)
    signup, link = SignupRoutes(collector, writes), PreferenceLink(collector, writes)
    groups = (collector, WayOut(collector), PreferenceCentre(collector), webhooks, signup, link)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            collector.close()
            webhooks.close()
            signup.close()
            writes.close()
            api.close()

    app = Starlette(
        routes=[*chain.from_iterable(group.routes() for group in groups), api.mount()],
        lifespan=lifespan,
        exception_handlers={
            TokenError: collector.not_found,
            404: collector.not_found,
            HTTPException: collector.refused,
            LedgerBusy: collector.busy,
            Exception: collector.failed,
        },
    )
    app.add_middleware(OneSlash)
    app.router.redirect_slashes = False  # a one-click POST must never be redirected (RFC 8058 3.1)
    app.state.collector, app.state.space = collector, space
    return app
