"""Brevo's webhooks. It signs nothing: the secret address and a login of ours (RFC 7617) are all there is.

Opens and clicks are Brevo's tracking, which we do not use. Source: Brevo, "Transactional webhooks".
"""

from collections.abc import Mapping

from senders.inbound.classify import Failure
from senders.inbound.webhooks.provider import (
    Item,
    Provider,
    Report,
    Said,
    UnreadableError,
    as_item,
    read_json,
    refine,
    require_login,
    send_id_in,
    text_of,
    time_of,
)

_EVENTS: dict[str, tuple[Said, Failure | None]] = {
    "request": (Said.NOTHING, None),
    "sent": (Said.NOTHING, None),
    "delivered": (Said.DELIVERED, None),
    "deferred": (Said.DEFERRED, None),
    "hard_bounce": (Said.BOUNCED, Failure.PERMANENT),
    "soft_bounce": (Said.BOUNCED, Failure.TRANSIENT),
    "invalid_email": (Said.BOUNCED, Failure.PERMANENT),
    "blocked": (Said.BOUNCED, Failure.BLOCK),
    "error": (Said.BOUNCED, Failure.POLICY),
    "spam": (Said.COMPLAINED, None),
    "complaint": (Said.COMPLAINED, None),
    "unsubscribe": (Said.UNSUBSCRIBED, None),
    "unsubscribed": (Said.UNSUBSCRIBED, None),
    "opened": (Said.OPENED, None),
    "unique_opened": (Said.OPENED, None),
    "proxy_open": (Said.OPENED, None),
    "unique_proxy_open": (Said.OPENED, None),
    "click": (Said.CLICKED, None),
}


class Brevo(Provider):
    """Reads one event of a call."""

    def verify(self, raw: bytes, headers: Mapping[str, str], now: float) -> None:
        """Make sure that the call knows our login; its time is signed by nobody."""
        require_login(self.config, headers)

    def items(self, raw: bytes, headers: Mapping[str, str]) -> list[Item]:
        """Return the events of a call: one, or a batch."""
        call = read_json(raw)
        return [as_item(item) for item in (call if isinstance(call, list) else [call])]

    def reports(self, item: Item) -> list[Report]:
        """Map one event."""
        event, words = text_of(item.get("event")), text_of(item.get("reason"))
        if event not in _EVENTS:
            raise UnreadableError(f"an unknown event, {event[:40]!r}")
        said, failure = _EVENTS[event]
        if event in {"hard_bounce", "soft_bounce"} and failure is not None:
            failure = refine(failure, "", words)
        return [
            Report(
                said,
                recipient=text_of(item.get("email")),
                occurred_at=time_of(item.get("ts_epoch") or item.get("ts_event")),
                failure=failure,
                detail=words,
                message_ids=(text_of(item.get("message-id")),),
                send_id=send_id_in(text_of(item.get("X-Mailin-custom"))),
            )
        ]
