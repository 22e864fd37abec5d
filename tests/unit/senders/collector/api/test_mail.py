import dataclasses

import pytest

from senders.collector.api.door import Door, Incoming
from senders.collector.api.keys import Caller
from senders.collector.api.mail import request_mail
from senders.collector.api.problems import Problem
from senders.config import ApiConfig
from senders.ledger.outbox import MailState
from senders.ledger.store import Ledger
from tests.unit.senders.collector.conftest import NOW

RECEIPT = {"template": "receipt", "to": "Ada@Example.com", "fields": {"total": 12.5, "lines": [{"name": "Tent"}]}}


def test_a_mail_is_a_durable_request_of_which_can_be_asked(shop):
    answer = shop.post("/mail", RECEIPT)
    assert answer.status_code == 202
    asked = shop.get(answer.json()["url"].removeprefix("/api/v1")).json()
    assert (asked["id"], asked["template"], asked["state"]) == (answer.json()["id"], "receipt", "waiting")
    row = shop.world.ledger.mail(asked["id"])
    assert row.request.email == "Ada@example.com"
    assert dict(row.request.fields) == RECEIPT["fields"]


def test_a_mail_that_was_taken_says_what_became_of_its_message(shop, monkeypatch):
    request_id = shop.post("/mail", RECEIPT).json()["id"]
    row = shop.world.ledger.mail(request_id)
    taken = dataclasses.replace(row, state=MailState.TAKEN, send_no=shop.world.tokens.send_no, seq=1)
    monkeypatch.setattr(Ledger, "mail", lambda self, request_id: taken)
    asked = shop.get(f"/mail/{request_id}").json()
    assert (asked["state"], asked["send_no"], asked["seq"]) == ("queued", taken.send_no, 1)


def test_a_refused_mail_says_why(shop):
    request_id = shop.post("/mail", RECEIPT).json()["id"]
    row = shop.world.ledger.mail(request_id)
    shop.world.ledger.refuse_mail({row.row_id: "the field total is missing"})
    asked = shop.get(f"/mail/{request_id}").json()
    assert (asked["state"], asked["reason"]) == ("refused", "the field total is missing")


def test_the_same_call_again_is_one_mail(shop):
    answers = [shop.post("/mail", RECEIPT, Idempotency_Key="order-1001-receipt") for _ in range(3)]
    assert len({answer.content for answer in answers}) == 1
    assert [answer.headers.get("idempotency-replayed") for answer in answers] == [None, "true", "true"]
    assert sum(shop.world.ledger.mail_counts().values()) == 1


def test_an_unknown_mail_is_a_problem(shop):
    refused = shop.get("/mail/none-of-ours")
    assert refused.status_code == 404
    assert refused.json()["type"] == "urn:mailrail:problem:unknown-mail"


WRONG = [
    ({"template": "../../etc"}, "/template"),
    ({"to": "ada@example.com\r\nBcc: eve@example.com"}, "/to"),
    ({"to": ["a@b.example"]}, "/to"),
    ({"fields": {"with space": 1}}, "/fields/with space"),
    ({"fields": {"text": "x" * 66_000}}, "/fields"),
    ({"language": "German"}, "/language"),
]


def test_what_is_wrong_is_named(shop):
    for change, path in WRONG:
        refused = shop.post("/mail", RECEIPT | change)
        assert refused.status_code == 422, path
        assert path in [mistake["path"] for mistake in refused.json()["errors"]]
    assert sum(shop.world.ledger.mail_counts().values()) == 0


def test_a_template_that_is_not_there_is_named_with_those_that_are(tmp_path):
    for name in ("receipt", "welcome"):
        (tmp_path / "templates" / name).mkdir(parents=True)
    door = Door(tmp_path, ApiConfig(templates=tmp_path / "templates"))
    call = Incoming(Caller("id", "web-shop", frozenset()), NOW, value=RECEIPT)
    assert request_mail(door, call).status == 202
    with pytest.raises(Problem) as refused:
        request_mail(door, dataclasses.replace(call, value=RECEIPT | {"template": "reciept"}))
    assert refused.value.mistakes[0].remedy == "there are: receipt, welcome"
