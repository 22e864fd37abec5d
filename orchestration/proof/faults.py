"""What goes wrong at a faulty sink: chosen by the seed, the recipient and the try, so that a run can be repeated.

Add a fault here when relays show one that the sender must live with; a sink that can do it plays it.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    """What a sink does with one message."""

    NONE = "accepted"
    DROP_BODY = "drop_body"  # the line breaks within the body, nothing was taken
    REFUSE_LATER = "refuse_later"  # 451 to the end mark
    DROP_MARK = "drop_mark"  # the line breaks at the end mark, nothing was taken
    LOSE_REPLY = "lose_reply"  # taken and logged, and the line breaks instead of the reply


ORDER = (Fault.DROP_BODY, Fault.REFUSE_LATER, Fault.DROP_MARK, Fault.LOSE_REPLY)
TAKEN = frozenset({Fault.NONE, Fault.LOSE_REPLY})
# Endings at which the sink breaks the line.
BROKEN = frozenset({Fault.DROP_BODY, Fault.DROP_MARK, Fault.LOSE_REPLY})
# Those that leave the sender without a reply to its end mark.
UNANSWERED = frozenset({Fault.DROP_MARK, Fault.LOSE_REPLY})


@dataclass(slots=True)
class Faults:
    """Chooses faults; ``share`` is the probability of each kind."""

    seed: int
    share: float
    tries: Counter[str] = field(default_factory=Counter)

    def choose(self, recipient: str) -> Fault:
        """Return what happens to the next message to a recipient."""
        self.tries[recipient] += 1
        text = f"{self.seed} {self.tries[recipient]} {recipient}"
        digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
        place = int.from_bytes(digest, "big") / 2**64
        number = int(place / self.share) if self.share else len(ORDER)
        return ORDER[number] if number < len(ORDER) else Fault.NONE
