from senders.event import Kind

CONSENT = {"at": "2026-10-01T10:00:00Z", "source": "checkout", "topics": ["offers", "news"], "wording": "Yes, mail me"}
ADA = {"email": "Ada@Example.com", "first_name": "Ada", "attributes": {"size": 42, "vip": True, "note": ""}}


def test_a_contact_is_written_with_what_was_said_and_nothing_else(shop):
    answer = shop.call("PUT", "/contacts/Ada%40Example.com", {"first_name": "Ada", "city": ""})
    assert answer.status_code == 202
    (event,) = shop.world.events()
    assert event.kind is Kind.UPSERTED
    assert event.body == {"email": "ada@example.com", "first_name": "Ada", "city": "", "key": "web-shop"}
    assert answer.json() == {"contact_id": event.address_hash.hex()}


def test_addresses_with_a_slash_can_stand_in_a_path(shop):
    for address in ("a%2Fb@example.com", "a%2F%2Fb@example.com"):
        assert shop.call("PUT", f"/contacts/{address}", {}).status_code == 202
    assert [event.body["email"] for event in shop.world.events()] == ["a/b@example.com", "a//b@example.com"]


def test_many_are_written_in_whole_or_not_at_all(shop):
    many = [{"email": f"p{number}@example.com", "locale": "de"} for number in range(1000)]
    answer = shop.post("/contacts", {"contacts": many})
    assert answer.status_code == 202
    assert answer.json()["accepted"] == len(shop.events(Kind.UPSERTED)) == 1000
    refused = shop.post("/contacts", {"contacts": [*many[:2], {"email": "p@example.com", "age": 3}]})
    assert [mistake["path"] for mistake in refused.json()["errors"]] == ["/contacts/2/age"]
    assert shop.post("/contacts", {"contacts": [*many, ADA]}).status_code == 422
    assert len(shop.events(Kind.UPSERTED)) == 1000


def test_a_consent_is_recorded_as_stated_for_each_topic_once(shop):
    for _ in range(3):
        assert shop.post("/contacts", {**ADA, "consent": CONSENT}).status_code == 202
    consents = shop.events(Kind.SUBSCRIBED)
    assert [event.scope for event in consents] == ["offers", "news"]
    assert {(event.body["basis"], event.body["source"]) for event in consents} == {("stated", "api:web-shop")}
    assert consents[0].body["wording"] == "Yes, mail me"
    assert consents[0].occurred_at.isoformat() == "2026-10-01T10:00:00+00:00"
    assert shop.events(Kind.UPSERTED)[0].body["consent"]["source"] == "checkout"


def test_no_consent_of_the_api_lifts_a_suppression(shop):
    shop.post("/suppressions", {"email": "ada@example.com", "reason": "asked by phone"})
    shop.post("/contacts", {**ADA, "consent": {**CONSENT, "topics": []}})
    (event, *_) = shop.events(Kind.SUBSCRIBED)
    assert shop.world.ledger.suppression(event.address_hash) is not None


WRONG = [
    ({**ADA, "email": "nobody@"}, "/email"),
    ({"first_name": "Ada"}, "/email"),
    ({**ADA, "first_name": None}, "/first_name"),
    ({**ADA, "first_name": "x" * 201}, "/first_name"),
    ({**ADA, "tracking_consent": "yes"}, "/tracking_consent"),
    ({**ADA, "consent": True}, "/consent"),
    ({**ADA, "consent": {"source": "checkout"}}, "/consent/at"),
    ({**ADA, "consent": {**CONSENT, "basis": "confirmed"}}, "/consent/basis"),
    ({**ADA, "attributes": {"a b": 1}}, "/attributes/a b"),
    ({**ADA, "attributes": {f"a{number}": 1 for number in range(51)}}, "/attributes"),
]


def test_what_is_wrong_is_named(shop):
    for value, path in WRONG:
        refused = shop.post("/contacts", value)
        assert refused.status_code == 422, path
        assert path in [mistake["path"] for mistake in refused.json()["errors"]]
    assert shop.world.events() == []


def test_a_list_in_the_attributes_is_refused(shop):
    refused = shop.post("/contacts", {**ADA, "attributes": {"sizes": [1, 2]}})
    assert refused.status_code == 422
    assert all(mistake["path"].startswith("/attributes/sizes") for mistake in refused.json()["errors"])


def test_the_path_names_the_address_once(shop):
    refused = shop.call("PUT", "/contacts/ada@example.com", {"email": "eve@example.com"})
    assert refused.json()["errors"][0]["path"] == "/email"
