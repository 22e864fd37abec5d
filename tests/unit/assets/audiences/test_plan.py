import json
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.audiences.exclusions import Reason
from assets.audiences.judging import JUDGED, Request, judge
from assets.audiences.plan import plan_audience, plan_campaign
from assets.warehouse.published import connect_published
from dashboards.glossary import REASONS
from senders.errors import ConfigError
from senders.event import Event, Kind, derive_event_id
from tests.fixtures.audiences import NOW, World, days_ago, define


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def judged(world: World, ledger=None, *, required=(), fields=(), allowed=None, **changes) -> dict[str, tuple]:
    request = Request("spring_sale", define(**changes), NOW, fields, required, allowed)
    with connect_published(world.mailrail.published) as connection:
        judge(connection, request, ledger)
        rows = connection.execute(
            f"select contact_id, reason, detail, event_id, suppressed_at, tracking from {JUDGED}"
        ).fetchall()
    assert len(rows) == len({row[0] for row in rows})
    return {row[0]: row[1:] for row in rows}


def reasons(world: World, ledger=None, **changes) -> dict[str, str | None]:
    return {contact_id: row[0] for contact_id, row in judged(world, ledger, **changes).items()}


def test_each_reason_is_found(world: World) -> None:
    ids = {
        "excluded": world.add("a@x.example", segments=("seg_all_contacts", "seg_out")),
        "unsubscribed": world.add("b@x.example"),
        "bounced": world.add("c@x.example"),
        "complained": world.add("d@x.example"),
        "imported": world.add("e@x.example"),
        "unknown": world.add("f@x.example", consent="unknown"),
        "broken": world.add("no at"),
        "ghost": "0" * 32,
        "nameless": world.add("g@x.example", city="  "),
        "capped": world.add("h@x.example"),
        "fine": world.add("i@x.example"),
    }
    world.join(ids["ghost"], ["seg_all_contacts"])
    for name in ("unsubscribed", "bounced", "complained", "imported"):
        world.suppressions.append((ids[name], "", name, days_ago(2), f"event-{name}"))
    world.messages += [(n, ids["capped"], True, days_ago(n)) for n in (1, 6)]
    world.messages += [
        (9, ids["fine"], True, days_ago(8)),
        (10, ids["fine"], False, days_ago(1)),
        (11, ids["fine"], True, days_ago(1)),
    ]
    world.publish()
    found = judged(
        world,
        required=("city",),
        audience={"include": ["seg_all_contacts"], "exclude": ["seg_out"]},
        frequency_cap={"messages": 2, "days": 7},
    )
    assert {name: found[contact_id][:2] for name, contact_id in ids.items()} == {
        "excluded": ("excluded_segment", "seg_out"),
        "unsubscribed": ("unsubscribed", None),
        "bounced": ("bounced", None),
        "complained": ("complained", None),
        "imported": ("imported", None),
        "unknown": ("no_consent", "consent unknown"),
        "broken": ("invalid_address", None),
        "ghost": ("invalid_address", "not in dim_contacts"),
        "nameless": ("missing_field", "city"),
        "capped": ("frequency_cap", "2 in 7 days, at most 2"),
        "fine": (None, None),
    }
    assert found[ids["bounced"]][2:4] == ("event-bounced", days_ago(2))
    assert found[ids["unknown"]][2:4] == (None, None)


def test_the_first_reason_wins_and_the_earliest_event_tells(world: World) -> None:
    person = world.add("a@x.example", consent="denied")
    world.suppressions += [
        (person, "", "complained", days_ago(9), "c"),
        (person, "offers", "unsubscribed", days_ago(1), "u2"),
        (person, "", "unsubscribed", days_ago(2), "u1"),
    ]
    world.publish()
    assert judged(world)[person][:4] == ("unsubscribed", None, "u1", days_ago(2))


def test_an_unsubscribe_holds_for_its_topic_only(world: World) -> None:
    person = world.add("a@x.example")
    world.suppressions.append((person, "news", "unsubscribed", days_ago(1), "u"))
    world.publish()
    assert reasons(world) == {person: None}
    assert reasons(world, topic="news") == {person: "unsubscribed"}


def test_the_ledger_is_asked_too_since_the_copy_may_be_old(world: World) -> None:
    person, other = world.add("a@x.example"), world.add("b@x.example")
    world.publish()
    event = derive_event_id("one")
    with world.mailrail.open_ledger() as ledger:
        at = NOW - timedelta(hours=1)
        ledger.record(
            [
                Event(event, Kind.COMPLAINED, at, address_hash=bytes.fromhex(person)),
                Event(derive_event_id("two"), Kind.UNSUBSCRIBED, at, address_hash=bytes.fromhex(other), scope="news"),
            ]
        )
        found = judged(world, ledger)
    assert found[person][:4] == ("complained", None, event, days_ago(1 / 24))
    assert found[other][0] is None


def test_a_person_in_many_segments_is_judged_once_and_where_narrows(world: World) -> None:
    person = world.add("a@x.example", segments=("seg_all_contacts", "seg_all_contacts", "seg_customers"), orders=3)
    world.add("b@x.example", orders=0)
    world.publish()
    both = {"include": ["seg_all_contacts", "seg_customers"]}
    assert len(reasons(world, audience=both)) == 2
    assert reasons(world, audience=both | {"where": "orders > 0"}) == {person: None}
    assert reasons(world, audience=both | {"where": "last_ordered_at > as_of - interval 30 day"}) == {}


