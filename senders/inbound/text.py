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

_SYSTEM_SENDER = re.compile(
    r"mailer-?daemon|post-?master|mail(?:er)? ?(?:administrator|delivery|system|server|gateway|subsystem)|"
    r"mailadm|mail\.delivery|delivery\.system|jetmail|<>\s*$",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"undeliver|non.?deliver|not delivered|deliver\w* (?:status|report|problem|fail|error|incomplete|notif)|failure (?:notice|deliver)|"
    r"(?:fail\w*|error|problem)[^\n]{0,20}\b(?:mail|deliver|message)|mail[^\n]{0,16}(?:error|fail|return)|returned (?:e?mail|to sender)|"
    r"returning message|bounced|non remis|unzustellbar|mail could not be|processing error|user unknown|mail delivery|could ?n[o']t (?:be )?deliver|message status",
    re.IGNORECASE,
)
_BODY = re.compile(
    r"(?:could|can|did|was|were|has|have|is) ?(?:not|n.t) (?:be |been |able to )?(?:deliver|reach|receive|sen[dt])|undeliver|"
    r"not delivered|delivery (?:has |to [^\n]{0,80})?fail|failed to deliver|unable to deliver|following address|permanent (?:fatal )?error|"
    r"returned to (?:the )?sender|not? (?:exist|known|found)|(?:unknown|no such|invalid|illegal)[^\n]{0,12} (?:user|recipient|address|mailbox|account)|"
    r"(?:user|recipient|mailbox|account)\b[^\n]{0,60}(?:unknown|full|exceed|disabled|invalid|not recogni|not (?:be )?found)|over ?quota|"
    r"delivery failed|error (?:mailing|transfer|in deliver)|rejected|exact(?:ly)? match",
    re.IGNORECASE,
)
_DELAY = re.compile(
    r"\b(?:warning|delayed)\b[^\n]{0,60}(?:deliver|could not|message|mail|delay|sen[dt])|delivery (?:is |has been |was )?delayed|not yet (?:been )?deliver|"
    r"will (?:be re-?tried|continue|keep|re-?try|try again)|you do not need to resend|still (?:be )?(?:trying|queued)|"
    r"attempts will continue|has been (?:delayed|postponed)|this is (?:just )?a warning",
    re.IGNORECASE,
)
_GIVES_UP = re.compile(
    r"giv(?:en?|ing) up|not going to try|no further attempt|permanent (?:fatal )?error", re.IGNORECASE
)
_COPY = re.compile(
    r"(?im)^[ >*=-]*(?:-{2,} ?(?:below this line|this is a copy|the (?:header|body|unsent|original)|original|unsent|returned|forwarded|header|start)\b|"
    r"original (?:message|mail)\b[^\n]{0,30}(?:follow|below|as received)|(?:the )?(?:unsent|original|returned) message (?:below|follows|header)|"
    r"(?:the )?headers? of the (?:source|original)|message headers? follow|your (?:original )?message (?:follows|reads)|"
    r"received: (?:from|by)|return-path:|message-id:|x-mailer:|mime-version:).*\Z",
    re.DOTALL,
)
_ADDRESS = r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[A-Za-z0-9](?:[\w.-]{0,250}[A-Za-z0-9])?"
_AT_START = re.compile(
    rf"(?im)^[ \t*>-]*(?:(?:to|recipient|user|address)\b[\w ]{{0,12}}[:=]\s*)?(?:\(?rfc822;\s*)?<?[\"']?({_ADDRESS})[\"']?>?(?=[\s:;,.)(]|$)"
)
_ANYWHERE = re.compile(rf"(?<![\w.@+-])({_ADDRESS})(?![\w@])")
_LIST_FOLLOWS = re.compile(
    r"(?:did not reach|deliver\w* to|not delivered to|to) the following[^\n]{0,40}|following (?:address|recipient)[^\n]{0,40}|"
    r"failed (?:addresses|recipients)[^\n]{0,40}|(?:could|can) ?not be delivered to:?",
    re.IGNORECASE,
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
    return PlainBounce(recipients[:MAX_RECIPIENTS], _reason(text, recipients[0]), is_delay)


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
