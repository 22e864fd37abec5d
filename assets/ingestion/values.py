"""What the values of a column look like: addresses, dates and their form, numbers and their sign, countries, words.

Add a look here when a field of ours can be told by it. What a look is worth for a field belongs to ``proposals``.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assets.ingestion.validation import FALSE_WORDS, TRUE_WORDS
from assets.ingestion.vocabulary import COUNTRY_CODES, COUNTRY_NAMES, LANGUAGES, LOCALE, fold
from senders.tracking.addresses import AddressError, mask_addresses, normalize_address

MASK = "•••"
_LONGEST_SAMPLE = 40
_CLOCK = r"(?P<gap>,? |T)(?P<clock>\d{1,2}:\d{2}(?P<seconds>:\d{2})?(?P<half> ?[AaPp][Mm])?)"
_DATE = re.compile(rf"(\d{{1,2}})([./-])(\d{{1,2}})\2(\d{{4}}|\d{{2}})(?:{_CLOCK})?")
_YEAR_FIRST = re.compile(rf"(\d{{4}})([./])(\d{{1,2}})\2(\d{{1,2}})(?:{_CLOCK})?")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?")
_COMPACT = re.compile(r"(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
_NUMBER = re.compile(r"[+-]?(\d{1,3}([.,]\d{3})+|\d+)?([.,]\d+)?")
_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+),(\d{1,2}|\d{4,})|[+-]?0,\d+|[+-]?\d{1,3}(\.\d{3}){2,}")
_POINT = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)\.(\d{1,2}|\d{4,})|[+-]?0\.\d+|[+-]?\d{1,3}(,\d{3}){2,}")


@dataclass(frozen=True, slots=True)
class Dates:
    """The forms of dates in a column: those beside ISO 8601, the share that reads as dates, and whether it is sure.

    ``is_ambiguous``: no value tells whether the day or the month comes first.
    """

    forms: tuple[str, ...]
    share: float
    is_ambiguous: bool = False


def address_share(values: Sequence[str]) -> float:
    """Return the share of values that can be written to."""
    return _share(values, _is_address)


def flag_share(values: Sequence[str]) -> float:
    """Return the share of values that mean yes or no."""
    return _share(values, lambda value: value.lower() in (*TRUE_WORDS, *FALSE_WORDS))


def country_share(values: Sequence[str]) -> float:
    """Return the share of values that are codes or names of countries."""
    return _share(values, lambda value: value.upper() in COUNTRY_CODES or fold(value) in COUNTRY_NAMES)


def locale_share(values: Sequence[str]) -> float:
    """Return the share of values that name a language."""
    return _share(values, lambda value: bool(LOCALE.fullmatch(value)) or fold(value) in LANGUAGES)


def number_share(values: Sequence[str]) -> float:
    """Return the share of values that are plain numbers, with either decimal sign."""
    return _share(values, lambda value: any(map(str.isdigit, value)) and bool(_NUMBER.fullmatch(value)))


def words_share(values: Sequence[str]) -> float:
    """Return the share of values of more than one word."""
    return _share(values, lambda value: " " in value)


def unique_share(values: Sequence[str]) -> float:
    """Return the share of values that stand there once; 1 where there are none."""
    return len(set(values)) / len(values) if values else 1.0


def find_dates(values: Sequence[str], *, is_day_first: bool | None = None) -> Dates:
    """Return the forms of dates in a column.

    Args:
        values: the column's values.
        is_day_first: what is known from elsewhere where the values leave it open.
    """
    if not values:
        return Dates((), 0.0)
    orders, iso, is_ambiguous = _day_orders(values), 0, False
    forms: Counter[str] = Counter()
    for value in values:
        if _ISO.fullmatch(value):
            iso += 1
        elif match := _DATE.fullmatch(value):
            day_first = orders.get(match[2], True if is_day_first is None else is_day_first)
            is_ambiguous = is_ambiguous or (match[2] not in orders and is_day_first is None)
            if _can_be(match, day_first=day_first):
                forms[_form_of(match, day_first=day_first)] += 1
        elif match := _YEAR_FIRST.fullmatch(value):
            forms[f"%Y{match[2]}%m{match[2]}%d" + _clock_form(match)] += 1
        elif _COMPACT.fullmatch(value):
            forms["%Y%m%d"] += 1
    share = (iso + forms.total()) / len(values)
    return Dates(tuple(form for form, _ in forms.most_common()), share, is_ambiguous)


def find_decimal(values: Sequence[str]) -> str | None:
    """Return the decimal sign of numbers, None where no value tells."""
    commas = sum(1 for value in values if _COMMA.fullmatch(value))
    points = sum(1 for value in values if _POINT.fullmatch(value))
    return None if commas == points else "," if commas > points else "."


def mask_samples(values: Sequence[str], count: int = 3) -> tuple[str, ...]:
    """Return the first different values, short and on one line, with addresses masked."""
    return tuple(mask_text(value) for value in list(dict.fromkeys(values))[:count])


def mask_text(text: str) -> str:
    """Return a text short and on one line, with the addresses in it masked."""
    masked = mask_addresses(one_line(text))
    return masked if len(masked) <= _LONGEST_SAMPLE else masked[: _LONGEST_SAMPLE - 1] + "…"


def one_line(text: str) -> str:
    """Return a text on one line, without the control characters that a terminal would obey."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _share(values: Sequence[str], fits: Callable[[str], bool]) -> float:
    return sum(map(fits, values)) / len(values) if values else 0.0


def _is_address(text: str) -> bool:
    try:
        normalize_address(text)
    except AddressError:
        return False
    return True


def _day_orders(values: Sequence[str]) -> dict[str, bool]:
    """Return, by what stands between, whether the day comes first; nothing where no value tells."""
    told: dict[str, Counter[bool]] = {}
    for value in values:
        if match := _DATE.fullmatch(value):
            first, second = int(match[1]), int(match[3])
            if first > 12 >= second or second > 12 >= first:
                told.setdefault(match[2], Counter())[first > 12] += 1
    orders = {between: counts.most_common(1)[0][0] for between, counts in told.items()}
    return {".": True} | orders  # with points the day comes first wherever people write so


def _can_be(match: "re.Match[str]", *, day_first: bool) -> bool:
    day, month = (int(match[1]), int(match[3])) if day_first else (int(match[3]), int(match[1]))
    return 1 <= day <= 31 and 1 <= month <= 12


def _form_of(match: "re.Match[str]", *, day_first: bool) -> str:
    between, year = match[2], "%Y" if len(match[4]) == 4 else "%y"
    first, second = ("%d", "%m") if day_first else ("%m", "%d")
    return f"{first}{between}{second}{between}{year}" + _clock_form(match)


def _clock_form(match: "re.Match[str]") -> str:
    if match["clock"] is None:
        return ""
    half = match["half"]
    hour = "%I" if half else "%H"
    seconds = ":%S" if match["seconds"] else ""
    return f"{match['gap']}{hour}:%M{seconds}" + (f"{' ' if half.startswith(' ') else ''}%p" if half else "")
