"""What kind of failure a reply tells: the address, the moment, our reputation or our own fault.

Asked in this order: what a large provider means by it (`providers`), the enhanced status code (RFC 3463 and the IANA
registry), the words of the reply, the number. Add a row when a standard code or a common wording is told wrong; what a
failure does to a contact is decided by the event's vocabulary, not here.
"""

import re

from senders.inbound.failure import Failure as Failure
from senders.inbound.phrases import FULL_MAILBOX, UNKNOWN_ADDRESS
from senders.inbound.providers import RATE, SENDER, find_rule

# Subject and detail of an enhanced code that is a failure for good; the rest is told by words first.
_BY_DETAIL = {
    **dict.fromkeys(("1.1", "1.2", "1.3", "1.4", "1.6", "1.9", "1.10"), Failure.PERMANENT),
    **dict.fromkeys(("2.1", "4.4", "7.13", "7.17", "7.18"), Failure.PERMANENT),
    **dict.fromkeys(("2.2", "3.1", "3.2", "4.2", "4.3", "4.5", "4.6", "4.7", "4.9"), Failure.TRANSIENT),
    **dict.fromkeys(("2.3", "3.3", "3.4", "3.5", "5.2", "5.3", "5.4", "5.5"), Failure.POLICY),
}
_BY_CODE = {
    **dict.fromkeys((500, 501, 502, 503, 504, 523, 530, 534, 535, 538, 555), Failure.POLICY),
    **dict.fromkeys((521, 541, 554, 571), Failure.BLOCK),
    552: Failure.TRANSIENT,  # "exceeded storage allocation" (RFC 5321 4.2.3)
}
_BY_SUBJECT = {"3": Failure.TRANSIENT, "4": Failure.TRANSIENT, "5": Failure.POLICY, "6": Failure.POLICY}

_WORDS: tuple[tuple[Failure, re.Pattern[str]], ...] = tuple(
    (failure, re.compile(pattern, re.IGNORECASE))
    for failure, pattern in (
        (
            Failure.POLICY,
            r"unauthenticated|not authenticated|authentication (?:checks?|information|level|required)|"
            r"\b(?:spf|dkim|dmarc)\b|reverse dns|message (?:size |is )?(?:too (?:big|large|long)|exceeds)|"
            r"too many hops|mail ?loop|loop(?:ing|s back)|"
            r"\b(?:message|mail|size)\b[^\n]{0,40}(?:exceed\w*|larger than|over)[^\n]{0,40}(?:size|limit|maximum)|"
            r"size limit|sender address rejected|sender (?:domain|address)[^.]{0,40}(?:not exist|unknown|invalid)|"
            r"no resent-from",
        ),
        (
            Failure.TRANSIENT,
            r"over ?-?quota|quota (?:exceed|exceded|full|limit)|exceed\w*[^.\n]{0,40}quota|(?:disk|storage) quota|"
            r"mail ?box (?:is |has been |was )?(?:full|over)|(?:inbox|mailbox) is full|"
            r"insufficient (?:system )?storage|(?:mailbox|mail box)[^\n]{0,20}limit|internal (?:server )?error|"
            r"out of (?:disk )?space|space (?:is )?not enough|too much mail|mail ?(?:folder|box)s?(?: is|.s)? full|"
            r"exceed\w* allowed size|temporar(?:y|ily)|try again|timed? ?-?out|greylist|connection (?:refused|reset)|"
            r"not responding|in the queue too|mailbox[^.\n]{0,40}exceeded|quota violation|"
            r"(?:server|host)[^.\n]{0,40}(?:busy|unavailable|not reachable)|" + FULL_MAILBOX,
        ),
        (
            Failure.PERMANENT,
            r"(?:user|recipient|addressee|mailbox|account|address|alias|login|member|person)s?"
            r"(?: name)?\b[^.\n]{0,60}(?:unknown|not (?:be )?(?:found|exist|known|valid|listed|active|"
            r"recogni[sz]ed)|(?:does|do)(?: not|n.t) exist|invalid|disabled|inactive|deactivated|suspended|"
            r"no longer|unavailable|closed|discontinued)|"
            r"(?:unknown|no such|invalid|non-?existent|bad|disabled|inactive|expired|unrouteable|unrouta?ble) "
            r"(?:local |destination |e-?mail |to )?(?:user|recipient|mailbox|address|account|alias|person|domain|"
            r"host|id)|"
            r"no mail-?box|not (?:a (?:valid|known)|our|listed in)|doesn.?t have an? [^\n]{0,60}account|"
            r"(?:is )?no longer valid|did not exactly match|no matches to|not have a final email|"
            r"no (?:such|mail-?) ?(?:user|address|id)\b|could not find a gateway|has moved|"
            r"(?:address|recipient|user) (?:is )?(?:unrecognized|invalid|unknown)|"
            r"(?:host|domain)(?: name)? [^.\n]{0,60}(?:not found|unknown|does not exist|invalid)|nxdomain|null mx|"
            r"recipient address rejected|address rejected|that recipient is not allowed|mailbox name not allowed|"
            r"unrouteable|can(?:no|')t find (?:any )?(?:host|user|recipient)|" + UNKNOWN_ADDRESS,
        ),
        (
            Failure.BLOCK,
            r"\blisted (?:on|in|at|by)\b|message denied|\baup\b|spam|block(?:ed|list|ed using)|black ?-?list|\brbl\b|"
            r"dnsbl|reputation|unsolicited|content (?:reject|filter)|junk|banned|"
            r"not (?:allowed|accepted|authori[sz]ed|permitted)|refused by|administrative(?:ly)? |virus|"
            r"polic(?:y|ies)|prohibited|access denied|rejected (?:due to|for)|suspicious|phish",
        ),
    )
)

