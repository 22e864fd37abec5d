import getpass
import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from orchestration.cli.main import cli
from senders.errors import GuardError
from senders.event import Event, Kind
from senders.ledger.store import Ledger
from senders.message import State
from senders.tracking.keys import Keyring
from senders.tracking.tokens import send_tokens

ONE = "news.20261103T0900Z"


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("MAILRAIL_HOME", str(tmp_path))
    return lambda *words: CliRunner().invoke(cli, words)


@pytest.fixture
def answer(run):
    def ask(*words):
        result = run(*words, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return ask


@pytest.fixture
def doubtful(make_send, settle, tmp_path):
    """A finished send of five, all in doubt."""
    number = make_send(5)
    settle(ONE, "in_doubt")
    with Ledger.open(tmp_path) as ledger:
        ledger.finish_send(number)
    return number


@pytest.fixture
def message_id(tmp_path, doubtful):
    tokens = send_tokens(Keyring.open(tmp_path / "keys"), doubtful)
    return lambda seq: tokens.message_id(seq, "shop.example")


def log_of(path, message_ids, *, since=timedelta(minutes=-5), until=timedelta(minutes=15)):
    """Write a relay's log that runs around now and has taken some messages."""
    now = datetime.now(UTC)
    lines = [f"{(now + since).isoformat()} mx postfix/smtpd[1]: connect from x"]
    for number, name in enumerate(message_ids):
        queue = f"4F1A22C0{number:02}"
        lines.append(f"{now.isoformat()} mx postfix/cleanup[2]: {queue}: message-id=<{name}>")
        lines.append(f"{now.isoformat()} mx postfix/qmgr[3]: {queue}: from=<b@x.example>, size=1 (queue active)")
    lines.append(f"{(now + until).isoformat()} mx postfix/smtpd[1]: disconnect from x")
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_without_evidence_nothing_is_settled_and_the_next_step_is_named(run, answer, doubtful):
    assert answer("reconcile") == {
        "sends": [
            {
                "send_id": ONE,
                "in_doubt_before": 5,
                "accepted": 0,
                "refused": 0,
                "requeued": 0,
                "in_doubt": 5,
                "by": {},
            }
        ],
        "restored": None,
    }
    assert f"mailrail reconcile {ONE} --treat-as-sent --confirm 5" in run("reconcile").stdout


def test_nothing_in_doubt(run, answer, make_send):
    assert answer("reconcile") == {"sends": [], "restored": None}
    assert "nothing is in doubt" in run("reconcile").stdout


def test_each_kind_of_evidence_settles_its_own(answer, doubtful, message_id, tmp_path):
    with Ledger.open(tmp_path) as ledger:
        moment = datetime.now(UTC)
        ledger.record(
            [Event("a" * 32, Kind.OPENED, moment, doubtful, 1), Event("b" * 32, Kind.BOUNCED, moment, doubtful, 2)]
        )
    log = log_of(tmp_path / "mail.log", [message_id(3)])
    (row,) = answer("reconcile", ONE, "--relay-log", log)["sends"]
    assert (row["accepted"], row["in_doubt"], row["by"]) == (3, 2, {"event": 1, "dsn": 1, "relay_log": 1})
    (row,) = answer("reconcile", ONE, "--relay-log", log, "--log-is-complete")["sends"]
    assert (row["in_doubt_before"], row["requeued"], row["in_doubt"]) == (2, 2, 0)
    with Ledger.open(tmp_path) as ledger:
        assert ledger.send(ONE).state == "running"


def test_the_refusal_of_an_earlier_try_proves_nothing_about_a_later_one(answer, doubtful, message_id, tmp_path):
    log = tmp_path / "mail.log"
    earlier = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    log.write_text(
        f"{earlier} mx postfix/cleanup[2]: 4F1A22C001: message-id=<{message_id(1)}>\n"
        f"{earlier} mx postfix/cleanup[2]: 4F1A22C001: milter-reject: END-OF-MESSAGE from x[1.2.3.4]: 4.7.1 later\n"
    )
    (row,) = answer("reconcile", ONE, "--relay-log", str(log))["sends"]
    assert (row["requeued"], row["refused"], row["in_doubt"]) == (0, 0, 5)


@pytest.mark.parametrize("span", [{"since": timedelta(seconds=-1)}, {"until": timedelta(minutes=9)}])
def test_a_log_that_is_too_short_proves_no_absence(run, doubtful, tmp_path, span):
    with Ledger.open(tmp_path) as ledger, ledger._database.write() as connection:
        early = int((datetime.now(UTC) - timedelta(minutes=1)).timestamp() * 1e6)
        connection.execute("update sends set opened_at = ?", (early,))
    result = run("reconcile", "--relay-log", log_of(tmp_path / "mail.log", [], **span), "--log-is-complete")
    assert isinstance(result.exception, GuardError)
    assert "a missing message proves nothing" in str(result.exception)


def test_a_person_decides_and_is_recorded(run, answer, doubtful, tmp_path):
    result = run("reconcile", ONE, "--send-again")
    assert f"mailrail reconcile {ONE} --send-again --confirm 5" in str(result.exception)
    (row,) = answer("reconcile", ONE, "--treat-as-sent", "--confirm", "5")["sends"]
    assert (row["accepted"], row["in_doubt"], row["by"]) == (5, 0, {"person": 5})
    with Ledger.open(tmp_path) as ledger:
        assert {one.evidence for one in ledger.resolutions(doubtful)} == {f"{getpass.getuser()}: treat as sent"}
    assert isinstance(run("reconcile", ONE, "--send-again", "--confirm", "5").exception, GuardError), "none is left"


@pytest.mark.parametrize(
    "words",
    [
        ("--log-is-complete",),
        ("--treat-as-sent", "--confirm", "5"),
        (ONE, "--confirm", "5"),
        (ONE, "--treat-as-sent", "--send-again"),
        (ONE, "--list", "--send-again"),
    ],
)
def test_options_that_do_not_fit_are_a_matter_of_usage(run, doubtful, words):
    assert run("reconcile", *words).exit_code == 2


def test_the_list_names_what_to_look_for(run, answer, doubtful, message_id):
    rows = answer("reconcile", "--list")["doubts"]
    assert len(rows) == 5
    assert rows[0]["message_id"].startswith("<" + message_id(1).partition("@")[0] + "@")
    assert message_id(5).partition("@")[0] in run("reconcile", "--list").stdout


def test_retry_failed_wants_the_number_and_says_what_it_queues(run, answer, make_send, tmp_path):
    number = make_send(5)
    with Ledger.open(tmp_path) as ledger:
        with ledger._database.write() as connection:
            connection.execute("update messages set state = 'refused'")
            connection.executemany(
                "insert into attempts (send_no, seq, tries, state, at, relay, connection, code, enhanced_code, reply,"
                " class, sequence) values (1, ?, 1, 'refused', 1, '', '', 550, '', '', ?, 1)",
                [(1, "sender"), (2, "sender"), (3, "address"), (4, ""), (5, "local")],
            )
        ledger.finish_send(number)
    refused = run("retry-failed", "news")
    assert "4 refused messages" in str(refused.exception)
    assert f"mailrail retry-failed {ONE} --confirm 4" in str(refused.exception)
    assert answer("retry-failed", ONE, "--confirm", "4") == {
        "send_id": ONE,
        "requeued": 4,
        "by": {"sender": 2, "": 1, "local": 1},
        "state": "running",
    }
    with Ledger.open(tmp_path) as ledger:
        counts = ledger.counts(number)
        assert (counts[State.QUEUED], counts[State.REFUSED]) == (4, 1)


def test_retry_failed_refuses_a_cancelled_send(run, make_send):
    make_send(3)
    run("cancel", ONE, "--confirm", "3")
    assert "is cancelled" in str(run("retry-failed", ONE, "--confirm", "0").exception)
