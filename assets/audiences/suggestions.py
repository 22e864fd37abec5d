"""The remedy for a misspelt name: the nearest known one, or all of them.

Used wherever an author names something that does not exist. Nothing else belongs here.
"""

import difflib
from collections.abc import Iterable


def suggest(name: str, known: Iterable[str]) -> str:
    """Return a sentence that helps to find the right name."""
    names = sorted(known)
    close = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {close[0]}?"
    return f"Known are: {', '.join(names)}." if names else "There is none yet."
