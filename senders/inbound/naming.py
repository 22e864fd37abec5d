"""Whom a bounce in prose names, and what it says of each.

Servers name the failed at the start of a line, after a label, within a sentence, or by the name before the at sign
alone. `find_named` asks the surest place first and takes all of that place. Add a place here when a server names people
where nobody else does; whether the mail is a bounce at all is `text`'s.
"""

import re
from dataclasses import dataclass

from senders.inbound.phrases import LIST_FOLLOWS, any_of

MAX_RECIPIENTS = 50
_SECTION = 1500

ADDRESS = r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[A-Za-z0-9](?:[\w.-]{0,250}[A-Za-z0-9])?"
_LABEL = (
    r"(?:(?:(?:failed |intended |final |original )?(?:recipient|user|address|addressed|error-for|account)|"
    r"invalid final delivery userid|unknown (?:user|host)|undeliverable to|could not be delivered to|"
    r"user mailbox exceeds allowed size|unable to deliver message to)(?:[ \t][\w()]{1,12}){0,2}"
    r"(?:[ \t]{0,4}[:=][ \t]{0,9}|[ \t]{1,9}))?"
)
_AT_START = re.compile(
    rf"(?im)^[ \t*>•·\[-]{{0,40}}(?:\d{{1,3}}[.)][ \t]+)?{_LABEL}(?:\(?rfc822;[ \t]*)?[<\[\"'(]{{0,3}}({ADDRESS})"
    r"[>\]\"')]{0,3}(?=[\s:;,)(\[<]|\.(?!\w)|$)"
)
_ALONE = re.compile(rf"(?m)^[ \t*>•·\[-]{{0,40}}[<\[\"']{{0,2}}({ADDRESS})[>\]\"']{{0,2}}:?[ \t]*$")
_TYPED = re.compile(rf"(?i)dda:smtp[=(]({ADDRESS})|\bsmtp[=:]({ADDRESS})|rfc822;\s?({ADDRESS})")
_IN_COMMAND = re.compile(rf"(?i)\brcpt to:\s{{0,4}}<?({ADDRESS})>?")
_IN_SENTENCE = re.compile(
    rf"(?i)(?:deliver\w*|rejected recipient|your (?:e-?mail|message)|mail|message|user|person|recipient|address(?:ed)?|"
    rf"account|reached?)[^@\n.]{{0,40}}[\s<\"'(]({ADDRESS})[>\"')]{{0,2}}"
)
_IN_REPLY = re.compile(rf"(?m)^[ \t\"]{{0,20}}[45]\d\d[ -][^@\n]{{0,80}}[ <]({ADDRESS})")
_ECHOED = re.compile(rf"(?im)^[ \t]{{0,20}}to:[ \t]{{0,9}}<?({ADDRESS})>?[ \t]*$")
_ANYWHERE = re.compile(rf"(?<![\w.@+=-])({ADDRESS})(?![\w@])")
_EXPANDED = re.compile(rf"(?i)\((?:expanded|generated) from:?\s{{0,4}}<?({ADDRESS})>?\)")
# Headers of our message, said again above or below the failure: nobody in them has failed for that.
_ECHO = re.compile(
    r"(?im)^[ \t*>|-]{0,20}(?:original )?(?:from|to|cc|sender|reply-to|subject|sent|date|mail from|message-id|"
    r"return-path|betreff|von|an|gesendet|objet|envoyé|asunto|enviado|oggetto|inviato|assunto|onderwerp|verzonden|"
    r"ämne|skickat|тема|отправлено|件名|主题|主旨)[ \t]{0,4}[:：].*$"
)
_NAME_ALONE = re.compile(r"(?m)^[ \t]+\"?([\w.+-]{2,40})\"?(?:[ \t]{2,}.*|[ \t]+\".*)?[ \t]*$")
_OWN_PEOPLE = any_of(
    r"^(?:post-?master|mailer-?daemon|abuse|support|help(?:-?desk)?|admin\w*|webmaster|no-?reply|root|tosa|"
    r"servicedesk|it-?support|security|info-?security)@"
)


