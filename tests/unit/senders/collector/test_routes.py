import sqlite3
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from starlette.requests import Request

from senders.clock import SteppedClock, parse_time
from senders.collector.leaving import road_of
from senders.collector.routes import PIXEL, is_web_address, with_facts
from senders.event import Event, Kind
from senders.tracking.keys import Keyring
from senders.tracking.tokens import send_tokens

TARGET = "https://shop.example/tents?size=2&utm_source=mail#top"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
MULTIPART = (
    b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n',
    {"Content-Type": "multipart/form-data; boundary=b"},
)
HOSTILE = ['"><script>alert(1)</script>', "<img src=x onerror=alert(1)>", "{{7*7}}", "'; drop table inbound; --"]


# ---- open and click


def test_the_pixel_is_an_image_that_nobody_keeps(world) -> None:
    answer = world.client.get(f"/o/{world.tokens.pixel(2)}.gif", headers={"User-Agent": "Mail/1"})
    assert (answer.status_code, answer.content) == (200, PIXEL)
    assert answer.headers["content-type"] == "image/gif"
    assert "no-store" in answer.headers["cache-control"]
    (event,) = world.events()
    assert (event.kind, event.send_no, event.seq) == (Kind.OPENED, world.tokens.send_no, 2)
    assert (event.user_agent, event.method, event.ip) == ("Mail/1", "GET", "testclient")


def test_a_click_leads_where_the_table_says(world) -> None:
    answer = world.client.get(f"/c/{world.tokens.click(1, 1)}?url=https://evil.example&next=//evil.example")
    assert (answer.status_code, answer.headers["location"]) == (302, TARGET)
    assert "no-store" in answer.headers["cache-control"]
    (event,) = world.events()
    assert (event.kind, event.link_no, event.url) == (Kind.CLICKED, 1, TARGET)


def test_a_personal_link_leads_where_its_token_says(world) -> None:
    answer = world.client.get(f"/c/{world.tokens.click(1, 4, 'https://shop.example/~mira?a=ä b'.replace(' ', '+'))}")
    assert answer.headers["location"] == "https://shop.example/~mira?a=%C3%A4+b"


def test_every_open_and_click_is_an_event_of_its_own(world) -> None:
    for _ in range(3):
        world.client.get(f"/o/{world.tokens.pixel(1)}.gif")
        world.client.head(f"/c/{world.tokens.click(1, 1)}")
    events = world.events()
    assert len({event.event_id for event in events}) == 6
    assert {event.method for event in events} == {"GET", "HEAD"}


@pytest.mark.parametrize("link_no", [2, 3, 4, 99])
def test_a_link_that_is_no_web_address_is_not_followed(world, link_no: int) -> None:
    answer = world.client.get(f"/c/{world.tokens.click(1, link_no)}")
    assert answer.status_code == 404
    assert "location" not in answer.headers
    assert world.events() == []


@pytest.mark.parametrize(
    "target",
    [
        "ftp://x.example",
        "data:text/html,x",
        "https://",
        "http:x",
        "https:\\\\x",
        "https://x\r\nSet-Cookie: a",
        "https://[x",
    ],
)
def test_only_web_addresses_are_followed(world, target: str) -> None:
    assert not is_web_address(target)
    assert world.client.get(f"/c/{world.tokens.click(1, 4, target)}").status_code == 404


# ---- tokens


def test_a_token_serves_one_purpose(world) -> None:
    tokens = {
        "c": world.tokens.click(1, 1),
        "o": world.tokens.pixel(1),
        "v": world.tokens.view(1),
        "u": world.tokens.unsubscribe(1, bytes(16), "offers"),
    }
    for route in tokens:
        for made_for, token in tokens.items():
            if route != made_for:
                path = f"/{route}/{token}" + (".gif" if route == "o" else "")
                assert world.client.get(path).status_code == 404, path
                assert world.client.post(path).status_code in {404, 405}, path
    assert world.events() == []


