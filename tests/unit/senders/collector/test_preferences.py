import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from senders.clock import SteppedClock
from senders.event import Kind
from senders.page_config import PagesConfig, ThemeConfig, TopicConfig
from senders.tracking.grants import sign_grant
from senders.tracking.keys import Keyring
from senders.tracking.tokens import send_tokens
from tests.unit.senders.collector.conftest import NOW, World

TOPICS = (
    TopicConfig("offers", {"": "Offers", "de": "Angebote"}, {"": "When something is cheaper."}),
    TopicConfig("news", {"": "News", "de": "Neues"}),
)
PAGES = PagesConfig(theme=ThemeConfig(brand="Northfell"), topics=TOPICS)


@pytest.fixture
def centre(make_world: Callable[..., World]) -> World:
    """A world with two topics, a day after its send was opened; its clock stands where a test puts it."""
    world = make_world(pages=PAGES)
    go_to(world, days=0)
    return world


def go_to(world: World, *, days: float) -> None:
    (send,) = world.ledger.sends()
    SteppedClock(world.home / "clock").set(send.opened_at + timedelta(days=days))


def path_of(world: World, seq: int = 1) -> str:
    return f"/p/{world.tokens.preferences(seq, world.address_hash(seq))}"


def told(world: World) -> list[tuple[Kind, str, dict[str, str]]]:
    return [
        (event.kind, event.scope, {key: event.body[key] for key in ("name", "value") if key in event.body})
        for event in world.events()
    ]


def save(world: World, path: str = "", **fields: str):
    data = {name.replace("topic_", "topic."): value for name, value in fields.items()}
    return world.client.post(path or path_of(world), data={"action": "save", **data})


# ---- looking


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_looking_changes_nothing(centre, method: str) -> None:
    for path in (path_of(centre), path_of(centre) + "/", path_of(centre) + "?topic.offers=no&action=everything"):
        answer = centre.client.request(method, path, headers={"Purpose": "prefetch"})
        assert answer.status_code == 200
    assert centre.events() == []
    assert list(centre.ledger.suppressions()) == []


def test_the_page_shows_no_person_and_only_topics(centre) -> None:
    page = centre.client.get(path_of(centre)).text
    assert "Your mail from Northfell" in page
    assert "Offers" in page
    assert "When something is cheaper." in page
    assert "@" not in page[page.index("<body") :]
    assert centre.address_hash(1).hex() not in page


def test_what_is_not_known_is_left_as_it_is(centre) -> None:
    assert save(centre, frequency="all", pause="none").status_code == 200
    assert centre.events() == []


def test_nobody_keeps_the_page_and_no_other_site_learns_its_address(centre) -> None:
    headers = centre.client.get(path_of(centre)).headers
    assert "no-store" in headers["cache-control"]
    assert headers["referrer-policy"] == "same-origin"
    assert headers["content-security-policy"].startswith("default-src 'none'")


# ---- choosing


def test_choices_are_events_and_show_on_the_page_at_once(centre) -> None:
    answer = save(
        centre, topic_offers="no", topic_news="yes", frequency="monthly", pause="30", tracking="no", language="de"
    )
    assert answer.status_code == 200
    assert "location" not in answer.headers
    assert "Gespeichert" in answer.text
    until = (centre.ledger.sends()[0].opened_at + timedelta(days=30)).date().isoformat()
    assert told(centre) == [
        (Kind.UNSUBSCRIBED, "offers", {}),
        (Kind.PREFERRED, "", {"name": "topic:offers", "value": "no"}),
        (Kind.SUBSCRIBED, "news", {}),
        (Kind.PREFERRED, "", {"name": "topic:news", "value": "yes"}),
        (Kind.PREFERRED, "", {"name": "frequency", "value": "monthly"}),
        (Kind.PREFERRED, "", {"name": "pause_until", "value": until}),
        (Kind.PREFERRED, "", {"name": "tracking", "value": "no"}),
        (Kind.PREFERRED, "", {"name": "language", "value": "de"}),
    ]
    standing = centre.ledger.standing(centre.address_hash(1))
    assert standing.choice("frequency") == "monthly"
    assert standing.suppression("offers").reason == "unsubscribed"
    assert len({row.sequence for row in centre.ledger.inbound_after(0, 99)}) == 1, "one transaction"
    page = centre.client.get(path_of(centre)).text
    assert '<html lang="de"' in page
    assert "Höchstens einmal im Monat" in page


