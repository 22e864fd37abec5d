"""Every payload of the corpus is read and mapped: one word of ours for each report, as its own provider means it."""

import json
from urllib.parse import urlencode

import pytest

from senders.http_config import WebhookConfig
from senders.inbound.webhooks.registry import PROVIDERS
from tests.fixtures.corpora import CORPORA, needs_corpora

pytestmark = needs_corpora

# What each payload reports, in the order of its file; a bounce with its failure.
EXPECTED = {
    "amazon_ses": "permanent permanent,permanent complained delivered nothing policy opened clicked policy nothing",
    "sendgrid": "nothing delivered permanent permanent unsubscribed permanent deferred opened clicked delivered",
    "mailgun": "delivered permanent deferred deferred policy complained unsubscribed opened clicked delivered permanent"
    " complained transient permanent permanent delivered unreadable clicked unreadable",
    "postmark": "permanent delivered opened clicked complained unsubscribed nothing permanent unsubscribed",
    "resend": "nothing,nothing delivered permanent permanent deferred complained opened clicked",
    "brevo": "nothing delivered permanent transient block complained complained permanent policy deferred opened opened"
    " opened opened clicked unsubscribed",
    "mailjet": "delivered opened opened permanent block complained unsubscribed transient delivered",
    "sparkpost": "nothing delivered permanent deferred unsubscribed policy policy nothing opened opened opened clicked"
    " opened,opened,clicked",
    "mandrill": "nothing permanent clicked nothing nothing",
}
# These two are no tracking events: metadata of a test, and mail for an inbound route.
UNREADABLE = {("mailgun", 16): "an unknown event", ("mailgun", 18): "an unknown event"}


def body_of(name: str, payload) -> bytes:
    """Return a payload in the form in which its provider posts it."""
    if name == "amazon_ses" and "Type" not in payload:
        payload = {"Type": "Notification", "MessageId": "sns-1", "Message": json.dumps(payload)}
    if name == "mandrill":
        return urlencode({"mandrill_events": json.dumps(payload)}).encode()
    if name == "mailgun" and "event-data" not in payload:
        return urlencode(payload).encode()
    return json.dumps(payload).encode()


def payloads(name: str) -> list:
    return [
        one["payload"] for one in json.loads((CORPORA / "esp-webhook-payloads" / f"{name}_webhooks.json").read_text())
    ]


def provider_of(name: str):
    return PROVIDERS[name](WebhookConfig("mail", name, "secret"), lambda url: b"")


@pytest.mark.parametrize("name", EXPECTED)
def test_every_payload_is_mapped(name: str) -> None:
    found = []
    for number, payload in enumerate(payloads(name)):
        reading = provider_of(name).read(body_of(name, payload), {})
        if reading.problems:
            assert reading.problems[0].startswith(UNREADABLE[name, number])
            found.append("unreadable")
        else:
            found.append(",".join(str(one.failure or one.said) for one in reading.reports))
    assert found == EXPECTED[name].split()


@pytest.mark.parametrize("name", EXPECTED)
def test_what_touches_somebody_names_the_recipient(name: str) -> None:
    reports = [one for payload in payloads(name) for one in provider_of(name).read(body_of(name, payload), {}).reports]
    touching = [one for one in reports if one.said in {"bounced", "complained", "unsubscribed"}]
    # One payload of Postmark is cut down to what its test needs.
    assert [one.item for one in touching if "@" not in one.recipient and one.item.get("ID") != 555555555] == []
    assert all(one.failure for one in touching if one.said == "bounced")


@pytest.mark.parametrize("name", EXPECTED)
def test_a_payload_that_is_cut_or_of_another_shape_is_unreadable_and_no_error(name: str) -> None:
    provider = provider_of(name)
    for payload in payloads(name):
        raw = body_of(name, payload)
        cut = raw[: len(raw) // 2] if raw[:1] in b"[{" else b""
        for hostile in (cut, b"", b"[]", b"7", b'"x"', b"{}", b"[[[]]]", b"[" * 100_000, b"\xff\xfe", b"null"):
            assert not provider.read(hostile, {}).reports
        for mangled in mangle(payload):
            provider.read(body_of(name, mangled) if isinstance(mangled, dict) else json.dumps(mangled).encode(), {})


def mangle(payload):
    """Yield a payload with each of its parts replaced by what does not belong there."""
    if isinstance(payload, dict):
        for key, value in payload.items():
            for wrong in (None, [], {}, 7, "x", [None], True):
                yield {**payload, key: wrong}
            for inner in mangle(value):
                yield {**payload, key: inner}
    elif isinstance(payload, list):
        for place, value in enumerate(payload):
            for inner in mangle(value):
                yield [*payload[:place], inner, *payload[place + 1 :]]
