"""``mailrail dev``: everything a project needs, kept running by one command.

Here it is started, its table and its events are shown, and the signals that end it are taken. Which processes there
are belongs to ``services``, how they are kept to ``supervisor``.
"""

import asyncio
import signal
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestration.settings import Settings, child_environment, load_settings

if TYPE_CHECKING:
    from rich.table import Table

    from orchestration.services import Service
    from orchestration.supervisor import Supervisor

NAMES = (
    "webserver",
    "daemon",
    "definitions",
    "collector",
    "sender",
    "outbox",
    "mailbox",
    "dashboards",
    "hooks",
    "sink",
)


@click.command()
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Port of the Dagster UI, instead of the setting dagster.port."
)
@click.option("--only", multiple=True, type=click.Choice(NAMES), help="Start only this, and what it needs; repeatable.")
@click.option("--without", multiple=True, type=click.Choice(NAMES), help="Leave this out; repeatable.")
def dev(port: int | None, only: Sequence[str], without: Sequence[str]) -> None:
    """Run everything: Dagster UI and daemon, collector, sender, outbox, mailbox reader, dashboards, sink.

    What dies is started again, and that is said. Ctrl-C stops all of it within ten seconds and exits with 0. Each
    process writes to MAILRAIL_HOME/logs.
    """
    from orchestration.home import hold_home, prepare_home
    from orchestration.services import build_services, choose, require_free_ports

    given: dict[str, Any] = {"dagster": {"port": port}} if port else {}
    settings = load_settings(**given)
    settings.require_public_address()
    settings.delivery_config()  # refuses an unsafe relay before anything is started
    with hold_home(settings.home), tempfile.TemporaryDirectory(prefix="mailrail-") as sockets:
        services = choose(build_services(settings, Path(sockets)), only, without)
        require_free_ports(services)
        prepare_home(settings)
        _make_state(settings)
        asyncio.run(_run(settings, services, extra={"MAILRAIL_DAGSTER__PORT": str(settings.dagster.port)}))


def _make_state(settings: Settings) -> None:
    """Make ledger and keys before several processes would at once."""
    from senders.ledger.store import Ledger
    from senders.tracking.keys import Keyring

    Ledger.open(settings.home).close()
    Keyring.open(settings.home / "keys")


async def _run(settings: Settings, services: "Sequence[Service]", *, extra: dict[str, str]) -> None:
    from orchestration.cli.console import err
    from orchestration.supervisor import Supervisor

    began = time.monotonic()
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stopped.set)
    supervisor = Supervisor(
        [service.child for service in services],
        environment=child_environment(settings, **extra),
        folder=settings.project,
        logs=settings.home / "logs",
        say=_say,
    )

    def show() -> None:
        err.print(_table(services, supervisor))
        err.print(f"[good]ready[/good] after {time.monotonic() - began:.1f} s; Ctrl-C stops everything")

    err.print(f"starting {', '.join(service.name for service in services)} ...", markup=False)
    await supervisor.run(stopped, show)
    err.print("stopped; nothing is left running")


def _say(words: str) -> None:
    from orchestration.cli.console import err

    err.print(f"[mute]{time.strftime('%H:%M:%S')}[/mute]", end=" ")
    err.print(words, markup=False, soft_wrap=True)


def _table(services: "Sequence[Service]", supervisor: "Supervisor") -> "Table":
    """Return what runs, where it is met, and where it writes."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="mute")
    for column in ("process", "where", "what", "log"):
        table.add_column(column, no_wrap=column in {"process", "where"}, overflow="fold")
    for service in services:
        trouble = supervisor.trouble(service.name)
        if service.child.is_task and not trouble:
            continue
        what = Text(trouble, style="act") if trouble else Text(service.duty)
        log = Text(str(supervisor.log(service.name)), style="mute")
        table.add_row(Text(service.name, style="name"), Text(service.where), what, log)
    return table