def test_a_consent_says_what_was_read(centre) -> None:
    save(centre, topic_offers="yes")
    consent = next(event for event in centre.events() if event.kind is Kind.SUBSCRIBED)
    assert consent.scope == "offers"
    assert consent.body == {
        "email": "",
        "source": "preferences",
        "basis": "confirmed",
        "wording": "Offers. When something is cheaper: Yes",
        "language": "en",
        "fields": {},
    }
    assert (consent.send_no, consent.seq, consent.address_hash) == (1, 1, centre.address_hash(1))


def test_the_same_form_again_changes_nothing_more(centre) -> None:
    answers = [save(centre, topic_offers="no", frequency="weekly", tracking="yes") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len(centre.events()) == 4
    assert answers[0].text == answers[1].text == answers[2].text


def test_there_and_back_and_there_again_is_three_changes(centre) -> None:
    for value in ("weekly", "monthly", "weekly"):
        save(centre, frequency=value)
    for value in ("no", "yes", "no", "yes"):
        save(centre, topic_offers=value)
        assert (centre.ledger.suppression(centre.address_hash(1), "offers") is None) is (value == "yes")
    assert centre.ledger.choice(centre.address_hash(1), "frequency") == "weekly"
    assert len(centre.events()) == 3 + 8


def seen(world: World) -> str:
    return world.client.get(path_of(world)).text.partition('name="seen" value="')[2].partition('"')[0]


def test_a_page_opened_before_an_unsubscribe_takes_nothing_back(centre) -> None:
    save(centre, topic_offers="yes", tracking="yes")
    mark = seen(centre)
    centre.client.post(centre.unsubscribe_path(), data={"List-Unsubscribe": "One-Click"})
    save(centre, tracking="no")
    answer = save(centre, topic_offers="yes", topic_news="no", tracking="yes", frequency="weekly", seen=mark)
    assert "Something has changed since" in answer.text
    standing = centre.ledger.standing(centre.address_hash(1))
    assert (standing.choice("tracking"), standing.choice("frequency")) == ("no", "weekly")
    assert standing.suppression("offers") is not None
    assert standing.suppression("news") is not None
    save(centre, topic_offers="yes", seen=seen(centre))
    assert centre.ledger.suppression(centre.address_hash(1), "offers") is None


def test_a_second_press_on_the_button_is_a_save_like_the_first(centre) -> None:
    mark = seen(centre)
    answers = [save(centre, topic_offers="yes", tracking="yes", seen=mark) for _ in range(2)]
    assert answers[0].text == answers[1].text
    assert "Saved." in answers[1].text
    assert len(centre.events()) == 3


def test_everything_is_left_by_one_button_and_one_topic_comes_back(centre) -> None:
    page = centre.client.post(path_of(centre), data={"action": "everything"})
    assert page.status_code == 200
    assert "unsubscribed from everything" in page.text
    centre.client.post(path_of(centre), data={"action": "everything"})
    assert told(centre) == [(Kind.UNSUBSCRIBED, "", {})]
    save(centre, topic_news="yes", topic_offers="no")
    assert centre.ledger.suppression(centre.address_hash(1), "news") is None
    assert centre.ledger.suppression(centre.address_hash(1), "offers") is not None
    centre.client.post(path_of(centre), data={"action": "everything"})
    assert centre.ledger.suppression(centre.address_hash(1), "news") is not None


def test_what_a_person_cannot_lift_is_said(centre) -> None:
    from senders.event import Event

    centre.ledger.record([Event("a" * 32, Kind.COMPLAINED, NOW, address_hash=centre.address_hash(1))])
    answer = save(centre, topic_offers="yes")
    assert "All mail to this address is stopped" in answer.text
    assert centre.ledger.suppression(centre.address_hash(1), "offers").reason == "complained"
    save(centre, topic_offers="yes")
    assert [event.kind for event in centre.events()] == [Kind.COMPLAINED, Kind.SUBSCRIBED, Kind.PREFERRED]


def test_a_pause_that_is_over_is_none(centre) -> None:
    save(centre, pause="30")
    assert "Until " in centre.client.get(path_of(centre)).text
    go_to(centre, days=29.5)
    save(centre, pause="keep")
    go_to(centre, days=30)
    page = centre.client.get(path_of(centre)).text
    assert "Until " not in page
    assert len(centre.events()) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"frequency": "hourly"}, {"pause": "9999"}, {"pause": "-30"}, {"pause": "²"}, {"tracking": "maybe"},
        {"language": "xx"}, {"topic_offers": "perhaps"}, {"topic_unknown": "no"}, {"email": "a@b.example"},
    ],
)  # fmt: skip
def test_what_is_no_answer_changes_nothing(centre, fields: dict[str, str]) -> None:
    assert save(centre, **fields).status_code == 200
    assert centre.events() == []


