"""Postmark's webhooks. It signs nothing: the secret address and a login of ours (RFC 7617) are all there is.

Opens and clicks are Postmark's tracking, which we do not use. Source: Postmark, "Webhooks overview", "Bounce API".
"""

import re
from collections.abc import Mapping

from senders.inbound.classify import Failure
from senders.inbound.webhooks.provider import (
    Item,
    Provider,
    Report,
    Said,
    UnreadableError,
    as_item,
    header_fields,
    read_json,
    refine,
    require_login,
    send_id_of,
    text_of,
    time_of,
)

_MESSAGE_ID = re.compile(r"<[0-9a-f]{30}@[^<>\s]{1,200}>", re.IGNORECASE)
_QUOTED_MOST = 20
_RECORDS = {"Delivery": Said.DELIVERED, "Open": Said.OPENED, "Click": Said.CLICKED}
_BOUNCES: dict[str, tuple[Said, Failure | None]] = {
    "HardBounce": (Said.BOUNCED, Failure.PERMANENT),
    "BadEmailAddress": (Said.BOUNCED, Failure.PERMANENT),
    "ManuallyDeactivated": (Said.BOUNCED, Failure.PERMANENT),
    "AddressChange": (Said.NOTHING, None),
    "AutoResponder": (Said.NOTHING, None),
    "ChallengeVerification": (Said.NOTHING, None),
    "OpenRelayTest": (Said.NOTHING, None),
    "Subscribe": (Said.NOTHING, None),
    "Unknown": (Said.BOUNCED, Failure.TRANSIENT),
    "Transient": (Said.DEFERRED, None),
    "SoftBounce": (Said.BOUNCED, Failure.TRANSIENT),
    "DnsError": (Said.BOUNCED, Failure.TRANSIENT),
    "Blocked": (Said.BOUNCED, Failure.BLOCK),
    "SpamNotification": (Said.BOUNCED, Failure.BLOCK),
    "VirusNotification": (Said.BOUNCED, Failure.BLOCK),
    "DMARCPolicy": (Said.BOUNCED, Failure.POLICY),
    "SMTPApiError": (Said.BOUNCED, Failure.POLICY),
    "InboundError": (Said.NOTHING, None),
    "TemplateRenderingFailed": (Said.BOUNCED, Failure.POLICY),
    "SpamComplaint": (Said.COMPLAINED, None),
    "Unsubscribe": (Said.UNSUBSCRIBED, None),
}
_SUPPRESSIONS = {
    "ManualSuppression": (Said.UNSUBSCRIBED, None),
    "HardBounce": (Said.BOUNCED, Failure.PERMANENT),
    "SpamComplaint": (Said.COMPLAINED, None),
}


class Postmark(Provider):
    """Reads one record of a call."""

    def verify(self, raw: bytes, headers: Mapping[str, str], now: float) -> None:
        """Make sure that the call knows our login; its time is signed by nobody."""
        require_login(self.config, headers)

    def items(self, raw: bytes, headers: Mapping[str, str]) -> list[Item]:
        """Return the one record."""
        return [as_item(read_json(raw))]

    def reports(self, item: Item) -> list[Report]:
        """Map one record."""
        record, words = text_of(item.get("RecordType")), text_of(item.get("Details"))
        said, failure = _meaning(record, item)
        if failure is Failure.PERMANENT and record == "Bounce":
            failure = refine(failure, "", words)
        name = text_of(item.get("ID"))
        metadata, fields = item.get("Metadata"), dict(header_fields(item.get("Headers")))
        at = item.get("BouncedAt") or item.get("DeliveredAt") or item.get("ChangedAt") or item.get("ReceivedAt")
        return [
            Report(
                said,
                event_id=f"{record}.{name}" if name else "",
                recipient=text_of(item.get("Email") or item.get("Recipient")),
                occurred_at=time_of(at),
                failure=failure,
                code="",
                detail=words or text_of(item.get("Description")),
                message_ids=(fields.get("message-id", ""), *_quoted(text_of(item.get("Content")))),
                send_id=send_id_of(metadata) or fields.get("mailrail-send", ""),
            )
        ]


def _quoted(content: str) -> list[str]:
    """Return Message-IDs that the returned mail quotes, where Postmark is set to include it; its own id is not ours."""
    return _MESSAGE_ID.findall(content)[:_QUOTED_MOST]


def _meaning(record: str, item: Item) -> tuple[Said, Failure | None]:
    if record in _RECORDS:
        return _RECORDS[record], None
    if record == "SpamComplaint":
        return Said.COMPLAINED, None
    if record == "Bounce" and (found := _BOUNCES.get(text_of(item.get("Type")))):
        return found
    if record == "SubscriptionChange":
        if item.get("SuppressSending") is not True:
            return Said.NOTHING, None  # consent is given to us, never to the provider
        if found := _SUPPRESSIONS.get(text_of(item.get("SuppressionReason"))):
            return found
    raise UnreadableError(f"an unknown record, {record[:40]!r} {text_of(item.get('Type'))[:40]!r}")
