"""Amazon SES, whose events come through Amazon SNS: notifications and event publishing alike.

A topic must be among those of the settings, and is subscribed to by visiting Amazon's own address only. Open and click
events are Amazon's tracking, which we do not use. Source: SES developer guide, "Contents of event data".
"""

from collections.abc import Mapping

from senders.http_config import WebhookConfig
from senders.inbound.arf import FeedbackType
from senders.inbound.classify import Failure
from senders.inbound.webhooks import sns
from senders.inbound.webhooks.provider import (
    Fetch,
    Item,
    Provider,
    Report,
    Said,
    UnreadableError,
    WebhookRefusedError,
    as_item,
    header_fields,
    read_json,
    refine,
    require_fresh,
    text_of,
    time_of,
)

_IGNORED = {"Send": Said.NOTHING, "Received": Said.NOTHING, "Open": Said.OPENED, "Click": Said.CLICKED}
# Sub-types that say it is about the message, whatever Amazon makes of the address.
_ABOUT_US = frozenset({"ContentRejected", "AttachmentRejected", "MessageTooLarge"})
_COMPLAINT_TYPES: dict[str, Said] = {
    FeedbackType.OPT_OUT: Said.UNSUBSCRIBED,
    FeedbackType.NOT_SPAM: Said.NOTHING,
    FeedbackType.AUTH_FAILURE: Said.NOTHING,
    FeedbackType.VIRUS: Said.NOTHING,
}


class AmazonSes(Provider):
    """Reads SES events out of SNS messages."""

    def __init__(self, config: WebhookConfig, fetch: Fetch) -> None:
        super().__init__(config)
        self._certificates = sns.SnsCertificates(fetch)

    def verify(self, raw: bytes, headers: Mapping[str, str], now: float) -> None:
        """Make sure that SNS signed the message a moment ago, for a topic of ours."""
        try:
            message = as_item(read_json(raw))
        except UnreadableError:
            raise WebhookRefusedError("no message") from None
        if message.get("TopicArn") not in self.config.topics:
            raise WebhookRefusedError("a topic of another")
        sns.require_signed(message, self._certificates, now)
        at = time_of(message.get("Timestamp"))
        require_fresh(at.timestamp() if at else "", now, self.config.max_age_seconds)

    def visit(self, raw: bytes) -> str:
        """Return where a subscription that SNS asks about is confirmed; only an address of SNS itself."""
        message = as_item(read_json(raw))
        url = text_of(message.get("SubscribeURL"))
        return url if message.get("Type") == sns.SUBSCRIBE and sns.is_sns_url(url) else ""

    def items(self, raw: bytes, headers: Mapping[str, str]) -> list[Item]:
        """Return the one event of a notification."""
        message = as_item(read_json(raw))
        if message.get("Type") != sns.NOTIFICATION:
            return []
        body = text_of(message.get("Message"))
        # Said once by SES itself when a topic is joined to it, in plain words.
        if body.startswith("Successfully validated SNS topic"):
            return []
        return [as_item(read_json(body.encode())) | {"sns_message_id": text_of(message.get("MessageId"))}]

    def reports(self, item: Item) -> list[Report]:
        """Map one event, for each recipient that it names."""
        kind = text_of(item.get("eventType") or item.get("notificationType"))
        mail = as_item(item.get("mail") or {})
        if kind in _IGNORED:
            return [_report(item, mail, _IGNORED[kind], "")]
        if kind == "Bounce":
            return _bounces(item, mail, as_item(item["bounce"]))
        if kind == "Complaint":
            return _complaints(item, mail, as_item(item["complaint"]))
        if kind == "Delivery":
            at = item["delivery"].get("timestamp")
            return [_report(item, mail, Said.DELIVERED, to, at=at) for to in item["delivery"]["recipients"]]
        if kind == "DeliveryDelay":
            delay = as_item(item["deliveryDelay"])
            return [_report(item, mail, Said.DEFERRED, to["emailAddress"]) for to in delay["delayedRecipients"]]
        if kind in {"Reject", "Rendering Failure"}:
            words = as_item(item.get("reject") or item.get("failure") or {})
            detail = text_of(words.get("reason") or words.get("errorMessage"))
            failure = Failure.POLICY  # of what we sent; it never left
            return [_report(item, mail, Said.BOUNCED, to, failure=failure, detail=detail) for to in mail["destination"]]
        if kind == "Subscription":
            return _subscription(item, mail, as_item(item["subscription"]))
        raise UnreadableError(f"an unknown kind of event, {kind[:40]!r}")


def _bounces(item: Item, mail: Item, bounce: Item) -> list[Report]:
    said = Failure.PERMANENT if bounce.get("bounceType") == "Permanent" else Failure.TRANSIENT
    is_about_us = bounce.get("bounceSubType") in _ABOUT_US
    found = []
    for to in bounce["bouncedRecipients"]:
        code, words = text_of(to.get("status")), text_of(to.get("diagnosticCode"))
        failure = Failure.POLICY if is_about_us else refine(said, code, words)
        detail = words or text_of(bounce.get("bounceSubType"))
        at, address = bounce.get("timestamp"), to["emailAddress"]
        name = text_of(bounce.get("feedbackId"))
        found.append(
            _report(item, mail, Said.BOUNCED, address, at=at, name=name, failure=failure, code=code, detail=detail)
        )
    return found


def _complaints(item: Item, mail: Item, complaint: Item) -> list[Report]:
    kind = text_of(complaint.get("complaintFeedbackType"))
    said = _COMPLAINT_TYPES.get(kind, Said.COMPLAINED)
    at, name = complaint.get("timestamp"), text_of(complaint.get("feedbackId"))
    return [
        _report(item, mail, said, to["emailAddress"], at=at, name=name, code=kind)
        for to in complaint["complainedRecipients"]
    ]


def _subscription(item: Item, mail: Item, subscription: Item) -> list[Report]:
    chosen = as_item(subscription.get("newTopicPreferences") or {})
    said = Said.UNSUBSCRIBED if chosen.get("unsubscribeAll") is True else Said.NOTHING
    return [_report(item, mail, said, to, at=subscription.get("timestamp")) for to in mail["destination"]]


def _report(
    item: Item,
    mail: Item,
    said: Said,
    recipient: object,
    *,
    at: object = None,
    name: str = "",
    failure: Failure | None = None,
    code: str = "",
    detail: str = "",
) -> Report:
    fields = dict(header_fields(mail.get("headers")))
    common = as_item(mail.get("commonHeaders") or {})
    return Report(
        said,
        event_id=name or text_of(item.get("sns_message_id")),
        recipient=text_of(recipient),
        occurred_at=time_of(at or mail.get("timestamp")),
        failure=failure,
        code=code,
        detail=detail,
        return_path=text_of(mail.get("source")),
        message_ids=(fields.get("message-id", ""), text_of(common.get("messageId"))),
        send_id=fields.get("mailrail-send", ""),
    )
