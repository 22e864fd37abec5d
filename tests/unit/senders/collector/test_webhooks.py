"""Providers report over HTTP: what is verified is durable before the answer, what is not touches nothing."""

import json
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from httpx import Response

from senders.collector.app import create_app
from senders.collector.webhooks import MAX_BYTES
from senders.config import CollectorConfig
from senders.event import Event, Kind
from senders.ledger import dead_letters
from senders.ledger.rows import Approval, SendSpec, ShardSpec
from senders.ledger.store import Ledger
from senders.tracking.addresses import hash_address
from senders.tracking.keys import Keyring
from senders.tracking.tokens import SendTokens, send_tokens
from senders.web.client import Answer, WebClient
from tests.fixtures.webhooks import PATH_SECRET, TOPIC, call, certificate, config, mailgun_signature, sns_message

ADDRESSES = ("mira@example.com", "jonas@example.com", "ada@example.com")
NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
PROVIDERS = ("amazon_ses", "sendgrid", "mailgun", "postmark", "resend", "standard", "mandrill", "brevo")


@dataclass
class World:
    """A collector with the webhooks of all providers, and one send to three people."""

    home: Path
    ledger: Ledger
    tokens: SendTokens
    client: object
    hashes: list[bytes]
    # One time for all calls, so that the same report is the same call also when a second ends between two of them.
    began: float = field(default_factory=time.time)

    def post(self, provider: str, payload, **changes) -> Response:
        raw, headers = call(provider, payload, at=self.began)
        return self.post_raw(provider, raw, headers, **changes)

    def post_raw(self, provider: str, raw: bytes, headers, secret: str = PATH_SECRET) -> Response:
        return self.client.post(f"/w/{provider}/{secret}", content=raw, headers=headers)

    def events(self) -> list[Event]:
        return [row.event for row in self.ledger.inbound_after(0, 10_000)]

    def suppressed(self) -> list[bytes]:
        return [one.address_hash for one in self.ledger.suppressions()]


@pytest.fixture
def world(tmp_path: Path, monkeypatch) -> Iterator[World]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it would rather have another HTTP client
        from starlette.testclient import TestClient

    async def get(self: WebClient, url: str, *, redirects: int = 0) -> Answer:
        return Answer(200, {}, certificate())

    monkeypatch.setattr(WebClient, "get", get)
    keyring, ledger = Keyring.open(tmp_path / "keys"), Ledger.open(tmp_path)
    hashes = [hash_address(address, keyring.address_key) for address in ADDRESSES]
    ledger.reserve_send("news.1", "news")
    ledger.approve(Approval("news.1", "a", "c", 3, "ada", NOW, "test"))
    shards = [ShardSpec(0, "shard-0000.parquet", 1, 3, hashes)]
    spec = SendSpec("news.1", "news", "offers", NOW, "shop", "news.1", 3, "a", "c", shards)
    tokens = send_tokens(keyring, ledger.open_send(spec))
    webhooks = tuple(config(name) for name in (*PROVIDERS, "sparkpost"))
    app = create_app(CollectorConfig(tmp_path, "https://mail.shop.example", webhooks=webhooks))
    with TestClient(app, follow_redirects=False, raise_server_exceptions=False) as client:
        yield World(tmp_path, ledger, tokens, client, hashes)
    ledger.close()


