"""Mail that a machine wrote for a person: out-of-office notes, receipts, challenges. None changes a contact.

RFC 3834 tells how such mail marks itself; much of it does not, so older fields and the subject are read too. Add a
field here, or a subject in `phrases`, when a note is taken for a bounce. Nothing in this package writes a mail.
"""

import re

from senders.inbound.mime import Mail
from senders.inbound.phrases import AWAY_SUBJECT, CHALLENGE_SUBJECT, SYSTEM_SUBJECT
from senders.inbound.text import is_from_daemon, is_from_server

# Fields that only such mail has. X-Auto-Response-Suppress is not among them: Exchange's bounces bear it as well.
_FIELDS = (
    "x-autoreply",
    "x-autorespond",
    "x-auto-reply",
    "x-autoreply-from",
    "x-mail-autoreply",
    "x-vacation",
    "x-autoresponder",
    "x-boxbe-challenge",
)
_PRECEDENCE = re.compile(r"(?i)auto[_-]?reply")
_STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status", "message/feedback-report")


def is_auto_reply(mail: Mail) -> bool:
    """Whether a mail is a note of that kind, which is never a bounce.

    Reports for machines are marked as automatic too (RFC 3834 2), as is what mail servers write under their own name.
    """
    if mail.report_type == "disposition-notification":
        return not is_from_daemon(mail)
    fields = mail.fields
    if mail.report_type or mail.part(*_STATUS_TYPES) or fields.get("x-failed-recipients"):
        return False
    if any(value.lower() not in {"", "no"} for value in fields.all(*_FIELDS)):
        return True
    if _PRECEDENCE.search(fields.get("precedence")) or _is_away(mail):
        return True
    submitted = fields.get("auto-submitted").partition(";")[0].strip().lower()
    return submitted.split(" ")[0] not in {"", "no"} and not is_from_daemon(mail)


def _is_away(mail: Mail) -> bool:
    """Whether the subject says so; a server's bounce may bear the subject of a message of ours about a holiday."""
    if not (AWAY_SUBJECT.search(mail.subject) or CHALLENGE_SUBJECT.search(mail.subject)):
        return False
    return not (is_from_server(mail) and SYSTEM_SUBJECT.search(mail.subject))
