"""Mailgun's webhooks: JSON with its signature inside, and the older forms.

The signature covers a time and a token, not what is reported; so a token belongs to the first body that came with it.
Opens and clicks are Mailgun's tracking, which we do not use. Source: Mailgun, "Securing Webhooks", "Event Structure".
"""

import hashlib
import hmac
import json
from collections.abc import Mapping

from senders.inbound.classify import Failure
from senders.inbound.webhooks.provider import (
    Item,
    Provider,
    Report,
    Said,
    UnreadableError,
    WebhookRefusedError,
    address_of,
    any_key,
    as_item,
    header_fields,
    read_form,
    read_json,
    refine,
    require_fresh,
    send_id_of,
    text_of,
    time_of,
)

_PLAIN = {
    "accepted": Said.NOTHING,
    "stored": Said.NOTHING,
    "delivered": Said.DELIVERED,
    "opened": Said.OPENED,
    "clicked": Said.CLICKED,
    "complained": Said.COMPLAINED,
    "unsubscribed": Said.UNSUBSCRIBED,
}
# Mailgun's own codes: it did not try, since an address stands on one of its lists.
_LISTED: dict[str, tuple[Said, Failure | None]] = {
    "605": (Said.BOUNCED, Failure.PERMANENT),
    "606": (Said.UNSUBSCRIBED, None),
    "607": (Said.COMPLAINED, None),
}


class Mailgun(Provider):
    """Reads one event of a call."""

    def verify(self, raw: bytes, headers: Mapping[str, str], now: float) -> None:
        """Make sure that Mailgun signed time and token a moment ago."""
        signature = _signature(raw)
        signed = (signature["timestamp"] + signature["token"]).encode()
        given = signature["signature"].encode()

        def fits(key: str) -> bool:
            return hmac.compare_digest(hmac.new(key.encode(), signed, hashlib.sha256).hexdigest().encode(), given)

        # Signed as one text: were the time anything but digits, a token that begins with "e0" could lend it two letters
        # and be a new token.
        is_time = signature["timestamp"].isascii() and signature["timestamp"].isdigit()
        if not is_time or not signature["token"] or not any_key(self.config, fits):
            raise WebhookRefusedError("the signature does not match")
        require_fresh(signature["timestamp"], now, self.config.max_age_seconds)

    def once_token(self, raw: bytes) -> str:
        """Return the token, which comes with one body only."""
        return _signature(raw)["token"]

    def items(self, raw: bytes, headers: Mapping[str, str]) -> list[Item]:
        """Return the one event."""
        call = _call(raw)
        return [as_item(call["event-data"])] if "event-data" in call else [_without_signature(call)]

    def reports(self, item: Item) -> list[Report]:
        """Map one event of either form."""
        return [_present(item) if "severity" in item or isinstance(item.get("message"), dict) else _flat(item)]


def _present(item: Item) -> Report:
    """Map an event of the present API."""
    event, status = text_of(item.get("event")), as_item(item.get("delivery-status") or {})
    message = as_item(item.get("message") or {})
    fields = as_item(message.get("headers") or {})
    words = " ".join(filter(None, (text_of(status.get("message")), text_of(status.get("description")))))
    code, said, failure = text_of(status.get("code")), _PLAIN.get(event), None
    if event == "failed" and item.get("severity") == "temporary":
        said = Said.DEFERRED
    elif event == "failed":
        said, failure = _failed(code, text_of(item.get("reason")), words)
    elif event == "rejected":
        said, failure = Said.BOUNCED, Failure.POLICY
        words = text_of(as_item(item.get("reject") or {}).get("reason"))
    if said is None:
        raise UnreadableError(f"an unknown event, {event[:40]!r}")
    return Report(
        said,
        event_id=text_of(item.get("id")),
        recipient=text_of(item.get("recipient")) or address_of(fields.get("to")),
        occurred_at=time_of(item.get("timestamp")),
        failure=failure,
        code=code,
        detail=words,
        return_path=text_of(as_item(item.get("envelope") or {}).get("sender")),
        message_ids=(text_of(fields.get("message-id")),),
        send_id=send_id_of(item.get("user-variables")),
    )


def _flat(item: Item) -> Report:
    """Map an event of the older forms, or one of the present API that says little."""
    event, code = text_of(item.get("event")), text_of(item.get("code"))
    words = text_of(item.get("error") or item.get("description") or item.get("notification"))
    said, failure = _PLAIN.get(event), None
    if event in {"bounced", "dropped"}:
        said, failure = _failed(code, text_of(item.get("reason")), words)
    if said is None:
        raise UnreadableError(f"an unknown event, {event[:40]!r}")
    fields = dict(header_fields(json.loads(text_of(item.get("message-headers")) or "[]")))
    variables = json.loads(fields.get("x-mailgun-variables") or "{}")
    return Report(
        said,
        event_id=text_of(item.get("event-id")),
        recipient=text_of(item.get("recipient")),
        occurred_at=time_of(item.get("timestamp")),
        failure=failure,
        code=code,
        detail=words,
        message_ids=(text_of(item.get("Message-Id")), fields.get("message-id", "")),
        send_id=send_id_of(variables) or fields.get("mailrail-send", ""),
    )


def _failed(code: str, reason: str, words: str) -> tuple[Said, Failure | None]:
    if code in _LISTED:
        return _LISTED[code]
    # "old" and "generic" are given up after many tries: nobody has said that the address does not exist.
    said = Failure.TRANSIENT if reason in {"old", "generic", "espblock", "greylisted"} else Failure.PERMANENT
    return Said.BOUNCED, refine(said, code, words)


def _call(raw: bytes) -> Item:
    return as_item(read_json(raw)) if raw.lstrip()[:1] == b"{" else dict(read_form(raw))


def _signature(raw: bytes) -> dict[str, str]:
    """Return time, token and signature of a call.

    Raises:
        WebhookRefusedError: it has none.
    """
    try:
        call = _call(raw)
        found = as_item(call["signature"]) if isinstance(call.get("signature"), dict) else call
    except UnreadableError:
        raise WebhookRefusedError("no signature") from None
    return {name: text_of(found.get(name)) for name in ("timestamp", "token", "signature")}


def _without_signature(call: Item) -> Item:
    return {name: value for name, value in call.items() if name not in {"signature", "token"}}
