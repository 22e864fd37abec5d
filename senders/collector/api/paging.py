"""Parameters of calls that read in pages.

Add a parameter here when calls of several subjects take it.
"""

import re
from collections.abc import Mapping

from senders.collector.api.problems import Mistake, invalid, shown

MAX_PAGE = 1000
DEFAULT_PAGE = 100
MAX_PAGE_LENGTH = 4 * 1024 * 1024
"""Characters after which a page ends, whatever its limit says."""
_LARGEST = 2**63 - 1
_WHOLE = re.compile(r"[0-9]{1,19}")


def whole_number(query: Mapping[str, str], name: str, *, default: int = 0, least: int = 0, most: int = _LARGEST) -> int:
    """Return a whole number of the query.

    Raises:
        Problem: it is none, or out of bounds (422).
    """
    text = query.get(name)
    if text is None:
        return default
    if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
        remedy = f"send a whole number between {least} and {most}"
        raise invalid([Mistake(name, "is no number that can be used", remedy, shown(text))])
    return int(text)


def page_size(query: Mapping[str, str]) -> int:
    """Return how many rows a page may hold."""
    return whole_number(query, "limit", default=DEFAULT_PAGE, least=1, most=MAX_PAGE)