def test_a_topic_of_old_mail_is_on_the_page_too(make_world) -> None:
    world = make_world(pages=PagesConfig())
    go_to(world, days=1)
    assert '<fieldset class="topic"><legend>offers' in world.client.get(path_of(world)).text
    world.client.post(world.unsubscribe_path(topic="a topic that was"), data={"List-Unsubscribe": "One-Click"})
    assert "a topic that was" in world.client.get(path_of(world)).text


# ---- who may


def test_an_old_mail_only_shows_the_way_to_a_new_link(centre) -> None:
    go_to(centre, days=30)
    assert centre.client.get(path_of(centre)).status_code == 200
    go_to(centre, days=30.1)
    for answer in (centre.client.get(path_of(centre)), save(centre, topic_offers="no")):
        assert answer.status_code == 410
        assert '<form method="post" action="/p/">' in answer.text
        assert "Offers" not in answer.text
    assert centre.events() == []


def test_a_link_of_a_send_that_nobody_knows_shows_nothing(centre) -> None:
    tokens = send_tokens(Keyring.open(centre.home / "keys"), 4711)
    assert centre.client.get(f"/p/{tokens.preferences(1, bytes(16))}").status_code == 410


def test_a_link_that_was_asked_for_opens_the_page_for_its_time(centre) -> None:
    keyring = Keyring.open(centre.home / "keys")
    opened_at = centre.ledger.sends()[0].opened_at
    grant = f"/p/{sign_grant(keyring, centre.address_hash(2), opened_at + timedelta(hours=24))}"
    assert centre.client.get(grant).status_code == 200
    save(centre, path=grant, topic_news="no")
    assert centre.ledger.suppression(centre.address_hash(2), "news") is not None
    go_to(centre, days=1)
    answer = centre.client.get(grant)
    assert answer.status_code == 410
    assert "Send me a new link" in answer.text
    altered = grant[:-3] + ("AAA" if not grant.endswith("AAA") else "BBB")
    assert centre.client.get(altered).status_code == 404


