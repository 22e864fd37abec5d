"""What the columns of a file mean, proposed from their headings and values, each with how sure it is.

Add a rule here when a kind of column is taken for another. The words belong to ``vocabulary``, how a file is read
to ``layouts``, the consent to ``consent_columns``; what is done with a proposal is decided in ``adding``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from assets.ingestion import values as looks
from assets.ingestion.layouts import Layout
from assets.ingestion.mapping import FIELDS, SourceKind
from assets.ingestion.values import Dates
from assets.ingestion.vocabulary import HEADINGS, NOT_HELD, fold

SURE = 0.8
"""A proposal of this confidence or more is taken without asking."""
WORTH_ASKING = 0.45

_EXACT = 0.95
_NO_FIELD = "no field of ours fits its name and values"


@dataclass(frozen=True, slots=True)
class Guess:
    """What a column of theirs may be; ``samples`` are masked, ``note`` says what a person should know."""

    column: str
    field: str
    type: str
    confidence: float
    samples: tuple[str, ...] = ()
    note: str = ""

    @property
    def is_sure(self) -> bool:
        """Whether it is taken without asking."""
        return self.confidence >= SURE


@dataclass(frozen=True, slots=True)
class Ignored:
    """A column that is not read, and why; it stays with the raw row."""

    column: str
    reason: str


def likeness(heading: str, phrases: Iterable[str]) -> float:
    """Return how much a heading is like one of the phrases: 1 is the very words, 0 is another thing."""
    folded = fold(heading)
    return max((_alike(folded, phrase) for phrase in phrases), default=0.0)


def propose_kind(layout: Layout) -> SourceKind:
    """Return whether the rows are contacts, orders or products."""
    found = {kind: {guess.field for guess in propose_columns(layout, kind) if guess.is_sure} for kind in FIELDS}
    if {"order_id", "amount"} <= found["orders"] and "ordered_at" in found["orders"]:
        return "orders"
    if "product_id" in found["products"] and "email" not in found["contacts"]:
        return "products"
    return "contacts"


def propose_columns(layout: Layout, kind: SourceKind, *, is_day_first: bool | None = None) -> list[Guess]:
    """Return a guess for each column that may be one of our fields, in the order of our fields.

    Args:
        layout: the file.
        kind: what its rows are.
        is_day_first: what is known where dates leave it open.
    """
    scored = [
        guess
        for column in layout.header
        for guess in _candidates(layout, kind, column, is_day_first)
        if guess.confidence >= WORTH_ASKING
    ]
    chosen: dict[str, Guess] = {}
    for guess in sorted(scored, key=lambda guess: -guess.confidence):  # of equals the earlier column
        if guess.field not in chosen and guess.column not in {other.column for other in chosen.values()}:
            chosen[guess.field] = guess
    guesses = [chosen[field] for field in FIELDS[kind] if field in chosen]
    return [_doubt_lone_name(layout, guess, chosen) for guess in guesses]


def explain_ignored(layout: Layout, kind: SourceKind, column: str) -> Ignored:
    """Return why a column is not read."""
    if not layout.values(column):
        return Ignored(column, "it is empty in the first rows")
    best = max(NOT_HELD, key=lambda what: likeness(column, NOT_HELD[what]))
    if kind == "contacts" and likeness(column, NOT_HELD[best]) >= 0.75:
        return Ignored(column, f"{best} has no field of ours")
    if kind != "products" and looks.address_share(layout.values(column)) > 0.5:
        return Ignored(column, "another column holds the address")
    return Ignored(column, _NO_FIELD)


def find_date_forms(layout: Layout, columns: Sequence[str], *, is_day_first: bool | None = None) -> Dates:
    """Return the forms of dates of several columns together."""
    each = [looks.find_dates(layout.values(column), is_day_first=is_day_first) for column in columns]
    forms = dict.fromkeys(form for dates in each for form in dates.forms)
    return Dates(tuple(forms), min((dates.share for dates in each), default=1.0), any(d.is_ambiguous for d in each))


def tell_day_order(layout: Layout) -> bool | None:
    """Return whether the day comes first, told by any column of the file; None where none tells."""
    for column in layout.header:
        dates = looks.find_dates(layout.values(column))
        if dates.forms and not dates.is_ambiguous and dates.share > 0.8 and "/" in dates.forms[0]:
            return dates.forms[0].startswith("%d")
    # Where lists are written with semicolons, or headings with accents, the day comes first.
    return True if layout.delimiter == ";" or not "".join(layout.header).isascii() else None


def _alike(heading: str, phrase: str) -> float:
    if heading == phrase or heading.replace(" ", "") == phrase.replace(" ", ""):
        return 1.0
    theirs, ours = heading.split(), phrase.split()
    if len(phrase) > 2 and set(ours) <= set(theirs):
        return 0.72 + 0.25 * len(ours) / len(theirs)
    whole, part = heading.replace(" ", ""), phrase.replace(" ", "")
    if len(part) >= 5 and part in whole:
        return 0.5 + 0.4 * len(part) / len(whole)
    return 0.0


def _candidates(layout: Layout, kind: SourceKind, column: str, is_day_first: bool | None) -> Iterable[Guess]:
    values = layout.values(column)
    other = max(likeness(column, phrases) for phrases in NOT_HELD.values()) if kind == "contacts" else 0.0
    for field, type_ in FIELDS[kind].items():
        named = likeness(column, HEADINGS[kind][field])
        is_partner = field == "last_name" and _is_beside_first_name(layout, column)
        if is_partner:
            named = max(named, 0.97)
        if other >= named and field != "email" and not is_partner:
            named = 0.0
        confidence, note = _weigh(field, type_.kind, named * _EXACT, values, is_day_first)
        if confidence:
            samples = looks.mask_samples([v for v in values if "@" in v] if type_.kind == "address" else values)
            yield Guess(column, field, type_.kind, round(min(confidence, 0.99), 2), samples, note)


def _weigh(field: str, kind: str, named: float, values: list[str], is_day_first: bool | None) -> tuple[float, str]:
    """Return the confidence from the heading, changed by what the values say, and a note."""
    if kind == "address":
        return _weigh_address(named, values)
    if field == "country" and not named:
        return (0.7, "told by its values alone") if _are_countries(values) else (0.0, "")
    if not named:
        return 0.0, ""
    if not values:
        return named * 0.8, "empty in the first rows"
    if kind == "time":
        return _weigh_dates(named, values, is_day_first)
    if kind in ("integer", "number"):
        share = looks.number_share(values)
        return named * _support(share), "" if share == 1 else "some values are no plain numbers"
    if kind == "flag":
        return named * _support(looks.flag_share(values)), ""
    return named * _fit_of_text(field, values), ""


def _weigh_address(named: float, values: list[str]) -> tuple[float, str]:
    share = looks.address_share(values)
    if share < 0.5:
        return (named * 0.4, "few of its values are addresses") if named else (0.0, "")
    confidence = 0.9 + 0.09 * share if named else 0.6 + 0.3 * share
    return confidence - (0.1 if named and named < 0.9 else 0.0), "" if named else "told by its values alone"


def _weigh_dates(named: float, values: list[str], is_day_first: bool | None) -> tuple[float, str]:
    dates = looks.find_dates(values, is_day_first=is_day_first)
    confidence = named * _support(dates.share)
    if dates.is_ambiguous:
        return min(confidence, 0.6), "its dates do not tell whether the day or the month comes first"
    return confidence, ""


def _support(share: float) -> float:
    """Return what a share of fitting values is worth: a few defects do not count."""
    return 1.0 if share >= 0.8 else 0.9 * share


def _fit_of_text(field: str, values: list[str]) -> float:
    if looks.address_share(values) > 0.5:
        return 0.0
    if field == "source_key":
        return 1.0 if looks.unique_share(values) >= 0.8 else 0.5
    if field in ("first_name", "last_name", "city", "country") and looks.number_share(values) > 0.5:
        return 0.2
    if field == "country":
        return 1.0 if looks.country_share(values) >= 0.5 else 0.85
    if field == "locale":
        return 1.0 if looks.locale_share(values) >= 0.5 else 0.6
    return 1.0


def _are_countries(values: list[str]) -> bool:
    return len(set(values)) > 1 and looks.country_share(values) >= 0.9 and min(map(len, values)) > 1


def _is_beside_first_name(layout: Layout, column: str) -> bool:
    """Whether a column headed Name stands in a file that has first names, and so holds last names."""
    if fold(column) not in ("name", "naam", "nazwa"):
        return False
    phrases = HEADINGS["contacts"]["first_name"]
    return any(likeness(other, phrases) == 1.0 for other in layout.header if other != column)


def _doubt_lone_name(layout: Layout, guess: Guess, chosen: dict[str, Guess]) -> Guess:
    """Doubt a name whose values are of several words where no other column has the other half."""
    halves = {"first_name", "last_name"}
    if guess.field not in halves or halves <= chosen.keys():
        return guess
    if looks.words_share(layout.values(guess.column)) < 0.6:
        return guess
    return replace(guess, confidence=round(guess.confidence * 0.6, 2), note="it seems to hold full names")
