"""Wrong settings are named with their value, and no secret is."""

import sys
from pathlib import Path

import pytest

from orchestration.cli.main import main
from orchestration.settings import load_settings
from senders.errors import ConfigError


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mailrail.toml").write_text("")
    return tmp_path


def refusal() -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings()
    return str(caught.value)


@pytest.mark.parametrize(
    "variables",
    [
        {"RELAYS__FAR__PASSWORD": "hunter2", "RELAYS__FAR__WARM_UP": "[5]"},
        {"RELAYS__FAR__PASSWORD": "hunter2", "RELAYS__FAR__PORT": "0"},
        {"RELAYS__FAR__PASSWRD": "hunter2"},
        {"RELAYS__FAR": '{"password": "hunter2"'},
        {"RELAYS": '{"far": {"password": "hunter2"'},
        {"RELAYS": '{"far": "hunter2"}'},
        {"RELAYS": '["hunter2"]'},
        {"ALERTS__WEBHOOK_SECRT": "hunter2"},
    ],
)
def test_a_secret_is_in_no_output(project, monkeypatch, capsys, variables):
    for name, value in variables.items():
        monkeypatch.setenv(f"MAILRAIL_{name}", value)
    assert "hunter2" not in refusal()
    for arguments in (["doctor", "--json"], ["check"]):
        monkeypatch.setattr(sys, "argv", ["mailrail", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code
        assert "hunter2" not in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[relays.main]\nport = 0\n", "relays.main.port: Input should be greater than or equal to 1 (got 0);"),
        ('environment = "staging"\n', "environment: Input should be 'development' or 'production' (got 'staging');"),
        ("[relays.main]\nwarm_up = [5]\n", "settings: relays.main: warm_up and warm_up_start go together"),
    ],
)
def test_a_value_that_is_no_secret_is_shown(project, text, said):
    (project / "mailrail.toml").write_text(text)
    assert said in refusal()


def test_what_only_follows_from_a_mistake_is_not_told(project):
    (project / "mailrail.toml").write_text("[delivery]\nretry_minutes = [500]\n")
    assert refusal().startswith(
        "settings: delivery.retry_minutes.0: Input should be less than or equal to 300 (got 500); looked in"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[relay.main]\nhost = "127.0.0.1"\n', "relay is no setting; did you mean relays?"),
        ("[brake]\nsender_faults = 3\n", "brake is no setting; did you mean brakes?"),
        ("xyz = 1\n", "xyz is no setting; take it out; there are alerts, "),
    ],
)
def test_a_misspelt_section_is_refused(project, text, said):
    (project / "mailrail.toml").write_text(text)
    assert said in refusal()
