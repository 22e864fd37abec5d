"""Settings: precedence, safety, and errors that name the setting."""

import os
from pathlib import Path

import pytest

from orchestration import settings as module
from orchestration.settings import child_environment, load_settings, make_home
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


def add(project: Path, text: str, *, relay: str = 'relay = "main"') -> None:
    file = project / "mailrail.toml"
    file.write_text(file.read_text().replace('relay = "main"', relay) + text)


def test_a_pool_names_the_preferred_relay_first(project):
    add(project, '[relays.spare]\nhost = "localhost"\ntls = "none"\n', relay='relays = ["spare", "main"]')
    profile = load_settings().profiles["news"]
    assert (profile.relay, profile.pool, profile.stream) == ("spare", ("spare", "main"), "marketing")


@pytest.mark.parametrize(
    ("relay", "said"),
    [
        ("", "name one relay"),
        ('relay = "main"\nrelays = ["main"]', "name one relay"),
        ('relays = ["main", "main"]', "named twice"),
    ],
)
def test_a_sender_has_either_one_relay_or_a_pool(project, relay, said):
    add(project, "", relay=relay)
    with pytest.raises(ConfigError, match=f"senders.news: .*{said}"):
        load_settings()


def test_a_transactional_sender_needs_a_place_of_its_own(project):
    add(project, "[relays.main]\n", relay='relay = "main"\nstream = "transactional"')
    text = (project / "mailrail.toml").read_text().removesuffix("[relays.main]\n")
    (project / "mailrail.toml").write_text(text)
    config = load_settings().delivery_config()
    assert config.reserved("main") == config.relays["main"].connections // 5 == 4
    assert (config.expire_after("transactional"), config.expire_after("marketing")) == (4 * 3600, 24 * 3600)
    (project / "mailrail.toml").write_text(text.replace("port = 587", "port = 587\nconnections = 1"))
    with pytest.raises(ConfigError, match=r"relays\.main\.connections: 1 is too few"):
        load_settings().delivery_config()


def test_brakes_are_written_in_percent_and_used_as_shares(project):
    add(project, "[brakes]\nrefused_percent = 2\ncomplaints_stop_percent = 0.2\n")
    brakes = load_settings().delivery_config().brakes
    assert (brakes.refused, brakes.complaints_stop, brakes.after_results) == (0.02, 0.002, 200)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('webhook_url = "http://hooks.example/x"', "neither https nor this machine"),
        ('webhook_url = "ftp://127.0.0.1/x"', "none of http or https"),
        ('webhook_url = "https:///x"', "none of http or https"),
        ('webhook_secret_file = "wrong"', "not base64"),
        ('webhook_secret_file = "nowhere"', "cannot read .*/nowhere"),
    ],
)
def test_an_alert_that_could_not_be_told_is_refused_at_the_start(project, text, said):
    (project / "wrong").write_text("whsec_%%%")
    add(project, f"[alerts]\n{text}\n")
    with pytest.raises(ConfigError, match=said):
        load_settings().delivery_config()


def test_alerts_are_read_and_their_secret_is_masked(project):
    (project / "secret").write_text("whsec_a2V5a2V5a2V5a2V5a2V5a2V5\n")
    add(
        project,
        '[alerts]\nmail_to = ["ops@shop.example"]\nwebhook_url = "http://127.0.0.1:9/x"\n'
        'webhook_secret_file = "secret"\n',
    )
    alerts = load_settings().delivery_config().alerts
    assert (alerts.mail_to, alerts.webhook_secret) == (("ops@shop.example",), b"key" * 6)
    assert "keykey" not in repr(alerts)
    assert "9/x" not in repr(alerts)


def test_outside_production_alerts_keep_to_the_allow_list(project):
    text = 'allow_real_sends = true\nrecipient_allow_list = ["@shop.example"]\n'
    text += RELAY.format(host="smtp.relay.example", tls="implicit")
    (project / "mailrail.toml").write_text(text + '[alerts]\nmail_to = ["ops@shop.example"]\n')
    assert load_settings().delivery_config().alerts.mail_to == ("ops@shop.example",)
    (project / "mailrail.toml").write_text(text + '[alerts]\nmail_to = ["ops@else.example"]\n')
    with pytest.raises(ConfigError, match=r"alerts\.mail_to: ops@else\.example is not on recipient_allow_list"):
        load_settings().delivery_config()


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


def changed(project: Path, *lines: str) -> None:
    path = project / "mailrail.toml"
    path.write_text(path.read_text().replace("port = 587", "\n".join(("port = 587", *lines))))


def test_the_webhooks_secret_does_not_stand_in_the_shared_file(project):
    add(project, '[alerts]\nwebhook_secret = "whsec_aHVudGVyMg=="\n')
    with pytest.raises(ConfigError, match="MAILRAIL_ALERTS__WEBHOOK_SECRET") as refusal:
        load_settings()
    assert "aHVudGVyMg" not in str(refusal.value)


