"""The collector as an ASGI application, and as a server on loopback.

`create_app` builds it from a config and opens nothing until the first request; `serve` runs it until it is
told to stop. Behind a reverse proxy on the same machine the client's address is taken from its header. What
the routes do belongs to `routes`.
"""

import contextlib
import errno
import socket
from collections.abc import AsyncIterator
from functools import partial

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from senders.collector.lookups import Lookups
from senders.collector.recorder import Recorder
from senders.collector.routes import Collector
from senders.config import CollectorConfig
from senders.errors import ConfigError, LedgerBusy, TokenError
from senders.ledger.store import Ledger

BACKLOG = 2048
MAX_CONNECTIONS = 2000


def create_app(config: CollectorConfig) -> Starlette:
    """Return the collector of a home folder."""
    patience = config.busy_timeout_seconds
    # Short tries within the patience of each request: one that comes during a try is not refused with it.
    opener = partial(Ledger.open, config.home, busy_timeout_seconds=patience / 4)
    collector = Collector(config, Recorder(opener, patience_seconds=patience), Lookups(opener))

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            collector.close()

    app = Starlette(
        routes=collector.routes(),
        lifespan=lifespan,
        exception_handlers={
            TokenError: collector.not_found,
            404: collector.not_found,
            HTTPException: collector.refused,
            LedgerBusy: collector.busy,
            Exception: collector.failed,
        },
    )
    app.router.redirect_slashes = False  # a one-click POST must never be redirected (RFC 8058 3.1)
    app.state.collector = collector
    return app


def serve(config: CollectorConfig) -> None:
    """Serve the collector until interrupted.

    Raises:
        ConfigError: the port cannot be had.
    """
    with open_socket(config.host, config.port) as listener:
        settings = uvicorn.Config(
            create_app(config),
            access_log=False,  # its lines would hold tokens and addresses
            log_config=None,
            server_header=False,
            proxy_headers=True,
            forwarded_allow_ips="127.0.0.1,::1",
            limit_concurrency=MAX_CONNECTIONS,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=5,
            h11_max_incomplete_event_size=32 * 1024,
        )
        uvicorn.Server(settings).run(sockets=[listener])


def open_socket(host: str, port: int) -> socket.socket:
    """Return a listening socket, before anything else is started.

    Raises:
        ConfigError: somebody listens there already, or we may not.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise ConfigError(_why(host, port, error)) from error
    return listener


def _why(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"collector: port {port} on {host} is in use. Stop the process that listens there (another collector?),"
            " or set another port under [collector] in mailrail.toml."
        )
    return f"collector: cannot listen on {host}:{port} ({error.strerror}). Set host and port under [collector]."
