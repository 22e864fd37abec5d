"""What was typed into a form, read and judged: the address, the topics, the other fields.

What does not fit is named, field by field, so that the page can say it beside the field. Add a kind of field here; what
a form asks belongs to ``senders.forms``, the words about what is wrong to the pages.
"""

import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import parse_qsl

from senders.forms import MAX_EMAIL, FieldConfig, FieldKind, FormConfig
from senders.tracking.addresses import AddressError, normalize_address

EMAIL, TOPIC, TRAP, STAMP, LANGUAGE, WORDING = "email", "topic", "leave_empty", "stamp", "lang", "wording"
FIELD = "field."
MAX_PAIRS = 200
_JOINERS = "\u200c\u200d"  # names in Persian and Hindi are written with them
# Problems, by what the words about them are called.
MISSING, TOO_LONG, BAD_EMAIL, BAD_VALUE, NO_TOPIC, NOT_EMPTY = (
    "missing",
    "too_long",
    "bad_email",
    "bad_value",
    "no_topic",
    "not_empty",
)


class UnreadableFormError(ValueError):
    """A body that no form of ours sends."""


@dataclass(frozen=True, slots=True)
class Posted:
    """The pairs of a posted form; a name may come more than once."""

    pairs: Sequence[tuple[str, str]] = field(default=(), repr=False)

    def first(self, name: str) -> str:
        """Return the first value of a name, '' where there is none."""
        return next((value for key, value in self.pairs if key == name), "")

    def all(self, name: str) -> list[str]:
        """Return all values of a name."""
        return [value for key, value in self.pairs if key == name]

    def as_mapping(self) -> dict[str, str]:
        """Return the first value of each name."""
        return dict(reversed(self.pairs))


@dataclass(frozen=True, slots=True)
class Answers:
    """A form filled in. ``email`` is the address's normal form, '' where there is none.

    ``topics`` are scopes, ('',) for everything. ``problems`` says by field what is wrong; where there are any, nothing
    may follow from the rest.
    """

    email: str = field(repr=False)
    topics: tuple[str, ...]
    fields: Mapping[str, Any] = field(repr=False)
    problems: Mapping[str, str]


def read_form(body: bytes, content_type: str) -> Posted:
    """Read a posted form; bytes that are no UTF-8 become marks, since nothing is lost by them.

    Raises:
        UnreadableFormError: it is in another encoding than a plain form's, or has too many fields.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in {"", "application/x-www-form-urlencoded"}:
        raise UnreadableFormError(f"a form in {kind[:60]!r}")
    try:
        pairs = parse_qsl(
            body.decode("ascii", errors="replace"), keep_blank_values=True, max_num_fields=MAX_PAIRS, errors="replace"
        )
    except ValueError as error:
        raise UnreadableFormError(f"more than {MAX_PAIRS} fields") from error
    return Posted(pairs)


def judge(form: FormConfig, posted: Posted) -> Answers:
    """Return what a form was answered, and what is wrong with it."""
    problems: dict[str, str] = {}
    email = read_email(posted, problems)
    topics = _topics(form, posted, problems)
    fields: dict[str, Any] = {}
    for asked in form.fields:
        text = _clean(posted.first(FIELD + asked.name))
        problem = _problem(asked, text)
        if problem:
            problems[asked.name] = problem
        elif text:
            fields[asked.name] = _value(asked, text)
    if posted.first(TRAP):
        problems[TRAP] = NOT_EMPTY
    return Answers(email, topics, fields, problems)


def read_email(posted: Posted, problems: dict[str, str]) -> str:
    """Return the normal form of the typed address, or '' and the problem."""
    text = posted.first(EMAIL)
    if not text.strip():
        problems[EMAIL] = MISSING
        return ""
    try:
        if len(text) > MAX_EMAIL:
            raise AddressError("domain_too_long")
        return normalize_address(text)
    except AddressError:
        problems[EMAIL] = BAD_EMAIL
        return ""


def _topics(form: FormConfig, posted: Posted, problems: dict[str, str]) -> tuple[str, ...]:
    if not form.asks_topics:
        return form.topics or ("",)
    given = set(posted.all(TOPIC))
    chosen = tuple(topic for topic in form.topics if topic in given)
    if not chosen:
        problems[TOPIC] = NO_TOPIC
    return chosen


def _clean(text: str) -> str:
    """Return a line of text: no control characters, no directions of writing, one space where there were several."""
    visible = "".join(" " if unicodedata.category(one)[0] in "ZC" and one not in _JOINERS else one for one in text)
    return unicodedata.normalize("NFC", " ".join(visible.split()))


def _problem(asked: FieldConfig, text: str) -> str:
    if not text:
        return MISSING if asked.is_required else ""
    if asked.kind is FieldKind.TEXT:
        return TOO_LONG if len(text) > asked.most else ""
    try:
        _value(asked, text)
    except ValueError:
        return BAD_VALUE
    return ""


def _value(asked: FieldConfig, text: str) -> str | float | bool:
    """Return a value as JSON holds it; raises `ValueError`."""
    if asked.kind is FieldKind.NUMBER:
        return _number(text, asked.most)
    if asked.kind is FieldKind.DATE:
        return date.fromisoformat(text).isoformat()
    if asked.kind is FieldKind.YES_NO:
        if text not in {"yes", "no"}:
            raise ValueError("neither yes nor no")
        return text == "yes"
    if asked.kind is FieldKind.CHOICE and text not in asked.choices:
        raise ValueError("none of the choices")
    return text


def _number(text: str, most: int) -> float:
    number = float(text.replace(",", ".")) if len(text) <= 20 and text.isascii() else math.nan
    if not (math.isfinite(number) and abs(number) <= most):
        raise ValueError("no number of those that are asked for")
    return int(number) if number.is_integer() else number
