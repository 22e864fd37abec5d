"""Delivery status notifications: RFC 3464 reports and their RFC 6533 form, as they are and as some servers break them.

`parse_dsn` gives one `BounceReport` per recipient a mail reports on, and an empty list for any mail that is not a
bounce; it never raises. What old servers write instead is guessed by `prose`. Whether the mail is genuine, and whose
message it speaks of, is `origin`'s.
"""

import re

from senders.inbound.classify import classify, classify_words, effective_status, find_enhanced, find_smtp_code
from senders.inbound.failure import Failure
from senders.inbound.mime import Fields, Mail, parse_blocks, parse_mail
from senders.inbound.naming import ADDRESS
from senders.inbound.prose import guess_reports
from senders.inbound.report import MAX_DIAGNOSTIC, BounceReport, clean_address
from senders.inbound.text import is_from_mail_system, parse_plain_bounce

MAX_REPORTS = 1_000
_STATUS_PARTS = ("message/delivery-status", "message/global-delivery-status", "text/x-delivery-status")
# A receipt that a person read the mail (RFC 8098), and a complaint, are no reports of a delivery.
_OTHER_REPORTS = frozenset({"disposition-notification", "feedback-report"})
_CLOSED = frozenset({"message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers", "text/html"})
_NAMES = ("original-recipient", "final-recipient")
_FIELD_IN_TEXT = re.compile(r"(?im)^[ \t>]{0,20}(?:original|final)-recipient[ \t]{0,4}:")
_ACTIONS = frozenset({"failed", "delayed", "delivered", "relayed", "expanded"})
_ACTION_WORDS = {
    **dict.fromkeys(("failure", "fail", "undeliverable"), "failed"),
    "delay": "delayed",
    "success": "delivered",
}
_WHOLE = re.compile(r'(?:"[^"]{1,200}"|[^\s;<>"@]{1,200})@[^\s;<>"@]{1,300}')
_INSIDE = re.compile(ADDRESS)
_THROWN_AWAY = re.compile(r"(?im)^disposition:\s?automatic-action[^\n]{0,60}\b(?:deleted|denied|failed)")


def parse_dsn(raw: bytes | Mail) -> list[BounceReport]:
    """Return what a mail reports of each recipient; empty where it is no bounce."""
    mail = raw if isinstance(raw, Mail) else parse_mail(raw)
    if mail.report_type in _OTHER_REPORTS:
        return guess_reports(mail) if _was_thrown_away(mail) else []
    return _structured(mail) or _structured_inside(mail) or _structured_in_text(mail) or guess_reports(mail)


def _was_thrown_away(mail: Mail) -> bool:
    """Whether a receipt says that a machine refused the mail after it was taken, as Sieve's reject does (RFC 5429)."""
    receipt = mail.part("message/disposition-notification")
    return bool(receipt and _THROWN_AWAY.search(receipt.text))


def _structured(mail: Mail) -> list[BounceReport]:
    """Read every per-recipient block of the status parts (RFC 3464 2.3)."""
    texts = [part.text for part in mail.parts if part.content_type in _STATUS_PARTS]
    blocks = [block for text in texts for block in _recipient_blocks(parse_blocks(text))]
    if not blocks:
        return []
    is_open = any(_says_nothing(block) or not _recipient(block) for block in blocks)
    said = _reasons_in_prose(mail) if is_open else {}
    reports = [_report(block, said) for block in blocks]
    return list(dict.fromkeys(reports))[:MAX_REPORTS]


def _structured_inside(mail: Mail) -> list[BounceReport]:
    """Read a report that a gateway wrapped into a mail of its own."""
    return _structured(parse_mail(mail.original.encode())) if mail.original and is_from_mail_system(mail) else []


def _structured_in_text(mail: Mail) -> list[BounceReport]:
    """Read the fields of a report that stand in a part of another type, or in the text itself."""
    if not is_from_mail_system(mail):
        return []
    texts = [part.text for part in mail.parts if part.content_type not in _CLOSED and _FIELD_IN_TEXT.search(part.text)]
    blocks = [block for text in texts for block in _recipient_blocks(parse_blocks(_from_fields_on(text)))]
    return [_report(block, {}) for block in blocks if block.get("status") or block.get("diagnostic-code")]


