import asyncio
import signal
import subprocess
import sys
import tempfile
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from senders.config import ImapConfig, MailboxConfig
from senders.errors import ConfigError, LedgerBusy, MailboxDown
from senders.inbound.box import MailboxResult
from senders.inbound.imap import BATCH, ImapBox, is_name
from senders.inbound.mailbox import ImapTurn, read_mailbox, run_mailbox
from senders.inbound.mime import MAX_BYTES
from senders.ledger.store import Ledger
from tests.fixtures.dovecot import PASSWORD, USER, Dovecot, needs_dovecot
from tests.fixtures.imap_standin import ImapStandIn
from tests.unit.senders.transports.helpers.local_ca import LocalCa

ADDRESS = "mira@example.com"


@pytest.fixture
def standin():
    server = ImapStandIn()
    yield server
    server.stop()


@pytest.fixture
def config(tmp_path: Path, standin: ImapStandIn) -> MailboxConfig:
    imap = ImapConfig("127.0.0.1", standin.port, "none", USER, PASSWORD, poll_seconds=0.02, timeout_seconds=5)
    return MailboxConfig(home=tmp_path, maildir=tmp_path / "mailbox", poll_seconds=0.02, imap=imap)


@pytest.fixture
def bounces(standin: ImapStandIn, tokens, mails) -> ImapStandIn:
    """Put a bounce, a complaint and a letter into the folder."""
    path = tokens.return_path(1, "b.example")
    complaint = mails.arf("abuse", f"Return-Path: <{path}>\nSubject: x")
    standin.fill(mails.dsn(path, mails.block(ADDRESS)), complaint, b"Subject: hello\r\n\r\nhello")
    return standin


def moving(config: MailboxConfig) -> MailboxConfig:
    return replace(config, imap=replace(config.imap, processed_folder="Read"))


def test_what_waits_is_read_once_and_flagged(config, ledger, keyring, bounces, address_hash) -> None:
    assert read_mailbox(config, ledger, keyring) == MailboxResult(read=3, bounced=1, complained=1, ignored=1)
    assert ledger.suppressed == {(address_hash, "")}
    assert bounces.seen == {1, 2, 3}
    assert read_mailbox(config, ledger, keyring) == MailboxResult()
    assert (len(bounces.mails), bounces.deleted) == (3, [])


def test_what_was_read_is_moved_where_the_project_wants_it(config, ledger, keyring, bounces) -> None:
    assert read_mailbox(moving(config), ledger, keyring).read == 3
    assert (bounces.moved, bounces.mails, bounces.deleted) == ([1, 2, 3], {}, [])


def test_the_files_of_a_maildir_are_read_beside(config, ledger, keyring, bounces) -> None:
    (config.maildir / "new").mkdir(parents=True)
    (config.maildir / "new" / "1").write_bytes(b"Subject: hello\n\nhello")
    assert read_mailbox(config, ledger, keyring).read == 4


def test_ten_thousand_mails_are_read_some_at_a_time(config, ledger, keyring, standin) -> None:
    standin.fill(*[b"Subject: %d\r\n\r\nhello" % number for number in range(10_000)])
    assert read_mailbox(config, ledger, keyring) == MailboxResult(read=10_000, ignored=10_000)
    assert standin.most_fetched == BATCH
    assert len(standin.seen) == 10_000


def test_moving_mails_passes_over_none(config, ledger, keyring, standin, monkeypatch) -> None:
    monkeypatch.setattr("senders.inbound.imap.WINDOW", 40)
    standin.fill(*[b"Subject: %d\r\n\r\nhello" % number for number in range(210)])
    assert read_mailbox(moving(config), ledger, keyring).read == 210
    assert sorted(standin.moved) == list(range(1, 211))