@dataclass(frozen=True, slots=True)
class Named:
    """One recipient and what the text says of it, on one line."""

    recipient: str
    reason: str


def find_named(text: str, own: set[str], domain: str = "") -> list[Named]:
    """Return who failed, in the order of the text.

    Args:
        text: what stands above the copy of our message.
        own: addresses of the mail itself in lower case, which a text may quote but which did not fail.
        domain: the domain of the server, for one that names its own people by the part before the at sign.
    """
    said = _ECHO.sub("", text)
    announced = LIST_FOLLOWS.search(said)
    listed = said[announced.end() :] if announced else ""
    places = (
        (_AT_START, listed),
        (_TYPED, said),
        (_AT_START, said),
        (_IN_COMMAND, said),
        (_NAME_ALONE, _first_paragraphs(listed) if domain else ""),
        (_ANYWHERE, _first_paragraphs(listed)),
        (_IN_SENTENCE, " ".join(said.split())),
        (_ANYWHERE, said),
        (_ECHOED, text),
    )
    for pattern, place in places:
        matched = _matched(pattern, place)
        if pattern is _NAME_ALONE and matched:
            return _with_reasons(matched, said, suffix=f"@{domain}")
        if found := _fit(matched, own):
            also = [] if pattern is not _IN_SENTENCE else _matched(_IN_REPLY, said)
            return _with_reasons(unique([*found, *_fit([*also, *_matched(_EXPANDED, said)], own)]), said)
    return []


def is_told_by_layout(text: str) -> bool:
    """Whether an address stands alone on its line, as no sentence in any language has it, with a reply code below."""
    for match in _ALONE.finditer(text):
        below = text[match.end() : match.end() + 400]
        if re.search(r"(?<![\d.])[45]\.\d{1,3}\.\d{1,3}(?![\d.])|(?:^|[\s#(])[45]\d\d[ -]", below):
            return True
    return False


def lists_addresses(text: str) -> bool:
    """Whether a line holds an address and a colon only, as qmail and its kin begin each failure."""
    return bool(re.search(rf"(?m)^<{ADDRESS}>:[ \t]*$", text))


def addresses_in(value: str) -> list[str]:
    """Return the addresses in a field; the standard library's reader nests as deep as a stranger's brackets do."""
    return [match[1].strip(".'") for match in _ANYWHERE.finditer(value)]


def unique(addresses: list[str]) -> list[str]:
    """Return each address once, whatever the case of its letters."""
    return list({address.lower(): address for address in reversed(addresses)}.values())[::-1]


def _matched(pattern: re.Pattern[str], place: str) -> list[str]:
    found = (next(filter(None, match.groups()), "") for match in pattern.finditer(place))
    return [address.rpartition("SMTP=")[2].strip(".'\"") for address in found]


def _fit(addresses: list[str], own: set[str]) -> list[str]:
    fit = [each for each in addresses if "@" in each and each.lower() not in own and not _OWN_PEOPLE.match(each)]
    return unique(fit)[:MAX_RECIPIENTS]


def _first_paragraphs(listed: str) -> str:
    """Return a list's first two paragraphs: what follows gives advice, and names a help desk."""
    return "\n\n".join(re.split(r"\n[ \t]*\n", listed.lstrip())[:2])


def _with_reasons(names: list[str], text: str, suffix: str = "") -> list[Named]:
    """Give each name what is said from it on to the next name; all is said of each where that is nothing."""
    places = sorted((max(text.find(name), 0), name) for name in names)
    before = [-1, *(place for place, _ in places)]
    starts = [_start_of_line(text, place, last) for (place, _), last in zip(places, before, strict=False)]
    ends = [*starts[1:], len(text)]
    reasons = {
        name: " ".join(text[start : min(max(end, place + len(name)), start + _SECTION)].split())
        for (place, name), start, end in zip(places, starts, ends, strict=True)
    }
    return [Named(name + suffix, reasons[name]) for name in names]


def _start_of_line(text: str, place: int, before: int) -> int:
    """Return where the line begins that a name stands in; the name itself where another stands before it there."""
    start = text.rfind("\n", 0, place) + 1
    return place if before >= start else start
