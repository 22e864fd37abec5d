from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest

from senders.event import Event, Kind
from senders.ledger.lease import claim
from senders.ledger.outbox import MailRequest
from senders.ledger.owner import this_owner
from senders.ledger.quotas import Quota
from senders.ledger.rows import to_micros
from senders.ledger.signups import Client, Signup, ask, confirm, subscribe
from senders.ledger.store import Ledger
from senders.ledger.transitions import Offer, Verdict, offer, open_gate
from senders.ledger.wishes import ASKED_FOR
from tests.unit.senders.ledger.conftest import NOW, address_hash

ADA, DIGEST = address_hash(1), bytes(range(32))
CLIENT = Client("192.0.2.7", "Browser/1", "POST")
PAUSE = [Quota("ada:pause", 1, 900)]


def signup_of(number=1, *, topics=("offers", "news"), asked_at=NOW):
    return Signup(
        signup_id=f"{number:032x}",
        form="newsletter",
        email="ada@example.org",
        address_hash=ADA,
        topics=topics,
        fields={"first_name": "Ada"},
        language="de",
        wording="2026-11",
        wording_text="Ja, ich will.",
        ip="192.0.2.7",
        asked_at=asked_at,
        expires_at=asked_at + timedelta(days=7),
    )


def mail_of(signup):
    return MailRequest(signup.signup_id, "confirm_signup", signup.email, signup.address_hash, {"form": "News"})


@pytest.fixture
def ask_for(ledger):
    def ask_it(signup, digest=DIGEST, quotas=PAUSE):
        job = partial(ask, signup=signup, digest=digest, mail=mail_of(signup), quotas=quotas, client=CLIENT)
        return ledger.run_jobs([job])[0]

    return ask_it


@pytest.fixture
def answer(ledger):
    return lambda digest=DIGEST, now=NOW: ledger.run_jobs(
        [partial(confirm, digest=digest, now=now, client=Client("198.51.100.9", "Mail/2", "POST"))]
    )[0]


def events(ledger):
    return [row.event for row in ledger.inbound_after(0, 1000)]


def count(ledger, table):
    return ledger._database.row(f"select count(*) from {table}")[0]


def test_a_signup_is_kept_told_and_asked_for_in_one(ledger, ask_for):
    assert ask_for(signup_of())
    (event,) = events(ledger)
    assert (event.kind, event.address_hash, event.ip, event.scope) == (Kind.SIGNED_UP, ADA, "192.0.2.7", "")
    # Events stay: the address of somebody who may never answer is not among them.
    assert event.body == {
        "form": "newsletter", "topics": ["offers", "news"], "language": "de", "wording": "2026-11"
    }  # fmt: skip
    (mail,) = ledger.waiting_mail("confirm_signup", 10)
    assert (mail.request.email, mail.request.request_id) == ("ada@example.org", signup_of().signup_id)
    assert ledger.signup(DIGEST, NOW) == signup_of(topics=["offers", "news"])
    assert ledger.suppression(ADA) is None


def test_one_that_the_quotas_refuse_leaves_nothing(ledger, ask_for):
    ask_for(signup_of(1))
    assert not ask_for(signup_of(2), digest=bytes(32))
    assert (count(ledger, "signups"), count(ledger, "inbound"), count(ledger, "outbox")) == (1, 1, 1)


def test_confirming_is_the_consent_once_for_each_topic(ledger, ask_for, answer):
    ask_for(signup_of())
    later = NOW + timedelta(hours=3)
    assert answer(now=later) is not None
    given = events(ledger)[1:]
    assert [(one.kind, one.scope, one.occurred_at, one.ip) for one in given] == [
        (Kind.SUBSCRIBED, "offers", later, "198.51.100.9"),
        (Kind.SUBSCRIBED, "news", later, "198.51.100.9"),
    ]
    assert given[0].body == {
        "email": "ada@example.org",
        "source": "newsletter",
        "basis": "confirmed",
        "wording": "2026-11",
        "wording_text": "Ja, ich will.",
        "language": "de",
        "fields": {"first_name": "Ada"},
        "asked_at": "2026-11-03T09:00:00Z",
        "asked_ip": "192.0.2.7",
    }
    assert answer(now=later + timedelta(days=1)) is not None
    assert len(events(ledger)) == 3


def test_confirming_takes_an_unsubscribe_back_but_no_complaint(ledger, ask_for, answer):
    ledger.record([Event("a" * 32, Kind.UNSUBSCRIBED, NOW - timedelta(days=1), address_hash=ADA, scope="offers")])
    ask_for(signup_of())
    answer(now=NOW + timedelta(hours=1))
    assert ledger.suppression(ADA, "offers") is None
    ledger.record([Event("b" * 32, Kind.COMPLAINED, NOW + timedelta(hours=2), address_hash=ADA)])
    answer(now=NOW + timedelta(hours=3))
    assert ledger.suppression(ADA, "offers").reason == "complained"


def test_an_old_link_does_not_undo_a_later_unsubscribe(ledger, ask_for, answer):
    ask_for(signup_of())
    answer(now=NOW + timedelta(hours=1))
    ledger.record([Event("c" * 32, Kind.UNSUBSCRIBED, NOW + timedelta(hours=2), address_hash=ADA, scope="offers")])
    answer(now=NOW + timedelta(hours=3))
    assert ledger.suppression(ADA, "offers").reason == "unsubscribed"