def bounce_of(world: World, provider: str, seq: int = 1, **changes) -> object:
    """Return a hard bounce of a message as a provider tells it; ``email`` replaces the recipient."""
    email = changes.get("email", ADDRESSES[seq - 1])
    name, path = world.tokens.message_id(seq, "shop.example"), world.tokens.return_path(seq, "bounce.shop.example")
    words = f"550 5.1.1 <{email}> User unknown"
    return {
        "amazon_ses": {
            "eventType": "Bounce",
            "mail": {"source": path, "messageId": "0001", "destination": [email]},
            "bounce": {
                "bounceType": "Permanent",
                "feedbackId": "f1",
                "bouncedRecipients": [{"emailAddress": email, "status": "5.1.1", "diagnosticCode": words}],
            },
        },
        "sendgrid": [
            {
                "event": "bounce",
                "email": email,
                "smtp-id": f"<{name}>",
                "status": "5.1.1",
                "reason": words,
                "sg_event_id": "g",
            }
        ],
        "mailgun": {
            "event": "failed",
            "severity": "permanent",
            "id": "m1",
            "recipient": email,
            "message": {"headers": {"message-id": name}},
            "delivery-status": {"code": 550, "message": words},
        },
        "postmark": {
            "RecordType": "Bounce",
            "Type": "HardBounce",
            "ID": 1,
            "Email": email,
            "Details": words,
            "Metadata": {"Mailrail-Send": "news.1"},
        },
        "resend": {
            "type": "email.bounced",
            "data": {
                "to": [email],
                "headers": [{"name": "Message-ID", "value": f"<{name}>"}],
                "bounce": {"message": words},
            },
        },
        "standard": {"type": "message.bounced", "data": {"email": email, "return_path": path, "reason": words}},
        "mandrill": [
            {
                "event": "hard_bounce",
                "_id": "x",
                "msg": {"email": email, "diag": words, "metadata": {"mailrail-send": "news.1"}},
            }
        ],
        "brevo": {"event": "hard_bounce", "email": email, "message-id": f"<{name}>", "reason": words},
    }[provider]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_bounce_suppresses_its_recipient_once_however_often_it_comes(world: World, provider: str) -> None:
    for _ in range(3):
        assert world.post(provider, bounce_of(world, provider)).status_code == 200
    (event,) = world.events()
    assert (event.kind, event.send_no, event.seq, event.failure) == (Kind.BOUNCED, world.tokens.send_no, 1, "permanent")
    assert world.suppressed() == [world.hashes[0]]
    assert "mira" not in json.dumps(event.body) + event.detail
    assert event.body["raw"]


def test_the_same_bounce_from_two_providers_is_one(world: World) -> None:
    for provider in PROVIDERS:
        assert world.post(provider, bounce_of(world, provider)).status_code == 200
    assert len(world.events()) == 1


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("email", [ADDRESSES[1], "victim@example.com"])
def test_a_true_call_about_another_recipient_touches_nobody(world: World, provider: str, email: str) -> None:
    payload = bounce_of(world, provider, email=email)
    assert world.post(provider, payload).status_code == 200
    if provider in {"postmark", "mandrill"} and email == ADDRESSES[1]:
        assert world.suppressed() == [world.hashes[1]]  # the send and this recipient name a message of its own
    else:
        (event,) = world.events()
        assert (event.address_hash, event.send_no) == (b"", 0)
        assert world.suppressed() == []


def test_a_message_is_known_by_what_a_provider_kept_of_it(world: World) -> None:
    name, path = world.tokens.message_id(1, "shop.example"), world.tokens.return_path(1, "bounce.shop.example")
    quoted = f"Reporting-MTA: dns; x\r\n\r\nMessage-ID: <{name}>\r\nSubject: Tents\r\n"
    postmark = {"RecordType": "Bounce", "Type": "HardBounce", "Email": ADDRESSES[0], "Content": quoted}
    complaint = {"emailAddress": ADDRESSES[0]}
    header = {"name": "Message-ID", "value": f"<{name}>"}
    ses = {
        "notificationType": "Complaint",
        "mail": {"source": "news@shop.example", "headers": [header]},
        "complaint": {"complainedRecipients": [complaint], "complaintFeedbackType": "abuse"},
    }
    sparkpost = {"type": "link_unsubscribe", "raw_rcpt_to": ADDRESSES[0], "msg_from": path}
    for provider, payload in (("postmark", postmark), ("amazon_ses", ses), ("sparkpost", [{"msys": {"x": sparkpost}}])):
        assert world.post(provider, payload).status_code == 200
    assert [(event.kind, event.seq) for event in world.events()] == [
        ("bounced", 1),
        ("complained", 1),
        ("unsubscribed", 1),
    ]


