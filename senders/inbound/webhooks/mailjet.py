"""Mailjet's Event API. It signs nothing: the secret address and a login of ours (RFC 7617) are all there is.

It keeps no Message-ID of ours; ``X-MJ-EventPayload`` may carry the send. Opens and clicks are Mailjet's tracking, which
we do not use. Source: Mailjet, "Event API: real-time notifications".
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
    require_login,
    send_id_in,
    text_of,
    time_of,
)

_EVENTS = {
    "sent": Said.DELIVERED,
    "open": Said.OPENED,
    "click": Said.CLICKED,
    "spam": Said.COMPLAINED,
    "unsub": Said.UNSUBSCRIBED,
}
# What Mailjet names as the cause, where it is not the address itself.
_CAUSES = {
    **dict.fromkeys(("spam", "content", "policy"), Failure.BLOCK),
    **dict.fromkeys(("mailjet", "sender", "system issue", "user", "template"), Failure.POLICY),
}


class Mailjet(Provider):
    """Reads events, grouped or single."""

    def verify(self, raw: bytes, headers: Mapping[str, str], now: float) -> None:
        """Make sure that the call knows our login; its time is signed by nobody."""
        require_login(self.config, headers)

    def items(self, raw: bytes, headers: Mapping[str, str]) -> list[Item]:
        """Return the events of a call."""
        call = read_json(raw)
        return [as_item(item) for item in (call if isinstance(call, list) else [call])]

    def reports(self, item: Item) -> list[Report]:
        """Map one event."""
        event, error = text_of(item.get("event")), text_of(item.get("error"))
        failure = None
        if event == "bounce":
            said = Said.BOUNCED
            failure = Failure.PERMANENT if item.get("hard_bounce") is True else Failure.TRANSIENT
            failure = _CAUSES.get(text_of(item.get("error_related_to")), failure)
        elif event == "blocked":
            said, failure = Said.BOUNCED, _CAUSES.get(text_of(item.get("error_related_to")), Failure.BLOCK)
        elif event in _EVENTS:
            said = _EVENTS[event]
        else:
            raise UnreadableError(f"an unknown event, {event[:40]!r}")
        return [
            Report(
                said,
                event_id=f"{event}.{text_of(item.get('MessageID'))}" if item.get("MessageID") else "",
                recipient=text_of(item.get("email")),
                occurred_at=time_of(item.get("time")),
                failure=failure,
                detail=error or text_of(item.get("comment")),
                message_ids=(text_of(item.get("CustomID")),),
                send_id=send_id_in(text_of(item.get("Payload"))),
            )
        ]
