"""Writes a text as YAML that reads back as the same text, in the form in which people would write it.

For the definitions that commands write. Add a form here when one is written in two places; reading belongs to the
loaders of each kind of definition.
"""

import json
import re
from collections.abc import Sequence

_PLAIN = re.compile(r"[A-Za-zÀ-ÿ][A-Za-zÀ-ÿ0-9 _./-]*(?<! )")
_WORDS_OF_YAML = frozenset(("yes", "no", "on", "off", "true", "false", "null", "y", "n"))


def scalar(text: str) -> str:
    """Return a text without quotes where YAML takes it for text anyway."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS_OF_YAML:
        return text
    return quoted(text)


def sequence(texts: Sequence[str]) -> str:
    """Return texts as a list on one line."""
    return "[" + ", ".join(map(quoted, texts)) + "]"


def quoted(text: str) -> str:
    """Return a text in quotes; JSON's are YAML's, too."""
    # YAML takes some invisible characters for line ends, and JSON does not: those are written by number.
    shown = json.dumps(text, ensure_ascii=False)
    return "".join(sign if sign.isprintable() else f"\\U{ord(sign):08X}" for sign in shown)
