import json
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from orchestration.doctor.work import (
    check_approvals,
    check_dagster,
    check_outbox,
    check_processes,
    check_sends,
    check_suppression,
)
from senders.clock import SteppedClock
from senders.event import Event, Kind
from senders.ledger.outbox import MailRequest
from senders.ledger.store import Ledger

ONE = "news.20261103T0900Z"


@pytest.fixture
def ledger(tmp_path):
    with Ledger.open(tmp_path) as opened:
        yield opened


def test_no_ledger_no_work(case):
    assert {check_sends(case).state, check_suppression(case).state, check_processes(case).state} == {"ok"}


def test_a_send_that_waits_for_nobody(case, make_send, ledger):
    make_send(5)
    found = check_sends(case)
    assert (found.state, found.remedy) == ("fail", f"mailrail resume {ONE}")
    assert "waits and nobody sends" in found.found
    ledger.heartbeat("sender", "somebody")
    assert (check_sends(case).state, check_sends(case).found) == ("ok", "1 running")


def test_mail_that_somebody_waits_for_in_vain(case, ledger, tmp_path):
    assert check_outbox(case).state == "ok"
    ledger.request_mail(MailRequest("a", "order_thanks", "a@contact.example", bytes(16)))
    assert check_outbox(case).state == "ok"  # a moment is no delay
    with sqlite3.connect(ledger.path) as connection:
        connection.execute("update outbox set requested_at = requested_at - 120000000")
    assert (check_outbox(case).state, check_outbox(case).remedy) == ("fail", "mailrail outbox")
    ledger.heartbeat("outbox", "somebody")
    ledger.hold_mail("order_thanks", "the template cannot be used")
    assert "the template cannot be used" in check_outbox(case).found
    ledger.refuse_mail({1: "field total is missing"})
    assert (check_outbox(case).state, check_outbox(case).remedy) == ("warn", "mailrail mail list")


def test_a_paused_send_says_why(case, make_send, ledger):
    make_send(5)
    ledger.set_send_state(ONE, "paused", "too late")
    assert (check_sends(case).state, check_sends(case).found) == ("warn", f"1 paused · {ONE}: too late")


def test_a_finished_and_a_cancelled_send_are_well(case, make_send, settle, ledger):
    number = make_send(5)
    settle(ONE, "accepted")
    ledger.finish_send(number)
    make_send(3, "sale.20261103T0900Z")
    ledger.cancel_send("sale.20261103T0900Z", "", waiting=3)
    assert (check_sends(case).state, check_sends(case).found) == ("ok", "1 cancelled · 1 finished")


def test_doubt_is_shown_for_a_week(case, make_send, settle, ledger, tmp_path, stand_still):
    number = make_send(5)
    settle(ONE, "in_doubt")
    ledger.finish_send(number)
    with sqlite3.connect(ledger.path) as connection:
        connection.execute(
            "update sends set opened_at = ?", (int(datetime(2026, 11, 3, tzinfo=UTC).timestamp() * 1e6),)
        )
    connection.close()
    assert (check_sends(case).state, check_sends(case).remedy) == ("warn", f"mailrail report {ONE}")
    SteppedClock(tmp_path / "clock").step(timedelta(days=8))
    assert check_sends(case).state == "ok"


def test_a_prepared_send_is_named(case, tmp_path):
    folder = tmp_path / "files" / "sends" / ONE
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"audience_hash": "a", "rows": 1234}))
    (folder / "preflight.json").write_text(json.dumps({"content_hash": "c"}))
    assert check_approvals(case).found == f"1 prepared send not opened: {ONE} (1,234 recipients)"


@pytest.mark.parametrize(("hours", "state"), [(0.1, "ok"), (3, "warn"), (31, "fail")])
def test_what_came_back_and_is_not_loaded(case, published, tmp_path, stand_still, hours, state):
    with Ledger.open(tmp_path) as ledger:
        ledger.record([Event("e" * 32, Kind.UNSUBSCRIBED, datetime(2026, 11, 3, tzinfo=UTC), address_hash=b"a" * 16)])
    published()
    SteppedClock(tmp_path / "clock").step(timedelta(hours=hours))
    found = check_suppression(case)
    assert (found.state, "1 event not loaded" in found.found) == (state, True)
    published("20261103T090000Z-2", newest=1)
    assert check_suppression(case).found == "everything that came back is in the marts"


def test_processes_by_their_heartbeats(case, ledger):
    ledger.heartbeat("sender", "me")
    assert "sender 0 s ago" in check_processes(case).found
    assert "not running: collector, mailbox" in check_processes(case).found
    with sqlite3.connect(ledger.path) as connection:
        connection.execute("update heartbeats set pid = 4194000")
    connection.close()
    assert (check_processes(case).state, check_processes(case).remedy) == ("warn", "mailrail sender")


def test_the_daemon_is_read_from_its_own_tables(case, tmp_path):
    assert check_dagster(case).found == "no instance yet; made by the first run"
    folder = tmp_path / "dagster"
    for name in ("history", "schedules"):
        (folder / name).mkdir(parents=True)
    (folder / "dagster.yaml").touch()
    assert check_dagster(case).found == "the daemon has never run"
    with sqlite3.connect(folder / "history" / "runs.db") as runs:
        runs.execute("create table daemon_heartbeats (timestamp timestamp)")
        runs.execute("insert into daemon_heartbeats values (?)", (datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f"),))
    with sqlite3.connect(folder / "schedules" / "schedules.db") as schedules:
        schedules.execute("create table instigators (status text, job_type text)")
        schedules.execute("insert into instigators values ('RUNNING', 'SENSOR'), ('STOPPED', 'SCHEDULE')")
    assert check_dagster(case).found == "daemon heartbeat 0 s ago · 1 sensor on"
    runs.execute("update daemon_heartbeats set timestamp = '2026-01-01 00:00:00.000000'")
    runs.commit()
    assert (check_dagster(case).state, check_dagster(case).remedy) == ("warn", "mailrail dev")
    runs.close()
    schedules.close()
