"""What a person decided about a new source beforehand, and what still has to be decided.

Add a choice here when an option of ``source add`` may settle something. What is done with choices belongs to
``adding``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from assets.ingestion.mapping import SourceKind

IGNORE = "ignore"
CONSENT = "consent"


@dataclass(frozen=True, slots=True)
class ConsentChoice:
    """A consent column as a person settled it; ``words`` by state, empty for those that we know."""

    column: str
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OptOutChoice:
    """A column of those who said stop as a person settled it; ``words`` are empty for those that we know."""

    column: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person decided beforehand; everything else is proposed."""

    kind: SourceKind | None = None
    encoding: str | None = None
    delimiter: str | None = None
    decimal: Literal[".", ","] | None = None
    date_formats: tuple[str, ...] = ()
    mapped: Mapping[str, str] = field(default_factory=dict)
    consent: ConsentChoice | None = None
    opt_out: OptOutChoice | None = None
    all_consented: bool = False
    basis: str = ""


@dataclass(frozen=True, slots=True)
class Doubt:
    """What only a person can settle; ``remedy`` is the option that does.

    Without being settled, a column is not read; where ``is_blocking``, nothing is done at all.
    """

    column: str
    message: str
    remedy: str
    is_blocking: bool = False

    def __str__(self) -> str:
        """Return it as one sentence."""
        return f"{self.message} {self.remedy}"
