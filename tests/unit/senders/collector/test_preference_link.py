"""Asking for the link to one's settings: the same answer for all, whoever is known."""

from datetime import timedelta

import pytest

from senders.clock import SteppedClock
from senders.event import Event, Kind
from senders.tracking.addresses import hash_address
from senders.tracking.keys import Keyring
from tests.unit.senders.collector.conftest import NOW


@pytest.fixture
def world(make_world):
    world = make_world()
    SteppedClock(world.home / "clock").set(NOW)
    return world


def hash_of(world, email):
    return hash_address(email, Keyring.open(world.home / "keys").address_key)


def mails(world):
    return [row.request for row in world.ledger.waiting_mail("preference_link", 1000)]


def know(world, email="ada@example.org", kind=Kind.UNSUBSCRIBED, scope="offers"):
    world.ledger.record(
        [Event(email.encode().hex()[:32].ljust(32, "0"), kind, NOW, address_hash=hash_of(world, email), scope=scope)]
    )


def test_the_page_asks_for_the_address(world):
    for path in ("/p", "/p/"):
        page = world.client.get(path)
        assert page.status_code == 200
        assert 'type="email"' in page.text
        assert world.client.head(path).status_code == 200
    assert world.events() == []


def test_who_is_known_gets_a_link_that_opens_their_page_and_ends_after_a_day(world):
    know(world)
    answer = world.client.post("/p/", data={"email": "Ada@Example.org", "lang": "de"})
    assert answer.status_code == 200
    (mail,) = mails(world)
    assert (mail.email, mail.language, mail.fields["hours"]) == ("ada@example.org", "de", 24)
    path = mail.fields["preferences_url"].removeprefix("https://mail.shop.example")
    assert world.client.get(path).status_code == 200
    SteppedClock(world.home / "clock").step(timedelta(hours=24))
    assert world.client.get(path).status_code in {404, 410}


def test_everybody_reads_the_same(world):
    know(world)
    know(world, "gone@example.org", Kind.COMPLAINED, "")
    emails = ["ada@example.org", "nobody@example.org", "gone@example.org", "ada@example.org"]
    answers = [world.client.post("/p/", data={"email": email}) for email in emails]
    assert len({(answer.status_code, answer.text) for answer in answers}) == 1
    assert [mail.email for mail in mails(world)] == ["ada@example.org", "nobody@example.org"]
    assert world.ledger.strangers([mail.address_hash for mail in mails(world)]) == {
        hash_of(world, "nobody@example.org")
    }


def test_a_link_is_mailed_once_in_fifteen_minutes(world):
    know(world)
    for minutes, count in ((0, 1), (14, 1), (1, 2)):
        SteppedClock(world.home / "clock").step(timedelta(minutes=minutes))
        world.client.post("/p/", data={"email": "ada@example.org"})
        assert len(mails(world)) == count


@pytest.mark.parametrize("email", ["", "ada", "<script>alert(1)</script>@x.example", "a@b\r\nBcc: x@y.example"])
def test_what_is_no_address_is_said(world, email):
    answer = world.client.post("/p/", data={"email": email})
    assert answer.status_code == 422
    assert "<script>" not in answer.text
    assert mails(world) == []


def test_a_body_that_is_no_form_is_no_address(world):
    assert world.client.post("/p/", content=b"{}", headers={"Content-Type": "application/json"}).status_code == 422


def test_a_locked_ledger_is_said_and_nothing_is_kept(world):
    know(world)
    with world.ledger._database.locked():
        assert world.client.post("/p/", data={"email": "ada@example.org"}).status_code == 503
    assert mails(world) == []