def test_of_a_huge_mail_the_first_megabyte_is_read(config, keyring, standin) -> None:
    standin.fill(b"x" * (3 * MAX_BYTES))
    with ImapBox(config.imap) as box:
        ((letter,),) = box.batches()
    assert len(letter.raw) == MAX_BYTES


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ("SELECT", "BYE"),
        ("SEARCH", "NO"),
        ("SEARCH", "junk"),
        ("FETCH", "drop"),
        ("FETCH", "BYE"),
        ("FETCH", "NO"),
        ("STORE", "NO"),
        ("STORE", "drop"),
        ("STORE", "BYE"),
        ("LOGIN", "BYE"),
    ],
)
def test_after_a_fault_everything_is_read_once(config, ledger, keyring, bounces, command, fault) -> None:
    bounces.faults[command] = fault
    with pytest.raises(MailboxDown, match=r"127\.0\.0\.1"):
        read_mailbox(config, ledger, keyring)
    before = dict(ledger.stored)
    assert bounces.seen == set(), "nothing is marked that was not answered for"
    read_mailbox(config, ledger, keyring)
    assert bounces.seen == {1, 2, 3}
    assert len(ledger.stored) == 2
    assert before.items() <= ledger.stored.items()


def test_nothing_is_marked_while_the_ledger_is_busy(config, ledger, keyring, bounces) -> None:
    ledger.failure = LedgerBusy("locked")
    with pytest.raises(LedgerBusy):
        read_mailbox(config, ledger, keyring)
    assert bounces.seen == set()


def test_a_wrong_password_is_said_and_never_shown(config, ledger, keyring, bounces) -> None:
    bounces.faults["LOGIN"] = "NO"
    with pytest.raises(MailboxDown) as caught:
        read_mailbox(config, ledger, keyring)
    assert "not now" in str(caught.value)
    assert "pässwört" not in repr(caught.value) + repr(config)


def test_a_server_that_cannot_move_is_named(config, ledger, keyring) -> None:
    poor = ImapStandIn(capabilities="IMAP4rev1")
    config = moving(replace(config, imap=replace(config.imap, port=poor.port, password="plain")))
    with pytest.raises(ConfigError, match="leave it empty"):
        read_mailbox(config, ledger, keyring)
    poor.stop()


def test_a_folder_that_is_not_there_is_named(config, ledger, keyring, standin) -> None:
    standin.faults["SELECT"] = "NO"
    with pytest.raises(ConfigError, match="has no folder 'INBOX'"):
        read_mailbox(config, ledger, keyring)


def test_the_standing_reader_comes_back_after_faults(config, standin, tokens, mails) -> None:
    standin.fill(mails.dsn("b@x.example", mails.block(ADDRESS)))
    standin.faults |= {"LOGIN": "BYE", "SELECT": "NO", "FETCH": "drop", "STORE": "BYE"}

    async def until_read() -> None:
        task = asyncio.create_task(run_mailbox(config))
        for _ in range(500):
            await asyncio.sleep(0.01)
            if standin.seen:
                break
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(until_read())
    assert standin.seen == {1}
    with Ledger.open(config.home) as ledger:
        assert len(ledger.inbound_after(0, 10)) == 1


def test_pauses_grow_while_the_server_is_away(config, ledger, standin) -> None:
    standin.stop()
    turn = ImapTurn(replace(config.imap, poll_seconds=30))
    assert [turn(config, ledger) for _ in range(6)] == [30, 60, 120, 240, 300, 300]


def test_a_look_that_succeeds_forgets_the_failures(config, ledger, bounces) -> None:
    turn = ImapTurn(replace(config.imap, poll_seconds=30))
    bounces.faults["LOGIN"] = "always NO"
    assert [turn(config, ledger) for _ in range(3)] == [30, 60, 120]
    bounces.faults.clear()
    assert turn(config, ledger) == 30
    bounces.faults["SELECT"] = "BYE"
    assert turn(config, ledger) == 30
    assert bounces.log.count("AUTHENTICATE") == 4, "the line is kept as long as it stands"


def test_a_reader_that_dies_between_record_and_mark_repeats_and_changes_nothing(config, bounces, keyring) -> None:
    code = """
        import sys
        from pathlib import Path
        from senders.config import ImapConfig, MailboxConfig
        from senders.failpoints import arm
        from senders.inbound.mailbox import read_mailbox
        from senders.ledger.store import Ledger
        from senders.tracking.keys import Keyring

        home = Path(sys.argv[1])
        if sys.argv[3]:
            arm(sys.argv[3])
        imap = ImapConfig("127.0.0.1", int(sys.argv[2]), "none", "u", "p")
        with Ledger.open(home) as ledger:
            read_mailbox(MailboxConfig(home, home / "mailbox", imap=imap), ledger, Keyring.open(home / "keys"))
    """

    def read(failpoint: str) -> int:
        command = [sys.executable, "-c", textwrap.dedent(code), str(config.home), str(bounces.port), failpoint]
        return subprocess.run(command, timeout=60, check=False).returncode

    # The Maildir is empty, so the first passing is that of the folder's batch.
    assert read("mailbox.recorded") == -signal.SIGKILL
    with Ledger.open(config.home) as ledger:
        before = [row.event for row in ledger.inbound_after(0, 10)]
    assert before
    assert bounces.seen == set()
    assert read("") == 0
    assert bounces.seen == {1, 2, 3}
    with Ledger.open(config.home) as ledger:
        assert [row.event for row in ledger.inbound_after(0, 10)] == before


