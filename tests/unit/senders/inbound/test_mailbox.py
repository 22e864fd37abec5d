import asyncio
from pathlib import Path

import pytest

from senders.config import MailboxConfig
from senders.errors import ConfigError, LedgerBusy
from senders.inbound.box import MailboxResult
from senders.inbound.mailbox import read_mailbox, run_mailbox

ADDRESS = "mira@example.com"


@pytest.fixture
def config(tmp_path: Path) -> MailboxConfig:
    (tmp_path / "mailbox/new").mkdir(parents=True)
    return MailboxConfig(home=tmp_path, maildir=tmp_path / "mailbox", poll_seconds=0.01)


def put(config: MailboxConfig, name: str, raw: bytes) -> None:
    (config.maildir / "new" / name).write_bytes(raw)


def fill(config: MailboxConfig, tokens, mails) -> None:
    path = tokens.return_path(1, "b.example")
    put(config, "1.bounce", mails.dsn(path, mails.block(ADDRESS)))
    put(config, "2.complaint", mails.arf("abuse", f"Return-Path: <{path}>\nSubject: x"))
    put(config, "3.forged", mails.dsn("b+7.1.aaaaaaaaaaaaaaaa@b.example", mails.block("victim@example.com")))
    put(config, "4.hello", b"Subject: hello\n\nhello")
    put(config, "5.junk", b"\xff\x00\xfe")


def test_everything_is_read_once_and_kept(config, ledger, keyring, tokens, address_hash, mails) -> None:
    fill(config, tokens, mails)
    assert read_mailbox(config, ledger, keyring) == MailboxResult(read=5, bounced=1, complained=1, ignored=3)
    assert ledger.suppressed == {(address_hash, "")}
    assert list((config.maildir / "new").iterdir()) == []
    assert sorted(path.name for path in (config.maildir / "cur").iterdir())[0] == "1.bounce:2,S"
    assert read_mailbox(config, ledger, keyring) == MailboxResult()


def test_reading_again_changes_nothing(config, ledger, keyring, tokens, mails) -> None:
    fill(config, tokens, mails)
    read_mailbox(config, ledger, keyring)
    before = dict(ledger.stored)
    fill(config, tokens, mails)
    read_mailbox(config, ledger, keyring)
    assert ledger.stored == before


def test_mails_wait_while_the_ledger_is_busy(config, ledger, keyring, tokens, mails) -> None:
    fill(config, tokens, mails)
    ledger.failure = LedgerBusy("locked")
    with pytest.raises(LedgerBusy):
        read_mailbox(config, ledger, keyring)
    assert len(list((config.maildir / "new").iterdir())) == 5
    ledger.failure = None
    assert read_mailbox(config, ledger, keyring).bounced == 1


def test_one_mail_that_cannot_be_read_does_not_stop_the_others(config, ledger, keyring, tokens, mails, caplog) -> None:
    class Broken(dict):
        def get(self, key, default=None):
            if key == (7, 2):
                raise RuntimeError("damaged row")
            return super().get(key, default)

    ledger.messages = Broken(ledger.messages)
    put(config, "0.bad", mails.dsn(tokens.return_path(2, "b.example"), mails.block(ADDRESS)))
    fill(config, tokens, mails)
    assert read_mailbox(config, ledger, keyring).bounced == 1
    assert "0.bad could not be read" in caplog.text
    ((source, raw),) = ledger.buried  # a later version may understand it
    assert source == "mailbox"
    assert b"b+7.2." in raw


def test_a_maildir_that_cannot_be_used_is_named(config, ledger, keyring, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="Name a folder"):
        read_mailbox(MailboxConfig(tmp_path, tmp_path / "file"), ledger, keyring)


def test_the_standing_reader_takes_what_comes(config, keyring, tokens, mails) -> None:
    put(config, "1", mails.dsn("b@x.example", mails.block(ADDRESS)))

    async def until_read() -> None:
        task = asyncio.create_task(run_mailbox(config))
        for _ in range(300):
            await asyncio.sleep(0.01)
            if (config.maildir / "cur").exists() and list((config.maildir / "cur").iterdir()):
                break
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(until_read())
    assert len(list((config.maildir / "cur").iterdir())) == 1
