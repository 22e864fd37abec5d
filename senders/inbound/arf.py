"""Feedback reports: RFC 5965 complaints that mailbox providers send back.

`parse_feedback` gives one `Feedback` or None and never raises; the kinds of report are told apart, because
only some of them are complaints. Whose message a report speaks of is found by `origin`.
"""

from dataclasses import dataclass
from enum import StrEnum

from senders.inbound.mime import Fields, Mail, Part, parse_blocks, parse_fields, parse_mail
from senders.inbound.report import clean_address


class FeedbackType(StrEnum):
    """What a person or a filter said; RFC 5965 7.3, RFC 6590, RFC 6591 and 6430."""

    ABUSE = "abuse"
    FRAUD = "fraud"
    VIRUS = "virus"
    NOT_SPAM = "not-spam"
    OPT_OUT = "opt-out"
    AUTH_FAILURE = "auth-failure"
    OTHER = "other"

    @property
    def is_complaint(self) -> bool:
        """Whether a person does not want this mail; a failed check or a rescue from spam is no complaint."""
        return self in {FeedbackType.ABUSE, FeedbackType.FRAUD}


@dataclass(frozen=True, slots=True)
class Feedback:
    """One feedback report. ``original`` holds the header fields of the message complained about."""

    kind: FeedbackType
    user_agent: str
    version: str
    mail_from: str
    recipients: list[str]
    original: Fields


def parse_feedback(raw: bytes | Mail) -> Feedback | None:
    """Read a feedback report, or return None for any other mail."""
    mail = raw if isinstance(raw, Mail) else parse_mail(raw)
    part = _report_part(mail)
    if part is None:
        return _complaint_in_a_copy(mail)
    # Some write empty lines between the fields, which would end a header block.
    fields = Fields([pair for block in parse_blocks(part.text) for pair in block.pairs])
    if not fields.get("feedback-type"):
        return None
    original = parse_fields(mail.original)
    # Who complained is often left out; then it can only be one of those our message was written to.
    recipients = fields.all("original-rcpt-to", "removal-recipient", "redacted-address") or original.all("to")
    return Feedback(
        kind=_kind(fields.get("feedback-type")),
        user_agent=fields.get("user-agent")[:200],
        version=fields.get("version")[:20],
        mail_from=clean_address(fields.get("original-mail-from")),
        recipients=[address for value in recipients if "@" in (address := clean_address(value))],
        original=original,
    )


def _report_part(mail: Mail) -> Part | None:
    """Return the part with the report, also where it bears another type, as some senders have it."""
    if part := mail.part("message/feedback-report"):
        return part
    if mail.report_type != "feedback-report":
        return None
    return next((part for part in mail.parts if part.text.lstrip()[:14].lower() == "feedback-type:"), None)


def _complaint_in_a_copy(mail: Mail) -> Feedback | None:
    """Read what Microsoft's junk mail reporting sends: our message alone, with a field that says who complained."""
    original = parse_fields(mail.original) if mail.original else Fields([])
    recipient = clean_address(original.get("x-hmxmroriginalrecipient"))
    if "@" not in recipient:
        return None
    return Feedback(FeedbackType.ABUSE, "JMRP", "", "", [recipient], original)


def _kind(value: str) -> FeedbackType:
    """Return the type; ``opt-out-list`` of old drafts is an opt-out, and anything unknown is other."""
    name = value.partition(";")[0].strip().lower().replace("_", "-")
    if name.startswith("opt-out"):
        return FeedbackType.OPT_OUT
    return next((kind for kind in FeedbackType if kind.value == name), FeedbackType.OTHER)