def test_altered_and_foreign_tokens_are_refused_alike(world, tmp_path) -> None:
    token = world.tokens.unsubscribe(1, bytes(16), "offers")
    other_home = send_tokens(Keyring.open(tmp_path / "other"), 1).unsubscribe(1, bytes(16), "offers")
    altered = [token[:i] + ("A" if token[i] != "A" else "B") + token[i + 1 :] for i in range(0, len(token), 7)]
    pages = set()
    for bad in [*altered, other_home, token[:-1], token + "A", "x", "..%2f..%2fetc", "%00", "<script>"]:
        for answer in (world.client.get(f"/u/{bad}"), world.client.post(f"/u/{bad}", data=ONE_CLICK)):
            assert answer.status_code == 404
            pages.add(answer.text)
    assert len(pages) == 1
    assert world.events() == []
    assert list(world.ledger.suppressions()) == []


def test_a_new_key_is_noticed(world) -> None:
    assert world.client.get(f"/o/{world.tokens.pixel(1)}.gif").status_code == 200
    keyring = Keyring.open(world.home / "keys")
    keyring.rotate()
    rotated = send_tokens(keyring, world.tokens.send_no)
    assert world.client.get(f"/o/{rotated.pixel(1)}.gif").status_code == 200
    assert world.client.get(f"/o/{world.tokens.pixel(1)}.gif").status_code == 200


# ---- unsubscribe


def test_reading_the_page_changes_nothing(world) -> None:
    path = world.unsubscribe_path()
    for method in ("GET", "HEAD"):
        answer = world.client.request(method, path, headers={"Purpose": "prefetch"})
        assert answer.status_code == 200
    page = world.client.get(path).text
    assert '<form method="post">' in page
    assert "<script" not in page
    assert "offers" in page
    assert world.events() == []
    assert list(world.ledger.suppressions()) == []


@pytest.mark.parametrize(
    ("sent", "road"),
    [
        ({"data": ONE_CLICK}, "one-click"),
        ({"content": MULTIPART[0], "headers": MULTIPART[1]}, "one-click"),
        ({"data": {"road": "page"}}, "page"),
        ({}, "post"),
    ],
)
def test_a_post_unsubscribes(world, sent: dict, road: str) -> None:
    answer = world.client.post(world.unsubscribe_path(2), **sent)
    assert answer.status_code == 200
    assert "location" not in answer.headers
    (event,) = world.events()
    assert (event.kind, event.scope, event.detail, event.seq) == (Kind.UNSUBSCRIBED, "offers", road, 2)
    (suppression,) = world.ledger.suppressions()
    assert (suppression.address_hash, suppression.scope) == (world.address_hash(2), "offers")
    assert suppression.event_id == event.event_id


