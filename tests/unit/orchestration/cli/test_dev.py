"""What `mailrail dev` shows, and that it refuses before it starts anything."""

from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from orchestration.cli.console import THEME
from orchestration.cli.dev import NAMES, _table, dev
from orchestration.services import Service, build_services
from orchestration.settings import load_settings
from orchestration.supervisor import Child
from senders.errors import ConfigError


def shown(services: list[Service], trouble: dict[str, str]) -> str:
    supervisor: Any = SimpleNamespace(
        trouble=lambda name: trouble.get(name, ""), log=lambda name: f"home/logs/{name}.log"
    )
    console = Console(theme=THEME, width=120)
    with console.capture() as captured:
        console.print(_table(services, supervisor))
    return captured.get()


def test_the_table_says_what_runs_where_and_what_does_not():
    services = [
        Service(Child("models", (), is_task=True), "parses the dbt project, once"),
        Service(Child("webserver", ()), "Dagster UI", "http://127.0.0.1:3000"),
        Service(Child("dashboards", ()), "the pages", "http://127.0.0.1:8050"),
    ]
    text = shown(services, {"dashboards": "given up"})
    (row,) = [line.split() for line in text.splitlines() if line.startswith("webserver")]
    assert row == ["webserver", "http://127.0.0.1:3000", "Dagster", "UI", "home/logs/webserver.log"]
    assert "given up" in text
    assert "the pages" not in text
    assert "models" not in text


def test_a_task_that_failed_is_shown():
    text = shown([Service(Child("models", (), is_task=True), "parses")], {"models": "failed"})
    assert "failed" in text


def test_every_process_can_be_chosen_by_name(tmp_path):
    hook = {"url": "https://shop.example/", "secret": "whsec_" + "a" * 32, "kinds": ["send.finished"]}
    settings = load_settings(home=tmp_path, outgoing={"shop": hook})
    names = {service.name for service in build_services(settings, tmp_path)}
    assert names - {"models"} == set(NAMES)


def test_an_unsafe_relay_is_refused_before_anything_is_started(tmp_path, monkeypatch):
    monkeypatch.setenv("MAILRAIL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAILRAIL_RELAYS__MAIN__HOST", "smtp.example.com")
    with pytest.raises(ConfigError, match="allow_real_sends"):
        dev([], standalone_mode=False)
    assert not (tmp_path / "home").exists()
