"""The processes of a project as ``mailrail dev`` keeps them: what each is, where it is met, when it is healthy.

Add a process here when it belongs to a running project. How processes are kept belongs to ``supervisor``; what one
does, to its package.
"""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from assets.warehouse import dbt
from orchestration.processes import require_free_port
from orchestration.settings import Settings
from orchestration.supervisor import Child, Health
from senders.errors import ConfigError
from senders.ledger.store import Ledger

LOCATION = "mailrail"
_WORKSPACE = "workspace.yaml"
_PARSE = "import sys; from pathlib import Path; from assets.warehouse import dbt; dbt.prepare(*map(Path, sys.argv[1:]))"
_ASK_SECONDS = 5.0
_LOCATIONS = """{workspaceOrError {... on Workspace {locationEntries {
  locationOrLoadError {__typename ... on PythonError {className message}}}}}}"""
_DAEMONS = "{instance {daemonHealth {allDaemonStatuses {required healthy lastHeartbeatTime}}}}"


@dataclass(frozen=True, slots=True)
class Service:
    """A process of the project.

    Attributes:
        child: how it is kept.
        duty: what it does, in a few words.
        where: the address at which it is met; '' for none.
        setting: what changes that address; '' where it takes no port.
        port: host and port that must be free before it is started.
        needs: services without which it is of no use.
    """

    child: Child
    duty: str
    where: str = ""
    setting: str = ""
    port: tuple[str, int] | None = None
    needs: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return the child's name."""
        return self.child.name


def build_services(settings: Settings, sockets: Path) -> list[Service]:
    """Return every process of a project, in the order in which they are started.

    Args:
        settings: the project's settings.
        sockets: a folder with a short path, for the code server's socket and the workspace that names it.
    """
    services = [
        *_parse(settings),
        *_dagster(settings, sockets),
        _collector(settings),
        _sender(settings),
        _outbox(settings),
        _mailbox(settings),
    ]
    services.append(_dashboards(settings))
    if settings.outgoing:
        services.append(_hooks(settings))
    if "sink" in settings.relays and settings.relays["sink"].build("sink").is_loopback:
        services.append(_sink(settings))
    return services


def choose(services: Iterable[Service], only: Iterable[str], without: Iterable[str]) -> list[Service]:
    """Return the services that are wanted, with those that they wait for or need.

    Raises:
        ConfigError: one is left out that another needs, or none is wanted.
    """
    known = {service.name: service for service in services}
    wanted: set[str] = set()
    asked = set(only or known) - set(without)
    if missing := sorted(asked - known.keys()):
        raise ConfigError(f"{missing[0]} is not set up in this project, so it cannot be started.")
    while asked:
        wanted |= asked
        found = {name for each in asked for name in (*known[each].child.after, *known[each].needs)}
        asked = (found & known.keys()) - wanted
    if unwanted := sorted(wanted & set(without)):
        raise ConfigError(f"{', '.join(unwanted)} cannot be left out: others that are wanted need it.")
    if not wanted:
        raise ConfigError("nothing is left to start; take a name out of --without.")
    return [service for name, service in known.items() if name in wanted]


def require_free_ports(services: Iterable[Service]) -> None:
    """Raise unless the port of each service is free.

    Raises:
        ConfigError: names the service, the port and the setting that changes it.
    """
    for service in services:
        if service.port:
            require_free_port(*service.port, what=service.name, setting=service.setting)


def _parse(settings: Settings) -> list[Service]:
    """Return the task that parses the dbt project, while others start, where it changed since it was parsed last."""
    source = settings.project / "dbt_project"
    if dbt.parsed(source, settings.home):
        return []
    command = (sys.executable, "-c", _PARSE, str(source), str(settings.home))
    return [Service(Child("models", command, is_task=True), "parses the dbt project, once")]


def _dagster(settings: Settings, sockets: Path) -> list[Service]:
    socket, workspace, place = sockets / "code", sockets / _WORKSPACE, settings.dagster
    # One process loads the definitions; web server and daemon ask it, and each run starts beside it.
    target = {"grpc_server": {"socket": str(socket), "location_name": LOCATION}}
    workspace.write_text(json.dumps({"load_from": [target]}), encoding="utf-8")
    load = ("-m", "orchestration.definitions", "--location-name", LOCATION, "--log-level", "warning")
    code = Child("definitions", _module("dagster", "code-server", "start", "-s", str(socket), *load), _listens(socket))
    address = ("-h", place.host, "-p", str(place.port), "-w", str(workspace))
    web = Child("webserver", _module("dagster_webserver", *address), _has_loaded(place.host, place.port))
    run = _module("dagster._daemon", "run", "-w", str(workspace))
    daemon = Child("daemon", run, _is_beating(place.host, place.port), after=("definitions",))
    setting = "--port, or MAILRAIL_DAGSTER__PORT"
    return [
        Service(code, "loads the project's definitions; starts runs"),
        Service(web, "Dagster UI", settings.dagster_url(), setting, (place.host, place.port), needs=("definitions",)),
        Service(daemon, "schedules, sensors, back-fills, the queue of runs"),
    ]


