"""Bounces in prose: what servers write that send no RFC 3464 report.

Only a mail that a mail system wrote (by its sender, its null return path or its subject) is looked at, and
only above the copy of our message. Add a mark, a phrase or a place where addresses stand; machines' reports
belong to `dsn`, and nothing here decides whether to believe a mail.
"""

import html
import re
from dataclasses import dataclass
from email.utils import getaddresses

from senders.inbound.mime import Mail, decode_words

MAX_TEXT = 20_000
MAX_RECIPIENTS = 50


def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_NOUN = r"(?:user|recipient|address|mailbox|account)"
_SYSTEM_SENDER = _any_of(
    r"mailer-?daemon|post-?master|mailadm|mail\.delivery|delivery\.system|jetmail|<>\s*$",
    r"mail(?:er)? ?(?:administrator|delivery|system|server|gateway|subsystem)",
)
_SUBJECT = _any_of(
    r"undeliver|non.?deliver|not delivered|failure (?:notice|deliver)|returning message|bounced|message status",
    r"deliver\w* (?:status|report|problem|fail|error|incomplete|notif)",
    r"(?:fail\w*|error|problem)[^\n]{0,20}\b(?:mail|deliver|message)|mail[^\n]{0,16}(?:error|fail|return)",
    r"returned (?:e?mail|to sender)|mail could not be|could ?n[o']t (?:be )?deliver|mail delivery",
    r"processing error|user unknown|non remis|unzustellbar",
)
_BODY = _any_of(
    r"(?:could|can|did|was|were|has|have|is) ?(?:not|n.t) (?:be |been |able to )?(?:deliver|reach|receive|sen[dt])",
    r"undeliver|not delivered|failed to deliver|unable to deliver",
    r"delivery (?:has |to [^\n]{0,80})?fail",
    r"following address|failed (?:recipient|address)|permanent (?:fatal )?error|returned to (?:the )?sender",
    rf"not? (?:exist|known|found)|(?:unknown|no such|invalid|illegal)[^\n]{{0,12}} {_NOUN}|invalid final delivery",
    rf"{_NOUN}\b[^\n]{{0,60}}(?:unknown|unavailable|full|exceed|disabled|invalid|not recogni|not (?:be )?found)",
    r"over ?quota|error (?:mailing|transfer|in deliver|was detected)|encountered an error|rejected|exactly match",
    r"aborted after|no (?:valid|such|mail ?box)|postponed|(?:has been|not yet been) (?:delayed|delivered)",
)
_DELAY = _any_of(
    r"\b(?:warning|delayed)\b[^\n]{0,60}(?:deliver|could not|message|mail|delay|sen[dt])|this is (?:just )?a warning",
    r"delivery (?:is |has been |was )?delayed|not yet (?:been )?deliver|has been (?:delayed|postponed)",
    r"will (?:be re-?tried|continue|keep|re-?try|try again)|attempts\s+will\s+continue|still (?:be )?(?:trying|queued)",
    r"you do not need to resend",
)
_GIVES_UP = _any_of(r"giv(?:en?|ing) up|not going to try|no further attempt|permanent (?:fatal )?error")
_COPY_BEGINS = "|".join(
    (
        r"[-|]{2,}[ -]*(?:below this line|this is a copy|(?:the )?(?:header|body|unsent|original|returned))\b",
        r"-{2,} ?(?:forwarded|start)\b",
        r"[-|]{2,}[ -]*message (?:text|header) follow|-+ ?original (?:message|mail)",
        r"original (?:message|mail)\b[^\n]{0,30}(?:follow|below|as received)",
        r"(?:the )?(?:unsent|original|returned) message (?:below|follows|header)|message headers? follow",
        r"(?:the )?headers? of the (?:source|original)|your (?:original )?message (?:follows|reads)",
        r"received: (?:from|by)|(?:return-path|message-id|x-mailer|mime-version):",
    )
)
_COPY = re.compile(rf"(?im)^[ >*=]*(?:{_COPY_BEGINS})(?s:.*)\Z")
_ADDRESS = r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[A-Za-z0-9](?:[\w.-]{0,250}[A-Za-z0-9])?"
_LABEL = r"(?:(?:to|(?:intended )?recipient|user|address|error-for|invalid final delivery userid)\b[\w ]{0,12}[:=]\s*)?"
_AT_START = re.compile(
    rf"(?im)^[ \t*>-]*{_LABEL}(?:\(?rfc822;\s*)?<?[\"']?({_ADDRESS})[\"']?>?(?=[\s:;,.)(]|$)",
)
_ANYWHERE = re.compile(rf"(?<![\w.@+-])({_ADDRESS})(?![\w@])")
_LIST_FOLLOWS = _any_of(
    r"(?:did not reach|deliver\w* to|not delivered to|to) the following[^\n]{0,40}",
    r"following (?:address|recipient)[^\n]{0,40}|failed (?:addresses|recipients)[^\n]{0,40}",
    r"(?:could|can) ?not be delivered to:?",
)
_TAG = re.compile(r"<(?!/?[^<>@\s]+@)[^<>]*>")
_OWN_PEOPLE = re.compile(
    r"(?i)^(?:post-?master|mailer-?daemon|abuse|support|help(?:desk)?|admin\w*|webmaster|no-?reply|root)@"
)


