"""Which column of a file says who wants mail, and what its words mean.

Add a rule here when consent is written another way. Nothing is ever taken for consent by likeness: a word that is
not in the vocabulary is listed and asked about, and until then counts as unknown. How the words are applied to rows
belongs to ``consent``.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from assets.ingestion import values as looks
from assets.ingestion.layouts import Layout
from assets.ingestion.proposals import WORTH_ASKING, likeness
from assets.ingestion.vocabulary import (
    CONSENT_HEADINGS,
    CONSENT_WORDS,
    OPT_OUT_HEADINGS,
    YES,
    consent_state,
    fold,
    plain,
)

STATES = ("granted", "denied", "unsubscribed")

_OTHER_CHANNELS = frozenset(("sms", "phone", "telefon", "telefono", "whatsapp", "post", "push", "tel", "print"))
_TELLING = frozenset(word for word in CONSENT_WORDS if len(word) > 7)
_MOST_WORDS = 30


@dataclass(frozen=True, slots=True)
class ConsentColumn:
    """A column that may say who wants mail; ``is_opt_out``: it says who wants none.

    ``is_any_value``: any value in it means stop, such as the date of it.
    """

    column: str
    confidence: float
    is_opt_out: bool = False
    is_any_value: bool = False


@dataclass(frozen=True, slots=True)
class ConsentWords:
    """The words of a consent column by what they mean; ``unknown`` counts those that nobody has explained."""

    granted: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    unsubscribed: tuple[str, ...] = ()
    unknown: Mapping[str, int] | None = None
    unknown_share: float = 0.0
    blank: int = 0

    def of(self, state: str) -> tuple[str, ...]:
        """Return the words of a state."""
        words: tuple[str, ...] = getattr(self, state)
        return words


def find_consent_columns(layout: Layout) -> list[ConsentColumn]:
    """Return the columns that may say who wants mail or who wants none, the likeliest first."""
    found = [candidate for column in layout.header if (candidate := judge_column(layout, column)) is not None]
    return sorted(found, key=lambda candidate: -candidate.confidence)


def sort_words(words: Counter[str], rows: int, *, is_opt_out: bool = False) -> ConsentWords:
    """Return what each word of a column means.

    Args:
        words: how often each value stands in the column.
        rows: how many rows the file has.
        is_opt_out: a yes means stop; a no then is no consent, and means nothing.
    """
    by_state: dict[str, list[str]] = {state: [] for state in STATES}
    unknown: Counter[str] = Counter()
    seen: dict[str, str] = {}
    for word, count in words.most_common():
        key = word.lower()
        if key in seen:
            unknown.update({seen[key]: count} if seen[key] in unknown else {})
            continue
        seen[key] = word
        state = _opt_out_state(key) if is_opt_out else consent_state(key)
        if state is None:
            unknown[word] = count
        elif state in by_state:
            by_state[state].append(word)
    filled = words.total()
    return ConsentWords(
        **{state: tuple(found) for state, found in by_state.items()},
        unknown=dict(unknown),
        unknown_share=unknown.total() / filled if filled else 0.0,
        blank=max(rows - filled, 0),
    )


def is_other_channel(column: str) -> bool:
    """Whether a column is about messages of another kind than mail."""
    words = set(fold(column).split())
    return bool(words & _OTHER_CHANNELS) and not words & {"mail", "email"}


def judge_column(layout: Layout, column: str) -> ConsentColumn | None:
    """Return what a column may say of consent; None for another thing."""
    values = layout.values(column)
    if is_other_channel(column):
        return None
    out, named = likeness(column, OPT_OUT_HEADINGS), likeness(column, CONSENT_HEADINGS)
    if out >= max(named, 0.75):
        return ConsentColumn(column, round(0.95 * out, 2), is_opt_out=True, is_any_value=_are_dates(values))
    known = _known_share(values)
    if named >= 0.6 and _are_words(values):
        confidence = 0.95 * named * (1.0 if known >= 0.8 else 0.8)
        return ConsentColumn(column, round(confidence, 2)) if confidence >= WORTH_ASKING else None
    if values and _are_telling(values):
        return ConsentColumn(column, 0.85)
    return None


def _known_share(values: list[str]) -> float:
    return sum(consent_state(value) is not None for value in values) / len(values) if values else 0.0


def _are_words(values: list[str]) -> bool:
    """Whether values are a few words and no addresses, dates or free text."""
    if not values or len({value.lower() for value in values}) > _MOST_WORDS:
        return False
    return not _are_dates(values) and looks.address_share(values) < 0.5


def _are_dates(values: list[str]) -> bool:
    return looks.find_dates(values).share >= 0.5


def _are_telling(values: list[str]) -> bool:
    """Whether the values alone say it: nothing but words such as subscribed and unsubscribed."""
    words = {plain(value) for value in values}
    return words <= _TELLING and len({CONSENT_WORDS[word] for word in words}) > 1


def _opt_out_state(word: str) -> str | None:
    """Return what a word in a column of those who said stop means; '' where it means that they did not."""
    if plain(word) in YES or consent_state(word) == "unsubscribed":
        return "unsubscribed"
    return "" if consent_state(word) == "denied" else None
