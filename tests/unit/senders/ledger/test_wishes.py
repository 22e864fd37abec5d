"""What a person's word does to suppressions: made, lifted, made again; on both stores and from the file beside."""

import asyncio
import random
from datetime import timedelta

import pytest

from senders.event import Event, Kind, derive_event_id
from senders.ledger.lease import claim
from senders.ledger.owner import this_owner
from senders.ledger.store import Ledger
from senders.ledger.suppression_log import SuppressionLog, put_back
from senders.ledger.transitions import Offer, Verdict
from senders.ledger.wishes import LIFTED
from senders.ledger.writer import LedgerWriter
from senders.message import State

ADA, BOB, EVE = (n.to_bytes(16, "big") for n in (1, 2, 3))


@pytest.fixture
def tell(ledger, clock):
    """A function that records one event of a person, a minute after the one before."""
    told = []

    def record(kind, scope="", *, who=ADA, name="", at=None, basis="confirmed", **changes):
        clock.moment += timedelta(minutes=1)
        told.append(kind)
        body = {"basis": basis, "source": "preferences"} if kind is Kind.SUBSCRIBED else {}
        event = Event(
            derive_event_id(name or f"{len(told)}"),
            kind,
            at or clock.moment,
            **{"address_hash": who, "scope": scope, "body": body, **changes},
        )
        return ledger.record([event])[0]

    return record


def may_get(ledger, topic, who=ADA):
    return ledger.suppression(who, topic) is None


# ---- lifting


def test_a_confirmed_subscription_lifts_the_unsubscribe_of_its_topic_only(ledger, tell):
    tell(Kind.UNSUBSCRIBED, "offers")
    tell(Kind.UNSUBSCRIBED, "news")
    tell(Kind.SUBSCRIBED, "offers")
    assert may_get(ledger, "offers")
    assert not may_get(ledger, "news")
    assert [one.scope for one in ledger.suppressions()] == ["news"]


def test_out_of_everything_only_the_topic_that_was_confirmed_comes_back(ledger, tell):
    tell(Kind.UNSUBSCRIBED)
    tell(Kind.SUBSCRIBED, "offers")
    assert may_get(ledger, "offers")
    assert not may_get(ledger, "news")
    assert not may_get(ledger, "a topic made next year")
    assert not may_get(ledger, ""), "what is not about a topic"
    (kept,) = ledger.suppressions()
    assert (kept.scope, kept.lifted) == ("", {"offers"})
    assert kept.holds_for("news")
    assert not kept.holds_for("offers")
    assert ledger.suppressions_of(ADA) == [kept]


def test_confirmed_to_everything_leaves_what_was_left_by_topic(ledger, tell):
    tell(Kind.UNSUBSCRIBED, "news")
    tell(Kind.UNSUBSCRIBED)
    tell(Kind.SUBSCRIBED, "")
    assert may_get(ledger, "offers")
    assert not may_get(ledger, "news")


@pytest.mark.parametrize(
    ("kind", "scope", "changes"),
    [
        (Kind.BOUNCED, "", {"failure": "permanent"}),
        (Kind.COMPLAINED, "offers", {}),
        (Kind.SUPPRESSED, "offers", {}),
        (Kind.SUPPRESSED, "", {}),
    ],
)
def test_a_bounce_a_complaint_and_an_import_are_never_lifted(ledger, tell, kind, scope, changes):
    for order in ((kind, Kind.UNSUBSCRIBED), (Kind.UNSUBSCRIBED, kind)):
        who = bytes([len(order[0].value)]) * 16
        for each in order:
            tell(each, scope, who=who, **(changes if each is kind else {}))
        tell(Kind.SUBSCRIBED, "offers", who=who)
        tell(Kind.SUBSCRIBED, "", who=who)
        assert not may_get(ledger, "offers", who)