@dataclass(frozen=True, slots=True)
class PlainBounce:
    """A bounce read from prose."""

    recipients: list[str]
    reason: str
    is_delay: bool
    says_permanent: bool


def parse_plain_bounce(mail: Mail) -> PlainBounce | None:
    """Read a bounce that has no report, or return None for any other mail."""
    text = above_copy(mail.text if mail.text.strip() else _from_html(mail))
    failed = mail.fields.get("x-failed-recipients")
    if not failed and not (is_from_mail_system(mail) and _BODY.search(text)):
        return None
    recipients = _listed(failed) or _named(text, _own_addresses(mail))
    if not recipients:
        return None
    head = f"{decode_words(mail.fields.get('subject'))}\n{text}"
    is_delay = bool(_DELAY.search(head)) and not _GIVES_UP.search(head)
    says_permanent = bool(re.search(r"permanent(?:ly)?\b", head, re.IGNORECASE))
    return PlainBounce(recipients[:MAX_RECIPIENTS], _reason(text, recipients[0]), is_delay, says_permanent)


def is_from_mail_system(mail: Mail) -> bool:
    """Whether a mail was written by a mail server about another mail."""
    fields = mail.fields
    if fields.get("return-path").strip() == "<>" or _SUBJECT.search(decode_words(fields.get("subject"))):
        return True
    return any(_SYSTEM_SENDER.search(value) for value in fields.all("from", "sender"))


def above_copy(text: str) -> str:
    """Return a mail's text without the copy of the message it returns."""
    head = text.replace("\r\n", "\n")[:MAX_TEXT]
    shown = _COPY.sub("", head)
    return shown if shown.strip() else head


def _from_html(mail: Mail) -> str:
    """Return the words of a bounce that comes as HTML only."""
    page = mail.part("text/html")
    return html.unescape(_TAG.sub(" ", re.sub(r"(?i)<br\s*/?>|</p>", "\n", page.text[:MAX_TEXT]))) if page else ""


def _listed(value: str) -> list[str]:
    return [address for _, address in getaddresses([value]) if "@" in address]


def _named(text: str, own: set[str]) -> list[str]:
    """Return the failed addresses: those that begin a line of a list first, any other otherwise."""
    announced = _LIST_FOLLOWS.search(text)
    listed = text[announced.end() :] if announced else ""
    for pattern, place in ((_AT_START, listed), (_AT_START, text), (_ANYWHERE, listed), (_ANYWHERE, text)):
        found = [address.rpartition("SMTP=")[2].strip(".'\"") for address in pattern.findall(place)]
        fit = [address for address in found if address.lower() not in own and not _OWN_PEOPLE.match(address)]
        if fit:
            return list(dict.fromkeys(fit))
    return []


def _own_addresses(mail: Mail) -> set[str]:
    """Return addresses of the mail itself, which a text may quote but which did not fail."""
    values = mail.fields.all("to", "from", "sender", "reply-to", "errors-to")
    return {address.lower() for _, address in getaddresses(values)}


def _reason(text: str, recipient: str) -> str:
    """Return what is said of a recipient: from its name on; the whole text where it is not named."""
    start = max(text.find(recipient), 0)
    return " ".join(text[start : start + 1500].split()) or " ".join(text[:1500].split())
