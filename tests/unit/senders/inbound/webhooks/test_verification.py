"""A call is taken only as its provider signed it, and only while it is fresh."""

import base64
import json
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from senders.errors import WebError
from senders.inbound.webhooks.provider import WebhookRefusedError
from senders.inbound.webhooks.registry import PROVIDERS
from senders.inbound.webhooks.sns import is_sns_url, signed_text
from tests.fixtures.corpora import CORPORA, needs_corpora
from tests.fixtures.webhooks import (
    CERTIFICATE_URL,
    LOGIN,
    NOW,
    SECRET,
    TOPIC,
    call,
    certificate,
    config,
    ec_key,
    mailgun_signature,
    sendgrid_key,
    sns_message,
)

PAYLOADS = {
    "amazon_ses": {"eventType": "Send", "mail": {}},
    "sendgrid": [{"event": "processed"}],
    "mailgun": {"event": "accepted"},
    "postmark": {"RecordType": "Delivery"},
    "resend": {"type": "email.sent", "data": {}},
    "standard": {"type": "message.spam", "data": {}},
    "mandrill": [{"event": "send"}],
    "brevo": {"event": "request"},
    "mailjet": {"event": "sent"},
    "sparkpost": [{"msys": {}}],
}
TIMED = ("amazon_ses", "sendgrid", "mailgun", "resend", "standard")
SIGNING_THE_BODY = ("amazon_ses", "sendgrid", "resend", "standard", "mandrill")


def build(name: str, fetch=lambda url: certificate(), **changes):
    return PROVIDERS[name](config(name, **changes), fetch)


def refused(name: str, raw: bytes, headers, now: float = NOW, **changes) -> bool:
    try:
        build(name, **changes).verify(raw, headers, now)
    except WebhookRefusedError:
        return True
    return False


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_true_call_is_taken_and_one_without_its_proof_is_not(name: str) -> None:
    raw, headers = call(name, PAYLOADS[name])
    assert not refused(name, raw, headers)
    if name == "mailgun":
        raw = json.dumps({"event-data": PAYLOADS[name]}).encode()
    elif name == "amazon_ses":
        raw = json.dumps({**json.loads(raw), "Signature": ""}).encode()
    assert refused(name, raw, {})


@pytest.mark.parametrize("name", TIMED)
def test_a_signed_time_must_be_near(name: str) -> None:
    raw, headers = call(name, PAYLOADS[name], at=NOW)
    taken = [not refused(name, raw, headers, now=NOW + off) for off in (-301, -299, 0, 299, 301, 86_400)]
    assert taken == [False, True, True, True, False, False]
    assert not refused(name, raw, headers, now=NOW + 3000, max_age_seconds=3600.0)


@pytest.mark.parametrize("name", SIGNING_THE_BODY)
def test_no_byte_of_a_signed_body_may_change(name: str) -> None:
    raw, headers = call(name, PAYLOADS[name])
    for place in range(0, len(raw), max(1, len(raw) // 40)):
        altered = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        if name != "amazon_ses" or is_signed_part(altered, raw):
            assert refused(name, altered, headers), altered


def is_signed_part(altered: bytes, raw: bytes) -> bool:
    """Whether SNS signs what was changed: it leaves out the address for leaving the topic."""
    try:
        found, original = json.loads(altered), json.loads(raw)
        signature = base64.b64decode(found.get("Signature", "")) != base64.b64decode(original["Signature"])
        return signature or signed_text(found) != signed_text(original)
    except (ValueError, WebhookRefusedError):
        return True


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("sendgrid", "x-twilio-email-event-webhook-timestamp"),
        ("resend", "svix-timestamp"),
        ("resend", "svix-id"),
        ("standard", "webhook-timestamp"),
        ("standard", "webhook-id"),
    ],
)
def test_an_overheard_call_cannot_be_made_fresh(name: str, header: str) -> None:
    raw, headers = call(name, PAYLOADS[name], at=NOW)
    assert refused(name, raw, headers | {header: str(int(NOW) + 200)}, now=NOW + 200)


def test_an_overheard_call_of_mailgun_and_sns_cannot_be_made_fresh() -> None:
    later = NOW + 1000
    old = mailgun_signature(NOW) | {"timestamp": str(int(later))}
    assert refused("mailgun", json.dumps({"signature": old, "event-data": {}}).encode(), {}, now=later)
    message = sns_message(PAYLOADS["amazon_ses"]) | {"Timestamp": sns_message({}, at=later)["Timestamp"]}
    assert refused("amazon_ses", json.dumps(message).encode(), {}, now=later)


