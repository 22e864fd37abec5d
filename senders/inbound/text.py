"""Bounces in prose: what servers write that send no RFC 3464 report.

Only a mail that a mail system wrote (by its sender, its null return path or its subject) is looked at, and only above
the copy of our message. Whom it names is found by `naming`, what is said in which language stands in `phrases`;
machines' reports belong to `dsn`, and nothing here decides whether to believe a mail.
"""

import html
import re
from dataclasses import dataclass

from senders.inbound.mime import Mail
from senders.inbound.naming import Named, addresses_in, find_named, is_told_by_layout, lists_addresses, unique
from senders.inbound.phrases import DELAYED, FAILED, GAVE_UP, SYSTEM_SUBJECT, any_of

MAX_TEXT = 20_000
_MAX_HEADER = 4_000

_SYSTEM_SENDER = any_of(
    r"mailer-?daemon|post-?master|mailadm|mail\.delivery|delivery\.system|jetmail|<>\s*$|microsoftexchange[0-9a-f]{16}",
    r"mail(?:er)? ?(?:administrator|deliver\w*|system|server|gateway|subsystem|notification)|bounce(?:s|"
    r"-?notification)?@",
)
_DAEMON = any_of(r"mailer-?daemon|mail(?:er)? delivery (?:sub)?system|microsoftexchange[0-9a-f]{16}")
_COPY_BEGINS = "|".join(
    (
        r"[-|=*_]{2,}[ -]{0,9}(?:below (?:this|the next) line|this is (?:a|the) copy|(?:the )?(?:header|body|unsent|"
        r"original|returned))\b",
        r"-{2,} ?(?:forwarded|start)\b|-{2,}[ ]?(?:message non-deliverable|included is a copy)",
        r"[-|]{2,}[ -]{0,9}message (?:text|header) follow|-{1,9} ?original (?:message|mail)|"
        r"below is a copy of the original",
        r"original (?:message|mail)\b[^\n]{0,30}(?:follow|below|as received|details)|original message headers",
        r"(?:the )?(?:unsent|original|returned) message (?:below|follows|header)|message headers? follow",
        r"(?:the )?headers? of the (?:source|original)|your (?:original )?message (?:follows|reads)",
        r"included is a copy of the message|message details:|here is a copy of the (?:first part|message)",
        r"ursprüngliche nachricht(?:en)?kopf|kopfzeilen der ursprünglichen|en-têtes (?:du|de) message|"
        r"encabezados (?:del|de)",
        r"intestazioni (?:originali|del)|cabeçalhos (?:da|de) mensagem|oorspronkelijke bericht(?:kop)?|"
        r"ursprungliga (?:medd|brev)",
        r"исходные заголовки|заголовки исходного|元のメッセージ|原始邮件|原始郵件",
    )
)
_COPY = re.compile(rf"(?im)^[ >*=]{{0,40}}(?:{_COPY_BEGINS})(?s:.*)\Z")
# Headers of our message begin its copy too, below what failed; above that they are only said again.
_HEADERS = re.compile(r"(?im)^[ >*=]{0,40}(?:received: (?:from|by)|(?:return-path|message-id|x-mailer|mime-version):)")
_TAG = re.compile(r"<(?!/?[^<>@\s]{1,200}@)[^<>]{0,5000}>")
_BREAK = re.compile(r"(?i)<br\s{0,9}/?>|</(?:p|div|tr|li|h\d)>")
_CODE_BEGINS = re.compile(r"(?i)<(?:style|script)\b")
_CODE_ENDS = re.compile(r"(?i)</(?:style|script)\s{0,9}>")


@dataclass(frozen=True, slots=True)
class PlainBounce:
    """A bounce read from prose; ``text`` is all that it says."""

    named: list[Named]
    text: str
    is_delay: bool
    says_permanent: bool

    @property
    def recipients(self) -> list[str]:
        """The addresses alone."""
        return [each.recipient for each in self.named]


