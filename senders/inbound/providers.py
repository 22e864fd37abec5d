"""The rule table: what large mailbox providers mean by their codes and sentences, where the standards say otherwise.

One table for replies to a delivery (`delivery.classify`) and for returned mail (`classify`). A row is a pattern over
``<enhanced code> <reply>``, whose first match holds. ``fault`` says whose doing it was: ``sender`` (login,
authentication, DMARC, TLS, PTR: RELIABILITY P21) and ``rate`` never cost a contact, whatever the code says. Add a row
when a provider publishes a code or a sentence that is told wrong, with its page or the provider in the comment of the
group; standard codes belong to `classify`.
"""

import re
from dataclasses import dataclass

from senders.inbound.failure import Failure

SENDER, RATE, REPUTATION, CONTENT, ADDRESS, MAILBOX = "sender", "rate", "reputation", "content", "address", "mailbox"


@dataclass(frozen=True, slots=True)
class Rule:
    """What a reply means that matches ``pattern``."""

    failure: Failure
    fault: str
    pattern: re.Pattern[str]


def _rule(failure: Failure, fault: str, *patterns: str) -> Rule:
    return Rule(failure, fault, re.compile("|".join(patterns), re.IGNORECASE))


def _codes(*details: str) -> str:
    """Return a pattern for enhanced codes of these subjects and details; a piece of an IP address is none."""
    return rf"(?<![\d.])[45]\.(?:{'|'.join(details)})(?!\d|\.\d)"


