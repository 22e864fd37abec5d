"""The collector as a server on loopback or behind a reverse proxy: one process, or several with one socket.

`serve` runs until it is told to stop. Behind a proxy on the same machine the client's address is taken from its
header. What is answered belongs to `app`, how the processes of one collector are kept to `workers`.
"""

import asyncio
import errno
import gc
import os
import resource
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import uvicorn

from senders.collector.app import create_app
from senders.collector.connections import PatientProtocol, keep_sweeping
from senders.collector.upkeep import Upkeep
from senders.collector.workers import Workers
from senders.config import CollectorConfig
from senders.errors import ConfigError
from senders.ledger.store import Ledger

BACKLOG = 2048
MAX_CONNECTIONS = 8_000
KEEP_ALIVE_SECONDS = 15
STOP_SECONDS = 5
# The thread that stores events gets its turn after this, while another answers requests.
_SWITCH_SECONDS = 0.001
# Requests at work look like garbage that grows; looking them through at Python's usual pace costs a tenth of the time.
_GARBAGE_THRESHOLDS = (20_000, 50, 100)


def serve(config: CollectorConfig) -> None:
    """Serve the collector until interrupted.

    Raises:
        ConfigError: the port cannot be had.
    """
    with open_socket(config.host, config.port) as listener:
        count = config.processes or os.cpu_count() or 1
        run = partial(run_server, config, listener)
        if count == 1:
            run()
        else:
            Workers(run, count).keep()


def run_server(config: CollectorConfig, listener: socket.socket) -> None:
    """Serve the collector in this process until a signal ends it; what waits is stored first."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    _raise_file_limit()
    app = create_app(config)
    gc.collect()
    gc.freeze()  # what is there now stays
    gc.set_threshold(*_GARBAGE_THRESHOLDS)
    settings = uvicorn.Config(
        app,
        http=PatientProtocol,
        ws="none",
        log_config=None,
        log_level="error",  # what strangers send wrong is no news, and would fill the disk
        access_log=False,  # its lines would hold tokens and addresses
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips="127.0.0.1,::1",
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    server = _Server(settings)
    with _ended_by_signals(server), Upkeep(partial(Ledger.open, config.home), app.state.space):
        server.run(sockets=[listener])


class _Server(uvicorn.Server):
    """A server that ends connections which are too slow."""

    async def main_loop(self) -> None:
        """Run until told to stop."""
        sweeper = asyncio.create_task(keep_sweeping(self.server_state.connections))
        try:
            await super().main_loop()
        finally:
            sweeper.cancel()


@contextmanager
def _ended_by_signals(server: uvicorn.Server) -> Iterator[None]:
    """Let a signal end the server in order, also one that comes before it takes signals itself.

    When it has ended it raises that signal once more, which then changes nothing.
    """

    def end(*_: object) -> None:
        server.should_exit = True

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise_file_limit() -> None:
    """Allow as many open files as connections need, where the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + 256
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


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
