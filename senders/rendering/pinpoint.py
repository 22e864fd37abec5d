"""Finds the place in an author's files that a finding about a rendered mail comes from.

A rendered mail no longer knows its lines; each piece of Jinja is looked at by itself instead. Add a search here when a
finding needs a line; what counts as a finding belongs to ``trial``.
"""

import re
from collections.abc import Mapping, Sequence

from jinja2.exceptions import SecurityError, TemplateError, UndefinedError

from senders.errors import RenderError
from senders.rendering.environment import TemplateEnvironment, contact_values
from senders.rendering.expressions import CONTACT
from senders.rendering.mjml import JINJA
from senders.rendering.source import Place, Source

_CONDITION = re.compile(r"\{%[-+]?\s*(?:el)?if\s(.*?)[-+]?%\}", re.DOTALL)


def place_of_field(sources: Sequence[Source], name: str) -> Place:
    """Return where a field is read, preferably where it has no default."""
    reads = re.compile(rf"\bcontact\s*(?:\.\s*|\[\s*['\"]){re.escape(name)}\b")
    found = [(source, match) for source in sources for match in JINJA.finditer(source.text) if reads.search(match[0])]
    for source, match in sorted(found, key=lambda one: "default" in one[1][0] or one[1][0].startswith("{%")):
        return source.place(match.start())
    return sources[-1].place(0)


def place_of_failure(sources: Sequence[Source], row: Mapping[str, object], fields: tuple[str, ...]) -> Place:
    """Return the first piece of Jinja that fails for a contact all by itself."""
    try:
        values = {CONTACT: contact_values(row, fields)}
    except RenderError:
        return sources[-1].place(0)
    for source in sources:
        for match in JINJA.finditer(source.text):
            condition = _CONDITION.fullmatch(match[0])
            if _fails(f"{{{{ ({condition[1]}) and 1 }}}}" if condition else match[0], values):
                return source.place(match.start())
    return sources[-1].place(0)


def _fails(expression: str, values: Mapping[str, object]) -> bool:
    if not expression.startswith("{{"):
        return False
    try:
        TemplateEnvironment(autoescape=True).from_string(expression).render(values)
    except UndefinedError:  # a loop's variable, or a value whose condition stands outside
        return False
    except (SecurityError, TemplateError, ArithmeticError, TypeError, ValueError, LookupError):
        return True
    return False