RULES: tuple[Rule, ...] = (
    # Everybody: what a code of the registry says of our authentication (RFC 7372, 8461; Gmail 5.7.23 to 5.7.32).
    _rule(
        Failure.POLICY,
        SENDER,
        _codes(r"7\.(?:2[0-79]|3[0-2]|15|515|509|57|60|64|70\d|7[1-4]\d|750)", r"1\.[78]"),
        r"unauthenticated (?:e-?mail|message|mail|sender)|sender is unauthenticated|(?:is )?not authenticated",
        r"authentication (?:checks?|information|level|required)[^\n]{0,60}(?:fail|not meet|required|missing)",
        r"(?:spf|dkim|dmarc)\b[^\n]{0,80}(?:fail|reject|not pass|did not|policy|check|error|quarantine|softfail|"
        r"invalid)",
        r"(?:fail\w*|reject\w*|violat\w*|due to|because of)[^\n]{0,60}\b(?:spf|dkim|dmarc)\b",
        r"sender policy framework",
        r"(?:reverse dns|\bptr\b|rdns|reverse hostname|reverse lookup)[^\n]{0,80}(?:fail|no |not |missing|invalid|"
        r"mismatch|required|setting|generic|record|cannot|could not)",
        r"(?:no|missing|invalid|without|bad|generic) (?:valid )?(?:reverse dns|ptr|rdns)",
        r"cannot find your (?:reverse )?hostname|helo command rejected",
        r"(?:must|requires?|without)[^\n]{0,40}\b(?:starttls|tls)\b",
        r"\b(?:starttls|tls)\b[^\n]{0,20}(?:required|needed)|invalid dns (?:mx|a|ptr)\b",
        r"smtp auth(?:entication)? (?:is )?(?:required|first)|turn on smtp auth|requires? authentication",
        r"dmarc ?reject|not rfc[ -]?compliant",
        r"sender (?:address|domain|e-?mail)\b[^.\n]{0,60}(?:reject|not exist|unknown|invalid|not found|"
        r"does not resolve)",
        r"domain of sender[^\n]{0,40}(?:not|does)|bad sender|envelope sender domain",
        r"sender[^\n]{0,60}has no (?:a|mx)\b|dns check failed|sender domain resolve|sender verify failed",
        r"sender denied|access denied, bad (?:outbound )?sender",
        r"relay(?:ing)? (?:access |is )?(?:denied|not permitted|prohibited|not allowed)",
        r"(?:isn.t|not) allowed to relay|allowed rcpthosts|missing a valid (?:address|from)",
        r"(?:ip|address|server)[^\n]{0,40}(?:is )?not authorized to send",
        r"from (?:header|field|address)[^\n]{0,60}(?:missing|invalid|multiple|not valid|are not|not rfc|malformed)",
        r"(?:not|non)[ -]?rfc ?(?:5321|5322|2822|822)",
    ),
    # Gmail: a recipient that gets too much comes before its code 5.2.1, which elsewhere is a closed account.
    _rule(
        Failure.TRANSIENT,
        MAILBOX,
        r"disk quota|over ?-?quota|mail ?box quota|mail ?box (?:is )?full|inbox is full|out of storage space",
        r"receiving (?:mail|messages|e-?mails?) (?:too quickly|at a rate)|ReceivingRate|RecipientPer(?:Hour|Day)",
        r"recipient[^\n]{0,30}rate limit",
        _codes(r"2\.12[12]"),
    ),
    _rule(Failure.POLICY, CONTENT, _codes(r"2\.3", r"3\.4"), r"(?:Recip|Send)SizeLimit|message size|size limit"),
    # Rates: Gmail 4.7.28, Yahoo TSS and #4.16, Microsoft 4.7.500 to 699 and 5.7.508, Orange OFR, QQ and 163 by words.
    _rule(
        Failure.POLICY,
        RATE,
        _codes(r"7\.28", r"7\.508", r"1\.90"),
        r"(?<![\d.])4\.7\.[56]\d\d(?!\d)|unusual rate of",
        r"\[TSS?0[1-8]\]|daily (?:smtp |user )?(?:sending |message )?(?:limit|quota) (?:exceeded|reached)",
        r"connection frequency limited",
        r"(?:too many|exceed\w*|maximum|limit)[^\n]{0,40}(?:connections?|messages?|recipients?|mails|concurrent|"
        r"sessions?|rate)[^\n]{0,40}(?:from|per|in this|hour|minute|limit|exceeded|reached)",
        r"\brate[ -]?limit(?:ed|ing)?\b|throttl|ofr_?(?:004_)?10[0-9]",
        r"sending (?:rate|too fast|mail too (?:fast|quickly))|too (?:fast|frequent|much mail)|mails? per session",
        r"slow ?down",
    ),
    # Apple, Microsoft, Gmail: a full mailbox, also where the code is 5.2.2 or 5.7.x.
    _rule(
        Failure.TRANSIENT,
        MAILBOX,
        r"out of storage space|inbox is full|over ?-?quota|OverQuota|(?:disk|mailbox|mail|storage|account) quota",
        r"quota (?:exceed|violat|full)|exceed\w* (?:\w+ ){0,3}quota|mailbox (?:is )?full",
        r"STOREDRV[^\n]{0,80}(?:full|quota)|exceeded storage",
    ),
    # AOL and Yahoo: blocks that come under the code of an address (5.2.1), and the marks of their own lists.
    _rule(
        Failure.BLOCK,
        REPUTATION,
        r"aol will not accept|\((?:RLY|DYN|HVU|DNS|CON|RTR|SND|CTRY|TWN)[:;][A-Z0-9]{1,5}\)",
        r"\[(?:BL\d\d|TSS?09|PH\d\d|GL\d\d|IPTS\d\d|VS\d-\w+)\]",
        r"not accepting (?:mail|messages) from|(?:recipient|user) (?:has )?blocked (?:your|this|the sender)",
        r"blocked by (?:the )?recipient",
    ),
    # Microsoft: banned addresses of ours (S3140, S3150, 5.7.606 to 649), SC/DY/OU marks; groups that take no strangers.
    _rule(
        Failure.BLOCK,
        REPUTATION,
        r"\bS31[45]\d\b|\b(?:SC|DY|OU|RP)-00\d\b|banned send|block ?list \(",
        _codes(r"7\.(?:1[2-4]\d|511|50[1-3]|6[0-4]\d)"),
        r"RESOLVER\.RST\.(?!RecipSizeLimit)|SenderNotAuthenticatedForGroup",
        r"restricted[^\n]{0,40}(?:group|recipient|sender)",
    ),
    # Microsoft, Yahoo, Apple, Gmail, mail.ru, Yandex, GMX: nobody of that name, under codes that say less.
    _rule(
        Failure.PERMANENT,
        ADDRESS,
        r"Recip(?:ient)?N(?:ot)?Found|RecipNotFound|RecipientNotFound|ExRecipNotFound",
        r"ADR\.(?:BadPrimary|InvalidSmtp|ExRecip)",
        r"(?<![\d.])5\.4\.1\b[^\n]{0,60}access denied|\(S2017062302\)",
        _codes(r"1\.10", r"4\.310", r"1\.351"),
        r"this (?:user|account)\b[^\n]{0,60}(?:doesn.t have an?|has been (?:disabled|discontinued)|is (?:disabled|"
        r"inactive))",
        r"account that you tried to reach (?:does not exist|is (?:disabled|inactive))|not our customer",
        r"user is disabled",
        r"no such user|unknown (?:or illegal )?(?:alias|user|recipient)|invalid mailbox|mailbox not found",
        r"recipient not found|mailbox (?:does not exist|unavailable|disabled|is (?:disabled|inactive|unavailable))",
        r"user[^\n]{0,60}(?:not found|unknown)|not listed in (?:public name|domino)|unknown recipient",
        r"recipient name is not recognized|undeliverable address",
    ),
    # Apple, GMX, T-Online, Comcast, Cox, Spamhaus and kin: their opinion of our mail or our address.
    _rule(
        Failure.BLOCK,
        REPUTATION,
        r"\[(?:CS|HM|PR|HC)\d\d\]|local policy|reject due to policy|tosa@|spamhaus|barracudacentral|dnsbl|spamcop",
        r"sorbs|senderscore|csi\.cloudmark|ipcheck\.proofpoint|\bCXBL\b|\bDT:SPM\b|mail content denied",
        r"likely unsolicited|suspicion of spam|spam message|considered spam|bulk e?-?mail filter|block(?:ed)? ?list",
        r"black ?list|poor reputation|bad reputation|low reputation",
    ),
)


def find_rule(enhanced: str, reply: str) -> Rule | None:
    """Return the first rule that a reply matches."""
    text = f"{enhanced} {reply[:2_000]}"
    return next((rule for rule in RULES if rule.pattern.search(text)), None)
