import dataclasses
import email
import email.policy
from datetime import UTC, datetime

import pytest

from assets.deliveries.seeding import MOST, prepare_tests
from senders.config import DkimConfig
from senders.errors import ConfigError, RenderError, TemplateError
from senders.event import Event, Kind
from senders.ledger.store import Ledger
from senders.tracking.addresses import hash_address
from tests.fixtures.audiences import PROFILE, World

SEEDS = ["me@team.example", "You@Team.example"]


def prepared(world: World, seeds=SEEDS, **asked):
    return prepare_tests(world.mailrail, "spring_sale", seeds, **asked)


def read(mail):
    return email.message_from_bytes(mail.parcel.body, policy=email.policy.default)


def suppress(world: World, ledger: Ledger, address: str, scope: str = "offers") -> None:
    event = Event(
        event_id="one",
        kind=Kind.UNSUBSCRIBED,
        occurred_at=datetime(2026, 10, 1, tzinfo=UTC),
        address_hash=hash_address(address, world.keyring.address_key),
        scope=scope,
    )
    ledger.record([event])


def test_each_seed_gets_a_marked_mail_for_a_sample_contact(world: World) -> None:
    seeding = prepared(world)
    assert [mail.address for mail in seeding.mails] == ["me@team.example", "You@team.example"]
    assert (seeding.subject, seeding.like) == ("[Test] News for you", "")
    message = read(seeding.mails[0])
    assert message["Subject"] == "[Test] News for you"
    assert message["Mailrail-Send"] == "spring_sale.test"
    assert message["To"].addresses[0].addr_spec == "me@team.example"
    assert "Hello Maya in Hamburg" in message.get_body(("plain",)).get_content()
    assert seeding.mails[0].parcel.recipient == "me@team.example"


def test_a_real_persons_fields_are_carried_only_when_asked_for(world: World) -> None:
    seeding = prepared(world, like="p5@mail.example")
    assert seeding.like == "p5@mail.example"
    message = read(seeding.mails[0])
    assert "Hello Zoë in Bonn" in message.get_body(("plain",)).get_content()
    assert message["To"].addresses[0].addr_spec == "me@team.example"
    assert b"p5@mail.example" not in seeding.mails[0].parcel.body
    with pytest.raises(ConfigError, match="is not among its recipients"):
        prepared(world, like="no@mail.example")


def test_no_two_tests_share_a_message_id(world: World) -> None:
    ids = [read(mail)["Message-ID"] for seeding in (prepared(world), prepared(world)) for mail in seeding.mails]
    assert len(set(ids)) == 4


def test_who_unsubscribed_gets_no_test(world: World, ledger: Ledger) -> None:
    suppress(world, ledger, "you@team.example")
    mails = prepared(world).mails
    assert mails[0].parcel is not None
    assert mails[1].parcel is None
    assert mails[1].refusal == "suppressed: unsubscribed from offers on 2026-10-01"


def test_another_topic_does_not_matter(world: World, ledger: Ledger) -> None:
    suppress(world, ledger, "you@team.example", scope="news")
    assert all(mail.parcel for mail in prepared(world).mails)


@pytest.mark.parametrize(
    ("allowed", "refused"),
    [
        (None, []),
        ((), ["me@team.example", "You@team.example"]),
        (("Me@team.example",), ["You@team.example"]),
        (("@TEAM.example",), []),
    ],
)
def test_outside_production_only_the_allow_list_gets_tests(world: World, allowed, refused) -> None:
    mailrail = dataclasses.replace(world.mailrail, allowed_recipients={"shop": allowed})
    mails = prepare_tests(mailrail, "spring_sale", SEEDS).mails
    assert [mail.address for mail in mails if mail.refusal] == refused
    assert all("recipient_allow_list" in mail.refusal for mail in mails if mail.refusal)


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        ([], r"there is no seed list; add seed_list = \["),
        (["nobody"], "'nobody' is no address that can be written to"),
        ([f"p{number}@team.example" for number in range(MOST + 1)], "a test goes to at most 20"),
    ],
)
def test_a_seed_list_that_cannot_be_used_is_refused(world: World, seeds, words) -> None:
    with pytest.raises(ConfigError, match=words):
        prepared(world, seeds)


def test_an_address_given_twice_gets_one_mail(world: World) -> None:
    assert len(prepared(world, ["me@team.example", "ME@team.example"]).mails) == 1


def test_it_is_signed_where_we_sign(world: World) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    profile = dataclasses.replace(PROFILE, dkim=DkimConfig("shop.example", "s1", pem))
    mailrail = dataclasses.replace(world.mailrail, profiles={"shop": profile})
    body = prepare_tests(mailrail, "spring_sale", SEEDS).mails[0].parcel.body
    assert body.startswith(b"DKIM-Signature: ")
    assert b"d=shop.example" in body


def test_a_template_that_no_sample_contact_suits_needs_a_person(world: World) -> None:
    path = world.campaign / "template.mjml"
    path.write_text(path.read_text().replace("{{ contact.city }}", "{{ contact.shoe_size }}"))
    with pytest.raises(RenderError, match="give --like"):
        prepared(world)


def test_a_broken_template_makes_no_test(world: World) -> None:
    (world.campaign / "template.mjml").write_text("<mjml>")
    with pytest.raises(TemplateError):
        prepared(world)


def test_nothing_becomes_a_send(world: World, ledger: Ledger) -> None:
    prepared(world)
    assert ledger.sends() == []
