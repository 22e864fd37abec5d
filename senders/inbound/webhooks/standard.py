"""Any sender that signs by Standard Webhooks 1.0, with a mapping of its types in the settings.

``events`` of the settings gives each type one of our words; a type that it lacks is a dead letter, not silence. The
fields are looked for under the names that senders commonly use, in ``data``. A provider whose payload needs more than
that gets a module of its own, as Resend has.
"""

import hmac
from collections.abc import Iterator, Mapping

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
    read_json,
    refine,
    require_fresh,
    send_id_of,
    text_of,
    time_of,
)
from senders.web.signatures import decode_secret, sign

# Our words as the settings write them.
WORDS: dict[str, tuple[Said, Failure | None]] = {
    "bounced": (Said.BOUNCED, Failure.PERMANENT),
    "bounced.permanent": (Said.BOUNCED, Failure.PERMANENT),
    "bounced.transient": (Said.BOUNCED, Failure.TRANSIENT),
    "bounced.block": (Said.BOUNCED, Failure.BLOCK),
    "bounced.policy": (Said.BOUNCED, Failure.POLICY),
    "complained": (Said.COMPLAINED, None),
    "unsubscribed": (Said.UNSUBSCRIBED, None),
    "delivered": (Said.DELIVERED, None),
    "deferred": (Said.DEFERRED, None),
    "ignored": (Said.NOTHING, None),
}
_SIGNATURES_MOST = 10


class StandardWebhooks(Provider):
    """Reads one event of a call; Svix's names of the headers are understood as well."""

    def verify(self, raw: bytes, headers: Mapping[str, str], now: float) -> None:
        """Make sure that one of the signatures is by one of our secrets, over id, time and body."""
        identity = headers.get("webhook-id") or headers.get("svix-id") or ""
        timestamp = headers.get("webhook-timestamp") or headers.get("svix-timestamp") or ""
        given = (headers.get("webhook-signature") or headers.get("svix-signature") or "").split()[:_SIGNATURES_MOST]

        def fits(key: str) -> bool:
            wanted = sign(decode_secret(key), identity, timestamp, raw).encode()
            return any(hmac.compare_digest(one.encode(), wanted) for one in given)

        if not identity or not any_key(self.config, fits):
            raise WebhookRefusedError("the signature does not match")
        require_fresh(timestamp, now, self.config.max_age_seconds)

    def items(self, raw: bytes, headers: Mapping[str, str]) -> list[Item]:
        """Return the one event, with the id that its sender repeats it under."""
        identity = headers.get("webhook-id") or headers.get("svix-id") or ""
        return [as_item(read_json(raw)) | ({"webhook-id": identity} if identity else {})]

    def reports(self, item: Item) -> list[Report]:
        """Map one event."""
        kind, data = text_of(item.get("type")), as_item(item.get("data") or {})
        said, failure = self.meaning(kind, data)
        words = " ".join(_found(data, "reason", "message", "diagnostic", "description"))
        code = next(_found(data, "code", "status", "enhanced_code"), "")
        if failure is not None:
            failure = refine(failure, code, words)
        fields = dict(header_fields(data.get("headers")))
        return [
            Report(
                said,
                event_id=text_of(item.get("webhook-id")),
                recipient=address_of(recipient),
                occurred_at=time_of(item.get("timestamp") or item.get("created_at")),
                failure=failure,
                code=code,
                detail=words,
                return_path=next(_found(data, "return_path", "envelope_from", "mail_from"), ""),
                message_ids=(next(_found(data, "message_id", "message-id"), ""), fields.get("message-id", "")),
                send_id=send_id_of(data.get("metadata")) or fields.get("mailrail-send", ""),
            )
            for recipient in _recipients(data)
        ]

    def meaning(self, kind: str, data: Item) -> tuple[Said, Failure | None]:
        """Return what a type of event means by the settings.

        Raises:
            UnreadableError: they do not say.
        """
        if kind not in self.config.events:
            raise UnreadableError(f"type {kind[:60]!r} is not among the events of webhooks.{self.config.name}")
        return WORDS[self.config.events[kind]]


def _found(data: Item, *names: str) -> Iterator[str]:
    return (text for name in names if (text := text_of(data.get(name))))


def _recipients(data: Item) -> list[str]:
    given = data.get("recipient") or data.get("email") or data.get("to") or ""
    return [text_of(one) for one in given] if isinstance(given, list) else [text_of(given)]
