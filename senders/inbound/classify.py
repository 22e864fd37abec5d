"""What kind of failure a reply tells: the address, the moment, our reputation or our own fault.

A table over enhanced status codes (RFC 3463, the IANA registry and what large providers made of them), asked
before the words of the reply, before the SMTP code. Add a row when a provider's code or sentence is told
wrong; what a failure does to a contact is decided by the event's vocabulary, not here.
"""

import re
from enum import StrEnum


class Failure(StrEnum):
    """Who or what is at fault, in the order of what weighs more for the contact."""

    PERMANENT = "permanent"  # the address: never again
    BLOCK = "block"  # the receiver does not want this mail or this source
    POLICY = "policy"  # the sender's fault: authentication, rate, size, protocol
    TRANSIENT = "transient"  # the moment


# Subject and detail of the enhanced code, whatever its class. RELIABILITY: "never bounce the contact" for these.
_SENDER_FAULTS = frozenset(
    {"1.7", "1.8", "7.15", "7.509", "7.515", "7.57", "7.60", "7.64", "7.500", "7.501", "7.502", "7.503", "7.511"}
    | {f"7.{detail}" for detail in range(20, 33)}
)
_PERMANENT_ONLY_AS_5 = {
    **dict.fromkeys(("1.1", "1.2", "1.3", "1.4", "1.6", "1.9", "1.10"), Failure.PERMANENT),
    **dict.fromkeys(("2.1", "4.4", "7.13", "7.17", "7.18"), Failure.PERMANENT),
    **dict.fromkeys(("2.2", "3.0", "3.1", "3.2", "4.2", "4.3", "4.5", "4.6", "4.7", "4.9"), Failure.TRANSIENT),
    **dict.fromkeys(("2.3", "3.3", "3.4", "3.5", "5.2", "5.3", "5.4", "5.5"), Failure.POLICY),
}
_BY_SUBJECT = {"3": Failure.TRANSIENT, "4": Failure.TRANSIENT, "5": Failure.POLICY, "6": Failure.POLICY}

_WORDS: tuple[tuple[Failure, re.Pattern[str]], ...] = tuple(
    (failure, re.compile(pattern, re.IGNORECASE))
    for failure, pattern in (
        (
            Failure.POLICY,
            r"unauthenticated|not authenticated|authentication (?:checks?|information|level)|\b(?:spf|dkim|dmarc)\b|"
            r"reverse dns|\bptr\b|message (?:size |is )?(?:too (?:big|large|long)|exceeds)|too many hops|"
            r"sender address rejected|sender (?:domain|address)[^.]{0,40}(?:not exist|unknown|invalid)",
        ),
        (
            Failure.TRANSIENT,
            r"over ?-?quota|quota (?:exceed|exceded|full|limit)|exceed\w*[^.\n]{0,40}quota|(?:disk|storage) quota|"
            r"mail ?box (?:is |has been |was )?(?:full|over)|(?:inbox|mailbox) is full|"
            r"insufficient (?:system )?storage|"
            r"out of (?:disk )?space|temporar(?:y|ily)|try again|timed? ?-?out|greylist|connection (?:refused|reset)",
        ),
        (
            Failure.PERMANENT,
            r"(?:user|recipient|mailbox|account|address|alias|login|member|person)(?: name)?\b[^.\n]{0,60}"
            r"(?:unknown|not (?:be )?(?:found|exist|known|valid|listed|active|recogni[sz]ed)|"
            r"(?:does|do)(?: not|n.t) exist|"
            r"invalid|disabled|inactive|deactivated|suspended|no longer|unavailable|closed|discontinued)|"
            r"(?:unknown|no such|invalid|non-?existent|bad|disabled|inactive|expired|unrouteable|unrouta?ble)"
            r" (?:local |destination |e-?mail |to )?"
            r"(?:user|recipient|mailbox|address|account|alias|person|domain|host|id)|"
            r"no mail-?box|not (?:a (?:valid|known)|our|listed in)|doesn.?t have an? [^.\n]{0,40}account|"
            r"(?:host|domain)(?: name)? [^.\n]{0,60}(?:not found|unknown|does not exist|invalid)|nxdomain|null mx|"
            r"recipient address rejected|relay(?:ing)? (?:access )?denied|"
            r"can(?:no|')t find (?:any )?(?:host|user|recipient)",
        ),
        (
            Failure.BLOCK,
            r"spam|block(?:ed|list|ed using)|black ?-?list|\brbl\b|dnsbl|reputation|unsolicited|"
            r"content (?:reject|filter)|"
            r"junk|banned|not (?:allowed|accepted|authori[sz]ed|permitted)|refused by|administrative(?:ly)? |virus|"
            r"polic(?:y|ies)|prohibited|access denied|rejected (?:due to|for)|suspicious|phish",
        ),
    )
)

_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.]|\s*\.\d)")
_SMTP_CODE = re.compile(r"(?<![\d.])([245]\d\d)(?=[ \-]|$)(?![ \-]?(?:bytes|days|hours|seconds))")


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
    enhanced, code = effective_status(status, diagnostic), find_smtp_code(diagnostic)
    detail = enhanced[2:]
    if detail in _SENDER_FAULTS:
        return Failure.POLICY
    if _class_of(enhanced, code) == "4":
        return Failure.TRANSIENT
    if detail in _PERMANENT_ONLY_AS_5:
        return _PERMANENT_ONLY_AS_5[detail]
    return classify_words(diagnostic or status) or _by_number(detail, code)


def classify_words(text: str) -> Failure | None:
    """Tell the kind of failure from the words of a reply, where they are plain."""
    return next((failure for failure, pattern in _WORDS if pattern.search(text)), None)


def _class_of(enhanced: str, code: int) -> str:
    return enhanced[:1] or str(code)[:1]


def _by_number(detail: str, code: int) -> Failure:
    """Fall back on the subject of the enhanced code: 7 is security, 3 to 6 are not the address."""
    subject = detail.partition(".")[0]
    if subject == "7" or (not subject and code == 554):
        return Failure.BLOCK
    return _BY_SUBJECT.get(subject, Failure.PERMANENT)