def test_files_of_secrets_stand_in_the_project_wherever_a_command_is_called(project, monkeypatch):
    (project / "secret").write_text("whsec_a2V5a2V5a2V5a2V5a2V5a2V5")
    dkim = '[senders.news.dkim]\ndomain = "shop.example"\nselector = "r1"\nprivate_key_file = "secret"\n'
    second = 'ed25519_selector = "e1"\ned25519_private_key_file = "secret"\n'
    add(project, dkim + second + '[alerts]\nwebhook_secret_file = "secret"\n')
    (project / "below").mkdir()
    monkeypatch.chdir(project / "below")
    config = load_settings().delivery_config()
    assert config.alerts.webhook_secret == b"key" * 6
    dkim_config = config.senders["news"].dkim
    assert dkim_config.private_key_pem == dkim_config.ed25519_private_key_pem == b"whsec_a2V5a2V5a2V5a2V5a2V5a2V5"


def test_a_password_in_the_shared_file_is_refused_without_being_shown(project):
    changed(project, 'username = "shop"', 'password = "hunter2"')
    with pytest.raises(ConfigError, match="MAILRAIL_RELAYS__MAIN__PASSWORD") as refusal:
        load_settings()
    assert "hunter2" not in str(refusal.value)


def test_a_password_comes_from_the_environment(project, monkeypatch):
    changed(project, 'username = "shop"')
    with pytest.raises(ConfigError, match="there is no password"):
        load_settings().relay_configs()
    monkeypatch.setenv("MAILRAIL_RELAYS__MAIN__PASSWORD", "hunter2")
    settings = load_settings()
    assert settings.relay_configs()["main"].password == "hunter2"
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize("url", ["postgresql://us:hunter2@db.example/mail", "host=db.example password=hunter2"])
def test_the_ledgers_password_does_not_stand_in_the_shared_file(project, url):
    path = project / "mailrail.toml"
    path.write_text(f'ledger_url = "{url}"\n{path.read_text()}')
    with pytest.raises(ConfigError, match="MAILRAIL_LEDGER_URL") as refusal:
        load_settings()
    assert "hunter2" not in str(refusal.value)


def test_every_process_of_ours_opens_the_same_ledger(project, monkeypatch):
    path = project / "mailrail.toml"
    path.write_text(f'ledger_url = "postgresql://us@db.example/mail"\n{path.read_text()}')
    chosen: list[str] = []
    monkeypatch.setattr(module, "choose_store", chosen.append)
    monkeypatch.setattr(module.os, "environ", dict(os.environ))
    settings = load_settings()
    assert chosen == [child_environment(settings)["MAILRAIL_LEDGER_URL"]] == ["postgresql://us@db.example/mail"]
    assert "db.example" not in repr(settings)


def test_a_private_authority_must_be_readable(project):
    changed(project, 'ca_file = "ca.pem"')
    with pytest.raises(ConfigError, match=r"ca_file: .*ca\.pem: .*No such file"):
        load_settings().relay_configs()
    (project / "ca.pem").write_text("no certificate")
    with pytest.raises(ConfigError, match="set a PEM file"):
        load_settings().relay_configs()


def test_a_rehearsal_needs_no_host_and_no_permission(project):
    (project / "mailrail.toml").write_text('[relays.main]\ntransport = "maildir"\nfolder = "mail"\n')
    settings = load_settings()
    relay = settings.relay_configs()["main"]
    assert (relay.folder, relay.is_loopback) == (project / "mail", True)
    (project / "mailrail.toml").write_text('[relays.main]\ntransport = "maildir"\n')
    with pytest.raises(ConfigError, match=r"relays\.main\.folder"):
        load_settings().relay_configs()
    (project / "mailrail.toml").write_text("[relays.main]\nport = 25\n")
    with pytest.raises(ConfigError, match=r"relays\.main\.host"):
        load_settings().relay_configs()


def test_the_dns_is_asked_only_where_mail_may_leave_this_machine(project, monkeypatch):
    assert load_settings().resolves_mx() is False
    monkeypatch.setenv("MAILRAIL_ALLOW_REAL_SENDS", "true")
    assert load_settings().resolves_mx() is False
    (project / "mailrail.toml").write_text(RELAY.format(host="smtp.relay.example", tls="starttls"))
    assert load_settings().resolves_mx() is True
    monkeypatch.setenv("MAILRAIL_DELIVERY__RESOLVE_MX", "false")
    assert load_settings().resolves_mx() is False


def test_two_dkim_keys_are_read(project):
    for name in ("rsa", "ed25519"):
        (project / f"{name}.pem").write_text(f"key {name}")
    dkim = '[senders.news.dkim]\ndomain = "shop.example"\nselector = "r1"\nprivate_key_file = "rsa.pem"\n'
    second = 'ed25519_selector = "e1"\ned25519_private_key_file = "ed25519.pem"\n'
    text = (project / "mailrail.toml").read_text() + dkim
    (project / "mailrail.toml").write_text(text + second)
    profile = load_settings().profiles["news"]
    assert profile.dkim is not None
    assert (profile.dkim.private_key_pem, profile.dkim.ed25519_private_key_pem) == (b"key rsa", b"key ed25519")
    assert "key" not in repr(profile.dkim).replace("_key", "")
    (project / "mailrail.toml").write_text(text + 'ed25519_selector = "e1"\n')
    with pytest.raises(ConfigError, match="set both of ed25519_selector and ed25519_private_key_file"):
        load_settings()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("shop@gmail.com", "belongs to a mailbox provider"),
        ("news@sh\u043ep.example", "mixes letters of several scripts"),
    ],
)
def test_a_sender_writes_in_a_domain_of_its_own(project, address, said):
    text = (project / "mailrail.toml").read_text().replace("news@shop.example", address)
    (project / "mailrail.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        load_settings()
