"""Transactional mail from request to relay: killed at every moment, twice at once, and beside a campaign."""

import functools
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from senders.ledger.outbox import MailState
from senders.message import State
from tests.fixtures.outgoing import ROOT, OutgoingHome, campaign_of

pytestmark = [pytest.mark.slow]

# In the process that dies: everything up to one place, then nothing.
_DIE = """
import sys
from senders.failpoints import arm
arm(sys.argv[1])
from orchestration.cli.main import cli
cli(["outbox", "--once"])
"""
PLACES = ("outbox.numbered", "outbox.frozen", "outbox.taken", "outbox.open", "finish")


@pytest.fixture
def outgoing(tmp_path):
    return OutgoingHome(tmp_path)


@pytest.mark.parametrize("place", PLACES)
def test_killed_at_any_place_a_request_ends_in_one_send_and_is_delivered_once(outgoing, place):
    names = [f"p{number}" for number in range(5)]
    for name in names:
        outgoing.ask(name)
    with outgoing.sink():
        died = subprocess.run(
            [sys.executable, "-c", _DIE, place], env=outgoing.environment, cwd=ROOT, capture_output=True, check=False
        )
        assert died.returncode == -signal.SIGKILL, died.stderr[-2000:]
        with outgoing.running(("outbox", "--once")) as (again,):
            assert again.wait(60) == 0
    assert outgoing.taken() == dict.fromkeys(names, 1)
    assert len(outgoing.ledger.sends()) == 1
    assert outgoing.ledger.mail_counts()[MailState.TAKEN] == 5


def test_two_outboxes_and_kills_of_one_lose_nothing_and_send_nothing_twice(outgoing):
    names = [f"q{number}" for number in range(60)]
    with outgoing.sink(), outgoing.running(("sender",), ("outbox",), ("outbox",)) as (_, victim, __):
        outgoing.wait(lambda: outgoing.ledger.alive("outbox"), "the outbox")
        for number, name in enumerate(names):
            outgoing.ask(name, "confirm_signup")
            time.sleep(0.02)
            if number == 20:
                os.kill(victim.pid, signal.SIGKILL)
        outgoing.wait(lambda: len(outgoing.taken()) == len(names), "all mails")
        time.sleep(0.5)
    assert outgoing.taken() == dict.fromkeys(names, 1)
    outgoing.ledger.finish_mail()
    assert sum(day.counts[State.ACCEPTED] for day in outgoing.ledger.mail_days(1)) == len(names)


def test_a_campaign_that_runs_delays_nobody_who_waits(outgoing):
    campaign = 5_000
    with outgoing.sink(), outgoing.running(("sender",), ("outbox",)):
        for process in ("sender", "outbox"):
            outgoing.wait(functools.partial(outgoing.ledger.alive, process), process)
        campaign_of(outgoing, campaign)
        outgoing.wait(lambda: len(outgoing.lines()) > 50, "the campaign begins")
        outgoing.ask("urgent")
        outgoing.wait(lambda: "urgent" in outgoing.taken(), "the mail")
        before = [outgoing.name_of(line) for line in outgoing.lines()].index("urgent")
    assert before < campaign


def test_a_person_who_may_not_be_written_to_gets_no_answer_and_the_rest_do(outgoing):
    from senders.event import Event, Kind

    outgoing.ask("bounced")
    outgoing.ask("fine")
    hashes = {name: outgoing.ledger.mail(name).request.address_hash for name in ("bounced", "fine")}
    now = datetime.now(UTC)
    outgoing.ledger.record(
        [
            Event("1" * 32, Kind.BOUNCED, now, address_hash=hashes["bounced"], failure="permanent"),
            # From a topic only: that is no reason to withhold what somebody asked for.
            Event("2" * 32, Kind.UNSUBSCRIBED, now, address_hash=hashes["fine"], scope="offers"),
        ]
    )
    with outgoing.sink(), outgoing.running(("outbox", "--once")) as (once,):
        assert once.wait(60) == 0
    assert outgoing.taken() == {"fine": 1}
    row = outgoing.ledger.mail("bounced")
    assert outgoing.ledger.message(row.send_no, row.seq).state is State.SUPPRESSED