def test_outside_production_only_the_allow_list_is_mailed(world: World) -> None:
    ids = [
        world.add(address)
        for address in ("me@firm.example", "you@firm.example", "a@team.example", "a@sub.team.example")
    ]
    world.publish()
    found = reasons(world, allowed=("ME@firm.example", "@team.example"))
    assert [found[contact_id] for contact_id in ids] == [None, "not_allow_listed", None, "not_allow_listed"]
    assert set(reasons(world, allowed=()).values()) == {"not_allow_listed"}


def test_the_holdout_is_stable_of_the_right_size_and_differs_by_campaign(world: World) -> None:
    for number in range(800):
        world.contacts.append({"contact_id": f"{number:032x}", "email": f"p{number}@x.example", "consent": "granted"})
        world.join(f"{number:032x}", ["seg_all_contacts"])
    world.publish()

    def held(campaign: str) -> set[str]:
        with connect_published(world.mailrail.published) as connection:
            judge(connection, Request(campaign, define(holdout=0.1), NOW))
            return {
                row[0]
                for row in connection.execute(f"select contact_id from {JUDGED} where reason = 'holdout'").fetchall()
            }

    first = held("spring_sale")
    assert 50 < len(first) < 110
    assert held("spring_sale") == first
    assert len(held("autumn") & first) < 25


def test_a_segment_that_is_not_published_is_named(world: World) -> None:
    world.add("a@x.example")
    world.publish()
    with pytest.raises(ConfigError, match="segment seg_gone is not in the published copy"):
        reasons(world, audience={"include": ["seg_gone"]})


def test_every_reason_has_words() -> None:
    assert set(REASONS) == set(Reason)


def test_the_plan_of_a_campaign_adds_up_and_is_json(world: World) -> None:
    for number in range(15):
        world.add(f"p{number}@x.example", consent="granted" if number < 12 else "denied")
    world.publish()
    plan = plan_campaign(world.mailrail, "spring_sale", sample=3)
    document = json.loads(json.dumps(plan.as_json()))
    assert (document["included"], document["recipients"], document["excluded"]) == (15, 12, {"no_consent": 3})
    assert document["tracked"] == 0
    assert document["campaign"] == "spring_sale"
    assert [set(row) for row in document["sample"]] == [{"contact_id", "address", "city", "first_name"}] * 3
    assert plan.segments == ("seg_all_contacts",)
    assert plan.published_version == "v1"
    with pytest.raises(ConfigError, match=r"no campaign 'spring_sal'.*Did you mean spring_sale\?"):
        plan_campaign(world.mailrail, "spring_sal")


people = st.lists(
    st.tuples(
        st.sampled_from(["granted", "denied", "unknown"]),
        st.sets(st.sampled_from(["unsubscribed", "bounced", "soft_bounced", "complained", "imported"])),
        st.sampled_from(["", "offers", "news"]),
        st.booleans(),  # in the excluded segment
        st.sampled_from(["Bonn", "", None]),
        st.sampled_from(["ok", "broken", "missing"]),
        st.integers(0, 3),  # messages of late
    ),
    max_size=25,
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people)
def test_included_are_recipients_and_excluded_each_for_one_reason(tmp_path_factory, drawn: list[tuple]) -> None:
    world = World(tmp_path_factory.mktemp("world"))
    world.segments["seg_out"] = []
    expected: Counter[str | None] = Counter()
    for number, person in enumerate(drawn):
        expected[add_drawn(world, number, *person)] += 1
    world.publish()
    definition = define(
        audience={"include": ["seg_all_contacts"], "exclude": ["seg_out"]}, frequency_cap={"messages": 2, "days": 7}
    )
    request = Request("spring_sale", definition, NOW, ("city",), ("city",))
    with connect_published(world.mailrail.published) as connection:
        plan = plan_audience(connection, request, None)
    assert plan.included == plan.recipients + sum(plan.excluded.values()) == len(drawn)
    assert plan.recipients == expected.pop(None, 0)
    assert plan.excluded == expected


def add_drawn(world: World, number: int, consent, suppressed, scope, out, city, address, messages) -> str | None:
    """Add a person and return the reason by an independent reading of the rules."""
    email = {"ok": f"p{number}@x.example", "broken": f"p{number} x", "missing": None}[address]
    contact_id = f"{number:032x}"
    segments = ("seg_all_contacts", "seg_out") if out else ("seg_all_contacts",)
    world.add(email, contact_id=contact_id, segments=segments, consent=consent, city=city)
    world.suppressions += [(contact_id, scope, reason, days_ago(1), reason) for reason in suppressed]
    world.messages += [(number * 10 + n, contact_id, True, days_ago(n + 1)) for n in range(messages)]
    if out:
        return "excluded_segment"
    if scope != "news":
        for reason in ("unsubscribed", "bounced", "soft_bounced", "complained", "imported"):
            if reason in suppressed:
                return reason
    if consent != "granted" and email is not None:
        return "no_consent"
    if address != "ok":
        return "invalid_address"
    if not city:
        return "missing_field"
    return "frequency_cap" if messages >= 2 else None
