"""The proof sheet: every row of the audience has exactly one outcome, and the outcomes add up.

The addition is done here and not in SQL, on purpose: a check that trusts the total it checks is none.
Used by the page and by the terminal; how it looks belongs to them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dashboards.glossary import OUTCOMES, WAITING


@dataclass(frozen=True, slots=True)
class ProofLine:
    """One outcome and how many messages ended so."""

    state: str
    name: str
    meaning: str
    messages: int


@dataclass(frozen=True, slots=True)
class Proof:
    """Outcomes, their sum, and the audience that they must add up to."""

    audience: int
    outcomes: tuple[ProofLine, ...]
    waiting: tuple[ProofLine, ...]

    @property
    def total(self) -> int:
        """The sum of all outcomes."""
        return sum(line.messages for line in self.outcomes)

    @property
    def open(self) -> int:
        """How many messages have no outcome yet."""
        return sum(line.messages for line in self.waiting)

    @property
    def closes(self) -> bool:
        """Whether the outcomes add up to the audience, with nothing under way."""
        return self.total == self.audience and self.open == 0

    @property
    def verdict(self) -> str:
        """The check's result in words."""
        if self.closes:
            return "closes"
        missing = self.audience - self.total - self.open
        if missing:
            return f"does not close: {abs(missing):,} {'missing' if missing > 0 else 'too many'}"
        return f"still open: {self.open:,} under way"


def prove(counts: Mapping[str, Any]) -> Proof:
    """Return the proof sheet of counts by state; ``audience`` is what they must add up to.

    Without ``audience`` (or ``audience_rows``) the outcomes are held against the number of messages.
    """
    everything = sum(int(counts.get(state) or 0) for state in (*OUTCOMES, *WAITING))
    audience = next((counts[key] for key in ("audience", "audience_rows") if counts.get(key) is not None), everything)
    outcomes, waiting = (
        tuple(ProofLine(state, *words, int(counts.get(state) or 0)) for state, words in terms.items())
        for terms in (OUTCOMES, WAITING)
    )
    return Proof(int(audience), outcomes, waiting)