def test_names_of_folders() -> None:
    assert is_name("INBOX.Read mail")
    assert not any(map(is_name, ["", "a\r\nA1 DELETE INBOX", "Entwürfe"]))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> LocalCa:
    return LocalCa(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(authority: LocalCa):
    files = authority.issue("dovecot")
    # A short path, which sockets need, that everybody may pass through.
    with tempfile.TemporaryDirectory(prefix="dovecot-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        running = Dovecot(Path(folder) / "d", files.certificate, files.key)
        yield running
        running.stop()


@pytest.fixture
def dovecot(server: Dovecot) -> Dovecot:
    server.empty()
    return server


@pytest.fixture
def on_dovecot(tmp_path: Path, dovecot: Dovecot, authority: LocalCa) -> MailboxConfig:
    imap = ImapConfig("127.0.0.1", dovecot.tls_port, "implicit", USER, PASSWORD, authority.ca_file, timeout_seconds=10)
    return MailboxConfig(home=tmp_path, maildir=tmp_path / "mailbox", imap=imap)


@needs_dovecot
@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_dovecot_is_read_over_tls(on_dovecot, dovecot, ledger, keyring, tokens, mails, address_hash, tls) -> None:
    path = tokens.return_path(1, "b.example")
    dovecot.put("1", mails.dsn(path, mails.block(ADDRESS)))
    dovecot.put("2", b"Subject: empty\r\n\r\n")
    port = {"implicit": dovecot.tls_port, "starttls": dovecot.port}[tls]
    config = replace(on_dovecot, imap=replace(on_dovecot.imap, tls=tls, port=port))
    assert read_mailbox(config, ledger, keyring) == MailboxResult(read=2, bounced=1, ignored=1)
    assert ledger.suppressed == {(address_hash, "")}
    assert dovecot.flags() == {"1": "S", "2": "S"}
    dovecot.put("3", b"Subject: more\r\n\r\nx")
    assert read_mailbox(config, ledger, keyring).read == 1


@needs_dovecot
def test_dovecot_moves_or_flags_by_a_word_of_ours(on_dovecot, dovecot, ledger, keyring, monkeypatch) -> None:
    for number in range(60):
        dovecot.put(f"a{number}", b"Subject: hello\r\n\r\nhello")
    flagging = replace(on_dovecot, imap=replace(on_dovecot.imap, flag="$Mailrail"))
    assert read_mailbox(flagging, ledger, keyring).read == 60
    assert read_mailbox(flagging, ledger, keyring).read == 0
    monkeypatch.setattr("senders.inbound.imap.WINDOW", 20)
    moving_all = moving(on_dovecot)
    assert read_mailbox(moving_all, ledger, keyring).read == 60
    assert len(dovecot.moved("Read")) == 60
    dovecot.put("late", b"Subject: hello\r\n\r\nhello")
    assert read_mailbox(moving_all, ledger, keyring).read == 1
    assert dovecot.flags() == {}


@needs_dovecot
def test_dovecot_of_a_wrong_name_password_or_folder_is_refused(on_dovecot, dovecot, ledger, keyring, authority) -> None:
    for change, words in (
        ({"ca_file": None}, "certificate"),
        ({"host": "localhost"}, "certificate"),
        ({"password": "wrong"}, "(?i)authentication"),
    ):
        with pytest.raises(MailboxDown, match=words):
            read_mailbox(replace(on_dovecot, imap=replace(on_dovecot.imap, **change)), ledger, keyring)
    with pytest.raises(ConfigError, match="no folder 'Elsewhere'"):
        read_mailbox(replace(on_dovecot, imap=replace(on_dovecot.imap, folder="Elsewhere")), ledger, keyring)