@pytest.mark.parametrize("basis", ["stated", "", None])
def test_what_somebody_else_states_lifts_nothing(ledger, tell, basis):
    tell(Kind.UNSUBSCRIBED, "offers")
    tell(Kind.SUBSCRIBED, "offers", basis=basis)
    assert not may_get(ledger, "offers")


def test_a_subscription_that_comes_late_lifts_no_newer_unsubscribe(ledger, tell, clock):
    before = clock.moment
    tell(Kind.UNSUBSCRIBED, "offers")
    tell(Kind.SUBSCRIBED, "offers", at=before)
    assert not may_get(ledger, "offers")


def test_an_unsubscribe_that_comes_late_holds(ledger, tell, clock):
    before = clock.moment
    tell(Kind.UNSUBSCRIBED, "offers")
    tell(Kind.SUBSCRIBED, "offers")
    tell(Kind.UNSUBSCRIBED, "offers", at=before)
    assert not may_get(ledger, "offers")


def test_the_same_link_pressed_again_after_a_lift_is_a_new_wish(ledger, tell):
    for _ in range(3):
        assert tell(Kind.UNSUBSCRIBED, "offers", name="the link")
        assert not tell(Kind.UNSUBSCRIBED, "offers", name="the link"), "a repeat"
        assert not may_get(ledger, "offers")
        tell(Kind.SUBSCRIBED, "offers")
        assert may_get(ledger, "offers")
    assert len({row.event.event_id for row in ledger.inbound_after(0, 99)}) == 6


@pytest.mark.parametrize("scope", ["", "offers"])
def test_another_link_after_a_lift_is_one_wish_however_often_it_is_pressed(ledger, tell, scope):
    tell(Kind.UNSUBSCRIBED, scope, name="the first mail's link")
    tell(Kind.SUBSCRIBED, "offers")
    assert tell(Kind.UNSUBSCRIBED, scope, name="the second mail's link")
    assert not tell(Kind.UNSUBSCRIBED, scope, name="the second mail's link"), "a repeat"
    assert not tell(Kind.UNSUBSCRIBED, scope, name="the first mail's link"), "nothing is left to stop"
    assert not may_get(ledger, "offers")


def test_unsubscribed_from_everything_again_ends_every_exception(ledger, tell):
    tell(Kind.UNSUBSCRIBED, name="all")
    tell(Kind.SUBSCRIBED, "offers")
    tell(Kind.SUBSCRIBED, "news")
    assert tell(Kind.UNSUBSCRIBED, name="all")
    assert not tell(Kind.UNSUBSCRIBED, name="all")
    assert not may_get(ledger, "offers")
    assert not may_get(ledger, "news")
    tell(Kind.SUBSCRIBED, "news")
    assert may_get(ledger, "news")
    assert not may_get(ledger, "offers")


def test_a_clock_that_stands_still_confuses_nothing(ledger, clock):
    for number in range(4):
        ledger.record([Event(derive_event_id("u", str(number)), Kind.UNSUBSCRIBED, clock.now(), address_hash=ADA)])
        assert not may_get(ledger, "offers")
        confirmed = {"basis": "confirmed"}
        ledger.record(
            [Event(derive_event_id("s", str(number)), Kind.SUBSCRIBED, clock.now(), address_hash=ADA, scope="offers",
                   body=confirmed)]
        )  # fmt: skip
        assert may_get(ledger, "offers")


def test_both_at_the_same_moment_in_one_transaction_mails_less(ledger, clock):
    def event(kind):
        return Event(derive_event_id(kind), kind, clock.now(), address_hash=ADA, scope="offers",
                     body={"basis": "confirmed"} if kind is Kind.SUBSCRIBED else {})  # fmt: skip

    ledger.record([event(Kind.UNSUBSCRIBED), event(Kind.SUBSCRIBED)])
    assert not may_get(ledger, "offers")


# ---- offers


