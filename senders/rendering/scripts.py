"""Domains that look like others: names that mix the letters of several scripts (UTS 39 5.2, Highly Restrictive).

Mailbox providers refuse them in links and senders. Add nothing here about whether a domain exists.
"""

import unicodedata

import idna

# Scripts that are written together, each beside Latin as well.
_TOGETHER = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
)


def mixed_label(host: str) -> str:
    """Return the first part of a host's name that mixes scripts, '' where none does."""
    for part in host.lower().split("."):
        label = _unicode(part)
        scripts = {unicodedata.name(letter, "UNKNOWN").split()[0] for letter in label if letter.isalpha()}
        if len(scripts) > 1 and not any(scripts <= together for together in _TOGETHER):
            return label
    return ""


def _unicode(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return str(idna.decode(label))
    except (idna.IDNAError, UnicodeError):
        return label
