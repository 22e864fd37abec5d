"""Resend's webhooks, signed by Svix, which is Standard Webhooks.

Opens and clicks are Resend's tracking, which we do not use. Source: Resend, "Event Types" and "Verify Webhooks".
"""

from senders.inbound.classify import Failure
from senders.inbound.webhooks.provider import Item, Report, Said, UnreadableError, as_item, text_of
from senders.inbound.webhooks.standard import StandardWebhooks

_PLAIN = {
    "email.scheduled": Said.NOTHING,
    "email.sent": Said.NOTHING,
    "email.received": Said.NOTHING,
    "email.delivered": Said.DELIVERED,
    "email.delivery_delayed": Said.DEFERRED,
    "email.complained": Said.COMPLAINED,
    "email.opened": Said.OPENED,
    "email.clicked": Said.CLICKED,
}
_BOUNCES = {"Permanent": Failure.PERMANENT, "Transient": Failure.TRANSIENT, "Undetermined": Failure.TRANSIENT}


class Resend(StandardWebhooks):
    """Reads one event of a call."""

    def meaning(self, kind: str, data: Item) -> tuple[Said, Failure | None]:
        """Return what a type of event means; those about contacts and domains say nothing about a message."""
        if kind in _PLAIN:
            return _PLAIN[kind], None
        if kind in {"email.bounced", "email.suppressed"}:
            # Older events have no type and are always of hard bounces.
            return Said.BOUNCED, _BOUNCES.get(text_of(_bounce(data).get("type")), Failure.PERMANENT)
        if kind == "email.failed":
            return Said.BOUNCED, Failure.POLICY
        if kind.startswith(("contact.", "domain.")):
            return Said.NOTHING, None
        raise UnreadableError(f"an unknown type, {kind[:40]!r}")

    def reports(self, item: Item) -> list[Report]:
        """Map one event; the words about a bounce stand in an object of their own."""
        data = as_item(item.get("data") or {})
        return super().reports({**item, "data": {**data, "message": text_of(_bounce(data).get("message"))}})


def _bounce(data: Item) -> Item:
    return as_item(data.get("bounce") or data.get("suppressed") or data.get("failed") or {})
