"""The sandbox in which authors' Jinja runs, and what of Jinja a template may use.

Values are plain and single-line, nothing can be called, and only the listed filters and statements exist. Add a
filter here when authors need it and it cannot grow its input without bound. Nothing here may read files, settings
or the environment.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from jinja2 import StrictUndefined, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from senders.errors import RenderError

FILTERS = frozenset(
    {
        "abs", "capitalize", "d", "default", "e", "escape", "first", "float", "int", "join", "last", "length", "lower",
        "replace", "round", "title", "trim", "truncate", "upper", "urlencode",
    }
)  # fmt: skip
TESTS = frozenset({"defined", "undefined", "none", "number", "string", "in", "eq", "ne", "lt", "le", "gt", "ge", "==",
                   "!=", "<", "<=", ">", ">=", "odd", "even", "divisibleby"})  # fmt: skip
STATEMENTS = (nodes.Output, nodes.If, nodes.For, nodes.Assign, nodes.With)
LINK_SLOT = "link_slot"
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]+")


class MissingValue(StrictUndefined):
    """A value that the row does not have: false in a condition, an error where it would be printed."""

    __slots__ = ()

    def __bool__(self) -> bool:  # type: ignore[override]
        return False


class LinkSlot:
    """The only thing a template may call: signs a link whose target differs from person to person."""

    __slots__ = ("_sign",)

    def __init__(self, sign: Callable[[int, object], str]) -> None:
        self._sign = sign

    def __call__(self, link_no: int, url: object) -> str:
        """Return the address for one recipient."""
        return self._sign(link_no, url)


class TemplateEnvironment(ImmutableSandboxedEnvironment):
    """Jinja without globals, calls, most filters, and the operators that can make much out of little."""

    intercepted_binops = frozenset({"*", "**", "%", "//"})

    def __init__(self, *, autoescape: bool) -> None:
        super().__init__(autoescape=autoescape, undefined=MissingValue)
        self.globals.clear()
        self.filters = {name: self.filters[name] for name in FILTERS}
        self.filters["default"] = self.filters["d"] = _default
        self.tests = {name: self.tests[name] for name in TESTS}

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Read a field of the contact; a dictionary's own methods are no fields."""
        if type(obj) is not dict:
            return super().getattr(obj, attribute)
        return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)

    def is_safe_callable(self, obj: Any) -> bool:
        """Allow link slots and nothing else."""
        return type(obj) is LinkSlot

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Calculate with numbers, refuse to repeat or format texts."""
        if operator == "**" or not all(isinstance(side, int | float | Decimal) for side in (left, right)):
            raise SecurityError(f"{operator} is not allowed between {type(left).__name__} and {type(right).__name__}")
        return super().call_binop(context, operator, left, right)


def _default(value: Any, default_value: Any = "", boolean: bool = False) -> Any:
    """Jinja's ``default``; rows have no empty values, so ``boolean`` matters for 0 and false only."""
    return default_value if isinstance(value, MissingValue) or (boolean and not value) else value


def plain_value(value: object) -> str | int | float | Decimal | date | None:
    """Return a row's value as a template may see it, None where there is nothing to show.

    Control characters and line ends become a space: no value can begin a line of its own.

    Raises:
        RenderError: the value is neither text nor number nor date.
    """
    if isinstance(value, str):
        if not value.isprintable():
            value = _UNPRINTABLE.sub(" ", value)
        return value.strip() or None
    if value is None or isinstance(value, int | float | Decimal | date):
        return None if value != value else value  # NaN is how a missing number often arrives
    raise RenderError(f"a value of type {type(value).__name__} is not text, number or date")


def _shown(value: object) -> object:
    """Return a field as a template may see it: a plain value, or a list of rows of plain values (order lines)."""
    if not isinstance(value, list):
        return plain_value(value)
    return [_line(item) if isinstance(item, dict) else plain_value(item) for item in value]


def _line(item: Mapping[str, object]) -> dict[str, object]:
    values = {str(name): plain_value(value) for name, value in item.items()}
    return {name: value for name, value in values.items() if value is not None}


def contact_values(row: Mapping[str, object], fields: tuple[str, ...]) -> dict[str, object]:
    """Return the fields of a row that a template reads, without the missing ones."""
    values: dict[str, object] = {}
    for name in fields:
        try:
            value = _shown(row.get(name))
        except RenderError as error:
            raise RenderError(f"field {name}: {error}") from error
        if value is not None:
            values[name] = value
    return values
