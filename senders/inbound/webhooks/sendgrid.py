"""SendGrid's Event Webhook, signed by ECDSA over time and body.

The setting ``signing_key`` is the verification key that SendGrid shows, base64 of a public key. Opens and clicks are
SendGrid's tracking, which we do not use. Source: SendGrid, "Event Webhook Reference" and "Security Features".
"""

import base64
import binascii
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from senders.inbound.classify import Failure
from senders.inbound.webhooks.provider import (
    Item,
    Provider,
    Report,
    Said,
    UnreadableError,
    WebhookRefusedError,
    any_key,
    as_item,
    read_json,
    refine,
    require_fresh,
    send_id_of,
    text_of,
    time_of,
)

SIGNATURE, TIMESTAMP = "x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp"
_PLAIN = {
    "processed": Said.NOTHING,
    "delivered": Said.DELIVERED,
    "deferred": Said.DEFERRED,
    "open": Said.OPENED,
    "click": Said.CLICKED,
    "spamreport": Said.COMPLAINED,
    "unsubscribe": Said.UNSUBSCRIBED,
    "group_unsubscribe": Said.UNSUBSCRIBED,
    "group_resubscribe": Said.NOTHING,
}
# Why SendGrid did not even try; it remembers what happened to an address before.
_DROPPED: dict[str, tuple[Said, Failure | None]] = {
    "bounced address": (Said.BOUNCED, Failure.PERMANENT),
    "invalid": (Said.BOUNCED, Failure.PERMANENT),
    "unsubscribed address": (Said.UNSUBSCRIBED, None),
    "spam reporting address": (Said.COMPLAINED, None),
    "recipient list over package quota": (Said.BOUNCED, Failure.POLICY),
    "spam content (if spam checker app enabled)": (Said.BOUNCED, Failure.POLICY),
    "invalid smtpapi header": (Said.BOUNCED, Failure.POLICY),
}


class SendGrid(Provider):
    """Reads batches of events."""

    def verify(self, raw: bytes, headers: Mapping[str, str], now: float) -> None:
        """Make sure that SendGrid signed this body a moment ago."""
        timestamp, signature = headers.get(TIMESTAMP, ""), headers.get(SIGNATURE, "")
        if not any_key(self.config, lambda key: _fits(key, timestamp.encode() + raw, signature)):
            raise WebhookRefusedError("the signature does not match")
        require_fresh(timestamp, now, self.config.max_age_seconds)

    def items(self, raw: bytes, headers: Mapping[str, str]) -> list[Item]:
        """Return the events of a batch."""
        batch = read_json(raw)
        return [as_item(item) for item in (batch if isinstance(batch, list) else [batch])]

    def reports(self, item: Item) -> list[Report]:
        """Map one event."""
        event, words = text_of(item.get("event")), text_of(item.get("reason") or item.get("response"))
        code, failure = text_of(item.get("status")), None
        if event == "bounce":
            # "blocked" is a bounce that says nothing final about the address.
            word = Failure.BLOCK if item.get("type") == "blocked" else Failure.PERMANENT
            said, failure = Said.BOUNCED, refine(word, code, words)
            failure = Failure.BLOCK if word is Failure.BLOCK and failure is Failure.PERMANENT else failure
        elif event == "dropped":
            said, failure = _DROPPED.get(words.lower(), (Said.BOUNCED, Failure.POLICY))
        elif event in _PLAIN:
            said = _PLAIN[event]
        else:
            raise UnreadableError(f"an unknown event, {event[:40]!r}")
        return [
            Report(
                said,
                event_id=text_of(item.get("sg_event_id")),
                recipient=text_of(item.get("email")),
                occurred_at=time_of(item.get("timestamp")),
                failure=failure,
                code=code,
                detail=words,
                message_ids=(text_of(item.get("smtp-id")),),
                send_id=send_id_of(item),
                is_everywhere=event != "group_unsubscribe",
            )
        ]


def _fits(key: str, signed: bytes, signature: str) -> bool:
    try:
        public = load_der_public_key(base64.b64decode(key))
        if not isinstance(public, ec.EllipticCurvePublicKey):
            return False
        public.verify(base64.b64decode(signature, validate=True), signed, ec.ECDSA(SHA256()))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True
