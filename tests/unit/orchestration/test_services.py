"""The processes of a project: which there are, when each is healthy, and whose port must be free."""

import asyncio
import http.server
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from assets.warehouse import dbt
from orchestration.services import build_services, choose, require_free_ports
from orchestration.settings import DagsterSettings, RelaySettings, Settings, load_settings
from senders.errors import ConfigError
from senders.ledger.store import Ledger

SINK = RelaySettings(host="127.0.0.1", port=2599, tls="none")


@pytest.fixture(autouse=True)
def _project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A project without settings of its own, parsed already."""
    monkeypatch.setenv("MAILRAIL_PROJECT", str(tmp_path))
    monkeypatch.setattr(dbt, "parsed", lambda source, home: object())


def settings(tmp_path: Path, **given: Any) -> Settings:
    return load_settings(home=tmp_path, **{"relays": {"sink": SINK}, "senders": {}, **given})


def named(found: list[Any]) -> dict[str, Any]:
    return {service.name: service for service in found}


def test_all_are_there_and_those_that_others_wait_for_come_first(tmp_path):
    found = build_services(settings(tmp_path), tmp_path)
    names = [service.name for service in found]
    standing = ["collector", "sender", "outbox", "mailbox", "dashboards", "sink"]
    assert names == ["definitions", "webserver", "daemon", *standing]
    assert all(service.duty and service.child.healthy for service in found)


def test_web_server_and_daemon_ask_one_process_for_the_definitions(tmp_path):
    found = named(build_services(settings(tmp_path), tmp_path))
    workspace = yaml.safe_load((tmp_path / "workspace.yaml").read_text())
    assert workspace == {
        "load_from": [{"grpc_server": {"socket": str(tmp_path / "code"), "location_name": "mailrail"}}]
    }
    for name in ("webserver", "daemon"):
        assert str(tmp_path / "workspace.yaml") in found[name].child.command
        assert "orchestration.definitions" not in found[name].child.command
    assert found["daemon"].child.after == ("definitions",)


def test_a_project_that_changed_is_parsed_beside_the_start(tmp_path, monkeypatch):
    monkeypatch.setattr(dbt, "parsed", lambda source, home: None)
    first = build_services(settings(tmp_path), tmp_path)[0]
    assert (first.name, first.child.is_task) == ("models", True)


@pytest.mark.parametrize("relays", [{}, {"main": SINK}, {"sink": RelaySettings(host="smtp.example.com")}])
def test_no_sink_without_a_relay_of_that_name_on_loopback(tmp_path, relays):
    assert "sink" not in named(build_services(settings(tmp_path, relays=relays), tmp_path))


def test_a_choice_brings_what_it_waits_for(tmp_path):
    found = build_services(settings(tmp_path), tmp_path)
    assert [service.name for service in choose(found, ["daemon", "sink"], [])] == ["definitions", "daemon", "sink"]
    assert [service.name for service in choose(found, ["webserver"], [])] == ["definitions", "webserver"]
    assert "sender" not in named(choose(found, [], ["sender", "sink"]))
    with pytest.raises(ConfigError, match="definitions cannot be left out"):
        choose(found, ["webserver"], ["definitions"])
    with pytest.raises(ConfigError, match="nothing is left"):
        choose(found, ["sink"], ["sink"])


def test_the_ui_is_not_for_the_world(tmp_path):
    with pytest.raises(ConfigError, match=r"dagster\.host: 0\.0\.0\.0 is beyond this machine"):
        build_services(settings(tmp_path, dagster=DagsterSettings(host="0.0.0.0")), tmp_path)


def test_the_address_of_the_ui_follows_its_port(tmp_path):
    assert settings(tmp_path, dagster={"port": 3999}).dagster_url() == "http://127.0.0.1:3999"
    assert settings(tmp_path, dagster={"base_url": "https://ui.example/"}).dagster_url() == "https://ui.example"


def test_a_port_in_use_is_named_with_its_setting(tmp_path):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        mine = settings(tmp_path, collector={"port": holder.getsockname()[1]})
        with pytest.raises(ConfigError, match=r"collector: port \d+ .* is not free.*MAILRAIL_COLLECTOR__PORT"):
            require_free_ports(choose(build_services(mine, tmp_path), ["collector"], []))


def ask(service: Any) -> str | None:
    return asyncio.run(service.child.healthy())


def test_a_sender_is_healthy_when_the_ledger_heard_it(tmp_path):
    service = named(build_services(settings(tmp_path), tmp_path))["sender"]
    assert ask(service) is None
    with Ledger.open(tmp_path) as ledger:
        ledger.heartbeat("sender", "me")
    assert ask(service) == ""


def test_one_with_a_port_is_healthy_when_it_answers(tmp_path):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        mine = settings(tmp_path, collector={"port": listener.getsockname()[1]})
        service = named(build_services(mine, tmp_path))["collector"]
        with pytest.raises(OSError):
            ask(service)
        listener.listen()
        assert ask(service) == ""


def test_the_definitions_are_healthy_when_their_socket_answers(tmp_path):
    service = named(build_services(settings(tmp_path), tmp_path))["definitions"]
    with pytest.raises(OSError):
        ask(service)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "code"))
        listener.listen()
        assert ask(service) == ""


@contextmanager
def web_server(tmp_path: Path, answer: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Serve one GraphQL answer; yields the services that ask for it."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.dumps({"data": answer}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield named(build_services(settings(tmp_path, dagster={"port": server.server_port}), tmp_path))
        server.shutdown()


def locations(found: dict[str, Any] | None) -> dict[str, Any]:
    return {"workspaceOrError": {"locationEntries": [{"locationOrLoadError": found}]}}


@pytest.mark.parametrize(
    ("found", "health"),
    [
        (None, None),
        ({"__typename": "PythonError", "className": "DagsterUserCodeUnreachableError", "message": "x"}, None),
        ({"__typename": "RepositoryLocation"}, ""),
        (
            {"__typename": "PythonError", "className": "NameError", "message": "a\nNameError: shop\n"},
            "the definitions do not load: NameError: shop; run: mailrail check",
        ),
    ],
)
def test_the_web_server_is_healthy_when_it_knows_the_definitions_or_why_not(tmp_path, found, health):
    with web_server(tmp_path, locations(found)) as services:
        assert ask(services["webserver"]) == health


def test_the_daemon_is_healthy_when_each_thread_spoke_since_the_start(tmp_path):
    def thread(age: float, **rest: object) -> dict[str, Any]:
        return {"required": True, "healthy": True, "lastHeartbeatTime": time.time() + age, **rest}

    for threads, health in (
        ([], None),
        ([thread(60), thread(-60)], None),
        ([thread(60), thread(60, healthy=False)], None),
        ([thread(60), thread(0, required=False, healthy=None, lastHeartbeatTime=None)], ""),
    ):
        answer = {"instance": {"daemonHealth": {"allDaemonStatuses": threads}}}
        with web_server(tmp_path, answer) as services:
            assert ask(services["daemon"]) == health
