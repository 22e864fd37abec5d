"""Settings: precedence, safety, and errors that name the setting."""

from pathlib import Path

import pytest

from orchestration.settings import load_settings, make_home
from senders.errors import ConfigError

RELAY = """
[relays.main]
host = "{host}"
port = 587
tls = "{tls}"

[senders.news]
from_name = "News"
from_address = "news@shop.example"
bounce_domain = "bounce.shop.example"
message_id_domain = "shop.example"
relay = "main"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mailrail.toml").write_text(RELAY.format(host="127.0.0.1", tls="none"))
    return tmp_path


def test_home_stands_in_the_project(project):
    assert load_settings().home == project / ".mailrail"


def test_environment_wins_over_the_file(project, monkeypatch):
    monkeypatch.setenv("MAILRAIL_RELAYS__MAIN__PORT", "2526")
    assert load_settings().relay_configs()["main"].port == 2526


def test_password_comes_from_a_file_and_is_masked(project):
    (project / "secret").write_text("hunter2\n")
    text = (project / "mailrail.toml").read_text().replace("port = 587", 'port = 587\npassword_file = "secret"')
    (project / "mailrail.toml").write_text(text)
    relay = load_settings().relay_configs()["main"]
    assert relay.password == "hunter2"
    assert "hunter2" not in repr(relay)


def test_a_stranger_cannot_be_mailed_by_default(project):
    (project / "mailrail.toml").write_text(RELAY.format(host="smtp.relay.example", tls="starttls"))
    with pytest.raises(ConfigError, match="allow_real_sends is false"):
        load_settings().delivery_config()


def test_outside_production_an_allow_list_is_needed(project):
    text = "allow_real_sends = true\n" + RELAY.format(host="smtp.relay.example", tls="starttls")
    (project / "mailrail.toml").write_text(text)
    with pytest.raises(ConfigError, match="recipient_allow_list"):
        load_settings().delivery_config()


def test_a_stepped_clock_is_refused_with_real_sends(project):
    text = 'allow_real_sends = true\nenvironment = "production"\n' + RELAY.format(
        host="smtp.relay.example", tls="implicit"
    )
    (project / "mailrail.toml").write_text(text)
    (project / ".mailrail").mkdir()
    assert load_settings().relay_configs()["main"].host == "smtp.relay.example"
    (project / ".mailrail" / "clock").write_text("2026-04-14T08:00:00Z")
    with pytest.raises(ConfigError, match="stepped"):
        load_settings().relay_configs()


def test_plain_text_is_for_loopback_only(project):
    (project / "mailrail.toml").write_text(RELAY.format(host="smtp.relay.example", tls="none"))
    with pytest.raises(ConfigError, match=r"relays\.main: tls = none"):
        load_settings().relay_configs()


def test_a_missing_relay_is_named_with_the_known_ones(project):
    text = (project / "mailrail.toml").read_text().replace('relay = "main"', 'relay = "mian"')
    (project / "mailrail.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"senders\.news\.relay: 'mian' is not a relay \(known: main\)"):
        load_settings().profiles  # noqa: B018 - reading it checks it


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("environment = 'staging'", "environment: Input should be 'development' or 'production'"),
        ("[relays.main]\nhost = 'x'\nport = 0", "relays.main.port"),
        ("[relays.main]\nhost = 'x'\nprot = 25", "relays.main.prot"),
        ("this is not toml", "mailrail.toml"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value(project, text, said):
    (project / "mailrail.toml").write_text(text)
    with pytest.raises(ConfigError, match=said.replace(".", r"\.")):
        load_settings()


def test_a_home_is_made_for_its_owner_and_an_old_one_left_as_it_is(tmp_path):
    settings = load_settings(home=tmp_path / "a" / "home")
    make_home(settings)
    assert settings.home.stat().st_mode & 0o777 == 0o700
    settings.home.chmod(0o750)
    make_home(settings)
    assert settings.home.stat().st_mode & 0o777 == 0o750
