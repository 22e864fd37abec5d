"""Mandrill's (Mailchimp Transactional) webhooks, signed by HMAC-SHA1 over the address and the form.

The address is the one that was given to Mandrill, which the setting ``url`` names where a proxy changes it. No time is
signed. Opens and clicks are Mandrill's tracking, which we do not use. Source: Mailchimp, "Authenticating webhook
requests".
"""

import base64
import hmac
from collections.abc import Mapping

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
    read_form,
    read_json,
    refine,
    send_id_of,
    text_of,
    time_of,
)

SIGNATURE = "x-mandrill-signature"
_EVENTS: dict[str, tuple[Said, Failure | None]] = {
    "send": (Said.NOTHING, None),
    "delivered": (Said.DELIVERED, None),
    "deferral": (Said.DEFERRED, None),
    "hard_bounce": (Said.BOUNCED, Failure.PERMANENT),
    "soft_bounce": (Said.BOUNCED, Failure.TRANSIENT),
    "reject": (Said.BOUNCED, Failure.POLICY),
    "spam": (Said.COMPLAINED, None),
    "unsub": (Said.UNSUBSCRIBED, None),
    "open": (Said.OPENED, None),
    "click": (Said.CLICKED, None),
}


class Mandrill(Provider):
    """Reads batches of events out of a form."""

    def verify(self, raw: bytes, headers: Mapping[str, str], now: float) -> None:
        """Make sure that Mandrill signed this form for our address."""
        given = headers.get(SIGNATURE, "").encode()
        try:
            fields = sorted(read_form(raw).items())
        except UnreadableError:
            raise WebhookRefusedError("no form") from None
        signed = (self.config.url + "".join(name + value for name, value in fields)).encode()

        def fits(key: str) -> bool:
            return hmac.compare_digest(base64.b64encode(hmac.digest(key.encode(), signed, "sha1")), given)

        if not any_key(self.config, fits):
            raise WebhookRefusedError("the signature does not match")

    def items(self, raw: bytes, headers: Mapping[str, str]) -> list[Item]:
        """Return the events of a batch."""
        batch = read_json(read_form(raw).get("mandrill_events", "[]").encode())
        return [as_item(item) for item in (batch if isinstance(batch, list) else [batch])]

    def reports(self, item: Item) -> list[Report]:
        """Map one event; what Mandrill says about its own lists concerns no message."""
        event, message = text_of(item.get("event")), as_item(item.get("msg") or {})
        if not event and text_of(item.get("type")) in {"blacklist", "whitelist", "allowlist"}:
            return [Report(Said.NOTHING)]
        if event not in _EVENTS:
            raise UnreadableError(f"an unknown event, {event[:40]!r}")
        said, failure = _EVENTS[event]
        words = text_of(message.get("diag"))
        if event in {"hard_bounce", "soft_bounce"} and failure is not None:
            failure = refine(failure, "", words)
        return [
            Report(
                said,
                event_id=f"{event}.{text_of(item.get('_id'))}" if item.get("_id") else "",
                recipient=text_of(message.get("email")),
                occurred_at=time_of(item.get("ts")),
                failure=failure,
                detail=words or text_of(message.get("bounce_description")),
                send_id=send_id_of(message.get("metadata")),
            )
        ]