def test_offers_look_at_lifts_one_by_one_and_in_runs(ledger, tell, clock, open_send, tmp_path):
    send_no = open_send(10, shard_rows=10, topic="offers")
    for who in range(1, 7):
        tell(Kind.UNSUBSCRIBED, who=who.to_bytes(16, "big"))
    tell(Kind.SUBSCRIBED, "offers", who=(2).to_bytes(16, "big"))
    tell(Kind.SUBSCRIBED, "news", who=(3).to_bytes(16, "big"))
    tell(Kind.SUBSCRIBED, "offers", who=(4).to_bytes(16, "big"))
    tell(Kind.UNSUBSCRIBED, "offers", who=(4).to_bytes(16, "big"))
    tell(Kind.SUBSCRIBED, "", who=(5).to_bytes(16, "big"))

    async def offer_all():
        writer = LedgerWriter(tmp_path, clock)
        try:
            writer.start()
            lease = await writer.call(lambda connection, now: claim(connection, str(this_owner()), 10.0, now))
            alone = [await writer.offer(Offer(lease, seq, seq.to_bytes(16, "big"))) for seq in (1, 2)]
            rest = [writer.offer(Offer(lease, seq, seq.to_bytes(16, "big"))) for seq in range(3, 11)]
            return alone + list(await asyncio.gather(*rest))
        finally:
            await writer.close()

    verdicts = dict(enumerate(asyncio.run(offer_all()), start=1))
    assert {seq for seq, verdict in verdicts.items() if verdict is Verdict.SUPPRESSED} == {1, 3, 4, 6}
    assert {seq for seq, verdict in verdicts.items() if verdict is Verdict.GO} == {2, 5, 7, 8, 9, 10}
    assert ledger.counts(send_no)[State.SUPPRESSED] == 4


def test_an_unsubscribe_between_two_offers_stops_the_second(ledger, tell, clock, open_send, tmp_path):
    open_send(2, shard_rows=2, topic="offers")
    for who in (ADA, BOB):
        tell(Kind.UNSUBSCRIBED, who=who)
        tell(Kind.SUBSCRIBED, "offers", who=who)

    async def offer_both():
        writer = LedgerWriter(tmp_path, clock)
        try:
            writer.start()
            lease = await writer.call(lambda connection, now: claim(connection, str(this_owner()), 10.0, now))
            first = await writer.offer(Offer(lease, 1, ADA))
            await asyncio.to_thread(tell, Kind.UNSUBSCRIBED, "offers", who=BOB)
            return first, await writer.offer(Offer(lease, 2, BOB))
        finally:
            await writer.close()

    assert asyncio.run(offer_both()) == (Verdict.GO, Verdict.SUPPRESSED)


@pytest.mark.parametrize(("stream", "stopped"), [("marketing", {1, 3}), ("transactional", set())])
def test_a_pause_holds_for_the_next_offer_of_marketing(ledger, tell, clock, open_send, tmp_path, stream, stopped):
    open_send(6, shard_rows=6, topic="offers", stream=stream)
    today = clock.moment.date()
    for seq, days in ((1, 30), (2, 0), (3, 1), (4, -5)):
        body = {"name": "pause_until", "value": (today + timedelta(days=days)).isoformat()}
        tell(Kind.PREFERRED, who=seq.to_bytes(16, "big"), body=body)

    async def offer_all():
        writer = LedgerWriter(tmp_path, clock)
        try:
            writer.start()
            lease = await writer.call(lambda connection, now: claim(connection, str(this_owner()), 10.0, now))
            alone = await writer.offer(Offer(lease, 1, ADA))
            rest = [writer.offer(Offer(lease, seq, seq.to_bytes(16, "big"))) for seq in range(2, 7)]
            return [alone, *await asyncio.gather(*rest)]
        finally:
            await writer.close()

    verdicts = enumerate(asyncio.run(offer_all()), start=1)
    assert {seq for seq, verdict in verdicts if verdict is Verdict.SUPPRESSED} == stopped


