"""What one mail says of one recipient, and how an address in it is read.

Shared by `dsn`, which reads reports for machines, `prose`, which guesses, and `arf`. Add what all of them need.
"""

import re
from dataclasses import dataclass

from senders.inbound.failure import Failure

MAX_DIAGNOSTIC = 500
_IN_BRACKETS = re.compile(r"<([^<>]{0,400})>")
_ESCAPED = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")


@dataclass(frozen=True, slots=True)
class BounceReport:
    """What one mail says of one recipient.

    ``failure`` is '' where the action is no failure; a delay is transient and is not final. ``structured``
    tells a report for machines from a guess at prose.
    """

    recipient: str
    action: str
    status: str
    code: int
    diagnostic: str
    failure: Failure | None
    structured: bool = True

    @property
    def is_failure(self) -> bool:
        """Whether the message did not and will not arrive."""
        return self.action == "failed"


def clean_address(text: str) -> str:
    """Return the address in a field: without brackets and comments, its escapes (RFC 6533 3) read."""
    inside = _IN_BRACKETS.search(text)
    bare = (inside.group(1) if inside else text.partition("(")[0]).strip().strip("'<>,;:")
    if not re.fullmatch(r'"[^"]+"@.+', bare):
        bare = bare.strip('"')
    bare = _ESCAPED.sub(_unescaped, bare)
    return bare if len(bare) <= 320 else ""


def _unescaped(match: re.Match[str]) -> str:
    number = int(match[1], 16)
    return chr(number) if 32 < number < 0x110000 and not 0xD800 <= number < 0xE000 else match[0]
