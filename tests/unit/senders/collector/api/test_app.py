import contextlib
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from senders.collector.api import app as module
from senders.collector.api.pace import CallPace
from senders.collector.api.problems import Problem
from senders.collector.space import Level
from senders.event import Kind
from tests.unit.senders.collector.api.conftest import ORDER

WRITES = [
    ("/events", ORDER),
    ("/contacts", {"email": "ada@example.com"}),
    ("/mail", {"template": "receipt", "to": "ada@example.com"}),
    ("/suppressions", {"email": "ada@example.com", "reason": "asked"}),
]


@contextlib.contextmanager
def locked(home):
    """Hold the ledger against every writer."""
    connection = sqlite3.connect(home / "ledger" / "ledger.sqlite", isolation_level=None)
    connection.execute("begin immediate")
    try:
        yield
    finally:
        connection.close()


def test_a_locked_ledger_is_a_503_after_a_second_and_stores_nothing(shop, tmp_path):
    def ask(write):
        begun = time.monotonic()
        return shop.post(*write, Idempotency_Key=write[0]), time.monotonic() - begun

    assert shop.get("/events").status_code == 200
    with locked(tmp_path), ThreadPoolExecutor(len(WRITES)) as pool:
        for refused, seconds in pool.map(ask, WRITES):
            assert refused.status_code == 503
            assert refused.headers["retry-after"] == "2"
            assert 0.9 < seconds < 5
        assert shop.get("/events").status_code == 200  # reading goes on
    time.sleep(0.3)
    assert shop.world.events() == []
    assert sum(shop.world.ledger.mail_counts().values()) == 0
    assert all(ask(write)[0].is_success for write in WRITES)


def test_an_idempotency_key_gets_the_first_answer_again(shop):
    for path, value in WRITES:
        first = shop.post(path, value, Idempotency_Key=path)
        again = shop.post(path, value, Idempotency_Key=path)
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert again.headers["idempotency-replayed"] == "true"
    assert len(shop.world.events()) + sum(shop.world.ledger.mail_counts().values()) == len(WRITES)


def test_an_idempotency_key_is_for_one_call_of_one_key(make_shop):
    shop, other = make_shop(), make_shop(name="till")
    assert shop.post("/events", ORDER, Idempotency_Key="abc").status_code == 202
    refused = shop.post("/events", {**ORDER, "id": "2"}, Idempotency_Key="abc")
    assert refused.status_code == 409
    assert refused.json()["type"] == "urn:mailrail:problem:idempotency-key"
    assert shop.post("/suppressions", {"email": "a@b.example", "reason": "x"}, Idempotency_Key="abc").status_code == 409
    assert other.post("/events", {**ORDER, "id": "3"}, Idempotency_Key="abc").status_code == 202
    assert len(shop.events(Kind.REPORTED)) == 2


def test_a_call_that_was_refused_leaves_its_idempotency_key_free(shop):
    assert shop.post("/events", {**ORDER, "id": ""}, Idempotency_Key="abc").status_code == 422
    assert shop.post("/events", ORDER, Idempotency_Key="abc").status_code == 202


def test_an_idempotency_key_that_cannot_be_used_is_named(shop):
    for key in ("", " ", "with space", "x" * 256):
        refused = shop.post("/events", ORDER, Idempotency_Key=key)
        assert refused.status_code == 400
        assert refused.json()["errors"][0]["path"] == "Idempotency-Key"