def test_odd_characters_and_numbers_stop_no_report(world: World) -> None:
    (bounce,) = bounce_of(world, "sendgrid")
    odd = {
        "subject": "half a smile \ud83d",
        "nul": "a\x00b",
        "count": 10**400,
        "name\udc00": "\u2028",
        "deep": [[[[]]]] * 9,
    }
    assert world.post("sendgrid", [bounce | odd]).status_code == 200
    raw, headers = call("postmark", {"RecordType": "Delivery"})
    assert world.post_raw("postmark", raw.replace(b'"Delivery"', b'"Delivery", "x": 1e999'), headers).status_code == 200
    assert world.post_raw("postmark", raw.replace(b'"Delivery"', b'"Delivery", "x": NaN'), headers).status_code == 200
    (event,) = world.events()
    assert event.address_hash == world.hashes[0]
    assert event.body["raw"]["subject"] == "half a smile \ufffd"
    assert [letter.reason for letter in world.ledger.dead_letters()] == ["no JSON"]


def test_a_batch_is_durable_as_a_whole(world: World) -> None:
    batch = [one for seq in (1, 2, 3) for one in bounce_of(world, "sendgrid", seq)]
    batch += [{"event": "open", "email": ADDRESSES[0]}, {"event": "delivered", "email": ADDRESSES[0]}]
    assert world.post("sendgrid", batch).status_code == 200
    assert sorted(world.suppressed()) == sorted(world.hashes)
    assert len(world.events()) == 3


# ---- refusals


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_is_not_verified_is_refused_without_a_word(world: World, provider: str) -> None:
    raw, headers = call(provider, bounce_of(world, provider), at=time.time())
    stale = call(provider, bounce_of(world, provider), at=time.time() - 400)
    altered = raw.replace(b"mira", b"jona")
    if provider == "mailgun":
        assert world.post_raw(provider, raw, headers).status_code == 200  # its token is used up by the true body
    answers = [world.post_raw(provider, raw, {})] if provider not in {"amazon_ses", "mailgun"} else []
    answers += [world.post_raw(provider, b"", {}), world.post_raw(provider, b"{}", {})]
    if provider not in {"postmark", "brevo"}:
        answers.append(world.post_raw(provider, altered, headers))
    if provider not in {"postmark", "brevo", "mandrill"}:
        answers.append(world.post_raw(provider, *stale))
    assert {(answer.status_code, answer.content) for answer in answers} == {(401, b"")}
    assert world.suppressed() == ([world.hashes[0]] if provider == "mailgun" else [])


def test_a_token_of_mailgun_belongs_to_its_first_body(world: World) -> None:
    signature = mailgun_signature(time.time())

    def post(payload) -> int:
        return world.post_raw(
            "mailgun", json.dumps({"signature": signature, "event-data": payload}).encode(), {}
        ).status_code

    first = bounce_of(world, "mailgun", 1)
    assert [post(first), post(first), post(bounce_of(world, "mailgun", 2)), post(first)] == [200, 200, 401, 200]
    assert world.suppressed() == [world.hashes[0]]


def test_a_wrong_name_or_secret_is_a_path_that_is_not_there(world: World) -> None:
    raw, headers = call("sendgrid", bounce_of(world, "sendgrid"), at=time.time())
    nowhere = world.client.post("/nowhere", content=raw)
    for path in (
        "/w/sendgrid/wrong",
        "/w/nobody/" + PATH_SECRET,
        "/w/sendgrid/",
        "/w/sendgrid",
        "/w/sendgrid/é",
        "/w/x/",
    ):
        answer = world.client.post(path, content=raw, headers=headers)
        assert (answer.status_code, answer.content) == (404, nowhere.content), path
    for answer in (world.client.get(f"/w/sendgrid/{PATH_SECRET}"), world.client.get("/w/sendgrid/wrong")):
        assert (answer.status_code, answer.content) == (404, nowhere.content)
    heads = [world.client.head(f"/w/sendgrid/{secret}").status_code for secret in (PATH_SECRET, "wrong")]
    assert heads == [200, 404]
    assert world.events() == []


