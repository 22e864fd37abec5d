"""What people consented to and chose, as an audience heeds it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.audiences.judging import JUDGED, Request, judge
from assets.warehouse.published import connect_published
from senders.errors import ConfigError
from senders.event import Event, Kind, derive_event_id
from tests.fixtures.audiences import NOW, World, days_ago, define, naive


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def judged(
    world: World, ledger: Any = None, *, needs_consent: bool = True, **changes: Any
) -> dict[str, dict[str, Any]]:
    request = Request("sale", define(**changes), NOW, ("locale",), tracking_needs_consent=needs_consent)
    with connect_published(world.mailrail.published) as connection:
        judge(connection, request, ledger)
        found = connection.sql(f"from {JUDGED}").pl().to_dicts()
    return {row["contact_id"]: row for row in found}


class Told:
    """A ledger that knows choices which the marts do not know yet."""

    def __init__(self, *choices: tuple[str, str, str, datetime]) -> None:
        self.choices = choices

    def suppressions(self) -> Iterator[Any]:
        return iter(())

    def preferences(self) -> Iterator[Any]:
        for contact_id, name, value, at in self.choices:
            yield SimpleNamespace(
                address_hash=bytes.fromhex(contact_id), name=name, value=value, at=at, event_id=f"ledger-{name}"
            )


def prefer(world: World, contact_id: str, name: str, value: str, days: float = 1) -> None:
    world.preferences.append((contact_id, name, value, days_ago(days), f"event-{name}"))


def consent(world: World, contact_id: str, topic: str, said: str = "granted", days: float = 1, **more: Any) -> None:
    row = {"contact_id": contact_id, "topic": topic, "consent": said, "stated_at": days_ago(days)}
    world.consents.append(row | more)


def test_consent_is_by_topic_and_the_newest_word_counts(world: World) -> None:
    ids = {name: world.add(f"{name}@x.example", consent="unknown") for name in "abcdefg"}
    consent(world, ids["a"], "offers")
    consent(world, ids["b"], "news")
    consent(world, ids["c"], "", "denied", days=3)
    consent(world, ids["c"], "offers", days=2)
    consent(world, ids["d"], "", "denied", days=1)
    consent(world, ids["d"], "offers", days=2)
    consent(world, ids["e"], "offers", days=2)
    consent(world, ids["e"], "offers", "denied", days=2)
    consent(world, ids["f"], "", voided_at=days_ago(1), days=5)
    consent(world, ids["g"], "", days=900, expires_at=days_ago(3))
    world.publish()
    found = judged(world)
    assert {name: (found[i]["reason"], found[i]["detail"]) for name, i in ids.items()} == {
        "a": (None, None),
        "b": ("no_consent", "consent unknown"),
        "c": (None, None),
        "d": ("no_consent", "consent denied"),
        "e": ("no_consent", "consent denied"),
        "f": ("no_consent", "consent ended 2026-11-02"),
        "g": ("no_consent", "consent ended 2026-10-31"),
    }
    assert judged(world, topic="news")[ids["b"]]["reason"] is None


def test_an_expired_consent_hides_no_other(world: World) -> None:
    person = world.add("a@x.example", consent_at=days_ago(1000))
    consent(world, person, "offers", days=800, expires_at=days_ago(70))
    world.publish()
    assert judged(world)[person]["reason"] is None


def test_who_left_everything_comes_back_for_one_topic_only(world: World) -> None:
    person = world.add("a@x.example", consent="unknown")
    world.suppressions.append((person, "", "unsubscribed", days_ago(9), "u"))
    consent(world, person, "", days=20, voided_at=days_ago(9))
    consent(world, person, "offers", days=2, is_confirmed=True)
    world.publish()
    assert judged(world)[person]["reason"] is None
    assert judged(world, topic="news")[person]["reason"] == "unsubscribed"
    world.suppressions.append((person, "", "complained", days_ago(8), "c"))
    world.publish("v2")
    assert judged(world)[person]["reason"] == "unsubscribed", "what is firm is never opened again"


def test_a_later_unsubscribe_that_only_the_ledger_knows_holds(world: World) -> None:
    person = world.add("a@x.example", consent="unknown")
    consent(world, person, "offers", is_confirmed=True)
    world.publish()
    with world.mailrail.open_ledger() as ledger:
        ledger.record([Event(derive_event_id("u"), Kind.UNSUBSCRIBED, NOW, address_hash=bytes.fromhex(person))])
        assert judged(world, ledger)[person]["reason"] == "unsubscribed"


def test_choices_leave_people_out_with_reason_event_and_words(world: World) -> None:
    ids = {
        name: world.add(f"{name}@x.example")
        for name in ("no", "yes", "paused", "over", "weekly", "rested", "monthly", "odd")
    }
    prefer(world, ids["no"], "topic:offers", "no")
    prefer(world, ids["yes"], "topic:offers", "yes")
    prefer(world, ids["yes"], "topic:news", "no")
    prefer(world, ids["paused"], "pause_until", "2026-11-04")
    prefer(world, ids["over"], "pause_until", "2026-11-03")
    prefer(world, ids["weekly"], "frequency", "weekly")
    prefer(world, ids["rested"], "frequency", "weekly")
    prefer(world, ids["monthly"], "frequency", "monthly")
    prefer(world, ids["odd"], "pause_until", "some day")
    prefer(world, ids["odd"], "frequency", "never")
    world.messages += [
        (1, ids["weekly"], True, days_ago(6)), (2, ids["rested"], True, days_ago(8)),
        (3, ids["monthly"], True, days_ago(8)), (4, ids["odd"], True, days_ago(1)), (5, ids["yes"], True, days_ago(1)),
    ]  # fmt: skip
    world.publish()
    found = {name: judged(world)[contact_id] for name, contact_id in ids.items()}
    assert {name: (row["reason"], row["detail"], row["event_id"]) for name, row in found.items()} == {
        "no": ("declined_topic", None, "event-topic:offers"),
        "yes": (None, None, None),
        "paused": ("paused", "until 2026-11-04", "event-pause_until"),
        "over": (None, None, None),
        "weekly": ("preferred_frequency", "weekly, last message 2026-10-28", "event-frequency"),
        "rested": (None, None, None),
        "monthly": ("preferred_frequency", "monthly, last message 2026-10-26", "event-frequency"),
        "odd": (None, None, None),
    }
    assert found["no"]["suppressed_at"] == days_ago(1)


def test_mail_that_somebody_waits_for_counts_for_no_frequency(world: World) -> None:
    person = world.add("a@x.example")
    prefer(world, person, "frequency", "weekly")
    world.messages.append((1, person, True, days_ago(1)))
    path = world.publish()
    with duckdb.connect(str(path)) as connection:
        connection.execute("update marts.fct_messages set stream = 'transactional'")
    assert judged(world, frequency_cap={"messages": 1, "days": 7})[person]["reason"] is None


def test_the_ledgers_newest_choice_goes_before_the_marts(world: World) -> None:
    ids = [
        world.add(f"{n}@x.example", tracking_consent=True, tracking_consent_at=days_ago(5), locale="fr")
        for n in range(4)
    ]
    for contact_id in ids:
        prefer(world, contact_id, "topic:offers", "yes", days=1)
    world.publish()
    hour = timedelta(hours=1)
    ledger = Told(
        (ids[0], "topic:offers", "no", NOW - hour),
        (ids[1], "topic:offers", "no", NOW - timedelta(days=2)),
        (ids[2], "tracking", "no", NOW - hour),
        (ids[3], "language", "de", NOW - hour),
    )
    found = judged(world, ledger)
    assert [found[i]["reason"] for i in ids] == ["declined_topic", None, None, None]
    assert [found[i]["tracking"] for i in ids] == [True, True, False, True]
    assert [found[i]["locale"] for i in ids] == ["fr", "fr", "fr", "de"]


@pytest.mark.parametrize(
    ("source", "source_days", "choice", "choice_days", "tracked", "with_notice"),
    [
        (None, None, None, None, False, True),
        (True, 5, None, None, True, True),
        (True, None, None, None, True, True),
        (False, 5, None, None, False, False),
        (None, None, "yes", 1, True, True),
        (True, 1, "no", 5, False, False),  # a source says nothing of what the person said to us
        (False, 5, "yes", 1, True, True),
        (False, 1, "yes", 5, False, False),
        (True, 5, "no", 1, False, False),
        (None, None, "", 1, False, True),
    ],
)
def test_only_a_yes_is_tracked_and_a_no_beats_any_older_yes(
    world: World, source, source_days, choice, choice_days, tracked, with_notice
) -> None:
    said_at = days_ago(source_days) if source_days else None
    person = world.add("a@x.example", tracking_consent=source, tracking_consent_at=said_at)
    if choice is not None:
        prefer(world, person, "tracking", choice, days=choice_days)
    world.publish()
    assert judged(world)[person]["tracking"] is tracked
    assert judged(world, needs_consent=False)[person]["tracking"] is with_notice


grants = st.lists(
    st.tuples(
        st.sampled_from(["", "offers", "news"]),
        st.integers(1, 1500),
        st.one_of(st.none(), st.integers(-1000, 1000)),
        st.booleans(),
    ),
    max_size=6,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people=st.lists(grants, min_size=1, max_size=15))
def test_nobody_whose_consent_has_ended_is_ever_in_an_audience(world: World, people) -> None:
    world.contacts, world.consents, world.segments = [], [], {"seg_all_contacts": []}
    expected = {}
    for number, said in enumerate(people):
        person = world.add(f"p{number}@x.example", consent="unknown")
        for topic, days, expires_in, is_voided in said:
            expires_at = None if expires_in is None else naive(NOW + timedelta(days=expires_in))
            voided_at = days_ago(0.5) if is_voided else None
            consent(world, person, topic, days=days, expires_at=expires_at, voided_at=voided_at)
        expected[person] = any(
            topic in ("", "offers") and not is_voided and (expires_in is None or expires_in > 0)
            for topic, _, expires_in, is_voided in said
        )
    world.publish()
    assert {contact_id: row["reason"] is None for contact_id, row in judged(world).items()} == expected


def test_a_copy_of_an_earlier_version_is_refused_with_the_remedy(world: World) -> None:
    world.add("a@x.example")
    path = world.publish()
    with duckdb.connect(str(path)) as connection:
        connection.execute("drop table marts.fct_consents")
    with pytest.raises(ConfigError, match=r"earlier version .* run `mailrail refresh`"):
        judged(world)


def test_the_clock_of_the_request_decides(world: World) -> None:
    person = world.add("a@x.example", consent="unknown")
    consent(world, person, "", days=10, expires_at=naive(datetime(2026, 11, 3, 9, 0, 1, tzinfo=UTC)))
    world.publish()
    assert judged(world)[person]["reason"] is None
