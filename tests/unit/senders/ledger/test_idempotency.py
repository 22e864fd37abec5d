import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from senders.errors import LedgerBusy
from senders.event import Event, Kind
from senders.ledger import idempotency
from senders.ledger.idempotency import ApiCall, Outcome
from senders.ledger.outbox import MailRequest
from senders.ledger.store import Ledger

AT = datetime(2026, 11, 3, tzinfo=UTC)


def call(key="abc", *, fingerprint=b"f", body="{}", events=("1",), mail=""):
    return ApiCall(
        account="shop",
        idempotency_key=key,
        fingerprint=fingerprint,
        status=202,
        body=body,
        events=tuple(Event(one, Kind.REPORTED, AT, body={"name": "seen"}) for one in events),
        mail=MailRequest(mail, "receipt", "a@b.example", bytes(16)) if mail else None,
    )


def carry_out(ledger, calls):
    return ledger.run_jobs([idempotency.carrying_out(one, AT) for one in calls])


def stored(ledger):
    return [row.event.event_id for row in ledger.inbound_after(0, 100)]


def test_a_repeat_gets_the_first_answer_and_stores_nothing(ledger):
    (first,) = carry_out(ledger, [call(body="first", mail="m1")])
    (again,) = carry_out(ledger, [call(body="second", events=("2",), mail="m2")])
    assert (first.outcome, first.status, first.body) == (Outcome.DONE, 202, "first")
    assert (again.outcome, again.status, again.body) == (Outcome.REPEATED, 202, "first")
    assert stored(ledger) == ["1"]
    assert ledger.mail("m1") is not None
    assert ledger.mail("m2") is None


def test_repeats_in_one_transaction_are_told_apart(ledger):
    answers = carry_out(
        ledger, [call(), call(events=("2",)), call(fingerprint=b"g", events=("3",)), call("", events=("4",))]
    )
    assert [answer.outcome for answer in answers] == [Outcome.DONE, Outcome.REPEATED, Outcome.CONFLICT, Outcome.DONE]
    assert stored(ledger) == ["1", "4"]


def test_calls_without_a_key_are_not_kept(ledger):
    assert [answer.outcome for answer in carry_out(ledger, [call(""), call("", events=("2",))])] == [Outcome.DONE] * 2
    assert stored(ledger) == ["1", "2"]


def test_an_answer_is_forgotten_after_its_time(ledger, monkeypatch):
    carry_out(ledger, [call(body="first")])
    monkeypatch.setattr(idempotency, "KEPT_SECONDS", -1)
    (again,) = carry_out(ledger, [call(body="second")])
    assert (again.outcome, again.body) == (Outcome.DONE, "second")


def test_of_a_call_that_fails_nothing_stays(ledger, monkeypatch):
    def broken(*_):
        raise RuntimeError("no")

    monkeypatch.setattr(idempotency, "request_mail", broken)
    with pytest.raises(RuntimeError):
        carry_out(ledger, [call(mail="m1")])
    monkeypatch.undo()
    (answer,) = carry_out(ledger, [call(body="again", mail="m1")])
    assert (answer.outcome, answer.body) == (Outcome.DONE, "again")


def test_a_busy_ledger_stores_nothing(ledger, store, tmp_path):
    with Ledger.open(tmp_path, busy_timeout_seconds=0.2) as other:
        with ledger._database.write(), pytest.raises(LedgerBusy):
            carry_out(other, [call()])
        assert stored(ledger) == []
        assert carry_out(other, [call()])[0].outcome is Outcome.DONE


KILLED = """
import os, signal, sys
from pathlib import Path
from senders.ledger.store import Ledger
from senders.ledger import idempotency
from tests.unit.senders.ledger.test_idempotency import call, carry_out
with Ledger.open(Path(sys.argv[1])) as ledger:
    if sys.argv[2] == "before":
        idempotency.request_mail = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    carry_out(ledger, [call(body="first", mail="m1")])
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("moment", "outcome"), [("before", Outcome.DONE), ("after", Outcome.REPEATED)])
def test_a_kill_leaves_all_of_a_call_or_nothing(tmp_path, moment, outcome):
    command = [sys.executable, "-c", KILLED, str(tmp_path), moment]
    done = subprocess.run(command, check=False, timeout=30, cwd=Path(__file__).parents[4])
    assert done.returncode == -signal.SIGKILL
    with Ledger.open(tmp_path) as ledger:
        assert len(stored(ledger)) == (1 if outcome is Outcome.REPEATED else 0)
        (answer,) = carry_out(ledger, [call(body="second", mail="m1")])
        assert answer.outcome is outcome
        assert stored(ledger) == ["1"]
        assert sum(ledger.mail_counts().values()) == 1
