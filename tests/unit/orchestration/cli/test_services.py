from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestration.cli.main import cli
from senders.event import Event, Kind, derive_event_id
from senders.ledger.store import Ledger
from tests.fixtures.imap_standin import ImapStandIn

NOW = datetime(2026, 11, 3, 9, tzinfo=UTC)
ADA = (1).to_bytes(16, "big")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    running = ImapStandIn()
    for name, value in {
        "HOME": str(tmp_path),
        "MAILBOX__IMAP_HOST": "127.0.0.1",
        "MAILBOX__IMAP_PORT": str(running.port),
        "MAILBOX__TLS": "none",
        "MAILBOX__USERNAME": "bounces",
        "MAILBOX__PASSWORD": "hush",
        "SOFT_BOUNCES__COUNT": "1",
        "SOFT_BOUNCES__APART_DAYS": "0",
    }.items():
        monkeypatch.setenv(f"MAILRAIL_{name}", value)
    yield running
    running.stop()


def test_mailbox_once_reads_maildir_and_imap(server: ImapStandIn, tmp_path: Path) -> None:
    (tmp_path / "mailbox" / "new").mkdir(parents=True)
    (tmp_path / "mailbox" / "new" / "1").write_bytes(b"Subject: hello\n\nhello")
    server.fill(b"Subject: hello\r\n\r\nhello", b"Subject: more\r\n\r\nhello")
    result = CliRunner().invoke(cli, ["mailbox", "--once"])
    assert (result.exit_code, result.stderr.strip()) == (0, "read 3, bounced 0, complained 0")
    assert server.seen == {1, 2}


def test_a_login_that_is_refused_is_told_with_the_remedy(server: ImapStandIn) -> None:
    server.faults["LOGIN"] = "NO"
    result = CliRunner().invoke(cli, ["mailbox", "--once"])
    assert result.exit_code == 1
    assert f"127.0.0.1:{server.port}" in f"{result.output}{result.exception}"
    assert "hush" not in f"{result.output}{result.exception}"


def test_the_rule_of_the_settings_holds_from_then_on(server: ImapStandIn, tmp_path: Path) -> None:
    assert CliRunner().invoke(cli, ["mailbox", "--once"]).exit_code == 0
    bounce = Event(derive_event_id("b"), Kind.BOUNCED, NOW, 1, 1, ADA, failure="transient")
    with Ledger.open(tmp_path) as ledger:
        ledger.record([bounce])
        assert ledger.suppression(ADA).reason == "soft_bounced"
