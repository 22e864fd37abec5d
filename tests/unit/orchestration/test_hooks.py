"""The settings of HTTP: what could not be verified, called or kept secret is refused at the start."""

import base64
from pathlib import Path

import pytest

from orchestration.services import build_services
from orchestration.settings import load_settings
from senders.errors import ConfigError
from tests.fixtures.webhooks import SECRET, sendgrid_key

PATH_SECRET = "0123456789abcdef0123456789"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MAILRAIL_PROJECT", str(tmp_path))
    for name, text in {
        "path": PATH_SECRET + "\n",
        "whsec": SECRET,
        "two": f"{SECRET}\n{SECRET[6:]}\n",
        "sendgrid": sendgrid_key(),
        "word": "hunter2",
        "short": "whsec_" + base64.b64encode(b"short").decode(),
    }.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def webhook(project: Path, text: str, secret: str = 'secret_file = "path"'):
    (project / "mailrail.toml").write_text(f"[webhooks.mail]\n{secret}\n{text}\n")
    return load_settings().collector_config().webhooks


GOOD = {
    "amazon_ses": 'provider = "amazon_ses"\ntopics = ["arn:aws:sns:eu-west-1:1:mail"]',
    "sendgrid": 'provider = "sendgrid"\nsigning_key_file = "sendgrid"',
    "mailgun": 'provider = "mailgun"\nsigning_key_file = "word"',
    "mandrill": 'provider = "mandrill"\nsigning_key_file = "word"',
    "resend": 'provider = "resend"\nsigning_key_file = "two"',
    "standard": 'provider = "standard"\nsigning_key_file = "whsec"\nevents = { "a.b" = "bounced.block" }',
    "postmark": 'provider = "postmark"\nuser = "postmark"\npassword_file = "word"',
    "brevo": 'provider = "brevo"\nuser = "u"\npassword_file = "word"',
    "mailjet": 'provider = "mailjet"\nuser = "u"\npassword_file = "word"',
    "sparkpost": 'provider = "sparkpost"\nuser = "u"\npassword_file = "word"',
}


@pytest.mark.parametrize("name", GOOD)
def test_a_provider_is_set_with_what_verifies_it(project, name):
    (config,) = webhook(project, GOOD[name])
    assert (config.provider, config.secret, config.max_age_seconds) == (name, PATH_SECRET, 300)
    assert config.url.endswith(f"/w/mail/{PATH_SECRET}")
    assert "hunter2" not in repr(config) + repr(load_settings())
    assert PATH_SECRET not in repr(config)


@pytest.mark.parametrize("name", GOOD)
def test_a_provider_without_what_verifies_it_is_refused(project, name):
    with pytest.raises(ConfigError, match=r"webhooks\.mail"):
        webhook(project, f'provider = "{name}"')
    with pytest.raises(ConfigError, match=r"webhooks\.mail\.secret: it needs 22"):
        webhook(project, GOOD[name], secret='secret_file = "word"')
    with pytest.raises(ConfigError, match=r"webhooks\.mail\.secret: it needs 22"):
        webhook(project, GOOD[name], secret="")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('provider = "sendgrid"\nsigning_key_file = "whsec"', "verification key"),
        ('provider = "resend"\nsigning_key_file = "short"', "secret like whsec_"),
        ('provider = "standard"\nsigning_key_file = "whsec"\nevents = { a = "exploded" }', "'exploded' is none of"),
        ('provider = "nobody"', "provider"),
        ('provider = "resend"\nsigning_key_file = "nowhere"', "cannot read .*/nowhere"),
        ('provider = "postmark"\nmax_age_minutes = 0', "max_age_minutes"),
    ],
)
def test_what_cannot_be_used_is_named(project, text, said):
    with pytest.raises(ConfigError, match=said):
        webhook(project, text)


