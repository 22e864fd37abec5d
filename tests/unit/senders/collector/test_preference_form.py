"""Any story of saves: what was said last is so, and saying it again is no news."""

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from senders.collector.preference_form import Answers, answers_of, events_of, questions_of, topics_of
from senders.event import Event, Kind, derive_event_id
from senders.ledger.rows import Standing
from senders.ledger.store import Ledger
from senders.tracking.tokens import Claims, Purpose

TOPICS = ("offers", "news")
BEGIN = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
people = itertools.count(1)

forms = st.fixed_dictionaries(
    {},
    optional={
        "topic.offers": st.sampled_from(["yes", "no", ""]),
        "topic.news": st.sampled_from(["yes", "no", ""]),
        "frequency": st.sampled_from(["all", "weekly", "monthly"]),
        "pause": st.sampled_from(["none", "30", "90", "keep"]),
        "tracking": st.sampled_from(["yes", "no", ""]),
        "language": st.sampled_from(["en", "de", ""]),
        "action": st.sampled_from(["save", "everything"]),
    },
)
links = st.sampled_from(["", *TOPICS])


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    with Ledger.open(tmp_path_factory.mktemp("home")) as opened:
        yield opened


def by_link(claims: Claims, topic: str, at: datetime) -> Event:
    event_id = derive_event_id("link", claims.address_hash, topic)
    return Event(event_id, Kind.UNSUBSCRIBED, at, address_hash=claims.address_hash, scope=topic)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.one_of(forms, links), max_size=8), still=st.booleans())
def test_what_was_said_last_is_so(ledger, steps, still):
    """A step is a form, or the unsubscribe link of an old mail; the clock may stand still between them."""
    claims = Claims(Purpose.PREFERENCES, 1, 1, address_hash=next(people).to_bytes(16, "big"))
    at = BEGIN
    for step in steps:
        at += timedelta(0 if still else 1)
        if isinstance(step, str):
            ledger.record([by_link(claims, step, at)])
            assert all(ledger.suppression(claims.address_hash, topic) for topic in TOPICS if step in ("", topic))
            continue
        answers = answers_of(step, TOPICS, ("en", "de"), (30, 60, 90), at.date())
        before = ledger.standing(claims.address_hash)
        events = events_of(answers, before, claims, at, {}, "en")
        assert all(ledger.record(events)), "no event is lost as a repeat of an earlier one"
        after = ledger.standing(claims.address_hash)
        assert_holds(answers, before, after)
        assert events_of(answers, after, claims, at, {}, "en") == []


def assert_holds(answers: Answers, before: Standing, after: Standing) -> None:
    if answers.wants_nothing:
        assert all(after.suppression(topic) for topic in TOPICS)
        return
    for topic in TOPICS:
        wish = answers.topics.get(topic)
        is_free = after.suppression(topic) is None
        assert is_free is (wish == "yes" if wish else before.suppression(topic) is None)
    for name, value in (
        ("frequency", answers.frequency),
        ("pause_until", answers.pause),
        ("tracking", answers.tracking),
        ("language", answers.language),
    ):
        usual = "all" if name == "frequency" else ""
        assert (after.choice(name) or usual) == (before.choice(name) or usual if value is None else value)


def test_the_page_shows_the_topics_of_the_settings_first_and_each_once():
    standing = Standing()
    assert topics_of(["news", "offers"], standing, "offers") == ["news", "offers"]
    assert topics_of([], standing, "") == []


def test_a_pause_that_is_over_and_a_frequency_that_nobody_chose():
    questions = questions_of(Standing(), ["offers"], date(2026, 11, 3))
    assert (questions.frequency, questions.pause, questions.topics) == ("all", None, {"offers": ""})
    assert (questions.has_left, questions.is_stopped) == (False, False)
