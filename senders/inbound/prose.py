"""Guesses at a bounce in prose, as reports: who failed by `text`, why by `classify`, never marked as structured.

Add here how sure a guess may be; what servers write stands in `phrases`.
"""

from senders.inbound.classify import classify, classify_words, effective_status, find_enhanced, find_smtp_code
from senders.inbound.failure import Failure
from senders.inbound.mime import Mail
from senders.inbound.naming import Named
from senders.inbound.report import MAX_DIAGNOSTIC, BounceReport, clean_address
from senders.inbound.text import PlainBounce, is_from_daemon, parse_nameless, parse_plain_bounce

_MAX_REASON = 4_000


def guess_reports(mail: Mail) -> list[BounceReport]:
    """Return what a mail in prose says of each recipient that it names; empty where it is no bounce."""
    found = parse_plain_bounce(mail)
    return [_guessed(found, each) for each in found.named] if found else []


def guess_nameless(mail: Mail) -> BounceReport | None:
    """Return what a server's own mail says that names nobody, for one who knows whose message it is about."""
    found = parse_nameless(mail) if is_from_daemon(mail) else None
    return _guessed(found, Named("", found.text[:_MAX_REASON])) if found else None


def _guessed(found: PlainBounce, named: Named) -> BounceReport:
    """Report one recipient of a bounce in prose; where nothing plain is said of it, what is said of all holds."""
    reason = named.reason if _is_telling(named.reason) or not _is_telling(found.text) else found.text[:_MAX_REASON]
    return BounceReport(
        recipient=clean_address(named.recipient),
        action="delayed" if found.is_delay else "failed",
        status=effective_status("", reason),
        code=find_smtp_code(reason),
        diagnostic=reason[:MAX_DIAGNOSTIC],
        failure=Failure.TRANSIENT if found.is_delay else _guess(reason, says_permanent=found.says_permanent),
        structured=False,
    )


def _is_telling(text: str) -> bool:
    return bool(find_smtp_code(text) or find_enhanced(text) or classify_words(text))


def _guess(reason: str, *, says_permanent: bool) -> Failure:
    """Tell the failure from prose; without a code or a plain word it is nothing that would cost a contact."""
    if _is_telling(reason):
        return classify("", reason)
    return Failure.PERMANENT if says_permanent else Failure.TRANSIENT
