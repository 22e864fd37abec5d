"""What other programs are told: types that never change, contacts by their id, no address unasked."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from senders.event import Event, Kind
from senders.ledger.rows import InboundRow
from senders.ledger.send_changes import SendChange
from senders.outgoing.payloads import ALL_TYPES, SEND_TYPES, TYPES, draft_change, draft_event

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
ADDRESS = "mira@example.com"
HASH = bytes(range(16))


def row(kind: Kind, **facts) -> InboundRow:
    return InboundRow(1, Event("e" * 32, kind, NOW, address_hash=facts.pop("address_hash", HASH), **facts), NOW, 1)


def told(kind: Kind, address_of=None, **facts) -> dict:
    return json.loads(draft_event(row(kind, **facts), None, address_of).body)


@pytest.mark.parametrize(
    ("kind", "facts", "data"),
    [
        (Kind.CLICKED, {"url": "https://shop.example/", "link_no": 3}, {"url": "https://shop.example/", "link_no": 3}),
        (Kind.CLICKED, {"url": f"https://shop.example/{ADDRESS}?to=mira%40example.com&by=@shop", "link_no": 4},
         {"url": "https://shop.example/[address]?to=[address]&by=@shop", "link_no": 4}),
        (Kind.BOUNCED, {"failure": "permanent", "code": "5.1.1"}, {"failure": "permanent", "code": "5.1.1"}),
        (Kind.UNSUBSCRIBED, {"scope": "offers"}, {"topic": "offers"}),
        (Kind.COMPLAINED, {"code": "abuse"}, {"code": "abuse"}),
        (Kind.PREFERRED, {"body": {"name": "frequency", "value": "weekly"}}, {"name": "frequency", "value": "weekly"}),
        (Kind.SUBSCRIBED, {"scope": "offers", "body": {"basis": "confirmed", "email": ADDRESS, "wording": "x"}},
         {"basis": "confirmed", "topic": "offers"}),
        (Kind.REPORTED, {"body": {"name": "order", "email": ADDRESS, "properties": {"sum": 3, "to": f"<{ADDRESS}>"}}},
         {"name": "order", "properties": {"sum": 3, "to": "<[address]>"}}),
        (Kind.REPORTED, {"body": {"name": "gift", "properties": {ADDRESS: 1}}},
         {"name": "gift", "properties": {"[address]": 1}}),
        (Kind.OPENED, {"ip": "192.0.2.1", "user_agent": "x"}, {}),
        (Kind.UPSERTED, {"body": {"email": ADDRESS, "first_name": "Mira"}}, {}),
    ],
)  # fmt: skip
def test_each_kind_tells_what_stands_in_its_contract(kind, facts, data) -> None:
    document = told(kind, **facts)
    assert document == {
        "type": TYPES[kind],
        "version": 1,
        "timestamp": "2026-11-03T09:00:00Z",
        "data": {"event_id": "e" * 32, "contact_id": HASH.hex()} | data,
    }
    assert ADDRESS not in json.dumps(document)


def test_addresses_are_told_where_that_is_asked_for() -> None:
    assert told(Kind.BOUNCED, lambda event: ADDRESS)["data"]["email"] == ADDRESS
    assert told(Kind.BOUNCED, lambda event: "")["data"]["email"] is None


def test_a_hint_without_a_person_is_not_told() -> None:
    assert draft_event(row(Kind.BOUNCED, address_hash=b""), None, None) is None
    assert draft_event(row(Kind.DELIVERED), None, None) is None


def test_every_kind_is_told_but_a_delivery_which_is_between_a_provider_and_us() -> None:
    assert set(Kind) - set(TYPES) == {Kind.DELIVERED}


def test_a_repeat_has_the_same_id() -> None:
    first, again = (draft_event(row(Kind.OPENED), None, None) for _ in range(2))
    assert first.call_id == again.call_id == "evt_" + "e" * 32
    change = SendChange(4, "news.1", "news", "paused", "5 % refused", NOW, 12, "marketing", False)
    later = SendChange(9, "news.1", "news", "paused", "5 % refused", NOW, 12, "marketing", False)
    assert draft_change(change) == draft_change(later)
    document = json.loads(draft_change(change).body)
    assert (document["type"], document["data"]["reason"]) == ("send.paused", "5 % refused")


def test_every_type_has_a_line_in_the_readme() -> None:
    readme = (Path(__file__).resolve().parents[4] / "README.md").read_text(encoding="utf-8")
    assert not [kind for kind in ALL_TYPES if f"`{kind}`" not in readme]
    assert len(ALL_TYPES) == len(TYPES) + len(SEND_TYPES)
