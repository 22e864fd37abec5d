"""C1 and C8, the long form: hundreds of kills, a hundred thousand people, thousands who unsubscribe meanwhile.

Promised: G1 to G4. Tried as `mailrail proof` does it, with real processes and sinks that write their log before they
answer; each run prints its table. A run that breaks is repeated with its seed, at least in whom and what it strikes.
"""

import json
import shutil

import pytest

from orchestration.proof.run import Plan, run_proof

HAS_SMTP_SINK = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin:/usr/local/sbin") is not None
PLANS = [
    pytest.param(Plan(300, 200_000, 2026, "fault", unsubscribes=2_000), id="fault"),
    pytest.param(
        Plan(60, 20_000, 2027, "smtp-sink", unsubscribes=200),
        id="smtp-sink",
        marks=pytest.mark.skipif(not HAS_SMTP_SINK, reason="Postfix is not installed"),
    ),
    pytest.param(Plan(60, 20_000, 2028, "aiosmtpd", unsubscribes=200), id="aiosmtpd"),
    pytest.param(Plan(60, 20_000, 2029, "fault", unsubscribes=200, fault_share=0.03), id="many-faults"),
]


@pytest.mark.parametrize("plan", PLANS)
def test_kills_lose_nobody_and_mail_nobody_twice(plan, say):
    found = run_proof(plan, lambda *_: None)
    say(json.dumps(found.document()))
    assert found.verdict.holds, found.document()
    assert sum(found.kills_by_process.values()) == plan.kills
    assert found.unsubscribed == plan.unsubscribes


def test_five_thousand_unsubscribe_during_a_send(say):
    """C8: by the ledger's sequence no offer is later than the unsubscribe; at the sink nothing comes after the 2xx."""
    found = run_proof(Plan(0, 60_000, 2030, "fault", senders=1, unsubscribes=5_000), lambda *_: None)
    say(json.dumps(found.document()))
    assert found.verdict.holds, found.document()
    assert (found.unsubscribed, found.verdict.late_offers, found.verdict.late_arrivals) == (5_000, 0, 0)
    assert 0 < found.verdict.suppressed < 5_000
