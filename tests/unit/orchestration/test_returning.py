from pathlib import Path

import pytest

from orchestration.returning import MailboxSettings, SoftBounceSettings
from orchestration.settings import load_settings
from senders.config import SoftBounces
from senders.errors import ConfigError

LOGIN = {"imap_host": "mail.shop.example", "username": "bounces", "password": "hush"}


def test_without_a_server_only_the_maildir_is_read(tmp_path: Path) -> None:
    config = MailboxSettings().build(tmp_path)
    assert (config.maildir, config.imap) == (tmp_path / "mailbox", None)


@pytest.mark.parametrize(("given", "port"), [({}, 993), ({"tls": "starttls"}, 143), ({"imap_port": 1993}, 1993)])
def test_a_server_is_read_beside_it(tmp_path: Path, given, port: int) -> None:
    imap = MailboxSettings(**LOGIN, **given).build(tmp_path).imap
    assert (imap.host, imap.port, imap.password, imap.flag) == ("mail.shop.example", port, "hush", r"\Seen")
    assert "hush" not in repr(imap)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"tls": "none"}, "mailbox.tls: none is for loopback only"),
        ({"username": ""}, "set username and password_file"),
        ({"password": ""}, "set username and password_file"),
        ({"folder": "Entwürfe"}, "mailbox.folder: 'Entwürfe'"),
        ({"processed_folder": "a\r\nA1 DELETE INBOX"}, "mailbox.processed_folder"),
        ({"processed_folder": "INBOX"}, "is the folder that is read"),
        ({"flag": r"\Deleted"}, "is no flag"),
        ({"flag": "a) b"}, "is no flag"),
        ({"ca_file": Path("/nowhere.pem")}, "mailbox.ca_file"),
        ({"password_file": Path("/nowhere")}, "mailbox.password_file: cannot read /nowhere"),
    ],
)
def test_what_could_not_work_is_refused_with_its_remedy(tmp_path: Path, given, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        MailboxSettings(**{**LOGIN, **given}).build(tmp_path)
    assert words in str(caught.value)
    assert "hush" not in str(caught.value)


def test_the_rule_of_soft_bounces() -> None:
    assert SoftBounceSettings().build() == SoftBounces()
    assert SoftBounceSettings(count=3, days=14, apart_days=2).build() == SoftBounces(3, 14, 2)
    with pytest.raises(ConfigError, match="do not fit"):
        SoftBounceSettings(days=5).build()


def test_a_password_in_the_shared_file_is_refused(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "mailrail.toml").write_text('[mailbox]\nimap_host = "h.example"\npassword = "hush"\n')
    monkeypatch.setenv("MAILRAIL_PROJECT", str(tmp_path))
    with pytest.raises(ConfigError, match="MAILRAIL_MAILBOX__PASSWORD") as caught:
        load_settings()
    assert "hush" not in str(caught.value)


def test_a_file_beside_the_project_holds_the_password(tmp_path: Path, monkeypatch) -> None:
    text = '[mailbox]\nimap_host = "h.example"\nusername = "u"\npassword_file = "secret"\n'
    (tmp_path / "mailrail.toml").write_text(text)
    (tmp_path / "secret").write_text("hush\n")
    monkeypatch.setenv("MAILRAIL_PROJECT", str(tmp_path))
    assert load_settings().mailbox_config().imap.password == "hush"
