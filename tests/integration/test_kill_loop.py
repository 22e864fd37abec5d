"""C1 and C8, the small form: real senders, a real collector, kill -9, and sinks that keep a log of their own.

Promised: nobody is mailed twice, nobody is lost, doubt stays within killed connections and broken replies, and nobody
who was answered that they are unsubscribed is offered anything later. Tried as `mailrail proof` does it, against three
servers; two speak an SMTP that is not ours. It would break if any record were made before or after its moment. The
long form, with thousands of people, is `make proof-long`.
"""

import json
import shutil
import subprocess
import sys

import pytest

from orchestration.proof.run import Plan, run_proof

pytestmark = [pytest.mark.slow]
HAS_SMTP_SINK = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin:/usr/local/sbin") is not None


def prove(**plan):
    return run_proof(Plan(**plan), lambda *_: None)


@pytest.mark.parametrize(
    "sink",
    [
        "fault",
        pytest.param("smtp-sink", marks=pytest.mark.skipif(not HAS_SMTP_SINK, reason="Postfix is not installed")),
        "aiosmtpd",
    ],
)
def test_kills_lose_nobody_and_mail_nobody_twice(sink):
    found = prove(kills=6, recipients=360, seed=7, sink=sink, senders=2, unsubscribes=6, fault_share=0.01)
    verdict = found.verdict
    assert verdict.holds, verdict
    assert sum(found.kills_by_process.values()) == 6
    assert found.unsubscribed == 6
    assert verdict.accepted + verdict.in_doubt + verdict.suppressed == 360
    assert verdict.accepted > 250


def test_nobody_is_offered_a_message_after_their_unsubscribe_was_answered():
    found = prove(kills=0, recipients=900, seed=8, senders=1, unsubscribes=300, fault_share=0.0)
    verdict = found.verdict
    assert verdict.holds, verdict
    assert (verdict.late_offers, verdict.late_arrivals) == (0, 0)
    assert found.unsubscribed == 300
    # Some were in time and some were not: both sides of the race were met.
    assert 0 < verdict.suppressed < 300


def test_the_command_prints_its_table():
    command = [sys.executable, "-m", "orchestration.cli", "proof", "--kills", "1", "--recipients", "60", "--seed", "4"]
    done = subprocess.run([*command, "--senders", "1", "--json"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert list(told)[:9] == [
        "kills",
        "recipients",
        "duplicates",
        "lost",
        "in_doubt",
        "doubt_bound",
        "seconds",
        "seed",
        "commit",
    ]
    assert (told["kills"], told["recipients"], told["duplicates"], told["lost"], told["seed"]) == (1, 60, 0, 0, 4)