# ---- the file beside


def log_of(tmp_path):
    return SuppressionLog(tmp_path / "ledger")


def test_a_lift_is_a_line_and_nothing_lifted_is_revived(ledger, tell, tmp_path, clock):
    tell(Kind.UNSUBSCRIBED, "offers")
    tell(Kind.UNSUBSCRIBED, who=BOB)
    tell(Kind.SUBSCRIBED, "offers")
    tell(Kind.SUBSCRIBED, "offers", who=BOB)
    assert [one.reason for one in log_of(tmp_path).read()] == ["unsubscribed", "unsubscribed", LIFTED, LIFTED]
    with Ledger.open(tmp_path, clock=clock) as again:
        assert may_get(again, "offers")
        assert may_get(again, "offers", BOB)
        assert not may_get(again, "news", BOB)


def test_what_was_said_after_a_lift_comes_back_from_the_file(ledger, tell, tmp_path, clock):
    tell(Kind.UNSUBSCRIBED, "offers")
    tell(Kind.SUBSCRIBED, "offers")
    tell(Kind.UNSUBSCRIBED, "offers")
    tell(Kind.UNSUBSCRIBED, who=BOB)
    tell(Kind.SUBSCRIBED, "offers", who=BOB)
    tell(Kind.UNSUBSCRIBED, who=BOB)
    with ledger._database.write() as connection:
        connection.execute("delete from suppressions")
    with Ledger.open(tmp_path, clock=clock) as again:
        assert not may_get(again, "offers")
        assert not may_get(again, "offers", BOB)


def test_the_file_tells_the_same_in_any_order_of_its_lines(ledger, tell, tmp_path):
    chance = random.Random(6)
    kinds = [Kind.UNSUBSCRIBED, Kind.SUBSCRIBED, Kind.SUBSCRIBED, Kind.UNSUBSCRIBED, Kind.COMPLAINED]
    for number in range(160):
        kind = chance.choice(kinds) if number % 40 == 39 else chance.choice(kinds[:4])
        tell(
            kind, chance.choice(["", "offers", "news"]), who=chance.choice([ADA, BOB, EVE]), name=f"{number % 90}{kind}"
        )
    wanted = told_of(ledger)
    lines = list(log_of(tmp_path).read())
    for _ in range(20):
        chance.shuffle(lines)
        with ledger._database.write() as connection:
            connection.execute("delete from suppressions")
            connection.execute("delete from lifts")
            put_back(connection, lines, 1)
        assert told_of(ledger) == wanted


def told_of(ledger):
    return {
        (who, topic): may_get(ledger, topic, who)
        for who in (ADA, BOB, EVE)
        for topic in ("", "offers", "news", "other")
    }


# ---- choices


def choose(ledger, clock, name, value, *, minutes=0, mark=""):
    at = clock.now() + timedelta(minutes=minutes)
    body = {"name": name, "value": value}
    event = Event(derive_event_id(name, str(value), mark), Kind.PREFERRED, at, address_hash=ADA, body=body)
    ledger.record([event])


def test_the_newest_choice_of_a_name_is_kept_whenever_it_comes(ledger, clock):
    choose(ledger, clock, "frequency", "weekly", minutes=5)
    choose(ledger, clock, "frequency", "monthly", minutes=9)
    choose(ledger, clock, "frequency", "all", minutes=7)
    choose(ledger, clock, "frequency", "weekly", minutes=5)
    choose(ledger, clock, "tracking", "yes")
    choose(ledger, clock, "tracking", "no")
    assert ledger.choice(ADA, "frequency") == "monthly"
    assert ledger.choice(ADA, "tracking") == "no", "of the same moment the later one"
    assert ledger.choice(BOB, "tracking") == ""
    assert set(ledger.standing(ADA).choices) == {"frequency", "tracking"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("frequency", "never"), ("tracking", ""), ("pause_until", "soon"), ("pause_until", "2026-13-01"),
        ("topic:", "yes"), ("topic:x", "maybe"), ("language", "<b>"), ("email", "a@b.example"), (None, "yes"),
        ("tracking", None),
        ("topic:" + "x" * 201, "yes"),
    ],
)  # fmt: skip
def test_what_is_no_choice_is_kept_as_an_event_only(ledger, clock, name, value):
    ledger.record([Event(derive_event_id("x"), Kind.PREFERRED, clock.now(), address_hash=ADA,
                         body={"name": name, "value": value})])  # fmt: skip
    assert ledger.standing(ADA).choices == {}
    assert len(ledger.inbound_after(0, 9)) == 1