def test_what_mailgun_signs_as_one_text_cannot_be_cut_elsewhere() -> None:
    signed = mailgun_signature(NOW, token="e0" + "a" * 48)
    moved = signed | {"timestamp": signed["timestamp"] + "e0", "token": "a" * 48}
    assert float(moved["timestamp"]) == float(signed["timestamp"])
    assert not refused("mailgun", json.dumps({"signature": signed, "event-data": {}}).encode(), {})
    assert refused("mailgun", json.dumps({"signature": moved, "event-data": {}}).encode(), {})


@pytest.mark.parametrize("name", [name for name in PAYLOADS if name not in {"amazon_ses"}])
def test_the_key_of_another_does_not_fit(name: str) -> None:
    raw, headers = call(name, PAYLOADS[name])
    other = {
        "sendgrid": sendgrid_key(ec_key(2)),
        "resend": "whsec_" + base64.b64encode(b"o" * 24).decode(),
        "standard": "whsec_" + base64.b64encode(b"o" * 24).decode(),
    }.get(name, "another")
    assert refused(name, raw, headers, signing_keys=(other,), password="another")
    assert refused(name, raw, headers, signing_keys=(), password="")
    if name not in {"postmark", "brevo", "mailjet", "sparkpost"}:
        present = config(name).signing_keys
        assert not refused(name, raw, headers, signing_keys=(other, *present))  # while a key is replaced


@needs_corpora
def test_the_vector_of_sendgrid() -> None:
    vector = json.loads((CORPORA / "sendgrid-signature-vector" / "vector.json").read_text())
    raw, now = vector["payload"].encode(), float(vector["timestamp"])
    key, wrong_key = vector["public_key_spki_b64"], vector["wrong_public_key_spki_b64"]

    def headers(signature: str) -> dict[str, str]:
        names = "x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp"
        return dict(zip(names, (signature, vector["timestamp"]), strict=True))

    good = headers(vector["signature_b64"])
    assert not refused("sendgrid", raw, good, now, signing_keys=(key,))
    assert refused("sendgrid", raw, good, now, signing_keys=(wrong_key,))
    assert refused("sendgrid", raw, headers(vector["wrong_signature_b64"]), now, signing_keys=(key,))
    assert refused("sendgrid", raw.rstrip(), good, now, signing_keys=(key,))
    assert refused("sendgrid", raw, good, now + 301, signing_keys=(key,))
    (report,) = build("sendgrid").read(raw, {}).reports
    assert (report.said, report.failure, report.recipient) == ("bounced", "permanent", "hello@world.com")


# ---- Amazon SNS


@pytest.mark.parametrize("version", ["1", "2"])
def test_both_signatures_of_sns_are_known_and_no_third(version: str) -> None:
    message = sns_message({"eventType": "Send"}, version=version)
    assert not refused("amazon_ses", json.dumps(message).encode(), {})
    other = {"1": "2", "2": "1"}[version]
    for claimed in (other, "3", "", None):
        assert refused("amazon_ses", json.dumps(message | {"SignatureVersion": claimed}).encode(), {})


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-1.pem",
        "https://evil.example/sns.eu-west-1.amazonaws.com/x.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/x.pem",
        "https://evil.example\\@sns.eu-west-1.amazonaws.com/x.pem",
        "https://evil.example#@sns.eu-west-1.amazonaws.com/x.pem",
        "https://sns.evil.example/x.pem",
        "https://bucket.s3.amazonaws.com/x.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/x.pem",
        "https://sns.eu-west-1.amazonaws.com/x.pem?redirect=https://evil.example",
        "https://sns.eu-west-1.amazonaws.com/../../x.pem",
        "https://sns.eu-west-1.amazonaws.com/x.crt",
        "https://sns.eu-west-1.amazonaws.com\n.evil.example/x.pem",
        "https://ѕns.eu-west-1.amazonaws.com/x.pem",
        "",
    ],
)
def test_a_certificate_comes_from_amazon_only(url: str) -> None:
    fetched: list[str] = []

    def fetch(asked: str) -> bytes:
        fetched.append(asked)
        return certificate()

    message = sns_message({"eventType": "Send"}, SigningCertURL=url)
    with pytest.raises(WebhookRefusedError):
        build("amazon_ses", fetch).verify(json.dumps(message).encode(), {}, NOW)
    assert fetched == []


