from datetime import timedelta

import pytest

from senders.config import SoftBounces
from senders.event import Event, Kind, derive_event_id
from senders.ledger.schema import SCHEMA_VERSION
from senders.ledger.store import Ledger

ADA = (1).to_bytes(16, "big")
BOB = (2).to_bytes(16, "big")


@pytest.fixture
def bounce(ledger, clock):
    """Let a day pass and a send come back."""

    def record(send_no, *, address_hash=ADA, failure="transient", days=2, seq=1):
        clock.moment += timedelta(days=days)
        event = Event(
            derive_event_id(Kind.BOUNCED, str(send_no), str(seq), failure),
            Kind.BOUNCED,
            clock.moment,
            send_no=send_no,
            seq=seq,
            address_hash=address_hash,
            failure=failure,
            code="5.2.2",
            detail="mailbox full",
        )
        return ledger.record([event])

    return record


def sign(ledger, clock, kind, **changes):
    name = derive_event_id(str(kind), str(clock.moment))
    ledger.record([Event(name, kind, clock.moment, address_hash=ADA, **changes)])


def test_the_fifth_send_that_comes_back_gives_the_address_up(ledger, bounce):
    for send_no in range(1, 5):
        bounce(send_no)
        assert ledger.suppression(ADA) is None
    bounce(5)
    found = ledger.suppression(ADA, "offers")
    assert (found.reason, found.scope) == ("soft_bounced", "")
    *_, last = ledger.inbound_after(0, 100)
    assert (last.event.kind, last.event.event_id, last.event.send_no) == (Kind.SOFT_BOUNCED, found.event_id, 5)
    assert last.event.detail == "5 sends came back within 30 days; the last: mailbox full"
    bounce(6)
    assert len(ledger.inbound_after(0, 100)) == 7
    assert ledger.suppression(BOB) is None


def test_the_suppression_stands_in_the_log_beside_the_ledger(ledger, bounce, tmp_path):
    for send_no in range(1, 6):
        bounce(send_no)
    assert b'"soft_bounced"' in next(tmp_path.rglob("suppressions.log")).read_bytes()


def test_several_bounces_of_one_send_are_one(ledger, bounce):
    for seq in range(1, 10):
        bounce(1, seq=seq)
    assert ledger.suppression(ADA) is None


@pytest.mark.parametrize("failure", ["block", "policy"])
def test_what_is_said_of_us_never_counts(ledger, bounce, failure):
    for send_no in range(1, 20):
        bounce(send_no, failure=failure)
    assert ledger.suppression(ADA) is None


def test_a_holiday_is_no_end(ledger, bounce):
    for send_no in range(1, 7):
        bounce(send_no, days=1)
    assert ledger.suppression(ADA) is None, "six bounces within a week"
    bounce(8, days=2)
    assert ledger.suppression(ADA).reason == "soft_bounced"


def test_what_is_older_than_the_window_is_forgotten(ledger, bounce):
    for send_no in range(1, 12):
        bounce(send_no, days=8)
    assert ledger.suppression(ADA) is None


@pytest.mark.parametrize("kind", [Kind.CLICKED, Kind.VIEWED, Kind.DELIVERED, Kind.PREFERRED])
def test_a_sign_of_life_begins_the_count_anew(ledger, clock, bounce, kind):
    for send_no in range(1, 5):
        bounce(send_no)
    sign(ledger, clock, kind, body={"name": "frequency", "value": "weekly"} if kind is Kind.PREFERRED else {})
    for send_no in range(5, 9):
        bounce(send_no)
        assert ledger.suppression(ADA) is None
    bounce(9)
    assert ledger.suppression(ADA).reason == "soft_bounced"


def test_an_open_alone_is_no_sign(ledger, clock, bounce):
    for send_no in range(1, 5):
        bounce(send_no)
    sign(ledger, clock, Kind.OPENED)
    bounce(5)
    assert ledger.suppression(ADA) is not None


def test_a_repeat_counts_once(ledger, bounce):
    for _ in range(3):
        for send_no in range(1, 5):
            bounce(send_no)
    assert ledger.suppression(ADA) is None


def test_the_rule_of_the_project_holds_for_every_process(ledger, bounce, tmp_path, clock):
    ledger.keep_soft_bounces(SoftBounces(count=2, days=30, apart_days=1))
    with Ledger.open(tmp_path, clock=clock) as other:
        other.keep_soft_bounces(SoftBounces(count=2, days=30, apart_days=1))
    bounce(1)
    bounce(2)
    assert ledger.suppression(ADA).reason == "soft_bounced"


def test_nobody_is_given_up_where_the_rule_is_off(ledger, bounce):
    ledger.keep_soft_bounces(SoftBounces(count=0))
    for send_no in range(1, 15):
        bounce(send_no)
    assert ledger.suppression(ADA) is None


def test_an_unsubscribed_address_is_given_up_for_good(ledger, clock, bounce):
    sign(ledger, clock, Kind.UNSUBSCRIBED)
    for send_no in range(1, 6):
        bounce(send_no)
    assert ledger.suppression(ADA).reason == "soft_bounced"


def test_the_count_is_found_by_its_index(ledger, store, bounce):
    bounce(1)
    if store == "sqlite":
        from senders.ledger.soft_bounces import _SIGNS

        plan = ledger._database.rows(
            "explain query plan select count(distinct send_no) from inbound where address_hash = ?"
            f" and received_at > ? and {_SIGNS} and kind = 'bounced'",
            (ADA, 0),
        )
        assert "inbound_signs" in str(plan)
    assert SCHEMA_VERSION == 3