_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.]|\s*\.\d)")
_SMTP_CODE = re.compile(r"(?<![\d.])([245]\d\d)(?=[ \-]|: |$)(?![ \-]?(?:bytes|days|hours|seconds))")


def find_enhanced(text: str) -> str:
    """Return the first enhanced status code in a reply, or ''."""
    found = _ENHANCED.search(text)
    return found.group(0) if found else ""


def find_smtp_code(text: str) -> int:
    """Return the first SMTP reply code in a reply, or 0."""
    found = _SMTP_CODE.search(text)
    return int(found.group(1)) if found else 0


def effective_status(status: str, diagnostic: str) -> str:
    """Return the more telling of a report's Status and the code in the reply it quotes.

    Many servers write ``5.0.0`` (or none) as Status and keep the relay's own code in Diagnostic-Code.
    """
    told, quoted = find_enhanced(status), find_enhanced(diagnostic)
    if told and not told.endswith((".0.0", ".0")):
        return told
    return quoted or told


def classify(status: str, diagnostic: str) -> Failure:
    """Tell the kind of failure from a report's Status and the reply it quotes."""
    return judge(status, diagnostic)[0]


def judge(status: str, diagnostic: str) -> tuple[Failure, str]:
    """Tell the kind of failure, and whose fault it is where a provider's rule says so ('' otherwise)."""
    enhanced, code = effective_status(status, diagnostic), find_smtp_code(diagnostic)
    rule = find_rule(enhanced, diagnostic)
    fault = rule.fault if rule else ""
    # What is ours stays ours, whether it passes or not; of all else a 4 says that it passes.
    if rule and fault in {SENDER, RATE}:
        return rule.failure, fault
    if _class_of(enhanced, code) == "4":
        return Failure.TRANSIENT, fault
    if rule:
        return rule.failure, fault
    detail = enhanced[2:]
    if detail in _BY_DETAIL:
        return _BY_DETAIL[detail], ""
    return classify_words(diagnostic or status) or _by_number(detail, code), ""


def classify_words(text: str) -> Failure | None:
    """Tell the kind of failure from the words of a reply, where they are plain."""
    rule = find_rule("", text)
    if rule:
        return rule.failure
    return next((failure for failure, pattern in _WORDS if pattern.search(text[:4_000])), None)


def _class_of(enhanced: str, code: int) -> str:
    return enhanced[:1] or str(code)[:1]


def _by_number(detail: str, code: int) -> Failure:
    """Fall back on the subject of the enhanced code (7 is security, 3 to 6 are not the address), then on the code."""
    subject = detail.partition(".")[0]
    if subject == "7":
        return Failure.BLOCK
    return _BY_SUBJECT.get(subject) or _BY_CODE.get(code, Failure.PERMANENT)
