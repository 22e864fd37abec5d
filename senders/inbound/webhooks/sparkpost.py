"""SparkPost's event webhooks. It signs nothing: the secret address and a login of ours (RFC 7617) are all there is.

Opens and clicks are SparkPost's tracking, which we do not use. Source: SparkPost, "Webhooks", "Bounce classification
codes".
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
    send_id_of,
    text_of,
    time_of,
)

_TYPES: dict[str, Said] = {
    **dict.fromkeys(("injection", "sms_status", "relay_injection", "ab_test_completed"), Said.NOTHING),
    "delivery": Said.DELIVERED,
    "delay": Said.DEFERRED,
    "spam_complaint": Said.COMPLAINED,
    "list_unsubscribe": Said.UNSUBSCRIBED,
    "link_unsubscribe": Said.UNSUBSCRIBED,
    **dict.fromkeys(("open", "initial_open", "amp_open", "amp_initial_open"), Said.OPENED),
    **dict.fromkeys(("click", "amp_click"), Said.CLICKED),
}
# SparkPost's classes: 10 and 30 are the address, 50 to 54 our reputation, 60 an automatic answer, 90 an unsubscribe.
_CLASSES: dict[str, tuple[Said, Failure | None]] = {
    **dict.fromkeys(("10", "30"), (Said.BOUNCED, Failure.PERMANENT)),
    **dict.fromkeys(("50", "51", "52", "53", "54"), (Said.BOUNCED, Failure.BLOCK)),
    "25": (Said.BOUNCED, Failure.POLICY),
    "60": (Said.NOTHING, None),
    "80": (Said.NOTHING, None),
    "90": (Said.UNSUBSCRIBED, None),
}


class SparkPost(Provider):
    """Reads batches of events."""

    def verify(self, raw: bytes, headers: Mapping[str, str], now: float) -> None:
        """Make sure that the call knows our login; its time is signed by nobody."""
        require_login(self.config, headers)

    def items(self, raw: bytes, headers: Mapping[str, str]) -> list[Item]:
        """Return the events of a batch; the one by which an address is tried holds none."""
        batch = read_json(raw)
        groups = [as_item(as_item(part).get("msys") or {}) for part in (batch if isinstance(batch, list) else [batch])]
        return [as_item(event) for group in groups for event in group.values()]

    def reports(self, item: Item) -> list[Report]:
        """Map one event."""
        kind, words = text_of(item.get("type")), text_of(item.get("raw_reason") or item.get("reason"))
        said, failure = _TYPES.get(kind), None
        if kind in {"bounce", "out_of_band"}:
            said, failure = _CLASSES.get(text_of(item.get("bounce_class")), (Said.BOUNCED, Failure.TRANSIENT))
            failure = refine(failure, "", words) if failure is Failure.PERMANENT else failure
        elif kind in {"policy_rejection", "generation_failure", "generation_rejection"}:
            # Not even tried: because of what we sent, or of SparkPost's own list, whose reason it does not tell.
            said, failure = Said.BOUNCED, Failure.POLICY
        if said is None:
            raise UnreadableError(f"an unknown type, {kind[:40]!r}")
        return [
            Report(
                said,
                event_id=text_of(item.get("event_id")),
                recipient=text_of(item.get("raw_rcpt_to") or item.get("rcpt_to")),
                occurred_at=time_of(item.get("timestamp")),
                failure=failure,
                code=text_of(item.get("error_code")),
                detail=words,
                return_path=text_of(item.get("msg_from")),
                send_id=send_id_of(item.get("rcpt_meta")),
            )
        ]