def test_a_certificate_is_fetched_once_and_must_hold() -> None:
    fetched: list[str] = []

    def fetch(url: str) -> bytes:
        fetched.append(url)
        return certificate()

    provider, raw = build("amazon_ses", fetch), json.dumps(sns_message({"eventType": "Send"})).encode()
    for _ in range(3):
        provider.verify(raw, {}, NOW)
    assert fetched == [CERTIFICATE_URL]
    assert refused("amazon_ses", raw, {}, now=NOW + 50 * 365 * 86_400)
    assert refused("amazon_ses", raw, {}, fetch=lambda url: b"no certificate")

    def away(url: str) -> bytes:
        raise WebError("away")

    assert refused("amazon_ses", raw, {}, fetch=away)


def test_a_topic_of_another_is_refused_before_anything_is_fetched() -> None:
    message = sns_message({"eventType": "Send"}, TopicArn=TOPIC + "x")
    with pytest.raises(WebhookRefusedError):
        build("amazon_ses", lambda url: pytest.fail(url)).verify(json.dumps(message).encode(), {}, NOW)


def test_a_subscription_is_confirmed_at_amazon_only() -> None:
    provider = build("amazon_ses")
    good = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=abc"
    for url, visited in ((good, good), ("https://evil.example/?Action=ConfirmSubscription", "")):
        message = sns_message("Please confirm", kind="SubscriptionConfirmation", Token="abc", SubscribeURL=url)
        raw = json.dumps(message).encode()
        provider.verify(raw, {}, NOW)
        assert provider.visit(raw) == visited
        assert provider.read(raw, {}) == provider.read(json.dumps(message | {"Type": "Unsubscribe"}).encode(), {})
    assert provider.visit(json.dumps(sns_message({"eventType": "Send"}, SubscribeURL=good)).encode()) == ""


def test_addresses_of_sns_in_all_regions() -> None:
    hosts = ("us-east-1", "eu-central-1", "us-gov-west-1", "ap-southeast-2")
    assert all(is_sns_url(f"https://sns.{host}.amazonaws.com/x.pem") for host in hosts)
    assert is_sns_url("https://sns.cn-north-1.amazonaws.com.cn/x.pem")


# ---- others


def test_mailgun_signs_forms_as_well() -> None:
    fields = mailgun_signature(NOW) | {"event": "delivered", "recipient": "a@b.example"}
    assert not refused("mailgun", urlencode(fields).encode(), {})
    assert refused("mailgun", urlencode(fields | {"token": "u" * 50}).encode(), {})


def test_several_signatures_of_a_standard_sender() -> None:
    raw, headers = call("standard", PAYLOADS["standard"])
    both = f"v1,{base64.b64encode(b'x' * 32).decode()} v1a,{'A' * 86} {headers['webhook-signature']}"
    assert not refused("standard", raw, headers | {"webhook-signature": both})
    for wrong in ("", "v1", "v1,", "v2," + headers["webhook-signature"][3:], "é", headers["webhook-signature"][3:]):
        assert refused("standard", raw, headers | {"webhook-signature": wrong})
    assert not refused("standard", raw, headers, signing_keys=(SECRET.removeprefix("whsec_"),))


@pytest.mark.parametrize(
    "given", ["", "Basic", "Basic !!", "Bearer " + LOGIN["authorization"][6:], "Basic OnBvc3RtYXJr", "é"]
)
def test_a_login_must_be_whole(given: str) -> None:
    raw, _ = call("postmark", PAYLOADS["postmark"])
    assert refused("postmark", raw, {"authorization": given})


def test_times_that_are_none_are_refused() -> None:
    for wrong in ("", "nan", "inf", "-inf", "1e400", "soon", "0x10"):
        raw, headers = call("sendgrid", PAYLOADS["sendgrid"])
        assert refused("sendgrid", raw, headers | {"x-twilio-email-event-webhook-timestamp": wrong})


def test_a_standard_sender_says_what_the_settings_know() -> None:
    provider = build("standard")
    raw = json.dumps({"type": "message.odd", "data": {"email": "a@b.example"}}).encode()
    reading = provider.read(raw, {})
    assert reading.reports == []
    assert "message.odd" in reading.problems[0]
    known = replace(config("standard"), events={"message.odd": "bounced.transient"})
    (report,) = PROVIDERS["standard"](known, lambda url: b"").read(raw, {}).reports
    assert (report.said, report.failure, report.recipient) == ("bounced", "transient", "a@b.example")