def test_secrets_do_not_stand_in_the_shared_file_but_may_come_by_the_environment(project, monkeypatch):
    for section, name in (
        ("webhooks", "secret"),
        ("webhooks", "signing_key"),
        ("webhooks", "password"),
        ("outgoing", "secret"),
    ):
        (project / "mailrail.toml").write_text(f'[{section}.mail]\n{name} = "hunter2hunter2hunter2"\n')
        with pytest.raises(ConfigError, match=f"MAILRAIL_{section.upper()}__MAIL__{name.upper()}") as refusal:
            load_settings()
        assert "hunter2" not in str(refusal.value)
    (project / "mailrail.toml").write_text('[webhooks.mail]\nprovider = "mailgun"\n')
    monkeypatch.setenv("MAILRAIL_WEBHOOKS__MAIL__SECRET", PATH_SECRET)
    monkeypatch.setenv("MAILRAIL_WEBHOOKS__MAIL__SIGNING_KEY", "key")
    (config,) = load_settings().collector_config().webhooks
    assert (config.secret, config.signing_keys) == (PATH_SECRET, ("key",))


# ---- outgoing


def outgoing(project: Path, url: str, more: str = "", web: str = ""):
    kinds = 'kinds = ["send.finished", "contact.unsubscribed"]'
    text = f'[web]\n{web}\n[outgoing.shop]\nurl = "{url}"\nsecret_file = "whsec"\n{kinds}\n{more}\n'
    (project / "mailrail.toml").write_text(text)
    return load_settings().outgoing_config()


def test_a_hook_is_read(project):
    config = outgoing(project, "https://shop.example/told")
    (hook,) = config.hooks
    assert (hook.name, hook.url, hook.secret, hook.with_address) == (
        "shop",
        "https://shop.example/told",
        b"s" * 24,
        False,
    )
    assert hook.kinds == {"send.finished", "contact.unsubscribed"}
    assert config.web.own_hosts == ()
    assert "ssss" not in repr(hook)
    assert "/told" not in repr(hook)  # for many programs the address is all that is secret


def test_this_machine_may_be_named_and_other_hosts_of_ones_own_must_be(project):
    assert outgoing(project, "http://127.0.0.1:9/x").web.own_hosts == ("127.0.0.1:9",)
    assert outgoing(project, "http://hooks.internal/x", web='own_hosts = ["hooks.internal"]').hooks
    for url, said in (
        ("http://hooks.internal/x", "neither https nor this machine"),
        ("https://hooks.example:22/x", "port 22"),
        ("https://user:secret@hooks.example/x", "holds a name or password"),
        ("ftp://hooks.example/x", "none of http or https"),
    ):
        with pytest.raises(ConfigError, match=said) as refusal:
            outgoing(project, url)
        assert "secret@" not in str(refusal.value)


def test_hosts_of_ones_own_are_hosts(project):
    for entry in ("https://hooks.internal", "hooks.internal:x", "hooks.internal/x", "", "a b", "h:99999"):
        with pytest.raises(ConfigError, match="own_hosts"):
            outgoing(project, "https://shop.example/", web=f'own_hosts = ["{entry}"]')
    assert outgoing(project, "https://shop.example/", web='own_hosts = ["::1", "[fd00::1]:8080", "a.b:80"]').hooks


def test_a_hook_without_a_secret_or_with_unknown_kinds_is_refused(project):
    text = '[outgoing.shop]\nurl = "https://shop.example/"\nkinds = [{}]\n{}'
    for kinds, more, said in (
        ('"send.finished"', "", r"outgoing\.shop\.secret"),
        ('"send.finished"', 'secret_file = "word"', r"outgoing\.shop\.secret"),
        ('"send.exploded"', 'secret_file = "whsec"', "'send.exploded' is none of"),
        ("", 'secret_file = "whsec"', "name what is told"),
    ):
        (project / "mailrail.toml").write_text(text.format(kinds, more))
        with pytest.raises(ConfigError, match=said):
            load_settings().outgoing_config()


def test_the_process_is_one_of_the_project_only_where_a_hook_is_set(project):
    (project / "mailrail.toml").write_text("")
    assert "hooks" not in [service.name for service in build_services(load_settings(), project)]
    outgoing(project, "https://shop.example/told")
    (service,) = [service for service in build_services(load_settings(), project) if service.name == "hooks"]
    assert service.child.command[-2:] == ("hooks", "run")
    assert service.duty == "tells shop what happens"