def test_twenty_at_once_with_one_idempotency_key_are_one_mail_and_one_answer(shop):
    mail = {"template": "receipt", "to": "ada@example.com"}
    gate = threading.Barrier(20)

    def ask(_):
        gate.wait()
        return shop.post("/mail", mail, Idempotency_Key="abc")

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(ask, range(20)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert sum(shop.world.ledger.mail_counts().values()) == 1


def test_every_answer_is_for_nobody_to_keep(shop):
    for answer in (
        shop.post("/events", ORDER),
        shop.get("/events"),
        shop.get("/nowhere"),
        shop.get("/openapi.json"),
        shop.call("PATCH", "/events"),
        shop.get("/events?limit=x"),
        shop.world.client.get("/api/v1/events"),
    ):
        assert "no-store" in answer.headers["cache-control"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "json" in answer.headers["content-type"]


def test_what_is_not_there_is_a_problem_in_the_one_form(shop):
    for path in ("/nowhere", "/events/", "/events/1", "/mail", "/contacts", "/%0A", "/contacts/%0A"):
        refused = shop.get(path)
        assert refused.status_code in {404, 405}
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json().keys() >= {"type", "title", "status", "detail"}


def test_a_fault_of_ours_is_a_problem_and_no_2xx(shop, monkeypatch):
    def broken(*_):
        raise RuntimeError("secret words")

    monkeypatch.setattr("senders.ledger.idempotency.record_events", broken)
    refused = shop.post("/events", ORDER)
    assert refused.status_code == 500
    assert "secret" not in refused.text
    monkeypatch.undo()
    assert shop.post("/events", ORDER).status_code == 202


def test_one_call_that_cannot_be_stored_refuses_no_neighbour(shop, monkeypatch):
    from senders.ledger import idempotency

    whole = idempotency.record_events

    def picky(connection, events, folder, now):
        if any(event.detail == "bad" for event in events):
            raise RuntimeError("bad")
        return whole(connection, events, folder, now)

    monkeypatch.setattr(idempotency, "record_events", picky)
    names = ["good-1", "bad", "good-2"]
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda name: shop.post("/events", {**ORDER, "id": name}).status_code, names))
    assert answers == [202, 500, 202]
    assert {event.detail for event in shop.events(Kind.REPORTED)} == {"good-1", "good-2"}


def test_too_many_bodies_at_once_are_turned_away(shop, monkeypatch):
    monkeypatch.setattr(module, "MAX_AT_ONCE", 0)
    refused = shop.post("/events", ORDER)
    assert refused.status_code == 503
    assert "retry-after" in refused.headers


def test_a_key_that_calls_too_fast_is_told_when_to_come_back():
    now = [100.0]
    pace = CallPace(10, lambda: now[0])
    for _ in range(10):
        pace.take("shop")
    with pytest.raises(Problem) as refused:
        pace.take("shop")
    assert refused.value.status == 429
    assert refused.value.headers["Retry-After"] == "1"
    pace.take("another")
    now[0] += 0.11
    pace.take("shop")
    slow = CallPace(0.1, lambda: now[0])
    slow.take("shop")
    with pytest.raises(Problem) as refused:
        slow.take("shop")
    assert refused.value.headers["Retry-After"] == "10"
    unbound = CallPace(None)
    for _ in range(1000):
        unbound.take("shop")


def test_calls_go_on_while_a_large_body_is_checked(shop):
    contacts = [{"email": f"p{number}@example.com", "first_name": "Ada" * 20} for number in range(1000)]
    with ThreadPoolExecutor(2) as pool:
        large = pool.submit(shop.post, "/contacts", {"contacts": contacts})
        waits = []
        while not large.done():
            begun = time.monotonic()
            assert shop.world.client.get("/healthz").status_code == 200
            waits.append(time.monotonic() - begun)
    assert large.result().status_code == 202
    assert max(waits) < 0.5


def test_a_full_disk_takes_suppressions_only(shop):
    space = shop.world.client.app.state.space
    space.level = Level.ONLY_REFUSALS
    refused = shop.post("/events", ORDER)
    assert refused.status_code == 503
    assert "disk is full" in refused.json()["detail"]
    assert shop.post("/suppressions", {"email": "ada@example.com", "reason": "asked"}).status_code == 200
    assert [event.kind for event in shop.world.events()] == [Kind.SUPPRESSED]
