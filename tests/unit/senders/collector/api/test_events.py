import copy
from datetime import UTC, datetime

from senders.event import Kind
from senders.tracking.addresses import hash_address
from senders.tracking.keys import Keyring
from tests.unit.senders.collector.api.conftest import ORDER


def order(**changes):
    changed = copy.deepcopy(ORDER)
    for path, value in changes.items():
        *above, last = path.split("__")
        place = changed
        for name in above:
            place = place[int(name) if name.isdigit() else name]
        place[last] = value
    return changed


def test_an_order_posted_five_times_is_one_and_answered_the_same(shop, tmp_path):
    answers = [shop.post("/events", ORDER) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    (event,) = shop.events(Kind.REPORTED)
    assert answers[0].json() == {"accepted": 1, "events": [{"id": "order-1001", "event_id": event.event_id}]}
    assert event.occurred_at == datetime(2026, 11, 3, 7, 30, tzinfo=UTC)
    key = Keyring.open(tmp_path / "keys").address_key
    assert event.address_hash == hash_address("ada@example.com", key)
    assert event.body == {
        "name": "order_completed",
        "email": "ada@example.com",
        "properties": ORDER["properties"],
        "key": "web-shop",
    }


def test_keys_of_one_name_are_one_source_and_another_name_is_another(make_shop):
    old, new, other = make_shop(), make_shop(), make_shop(name="till")
    assert old.post("/events", ORDER).content == new.post("/events", ORDER).content
    other.post("/events", order(properties__total=1))
    assert [event.body["properties"]["total"] for event in old.events(Kind.REPORTED)] == [59.8, 1]


def test_many_are_recorded_in_whole_or_not_at_all(shop):
    events = [{"id": f"view-{number}", "name": "product_viewed", "email": "a@b.example"} for number in range(500)]
    answer = shop.post("/events", {"events": events})
    assert answer.status_code == 202
    assert answer.json()["accepted"] == len(shop.events(Kind.REPORTED)) == 500
    wrong = [*events[:3], {"id": "x", "name": "Not Good", "email": "nobody"}]
    refused = shop.post("/events", {"events": wrong})
    assert refused.status_code == 422
    assert {mistake["path"] for mistake in refused.json()["errors"]} == {"/events/3/name", "/events/3/email"}
    assert len(shop.events(Kind.REPORTED)) == 500


WRONG = [
    (order(properties__total="59,80"), "/properties/total"),
    (order(properties__total=-1), "/properties/total"),
    (order(properties__currency="eur"), "/properties/currency"),
    (order(properties__order_id=1001), "/properties/order_id"),
    (order(properties__lines__0__quantity=1.5), "/properties/lines/0/quantity"),
    (order(properties__lines__0__colour="red"), "/properties/lines/0/colour"),
    (order(properties={}), "/properties/order_id"),
    (order(occurred_at="yesterday"), "/occurred_at"),
    (order(occurred_at="2026-11-03T09:00:00"), "/occurred_at"),
    (order(occurred_at="2026-02-30T09:00:00Z"), "/occurred_at"),
    (order(email="nobody"), "/email"),
    (order(contact_id="00" * 16), ""),
    (order(id="with space"), "/id"),
    (order(mistake=1), "/mistake"),
    ({"id": "1", "name": "seen", "email": "a@b.example", "properties": {"text": "x" * 66_000}}, ""),
    ([ORDER], ""),
    ({"events": []}, "/events"),
    ({"events": [ORDER] * 501}, "/events"),
    ({"events": {}}, "/events"),
    ({"events": [ORDER], "and": 1}, "/and"),
]


def test_what_is_wrong_is_named_with_path_value_and_remedy(shop):
    for value, path in WRONG:
        refused = shop.post("/events", value)
        assert refused.status_code == 422, path
        assert refused.headers["content-type"] == "application/problem+json"
        problem = refused.json()
        assert problem["type"] == "urn:mailrail:problem:invalid"
        assert problem["status"] == 422
        assert path in [mistake["path"] for mistake in problem["errors"]]
        assert all(mistake["message"] and mistake["remedy"] for mistake in problem["errors"])
    assert shop.world.events() == []


def test_a_value_that_is_wrong_is_shown_by_its_beginning(shop):
    refused = shop.post("/events", order(properties__currency="x" * 500)).json()
    (mistake,) = refused["errors"]
    assert mistake["value"].startswith('"xxx')
    assert len(mistake["value"]) == 60
    assert "^[A-Z]{3}$" in mistake["remedy"]


def test_a_contact_may_be_named_by_its_id(shop):
    named = {"id": "1", "name": "logged_in", "contact_id": "ab" * 16}
    assert shop.post("/events", named).status_code == 202
    (event,) = shop.events(Kind.REPORTED)
    assert event.address_hash.hex() == "ab" * 16
    assert event.body["email"] == ""


def test_raw_events_are_read_in_pages_once_each(shop):
    for number in range(7):
        shop.post("/events", order(id=f"o-{number}"))
    seen, after = [], 0
    while True:
        page = shop.get(f"/events?after={after}&limit=3").json()
        seen += page["events"]
        after = page["next_after"]
        if not page["has_more"]:
            break
    assert [event["detail"] for event in seen] == [f"o-{number}" for number in range(7)]
    assert sorted({event["id"] for event in seen}) == [event["id"] for event in seen]
    assert seen[0]["occurred_at"] == "2026-11-03T07:30:00Z"
    assert shop.get(f"/events?after={after}").json() == {"events": [], "next_after": after, "has_more": False}


def test_a_page_of_large_events_ends_early(shop, monkeypatch):
    monkeypatch.setattr("senders.collector.api.events.MAX_PAGE_LENGTH", 10_000)
    for number in range(3):
        shop.post(
            "/events", {"id": f"{number}", "name": "seen", "email": "a@b.example", "properties": {"t": "x" * 6_000}}
        )
    first = shop.get("/events").json()
    assert ([event["detail"] for event in first["events"]], first["has_more"]) == (["0"], True)
    rest = shop.get(f"/events?after={first['next_after']}&limit=2").json()
    assert [event["detail"] for event in rest["events"]] == ["1"]
    last = shop.get(f"/events?after={rest['next_after']}").json()
    assert ([event["detail"] for event in last["events"]], last["has_more"]) == (["2"], False)


def test_parameters_have_limits(shop):
    for query in ("after=-1", "after=x", "after=9999999999999999999", "limit=0", "limit=1001", "limit="):
        refused = shop.get(f"/events?{query}")
        assert refused.status_code == 422, query
        assert refused.json()["errors"][0]["path"] == query.partition("=")[0]