def test_again_and_by_another_road_is_the_same(world) -> None:
    path = world.unsubscribe_path()
    answers = [
        world.client.post(path, data=ONE_CLICK),
        world.client.post(path, data=ONE_CLICK),
        world.client.post(f"{path}/", data={"road": "page"}),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len({answer.text for answer in answers}) == 1
    assert len(world.events()) == 1


def test_it_works_when_nothing_is_known_of_the_send(world) -> None:
    path = f"/u/{send_tokens(Keyring.open(world.home / 'keys'), 4711).unsubscribe(9, b'h' * 16, '')}"
    assert "all our mail" in world.client.get(path).text
    assert world.client.post(path, data=ONE_CLICK).status_code == 200
    assert world.ledger.suppression(b"h" * 16, "anything") is not None


def test_a_large_body_is_refused_and_changes_nothing(world) -> None:
    answer = world.client.post(world.unsubscribe_path(), content=b"x" * (64 * 1024 + 1))
    assert answer.status_code == 413
    assert world.events() == []


def test_other_methods_change_nothing(world) -> None:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        assert world.client.request(method, world.unsubscribe_path()).status_code == 405
    assert world.client.post(f"/c/{world.tokens.click(1, 1)}").status_code == 405
    assert world.events() == []


def test_hostile_words_are_data(world) -> None:
    for words in HOSTILE:
        path = world.unsubscribe_path(1, topic=words)
        page = world.client.get(path, headers={"User-Agent": words, "Referer": words}).text
        assert "<script" not in page
        assert "<img" not in page
        assert world.client.post(path, headers={"User-Agent": words}).status_code == 200
        missing = world.client.get(f"/nowhere/{words}", headers={"User-Agent": words})
        assert words not in missing.text
    assert [event.user_agent for event in world.events()] == HOSTILE


def test_pages_forbid_everything_they_do_not_need(world) -> None:
    policy = world.client.get(world.unsubscribe_path()).headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "script-src" not in policy


def test_the_time_is_business_time(world) -> None:
    SteppedClock(world.home / "clock").set(parse_time("2030-01-02T03:04:05Z"))
    world.client.get(f"/o/{world.tokens.pixel(1)}.gif")
    assert world.events()[0].occurred_at == parse_time("2030-01-02T03:04:05Z")


# ---- trouble


def test_a_locked_ledger_is_told_and_nothing_is_half_done(world) -> None:
    world.client.get(f"/o/{world.tokens.pixel(1)}.gif")
    blocker = sqlite3.connect(world.home / "ledger/ledger.sqlite", isolation_level=None)
    blocker.execute("begin immediate")
    for sent in (
        lambda: world.client.post(world.unsubscribe_path(), data=ONE_CLICK),
        lambda: world.client.get(f"/c/{world.tokens.click(1, 1)}"),
    ):
        began = time.monotonic()
        answer = sent()
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert 0.7 < time.monotonic() - began < 1.9
    blocker.execute("rollback")
    blocker.close()
    assert len(world.events()) == 1
    assert world.client.post(world.unsubscribe_path(), data=ONE_CLICK).status_code == 200
    assert len(list(world.ledger.suppressions())) == 1


def test_the_answer_waits_for_a_message_on_the_wire(world, monkeypatch) -> None:
    lookups = world.client.app.state.collector.lookups
    asked = []

    class Wire:
        def has_open_offer(self, address_hash: bytes) -> bool:
            asked.append(address_hash)
            return len(asked) < 4

    monkeypatch.setattr(lookups, "_ledger", Wire())
    assert world.client.post(world.unsubscribe_path(), data=ONE_CLICK).status_code == 200
    assert asked == [world.address_hash(1)] * 4
    assert len(world.events()) == 1


def test_a_fault_of_ours_is_never_a_success(world, monkeypatch) -> None:
    async def broken(event) -> bool:
        raise RuntimeError("disk gone")

    monkeypatch.setattr(world.client.app.state.collector.recorder, "record", broken)
    answer = world.client.post(world.unsubscribe_path(), data=ONE_CLICK)
    assert answer.status_code == 500
    assert "disk gone" not in answer.text


def test_many_at_once_are_all_durable(world) -> None:
    statuses: list[int] = []

    def click_some() -> None:
        for _ in range(10):
            statuses.append(world.client.get(f"/o/{world.tokens.pixel(1)}.gif").status_code)

    threads = [threading.Thread(target=click_some) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 50
    assert len(world.events()) == 50


def test_health_counts_what_waits(world) -> None:
    assert world.client.get("/healthz").json() == {"status": "ok", "waiting": 0, "dropped": {}}


# ---- parts


def test_only_what_is_needed_is_stored() -> None:
    scope = {
        "type": "http",
        "method": "GET",
        "client": None,
        "headers": [(b"user-agent", b"x" * 2000), (b"cookie", b"a=1")],
    }
    plain = Event("0" * 32, Kind.OPENED, datetime(2026, 11, 3, tzinfo=UTC))
    assert with_facts(plain, Request(scope)) == replace(plain, user_agent="x" * 512, method="GET")


def test_roads() -> None:
    assert road_of(b"List-Unsubscribe=One-Click") == "one-click"
    assert road_of(MULTIPART[0]) == "one-click"
    assert road_of(b"road=page") == "page"
    assert road_of(b"") == "post"