def test_after_seven_days_nothing_is_confirmed_and_the_address_is_forgotten(ledger, ask_for, answer):
    ask_for(signup_of())
    late = NOW + timedelta(days=7)
    assert answer(now=late) is None
    assert ledger.signup(DIGEST, late) is None
    assert answer(digest=bytes(32)) is None
    assert len(events(ledger)) == 1
    other = signup_of(2, asked_at=late)
    ask_for(other, digest=bytes(31) + b"x")
    assert count(ledger, "signups") == 1


def test_addresses_are_forgotten_even_if_nobody_signs_up_any_more(ledger, ask_for):
    ask_for(signup_of())
    ledger.forget_signups(NOW + timedelta(days=6))
    assert (count(ledger, "signups"), count(ledger, "quotas")) == (1, 0)
    ledger.forget_signups(NOW + timedelta(days=7))
    assert count(ledger, "signups") == 0


def test_a_form_without_confirmation_is_a_stated_consent(ledger):
    job = partial(subscribe, signup=signup_of(topics=("",)), quotas=PAUSE, client=CLIENT)
    assert ledger.run_jobs([job, job]) == [True, False]
    assert [(one.kind, one.scope, one.body.get("basis")) for one in events(ledger)] == [
        (Kind.SIGNED_UP, "", None),
        (Kind.SUBSCRIBED, "", "stated"),
    ]
    assert count(ledger, "outbox") == 0


def test_the_proof_holds_consents_and_what_was_taken_back(ledger, ask_for, answer):
    ask_for(signup_of())
    answer()
    ledger.record([Event("d" * 32, Kind.UNSUBSCRIBED, NOW + timedelta(days=2), address_hash=ADA, scope="news")])
    proof = ledger.consent_events(ADA)
    assert [(one.kind, one.scope) for one in proof] == [
        (Kind.SUBSCRIBED, "offers"),
        (Kind.SUBSCRIBED, "news"),
        (Kind.UNSUBSCRIBED, "news"),
    ]
    assert proof[0].body["wording_text"] == "Ja, ich will."
    assert ledger.consent_events(address_hash(2)) == []


@pytest.mark.parametrize("kind", [Kind.UNSUBSCRIBED, Kind.SUBSCRIBED, Kind.COMPLAINED, Kind.PREFERRED])
def test_nobody_who_told_a_wish_is_a_stranger(ledger, kind):
    assert ledger.strangers([ADA, address_hash(2)]) == {ADA, address_hash(2)}
    body = {"name": "frequency", "value": "weekly"} if kind is Kind.PREFERRED else {}
    ledger.record([Event("e" * 32, kind, NOW, address_hash=ADA, body=body)])
    assert ledger.strangers([ADA, address_hash(2)]) == {address_hash(2)}


def test_about_nobody_nothing_is_asked(ledger):
    assert ledger.strangers([]) == frozenset()


def test_of_many_at_once_exactly_one_gets_its_mail(ledger, tmp_path, clock):
    """Through ledgers of their own, as several collectors have them."""

    def attempts(part):
        granted = 0
        with Ledger.open(tmp_path, busy_timeout_seconds=30, clock=clock) as own:
            for number in range(part * 25, part * 25 + 25):
                one = signup_of(number)
                digest = number.to_bytes(32, "big")
                job = partial(ask, signup=one, digest=digest, mail=mail_of(one), quotas=PAUSE, client=CLIENT)
                granted += own.run_jobs([job])[0]
        return granted

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(attempts, range(4))) == 1
    assert (count(ledger, "signups"), count(ledger, "inbound"), count(ledger, "outbox")) == (1, 1, 1)


def offer_of(ledger, clock):
    """Return the ledger's answer to the offer of the one message."""
    now = to_micros(clock.now())

    def work(connection, _):
        lease = claim(connection, str(this_owner()), 10.0, now)
        return offer(connection, Offer(lease, 1, ADA), open_gate(connection, lease, now), 1, now)

    return ledger.run_jobs([work])[0]


ASKED = ("confirm_signup.1", {"topic": ASKED_FOR, "stream": "transactional"})
OTHER = ("order_thanks.1", {"topic": "transactional", "stream": "transactional"})


@pytest.mark.parametrize(("send", "verdict"), [(ASKED, Verdict.GO), (OTHER, Verdict.SUPPRESSED)])
def test_who_unsubscribed_from_everything_gets_what_they_ask_for_now(ledger, clock, open_send, ask_for, send, verdict):
    name, changes = send
    open_send(1, send_id=name, **changes)
    ledger.record([Event("a" * 32, Kind.UNSUBSCRIBED, NOW, address_hash=ADA)])
    ask_for(signup_of())
    assert offer_of(ledger, clock) is verdict


def test_asking_holds_until_the_next_unsubscribe(ledger, clock, open_send, ask_for):
    open_send(1, send_id=ASKED[0], **ASKED[1])
    ledger.record([Event("a" * 32, Kind.UNSUBSCRIBED, NOW, address_hash=ADA)])
    ask_for(signup_of())
    ledger.record([Event("b" * 32, Kind.UNSUBSCRIBED, NOW + timedelta(minutes=1), address_hash=ADA)])
    assert offer_of(ledger, clock) is Verdict.SUPPRESSED


@pytest.mark.parametrize("kind", [Kind.COMPLAINED, Kind.SUPPRESSED])
def test_asking_reaches_nobody_who_must_not_be_written_to(ledger, clock, open_send, ask_for, kind):
    open_send(1, send_id=ASKED[0], **ASKED[1])
    ask_for(signup_of())
    ledger.record([Event("a" * 32, kind, NOW, address_hash=ADA)])
    assert offer_of(ledger, clock) is Verdict.SUPPRESSED
