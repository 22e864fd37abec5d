"""The standing processes: sender, collector, mailbox reader, dashboards, sink.

Each runs until it is stopped, and says on standard error what it does. Add a process here; what it does
belongs to its package.
"""

import asyncio
import contextlib
import signal
import urllib.parse
from collections.abc import Coroutine
from typing import Any

import click

from orchestration.cli.console import log_to_stderr
from orchestration.processes import require_free_port
from orchestration.settings import Settings, export_environment, load_settings


@click.command()
@click.option("--once", is_flag=True, help="End when nothing is left to send.")
def sender(once: bool) -> None:
    """Run the standing sender: it takes open shards and offers their messages to the relay.

    It may be killed at any moment and started again, here or elsewhere: nobody gets a message twice.
    """
    from senders.delivery.sender import run_sender

    settings = load_settings()
    export_environment(settings)
    config = settings.delivery_config()
    log_to_stderr("sender", settings.log)
    _keep_rules(settings)
    run_service(run_sender(config, once=once))


@click.command()
def collector() -> None:
    """Run the collector: it answers pixels, clicks and unsubscribes after the row is durable.

    It never opens the warehouse, and goes on while everything else is stopped.
    """
    from senders.collector.serving import serve

    settings = load_settings()
    export_environment(settings)
    log_to_stderr("collector", settings.log)
    _keep_rules(settings)
    serve(settings.collector_config())


@click.command()
def dashboards() -> None:
    """Run the dashboards: pages over the published copy, read-only.

    They have no login of their own: listen on this machine, and put a proxy with one in front for others.
    """
    import uvicorn

    from dashboards.app import create_app
    from orchestration.pages import build_reading

    settings = load_settings()
    export_environment(settings)
    log_to_stderr("dashboards", settings.log)
    place, url = settings.dashboards, settings.dashboards_url()
    app = create_app(build_reading(settings), hosts=(urllib.parse.urlsplit(url).hostname or "",))
    require_free_port(place.host, place.port, what="dashboards", setting="dashboards.port")
    click.echo(f"dashboards: {url}", err=True)
    uvicorn.run(app, host=place.host, port=place.port, log_level="warning", timeout_graceful_shutdown=3)


@click.command()
@click.option("--once", is_flag=True, help="Read what is there, then end.")
def mailbox(once: bool) -> None:
    """Read bounces and complaints from the mailbox into the ledger: the Maildir, and IMAP where it is set.

    No mail is deleted or answered; one that was read is marked, after what it tells is durable.
    """
    from senders.inbound.mailbox import read_mailbox, run_mailbox
    from senders.ledger.store import Ledger
    from senders.tracking.keys import Keyring

    settings = load_settings()
    log_to_stderr("mailbox", settings.log)
    config = settings.mailbox_config()
    _keep_rules(settings)
    if not once:
        run_service(run_mailbox(config))
        return
    with Ledger.open(settings.home) as ledger:
        result = read_mailbox(config, ledger, Keyring.open(settings.home / "keys"))
    click.echo(f"read {result.read}, bounced {result.bounced}, complained {result.complained}", err=True)


@click.command()
@click.option("--once", is_flag=True, help="Send what waits now, then end; starts a sender where none is running.")
def outbox(once: bool) -> None:
    """Run the outbox: it turns requests for transactional mail into sends, every half second.

    Senders do the rest. It may be killed at any moment, and several may run: each request is sent in exactly one mail.
    """
    from assets.outbox.running import run_outbox
    from orchestration.mailing import send_waiting
    from orchestration.resources import build_mailrail

    settings = load_settings()
    export_environment(settings)
    log_to_stderr("outbox", settings.log)
    if not once:
        run_service(run_outbox(build_mailrail(settings), settings.outbox.build()))
        return
    done = send_waiting(settings)
    click.echo(f"took {done.taken} requests into {done.opened} sends, refused {done.refused}", err=True)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=2525, show_default=True, help="Port to listen on.")
def sink(host: str, port: int) -> None:
    """Run the embedded SMTP sink. It takes every mail, logs it, and passes nothing on."""
    from orchestration.demo.sink import SinkConfig, run_sink

    settings = load_settings()
    log_to_stderr("sink", settings.log)
    run_service(run_sink(SinkConfig(host=host, port=port, folder=settings.home / "sink")))


def _keep_rules(settings: Settings) -> None:
    """Let the rules that the ledger decides by be those of the settings; a busy ledger keeps those it has."""
    from senders.errors import LedgerBusy
    from senders.ledger.store import Ledger

    rule = settings.soft_bounces.build()
    with contextlib.suppress(LedgerBusy), Ledger.open(settings.home) as ledger:
        ledger.keep_soft_bounces(rule)


def run_service(service: Coroutine[Any, Any, Any]) -> None:
    """Run a service until it ends or is asked to stop; a first signal lets it finish what it holds."""

    async def supervised() -> None:
        task = asyncio.ensure_future(service)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)
        try:
            await task
        except asyncio.CancelledError:
            return

    asyncio.run(supervised())