def test_tokens_of_other_purposes_are_refused(centre) -> None:
    address_hash = centre.address_hash(1)
    others = [
        centre.tokens.click(1, 1),
        centre.tokens.pixel(1),
        centre.tokens.view(1),
        centre.tokens.unsubscribe(1, address_hash, "offers"),
        centre.tokens.preferences(1, address_hash)[:-2] + "AA",
    ]
    pages = {centre.client.get(f"/p/{token}").text for token in others}
    pages |= {centre.client.post(f"/p/{token}", data={"action": "everything"}).text for token in others}
    assert len(pages) == 1
    assert centre.client.post(f"/u/{centre.tokens.preferences(1, address_hash)}").status_code == 404
    assert centre.events() == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "https://mail.shop.example"}, 200),
        ({"Origin": "http://testserver"}, 200),
        ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "https://mail.shop.example.evil.example"}, 403),
        ({"Origin": "https://evil.example/https://mail.shop.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://[x"}, 403),
        ({"Origin": ""}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_a_post_from_another_site_is_refused(centre, headers: dict[str, str], status: int) -> None:
    answer = centre.client.post(path_of(centre), data={"action": "everything"}, headers=headers)
    assert answer.status_code == status
    assert (centre.events() == []) is (status == 403)


# ---- trouble


def test_a_locked_ledger_changes_nothing_and_says_so(centre) -> None:
    blocker = sqlite3.connect(centre.home / "ledger/ledger.sqlite", isolation_level=None)
    blocker.execute("begin immediate")
    answer = save(centre, topic_offers="no", tracking="no")
    blocker.execute("rollback")
    blocker.close()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert centre.events() == []


def test_it_needs_no_warehouse(centre) -> None:
    assert not (centre.home / "warehouse.duckdb").exists()
    assert save(centre, topic_offers="no").status_code == 200


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"\xff\xfe=%ff&topic.offers=%F0%9F%98%80", "application/x-www-form-urlencoded", 200),
        (b"&".join([b"action=everything"] * 1000), "application/x-www-form-urlencoded", 422),
        (b'{"action": "everything"}', "application/json", 422),
        (b"action=everything", "text/plain", 422),
    ],
)
def test_what_is_no_form_of_ours_changes_nothing(centre, body: bytes, kind: str, status: int) -> None:
    answer = centre.client.post(path_of(centre), content=body, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert centre.events() == []


# ---- the unsubscribe page


def test_a_pause_instead_of_an_unsubscribe(centre) -> None:
    path = centre.unsubscribe_path()
    answers = [centre.client.post(path, data={"pause": "60"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert "Mail is paused" in answers[0].text
    until = (centre.ledger.sends()[0].opened_at + timedelta(days=60)).date().isoformat()
    assert told(centre) == [(Kind.PREFERRED, "", {"name": "pause_until", "value": until})]
    assert list(centre.ledger.suppressions()) == []


def test_a_pause_by_an_old_link_never_shortens_one(centre) -> None:
    save(centre, pause="90")
    before = centre.events()
    assert centre.client.post(centre.unsubscribe_path(), data={"pause": "30"}).status_code == 200
    assert centre.events() == before


@pytest.mark.parametrize(
    "body", ["pause=61", "pause=", "pause=60&List-Unsubscribe=One-Click", "road=page&pause=60", ""]
)
def test_anything_else_unsubscribes(centre, body: str) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert centre.client.post(centre.unsubscribe_path(), content=body, headers=form).status_code == 200
    assert [event.kind for event in centre.events()] == [Kind.UNSUBSCRIBED]


def test_all_mail_by_the_second_button(centre) -> None:
    answer = centre.client.post(centre.unsubscribe_path(), data={"road": "page", "everything": "yes"})
    assert "We will send you no more mail." in answer.text
    assert [(event.kind, event.scope) for event in centre.events()] == [(Kind.UNSUBSCRIBED, "")]


def test_the_page_speaks_as_the_person_chose(centre) -> None:
    save(centre, language="de")
    assert '<html lang="de"' in centre.client.get(centre.unsubscribe_path()).text
    assert '<html lang="en"' in centre.client.get(centre.unsubscribe_path(seq=2)).text
    german = centre.client.get(centre.unsubscribe_path(seq=2), headers={"Accept-Language": "de-AT, en;q=0.5"}).text
    assert "Von „Angebote“ abmelden?" in german


def test_the_unsubscribe_page_reads_nothing_of_a_person(centre) -> None:
    save(centre, topic_news="no", frequency="monthly", pause="30")
    before, after = (centre.client.get(centre.unsubscribe_path(seq=seq)).text for seq in (1, 2))
    assert before == after


# ---- tracking


def test_with_tracking_off_no_open_click_or_view_is_stored(make_world) -> None:
    world = make_world(tracking=False)
    assert world.client.get(f"/o/{world.tokens.pixel(1)}.gif").status_code == 200
    assert world.client.get(f"/c/{world.tokens.click(1, 1)}").status_code == 302
    assert world.events() == []


def test_after_a_withdrawal_mail_sent_before_is_answered_and_nothing_kept(centre) -> None:
    centre.client.get(f"/o/{centre.tokens.pixel(1)}.gif")
    save(centre, tracking="no")
    before = centre.events()
    assert centre.client.get(f"/o/{centre.tokens.pixel(1)}.gif").status_code == 200
    assert centre.client.get(f"/c/{centre.tokens.click(1, 1)}").status_code == 302
    assert centre.events() == before
    centre.client.get(f"/o/{centre.tokens.pixel(2)}.gif")
    assert len(centre.events()) == len(before) + 1


def test_the_logo_is_served_by_us(make_world) -> None:
    theme = ThemeConfig(brand="Northfell", logo=b"\x89PNG\r\n\x1a\n...", logo_type="image/png")
    world = make_world(pages=replace(PAGES, theme=theme))
    answer = world.client.get("/logo?abc")
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, "image/png", theme.logo)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "img-src 'self'" in world.client.get(world.unsubscribe_path()).headers["content-security-policy"]


def test_without_a_logo_there_is_none(world) -> None:
    assert world.client.get("/logo").status_code == 404