def _collector(settings: Settings) -> Service:
    place = settings.collector
    child = Child("collector", _mailrail("collector"), _answers(place.host, place.port))
    duty = "pixel, clicks, unsubscribes"
    where = f"http://{place.host}:{place.port}"
    return Service(child, duty, where, "MAILRAIL_COLLECTOR__PORT", (place.host, place.port))


def _sender(settings: Settings) -> Service:
    child = Child("sender", _mailrail("sender"), _is_alive(settings.home, "sender"))
    return Service(child, "offers the messages of open sends to the relay")


def _outbox(settings: Settings) -> Service:
    child = Child("outbox", _mailrail("outbox"), _is_alive(settings.home, "outbox"))
    return Service(child, "turns requests for transactional mail into sends")


def _mailbox(settings: Settings) -> Service:
    child = Child("mailbox", _mailrail("mailbox"), _is_alive(settings.home, "mailbox"))
    config = settings.mailbox_config()
    where = f"{config.maildir} and {config.imap.host}" if config.imap else str(config.maildir)
    return Service(child, "bounces and complaints", where)


def _hooks(settings: Settings) -> Service:
    settings.outgoing_config()  # refuses an address or a secret that could not be used before anything is started
    child = Child("hooks", _mailrail("hooks", "run"), _is_alive(settings.home, "hooks"))
    return Service(child, f"tells {', '.join(settings.outgoing)} what happens")


def _dashboards(settings: Settings) -> Service:
    place = settings.dashboards
    child = Child("dashboards", _mailrail("dashboards"), _answers(place.host, place.port))
    return Service(child, "the pages", settings.dashboards_url(), "MAILRAIL_DASHBOARDS__PORT", (place.host, place.port))


def _sink(settings: Settings) -> Service:
    host, port = settings.relays["sink"].host, settings.relays["sink"].port
    child = Child("sink", _mailrail("sink", "--host", host, "--port", str(port)), _answers(host, port))
    duty = "SMTP; mail handed to it goes nowhere"
    return Service(child, duty, f"{host}:{port}", "MAILRAIL_RELAYS__SINK__PORT", (host, port))


def _module(name: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", name, *arguments)


def _mailrail(*arguments: str) -> tuple[str, ...]:
    return _module("orchestration.cli", *arguments)


def _answers(host: str, port: int) -> Health:
    async def healthy() -> str | None:
        _, writer = await asyncio.open_connection(host, port)
        return await _close(writer)

    return healthy


def _listens(socket: Path) -> Health:
    async def healthy() -> str | None:
        _, writer = await asyncio.open_unix_connection(socket)
        return await _close(writer)

    return healthy


async def _close(writer: asyncio.StreamWriter) -> str:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return ""


def _is_alive(home: Path, process: str) -> Health:
    async def healthy() -> str | None:
        with Ledger.open(home) as ledger:
            return "" if ledger.alive(process) else None

    return healthy


def _has_loaded(host: str, port: int) -> Health:
    """The web server is healthy when it has the definitions; where those are broken it runs, and shows why."""

    async def healthy() -> str | None:
        entries = (await _query(host, port, _LOCATIONS)).get("workspaceOrError", {}).get("locationEntries", [])
        found = entries[0]["locationOrLoadError"] if entries else None
        if not found or found.get("className") == "DagsterUserCodeUnreachableError":
            return None
        if found["__typename"] == "RepositoryLocation":
            return ""
        return f"the definitions do not load: {found['message'].strip().splitlines()[-1][:300]}; run: mailrail check"

    return healthy


def _is_beating(host: str, port: int) -> Health:
    """The daemon is healthy when each of its threads spoke since we began; its last life's words do not count."""
    began = time.time()

    def is_up(thread: dict[str, Any]) -> bool:
        return not thread["required"] or (thread["healthy"] and (thread["lastHeartbeatTime"] or 0) >= began)

    async def healthy() -> str | None:
        threads = (await _query(host, port, _DAEMONS))["instance"]["daemonHealth"]["allDaemonStatuses"]
        return "" if threads and all(map(is_up, threads)) else None

    return healthy


async def _query(host: str, port: int, query: str) -> dict[str, Any]:
    """Ask the web server; anything but an answer is a ConnectionError, as nobody can be asked yet."""

    def ask() -> bytes:
        connection = HTTPConnection(host, port, timeout=_ASK_SECONDS)
        try:
            connection.request("POST", "/graphql", json.dumps({"query": query}), {"Content-Type": "application/json"})
            return connection.getresponse().read()
        except HTTPException as error:
            raise ConnectionError(str(error)) from None
        finally:
            connection.close()

    found: dict[str, Any] = json.loads(await asyncio.to_thread(ask))["data"]
    return found
