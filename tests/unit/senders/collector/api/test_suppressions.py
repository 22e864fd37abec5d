import pytest

from senders.event import Kind


def test_an_address_is_suppressed_when_it_is_answered(shop):
    answer = shop.post("/suppressions", {"email": "Ada@Example.com", "reason": "asked by phone"})
    assert answer.status_code == 200
    (taken,) = answer.json()["suppressions"]
    found = shop.world.ledger.suppression(bytes.fromhex(taken["contact_id"]), "offers")
    assert (found.scope, found.reason) == ("", "imported")
    (event,) = shop.events(Kind.SUPPRESSED)
    assert event.detail == "asked by phone"
    assert "ada" not in str(event.body)


def test_one_topic_can_be_suppressed_by_path(shop):
    assert shop.call("PUT", "/suppressions/ada@example.com", {"scope": "offers", "reason": "asked"}).status_code == 200
    asked = shop.get("/suppressions/ADA@example.com").json()
    assert [(one["scope"], one["reason"]) for one in asked["suppressions"]] == [("offers", "imported")]
    assert shop.get("/suppressions/eve@example.com").json()["suppressions"] == []


def test_the_list_is_read_in_pages_once_each(shop):
    many = [{"email": f"p{number}@example.com", "reason": "moved", "scope": "offers"} for number in range(250)]
    assert shop.post("/suppressions", {"suppressions": many}).json()["accepted"] == 250
    seen, path = [], "/suppressions?limit=100"
    while path:
        page = shop.get(path).json()
        seen += page["suppressions"]
        path = page["next"] and f"/suppressions?limit=100&after={page['next']}"
    assert len({one["contact_id"] for one in seen}) == len(seen) == 250


def test_a_cursor_that_is_none_is_refused(shop):
    for cursor in ("x", "%00", "ab" * 15, "AB" * 16, "\u20ac", "ab" * 16 + "a"):
        assert shop.get(f"/suppressions?after={cursor}").status_code == 422


@pytest.mark.parametrize("path", ["/suppressions", "/suppressions/ada@example.com"])
def test_there_is_no_way_to_remove_one_and_the_answer_says_why(shop, path):
    shop.post("/suppressions", {"email": "ada@example.com", "reason": "asked"})
    refused = shop.call("DELETE", path)
    assert refused.status_code == 405
    assert "only the person can take an unsubscribe back" in refused.json()["detail"]
    assert set(refused.headers["allow"].split(", ")) <= {"GET", "POST", "PUT"}
    assert shop.get("/suppressions/ada@example.com").json()["suppressions"]


WRONG = [
    ({"email": "ada@example.com"}, "/reason"),
    ({"reason": "asked"}, ""),
    ({"email": "ada@example.com", "reason": "asked", "scope": "a b"}, "/scope"),
]


def test_what_is_wrong_is_named(shop):
    for value, path in WRONG:
        refused = shop.post("/suppressions", value)
        assert refused.status_code == 422, path
        assert path in [mistake["path"] for mistake in refused.json()["errors"]]
