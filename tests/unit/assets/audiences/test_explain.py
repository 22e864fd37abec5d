from datetime import timedelta
from pathlib import Path

import pytest

from assets.audiences.explain import explain_people
from assets.audiences.freeze import freeze_audience
from assets.deliveries.preflight import run_preflight
from assets.deliveries.receipts import authorise, open_send
from assets.warehouse.published import connect_published
from senders.clock import format_time
from senders.errors import ConfigError
from senders.event import Event, Kind, derive_event_id
from senders.message import message_key
from tests.fixtures.audiences import NOW, SEND_ID, World, define

LEFT_AT = NOW - timedelta(days=3)
LEFT = derive_event_id("left")


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    for number in range(6):
        world.add(f"p{number}@mail.example")
    world.add("left@mail.example")
    world.add("denied@mail.example", consent="denied", consent_basis="form")
    world.add("outside@mail.example", segments=("seg_customers",))
    world.publish()
    with world.mailrail.open_ledger() as ledger:
        raw = bytes.fromhex(world.contact_id("left@mail.example"))
        ledger.record([Event(LEFT, Kind.UNSUBSCRIBED, LEFT_AT, address_hash=raw, scope="offers")])
    return world


def begin(world: World, recipients: int) -> None:
    definition, mailrail = define(), world.mailrail
    with mailrail.open_ledger() as ledger:
        freeze_audience(definition, world.campaign, mailrail, ledger, send_id=SEND_ID)
        run_preflight(definition, world.campaign, mailrail, ledger, send_id=SEND_ID)
        authorise(
            definition, world.campaign, mailrail, ledger,
            send_id=SEND_ID, confirm=recipients, approved_by="me", is_scheduled=False,
        )  # fmt: skip
        open_send(definition, world.campaign, mailrail, ledger, send_id=SEND_ID)


def explain(world: World, *addresses: str, **options) -> dict:
    with world.mailrail.open_ledger() as ledger, connect_published(world.mailrail.published) as connection:
        return explain_people(world.mailrail, ledger, connection, "spring_sale", addresses, **options)


def test_every_person_has_the_contracts_keys(world: World) -> None:
    begin(world, 6)
    answer = explain(world, "p1@mail.example", "nobody@mail.example", "no address")
    assert list(answer) == ["campaign", "send_id", "people"]
    keys = {
        "address", "outcome", "reason", "segments", "consent", "suppression", "cap", "variant", "template_hash",
        "message_id", "reply", "events",
    }  # fmt: skip
    assert all(keys <= set(person) for person in answer["people"])


@pytest.mark.parametrize("is_open", [True, False])
def test_says_who_left_and_when_and_by_which_event(world: World, is_open: bool) -> None:
    if is_open:
        begin(world, 6)
    (person,) = explain(world, " LEFT@Mail.Example ")["people"]
    assert (person["address"], person["outcome"], person["reason"]) == ("left@mail.example", "excluded", "unsubscribed")
    assert person["suppression"] == {
        "reason": "unsubscribed", "at": format_time(LEFT_AT), "event_id": LEFT, "scope": "offers",
    }  # fmt: skip
    assert person["message_id"] is None
    assert person["segments"] == [{"name": "seg_all_contacts", "member": True, "since": None}]


def test_tells_a_recipient_from_somebody_without_consent_outside_and_unknown(world: World) -> None:
    begin(world, 6)
    found = explain(world, "p1@mail.example", "denied@mail.example", "outside@mail.example", "x@mail.example", "x")
    assert [(person["outcome"], person["reason"]) for person in found["people"]] == [
        ("queued", "waiting"),
        ("excluded", "no_consent"),
        ("not in audience", "in none of the campaign's segments, or left out by its where"),
        ("unknown contact", "no contact has this address"),
        ("unknown contact", "the address has no @"),
    ]
    got, denied = found["people"][:2]
    assert found["send_id"] == SEND_ID
    assert got["message_id"].endswith("@shop.example>")
    assert got["template_hash"]
    assert got["suppression"] is None
    assert denied["consent"] == {"state": "denied", "basis": "form", "at": None, "expires_at": None}
    assert denied["detail"] == "consent denied"