def _from_fields_on(text: str) -> str:
    """Return a text from its first field of a report on, without the margin its lines may have."""
    found = _FIELD_IN_TEXT.search(text)
    rest = text[found.start() :] if found else ""
    return re.sub(r"(?m)^[ \t>]{1,20}(?=[A-Z][A-Za-z-]{1,40}:)", "", rest)


def _recipient_blocks(blocks: list[Fields]) -> list[Fields]:
    """Return one block for each recipient.

    Some write all recipients into one block, so a field that names one anew begins another; some break a block by
    empty lines, so one without a name goes on with the last.
    """
    found: list[list[tuple[str, str]]] = []
    for block in (part for whole in blocks for part in _split(whole)):
        names_one = bool(block.all(*_NAMES))
        is_rest = not names_one and bool(found) and not any(key == "action" for key, _ in found[-1])
        if is_rest and block.all("action", "status", "diagnostic-code"):
            found[-1] += block.pairs
        elif names_one or (block.get("action") and block.get("status")):
            found.append(list(block.pairs))
    return [Fields(pairs) for pairs in found]


def _split(block: Fields) -> list[Fields]:
    """Split a block before each field that names a recipient though one of that name stands already."""
    parts: list[list[tuple[str, str]]] = [[]]
    for key, value in block.pairs:
        if key in _NAMES and any(key == known for known, _ in parts[-1]):
            parts.append([])
        parts[-1].append((key, value))
    return [Fields(pairs) for pairs in parts]


def _report(block: Fields, said: dict[str, str]) -> BounceReport:
    recipient = _recipient(block) or _only(said)
    diagnostic = _after_type(block.get("diagnostic-code") or block.get("x-supplementary-info"))
    if _says_nothing(block):
        diagnostic = f"{diagnostic} {said.get(recipient.lower(), said.get('', ''))}".strip()
    status = block.get("status")
    action = block.get("action").lower().split(" ")[0].strip(";,()")
    action = _ACTION_WORDS.get(action, action)
    if action not in _ACTIONS:
        action = _action_from(status, diagnostic)
    return BounceReport(
        recipient=recipient,
        action=action,
        status=effective_status(status, diagnostic),
        code=find_smtp_code(diagnostic),
        diagnostic=(diagnostic or status)[:MAX_DIAGNOSTIC],
        failure=_failure(action, status, diagnostic),
    )


def _says_nothing(block: Fields) -> bool:
    """Whether a block leaves open why: no reply nor plain word is quoted, and the code is the general one."""
    told, diagnostic = find_enhanced(block.get("status")), block.get("diagnostic-code")
    if find_smtp_code(diagnostic) or classify_words(diagnostic):
        return False
    return not told or told.endswith(".0.0")


def _reasons_in_prose(mail: Mail) -> dict[str, str]:
    """Return what the text for people says of each address, and under '' what it says of all."""
    found = parse_plain_bounce(mail)
    if found is None:
        return {}
    every = found.named[0].reason if len(found.named) == 1 else ""
    return {"": every} | {each.recipient.lower(): each.reason for each in found.named}


def _only(said: dict[str, str]) -> str:
    """Return the address that the text for people speaks of, where it is one: some reports name a pipe or nobody."""
    names = [name for name in said if name]
    return names[0] if len(names) == 1 else ""


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
    for value in block.all(*_NAMES, "x-actual-recipient"):
        typed = _after_type(value)
        address = clean_address(typed)
        if _WHOLE.fullmatch(address):
            return address
        if inside := _INSIDE.search(typed[:1000]):  # an X.400 address that holds ours
            return re.split(r"(?i)smtp=", inside[0])[-1]
    return ""


def _after_type(value: str) -> str:
    """Drop the ``rfc822;`` or ``smtp;`` before a typed value."""
    kind, mark, rest = value.partition(";")
    return rest.strip() if mark and re.fullmatch(r"\s*[\w.\-]+\s*", kind) else value.strip()
