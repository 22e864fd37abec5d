"""A small project with a home of its own, to be examined."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from assets.warehouse.published import publish
from orchestration.doctor.finding import Case
from orchestration.settings import load_settings
from senders.clock import SteppedClock
from senders.ledger.database import choose_store
from tests.fixtures.postgres import postgres_server, schema_url

__all__ = ["postgres_server", "schema_url"]
NOW = datetime(2026, 11, 3, 9, tzinfo=UTC)
TOML = """
environment = "{environment}"
allow_real_sends = {real}
{more}
[relays.main]
host = "{host}"
port = {port}
tls = "{tls}"

[senders.shop]
from_name = "Shop"
from_address = "hello@news.shop.example"
bounce_domain = "bounce.shop.example"
message_id_domain = "shop.example"
relay = "main"

[collector]
port = {collector_port}
base_url = "{base_url}"
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def make_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Case]:
    """Write the settings of a project and return its case; the home is ``tmp_path`` itself."""

    def make(**given: object) -> Case:
        port = free_port()
        values = {"environment": "development", "real": "false", "more": "", "host": "127.0.0.1", "port": port}
        values |= {"tls": "none", "collector_port": port, "base_url": f"http://127.0.0.1:{port}", **given}
        project = tmp_path / "project"
        project.mkdir(exist_ok=True)
        (project / "mailrail.toml").write_text(TOML.format(**values))
        monkeypatch.setenv("MAILRAIL_PROJECT", str(project))
        monkeypatch.setenv("MAILRAIL_HOME", str(values.get("home", tmp_path)))
        return Case(load_settings(), seconds=0.5)

    return make


@pytest.fixture
def case(make_case: Callable[..., Case]) -> Case:
    return make_case()


@pytest.fixture(autouse=True)
def _ledger_in_a_file_again() -> Iterator[None]:
    yield
    choose_store("")


@pytest.fixture
def server_url(schema_url: Callable[[], str]) -> str:
    """An empty PostgreSQL server for a test that lets its ledger lie there."""
    return schema_url()


@pytest.fixture
def stand_still(tmp_path: Path) -> None:
    SteppedClock(tmp_path / "clock").set(NOW)


@pytest.fixture
def published(tmp_path: Path) -> Callable[..., None]:
    """Publish a copy that knows inbound rows up to a number."""

    def make(version: str = "20261103T080000Z-1", newest: int = 0) -> None:
        with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
            connection.execute("create schema if not exists marts")
            connection.execute("create or replace table marts.fct_email_events as select $id::bigint as inbound_id",
                               {"id": newest})  # fmt: skip
        publish(tmp_path / "warehouse.duckdb", tmp_path / "published", version)

    return make


@pytest.fixture
def smtp() -> Iterator[Callable[..., int]]:
    """Start a relay that greets and answers EHLO with what it is told to offer."""
    servers = []

    def start(*offers: str) -> int:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)
        threading.Thread(target=_serve, args=(server, offers), daemon=True).start()
        return int(server.getsockname()[1])

    yield start
    for server in servers:
        server.close()


def _serve(server: socket.socket, offers: tuple[str, ...]) -> None:
    while True:
        try:
            line, _ = server.accept()
        except OSError:
            return
        # Who only knocks has gone before the greeting is read.
        with line, contextlib.suppress(ConnectionError):
            line.sendall(b"220 relay.example ESMTP\r\n")
            if line.recv(100).startswith(b"EHLO"):
                names = ["relay.example", *offers]
                lines = [f"250{'-' if name is not names[-1] else ' '}{name}\r\n" for name in names]
                line.sendall("".join(lines).encode())
                line.recv(100)
