"""Delivery status notifications: RFC 3464 reports, their RFC 6533 form, and what old servers write instead.

`parse_dsn` gives one `BounceReport` per recipient a mail reports on, and an empty list for any mail that is
not a bounce; it never raises. Whether the mail is genuine, and whose message it speaks of, is `origin`'s.
"""

import re
from dataclasses import dataclass

from senders.inbound.classify import Failure, classify, classify_words, effective_status, find_enhanced, find_smtp_code
from senders.inbound.mime import Fields, Mail, parse_blocks, parse_mail
from senders.inbound.text import PlainBounce, is_from_mail_system, parse_plain_bounce

MAX_DIAGNOSTIC = 500
_STATUS_PARTS = ("message/delivery-status", "message/global-delivery-status", "text/x-delivery-status")
_ACTIONS = frozenset({"failed", "delayed", "delivered", "relayed", "expanded"})
_IN_BRACKETS = re.compile(r"<([^<>]*)>")


@dataclass(frozen=True, slots=True)
class BounceReport:
    """What one mail says of one recipient.

    ``failure`` is '' where the action is no failure; a delay is transient and is not final. ``structured``
    tells a report for machines from a guess at prose.
    """

    recipient: str
    action: str
    status: str
    code: int
    diagnostic: str
    failure: Failure | None
    structured: bool = True

    @property
    def is_failure(self) -> bool:
        """Whether the message did not and will not arrive."""
        return self.action == "failed"


def parse_dsn(raw: bytes | Mail) -> list[BounceReport]:
    """Return what a mail reports of each recipient; empty where it is no bounce."""
    mail = raw if isinstance(raw, Mail) else parse_mail(raw)
    return _structured(mail) or _structured_inside(mail) or _plain(mail)


def _structured(mail: Mail) -> list[BounceReport]:
    """Read every per-recipient block of the status parts (RFC 3464 2.3)."""
    texts = [part.text for part in mail.parts if part.content_type in _STATUS_PARTS]
    blocks = [block for text in texts for block in parse_blocks(text)]
    return [_report(block) for block in blocks if _is_recipient_block(block)]


def _structured_inside(mail: Mail) -> list[BounceReport]:
    """Read a report that a gateway wrapped into a mail of its own."""
    return _structured(parse_mail(mail.original.encode())) if mail.original and is_from_mail_system(mail) else []


def _is_recipient_block(block: Fields) -> bool:
    return bool(block.all("original-recipient", "final-recipient")) or bool(block.get("action") and block.get("status"))


def _report(block: Fields) -> BounceReport:
    diagnostic = _after_type(block.get("diagnostic-code"))
    status = block.get("status")
    action = block.get("action").lower().split(" ")[0].strip(";,()")
    if action not in _ACTIONS:
        action = _action_from(status, diagnostic)
    return BounceReport(
        recipient=_recipient(block),
        action=action,
        status=effective_status(status, diagnostic),
        code=find_smtp_code(diagnostic),
        diagnostic=(diagnostic or status)[:MAX_DIAGNOSTIC],
        failure=_failure(action, status, diagnostic),
    )


def _failure(action: str, status: str, diagnostic: str) -> Failure | None:
    if action == "failed":
        return classify(status, diagnostic or status)
    return Failure.TRANSIENT if action == "delayed" else None


def _action_from(status: str, diagnostic: str) -> str:
    """Guess the action a report leaves out, from the class of its code."""
    leading = (effective_status(status, diagnostic) or str(find_smtp_code(diagnostic)))[:1]
    return {"2": "delivered", "4": "delayed"}.get(leading, "failed")


def _recipient(block: Fields) -> str:
    """Return the address we wrote to: Original-Recipient, then Final-Recipient, then X-Actual-Recipient."""
    for value in block.all("original-recipient", "final-recipient", "x-actual-recipient"):
        address = clean_address(_after_type(value))
        if "@" in address:
            return address
    return ""


def _after_type(value: str) -> str:
    """Drop the ``rfc822;`` or ``smtp;`` before a typed value."""
    kind, mark, rest = value.partition(";")
    return rest.strip() if mark and re.fullmatch(r"\s*[\w.\-]+\s*", kind) else value.strip()


def clean_address(text: str) -> str:
    """Return the address in a field: without brackets, comments and the ``x400``-like rest."""
    inside = _IN_BRACKETS.search(text)
    bare = (inside.group(1) if inside else text.partition("(")[0]).strip().strip("'\"<>,;:")
    return bare if len(bare) <= 320 else ""


def _plain(mail: Mail) -> list[BounceReport]:
    """Read what servers without reports write; guesses, marked as such."""
    found = parse_plain_bounce(mail)
    if found is None:
        return []
    failure = _guess(found)
    return [
        BounceReport(
            recipient=clean_address(recipient),
            action="delayed" if found.is_delay else "failed",
            status=effective_status("", found.reason),
            code=find_smtp_code(found.reason),
            diagnostic=found.reason[:MAX_DIAGNOSTIC],
            failure=failure,
            structured=False,
        )
        for recipient in found.recipients
    ]


def _guess(found: PlainBounce) -> Failure:
    """Tell the failure from prose; without a code or a plain word it is nothing that would cost a contact."""
    if found.is_delay:
        return Failure.TRANSIENT
    if find_smtp_code(found.reason) or find_enhanced(found.reason) or classify_words(found.reason):
        return classify("", found.reason)
    return Failure.PERMANENT if found.says_permanent else Failure.TRANSIENT