def test_a_body_has_a_limit_and_a_batch_below_it_is_taken(world: World) -> None:
    assert world.post_raw("postmark", b"x" * (MAX_BYTES + 1), {}).status_code == 413
    batch = [{"event": "processed", "email": f"p{number}@example.com"} for number in range(5000)]
    assert world.post("sendgrid", batch).status_code == 200


def test_a_busy_ledger_is_answered_with_503_and_the_repeat_works(world: World) -> None:
    payload = bounce_of(world, "postmark")
    with world.ledger._database.write():
        assert world.post("postmark", payload).status_code == 503
    assert world.events() == []
    assert world.post("postmark", payload).status_code == 200
    assert len(world.events()) == 1


# ---- subscriptions, deliveries, dead letters


def test_a_subscription_is_confirmed_by_visiting_amazon(world: World, monkeypatch) -> None:
    visits: list[str] = []

    async def get(self: WebClient, url: str, *, redirects: int = 0) -> Answer:
        visits.append(url)
        return Answer(200, {}, certificate())

    monkeypatch.setattr(WebClient, "get", get)
    url = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=abc"
    for address, topic in ((url, TOPIC), ("https://evil.example/", TOPIC), (url, "arn:aws:sns:eu-west-1:2:other")):
        message = sns_message(
            "Confirm",
            at=time.time(),
            kind="SubscriptionConfirmation",
            Token="abc",
            SubscribeURL=address,
            TopicArn=topic,
        )
        world.post_raw("amazon_ses", json.dumps(message).encode(), {})
    assert [visit for visit in visits if not visit.endswith(".pem")] == [url]


def test_a_delivery_settles_a_doubt(world: World) -> None:
    from senders.ledger.resolving import EVENT

    with world.ledger._database.write() as connection:
        connection.execute("update messages set state = 'in_doubt' where seq = 2")
        connection.execute(
            "insert into attempts (send_no, seq, tries, state, at, relay, connection, code, enhanced_code, reply,"
            " class, sequence) values (?, 2, 1, 'in_doubt', 0, 'main', '', 0, '', '', 'connection', 1)",
            (world.tokens.send_no,),
        )
    for seq in (1, 2):
        payload = {"RecordType": "Delivery", "Recipient": ADDRESSES[seq - 1], "Metadata": {"Mailrail-Send": "news.1"}}
        assert world.post("postmark", payload).status_code == 200
    (event,) = world.events()
    assert (event.kind, event.seq) == (Kind.DELIVERED, 2)
    (finding,) = world.ledger.returns_of_doubts(world.tokens.send_no)
    assert (finding.seq, finding.state, finding.resolver) == (2, "accepted", EVENT)


def test_what_cannot_be_mapped_is_kept_once_and_hides_nothing(world: World) -> None:
    batch = [*bounce_of(world, "sendgrid"), {"event": "new_fashion", "email": ADDRESSES[1]}]
    raw, headers = call("sendgrid", batch, at=time.time())
    for _ in range(2):
        assert world.post_raw("sendgrid", raw, headers).status_code == 200
    assert world.suppressed() == [world.hashes[0]]
    (letter,) = world.ledger.dead_letters()
    assert (letter.source, letter.payload) == ("webhook:sendgrid", raw)
    assert "new_fashion" in letter.reason
    assert "x-twilio-email-event-webhook-signature" not in letter.headers


def test_dead_letters_without_room_let_the_provider_come_again(world: World, monkeypatch) -> None:
    monkeypatch.setattr(dead_letters, "SOURCE_MOST_LETTERS", 1)
    assert world.post("brevo", {"event": "odd"}).status_code == 200
    assert world.post("brevo", {"event": "odder"}).status_code == 503
    assert world.post("postmark", {"RecordType": "odd"}).status_code == 200  # another source has its own room
    assert len(world.ledger.dead_letters()) == 2


def test_without_webhooks_there_is_no_such_path(world: World, tmp_path: Path) -> None:
    from starlette.testclient import TestClient

    with TestClient(create_app(CollectorConfig(tmp_path, "https://x.example"))) as client:
        assert client.post(f"/w/sendgrid/{PATH_SECRET}").status_code == 404