def parse_plain_bounce(mail: Mail) -> PlainBounce | None:
    """Read a bounce that has no report, or return None for any other mail."""
    text = above_copy(mail.text if mail.text.strip() else _from_html(mail))
    failed = mail.fields.get("x-failed-recipients")
    if not failed and not (is_from_mail_system(mail) and _tells_failure(mail, text)):
        return None
    named = find_named(text, _own_addresses(mail), _domain_of(mail))
    if listed := _listed(failed):
        reasons = {each.recipient.lower(): each.reason for each in named}
        named = [Named(address, reasons.get(address.lower(), text[:1500])) for address in listed]
    return _read(mail, text, named) if named else None


def parse_nameless(mail: Mail) -> PlainBounce | None:
    """Read a bounce that names nobody, or return None for a mail that tells of no failure."""
    text = above_copy(mail.text if mail.text.strip() else _from_html(mail))
    return _read(mail, text, []) if FAILED.search(f"{mail.subject}\n{text}") else None


def _read(mail: Mail, text: str, named: list[Named]) -> PlainBounce:
    head = f"{mail.subject}\n{text}"
    is_delay = bool(DELAYED.search(head)) and not GAVE_UP.search(head)
    says_permanent = bool(re.search(r"permanent(?:ly)?\b", head, re.IGNORECASE))
    return PlainBounce(named, " ".join(head.split()), is_delay, says_permanent)


def is_from_mail_system(mail: Mail) -> bool:
    """Whether a mail was written by a mail server about another mail, as far as its head tells."""
    return_path = mail.fields.get("return-path").strip()
    if return_path == "<>" or mail.report_type == "delivery-status" or SYSTEM_SUBJECT.search(mail.subject):
        return True
    return is_from_server(mail)


def is_from_server(mail: Mail) -> bool:
    """Whether the sender's name is one that only mail servers write under."""
    return any(_SYSTEM_SENDER.search(value[:_MAX_HEADER]) for value in mail.fields.all("from", "sender", "return-path"))


def is_from_daemon(mail: Mail) -> bool:
    """Whether the sender's name is the one that only a server's own bounces bear, however they are marked."""
    return any(_DAEMON.search(value[:_MAX_HEADER]) for value in mail.fields.all("from", "sender"))


def above_copy(text: str) -> str:
    """Return a mail's text without the copy of the message it returns."""
    head = text.replace("\r\n", "\n")[:MAX_TEXT]
    shown = _COPY.sub("", head)
    for begin in _HEADERS.finditer(shown):
        if "@" in shown[: begin.start()]:
            shown = shown[: begin.start()]
            break
    return shown if shown.strip() else head


def _tells_failure(mail: Mail, text: str) -> bool:
    said = f"{mail.subject}\n{text}"
    if FAILED.search(said) or DELAYED.search(said) or is_told_by_layout(text):
        return True
    return is_from_server(mail) and lists_addresses(text)


def _from_html(mail: Mail) -> str:
    """Return the words of a bounce that comes as HTML only."""
    page = mail.part("text/html")
    if page is None:
        return ""
    *coded, rest = _CODE_ENDS.split(page.text[: 2 * MAX_TEXT])
    shown = " ".join([*(_CODE_BEGINS.split(piece, maxsplit=1)[0] for piece in coded), rest])
    return html.unescape(_TAG.sub(" ", _BREAK.sub("\n", shown)))


def _listed(value: str) -> list[str]:
    return unique(addresses_in(value[:_MAX_HEADER]))


def _own_addresses(mail: Mail) -> set[str]:
    """Return addresses of the mail itself, which a text may quote but which did not fail."""
    values = mail.fields.all("to", "from", "sender", "reply-to", "errors-to")
    return {address.lower() for value in values[:20] for address in addresses_in(value[:_MAX_HEADER])}


def _domain_of(mail: Mail) -> str:
    """Return the domain of the server that wrote the mail; '' where it is not a server's own name."""
    found = addresses_in(mail.fields.get("from")[:_MAX_HEADER]) if is_from_server(mail) else []
    return found[-1].rpartition("@")[2].lower() if found else ""