def test_a_message_has_its_attempts_and_what_came_back(world: World) -> None:
    begin(world, 6)
    with world.mailrail.open_ledger() as ledger:
        ledger.set_send_state(SEND_ID, "cancelled", "test")
        raw = bytes.fromhex(world.contact_id("p2@mail.example"))
        seq = next(s for s, *_ in ledger.message_rows(1) if ledger.message(1, s).address_hash == raw)
    world.events.append(("e1", message_key(1, seq), "opened", NOW.replace(tzinfo=None), None, None, False, ""))
    world.publish("v2")
    (person,) = explain(world, "p2@mail.example")["people"]
    assert person["outcome"] == "cancelled"
    assert person["reply"]["state"] == "cancelled"
    assert person["reply"]["attempts"] == 1
    assert person["events"] == [
        {
            "event_id": "e1", "kind": "opened", "at": format_time(NOW), "link_no": None, "url": None,
            "is_machine": False, "machine_rule": "",
        }
    ]  # fmt: skip


def test_who_left_between_freeze_and_offer_is_told_from_the_excluded(world: World) -> None:
    begin(world, 6)
    event = derive_event_id("late")
    raw = bytes.fromhex(world.contact_id("p3@mail.example"))
    with world.mailrail.open_ledger() as ledger:
        ledger.record([Event(event, Kind.COMPLAINED, NOW, address_hash=raw)])
        with ledger._database.write() as connection:
            connection.execute("update messages set state = 'suppressed' where address_hash = ?", (raw,))
    (person,) = explain(world, "p3@mail.example")["people"]
    assert (person["outcome"], person["reason"]) == ("suppressed", "complained")
    assert person["suppression"] == {"reason": "complained", "at": format_time(NOW), "event_id": event, "scope": ""}


def test_before_a_send_the_plan_answers(world: World) -> None:
    answer = explain(world, "p1@mail.example", "outside@mail.example")
    assert answer["send_id"] is None
    assert [person["outcome"] for person in answer["people"]] == ["planned", "not in audience"]


@pytest.mark.parametrize("is_open", [True, False])
def test_a_sample_takes_turns_between_outcomes(world: World, is_open: bool) -> None:
    if is_open:
        begin(world, 6)
    people = explain(world, sample=5)["people"]
    assert len(people) == 5
    assert {person["reason"] for person in people} >= {"no_consent", "unsubscribed"}
    assert len({person["address"] for person in people}) == 5
    assert len(explain(world, sample=100)["people"]) == 8


def test_a_cap_is_shown_with_its_count(world: World) -> None:
    contact_id = world.contact_id("p1@mail.example")
    world.messages += [(n, contact_id, True, (NOW - timedelta(days=n)).replace(tzinfo=None)) for n in (1, 2, 9)]
    world.publish("v2")
    world.write_defs(
        "type: assets.components.Campaign\nattributes:\n  title: T\n  topic: offers\n  sender: shop\n"
        "  audience:\n    include: [seg_all_contacts]\n  frequency_cap: {messages: 2, days: 7}\n"
    )
    (person,) = explain(world, "p1@mail.example")["people"]
    assert (person["outcome"], person["reason"], person["detail"]) == (
        "excluded", "frequency_cap", "2 in 7 days, at most 2",
    )  # fmt: skip
    assert person["cap"] == {"messages": 2, "days": 7, "sent": 2, "reached": True}


def test_an_unknown_send_is_refused(world: World) -> None:
    with pytest.raises(ConfigError, match=r"no send 'spring_sale\.x'"):
        explain(world, "p1@mail.example", send_id="spring_sale.x")


@pytest.mark.parametrize("sample", [-3, 10**21])
def test_a_sample_that_makes_no_sense_is_refused(world: World, sample: int) -> None:
    begin(world, 6)
    with pytest.raises(ConfigError, match="a sample holds 1 to"):
        explain(world, sample=sample)