def test_a_topic_is_chosen_by_every_road(ledger, tell, clock):
    tell(Kind.UNSUBSCRIBED, "offers")
    assert ledger.choice(ADA, "topic:offers") == "no"
    tell(Kind.SUBSCRIBED, "offers", basis="stated")
    assert ledger.choice(ADA, "topic:offers") == "yes"
    standing = ledger.standing(ADA)
    assert standing.suppression("offers").reason == "unsubscribed", "suppressions stay the truth"
    assert standing.suppression("news") is None


# ---- tracking


def open_of(clock, send_no, seq, name="o", kind=Kind.OPENED):
    return Event(derive_event_id(name, str(seq), kind), kind, clock.now(), send_no=send_no, seq=seq, ip="192.0.2.1",
                 user_agent="Mail/1")  # fmt: skip


def test_of_people_who_do_not_want_it_nothing_is_kept_of_mail_sent_before_either(ledger, clock, open_send):
    send_no = open_send(3)
    events = [
        open_of(clock, send_no, seq, kind=kind) for seq in (1, 2) for kind in (Kind.OPENED, Kind.CLICKED, Kind.VIEWED)
    ]
    choose(ledger, clock, "tracking", "no")
    assert ledger.record(events) == [False] * 3 + [True] * 3
    assert {row.event.seq for row in ledger.inbound_after(0, 99)} == {0, 2}
    choose(ledger, clock, "tracking", "yes", minutes=1)
    assert ledger.record(events) == [True] * 3 + [False] * 3


@pytest.mark.parametrize(("consent", "kept"), [(False, [False]), (True, [True]), (None, [True])])
def test_a_no_to_tracking_by_the_api_holds_for_mail_sent_before(ledger, clock, open_send, consent, kept):
    send_no = open_send(3)
    body = {} if consent is None else {"tracking_consent": consent}
    ledger.record([Event("e" * 32, Kind.UPSERTED, clock.now(), address_hash=ADA, body=body)])
    assert ledger.record([open_of(clock, send_no, 1)]) == kept


def test_the_withdrawal_holds_from_its_own_transaction_on(ledger, clock, open_send):
    send_no = open_send(3)
    withdrawal = Event(
        "f" * 32, Kind.PREFERRED, clock.now(), address_hash=ADA, body={"name": "tracking", "value": "no"}
    )
    fresh = ledger.record([open_of(clock, send_no, 1, "a"), withdrawal, open_of(clock, send_no, 1, "b")])
    assert fresh == [True, True, False]


def test_what_everybody_chose_is_told_in_order_and_in_pages(ledger, tell, monkeypatch):
    monkeypatch.setattr("senders.ledger.preferences._PAGE", 2)
    for who in (EVE, ADA, BOB):
        tell(Kind.PREFERRED, who=who, body={"name": "frequency", "value": "weekly"})
        tell(Kind.SUBSCRIBED, "news", who=who)
    found = [(one.address_hash, one.name, one.value) for one in ledger.preferences()]
    chosen = (("frequency", "weekly"), ("topic:news", "yes"))
    assert found == [(who, name, value) for who in (ADA, BOB, EVE) for name, value in chosen]
