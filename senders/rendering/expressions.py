"""What a template's Jinja reads: fields of the contact, and whether it copes with their absence.

Works on Jinja's own syntax tree. Add a rule here when an expression compiles but must not be sent; rules about tags
belong to ``lint``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from jinja2 import nodes
from jinja2.exceptions import TemplateSyntaxError

from senders.errors import Problem
from senders.rendering.environment import LINK_SLOT, STATEMENTS, TemplateEnvironment
from senders.rendering.source import Source

CONTACT = "contact"
UNSUBSCRIBE_URL = "unsubscribe_url"
VIEW_URL = "view_in_browser_url"
PREFERENCES_URL = "preferences_url"
PIXEL_SLOT = "pixel_slot"
_RAW = re.compile(r"\{%[-+]?\s*raw\b")
VARIABLES = (CONTACT, UNSUBSCRIBE_URL, VIEW_URL, PREFERENCES_URL)


@dataclass(slots=True)
class Usage:
    """The fields a template reads; ``required`` are those it cannot do without."""

    fields: set[str] = field(default_factory=set)
    required: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    def merge(self, other: "Usage") -> None:
        """Add what another part of the same message reads."""
        self.fields |= other.fields
        self.required |= other.required
        self.problems += other.problems


def analyse(source: Source, environment: TemplateEnvironment) -> Usage:
    """Read the Jinja of a source as its author wrote it and note what may not be used."""
    usage = Usage()
    for match in _RAW.finditer(source.text):
        place = source.place(match.start())
        usage.problems.append(place.problem("jinja-statement", "raw is not available", "Write &#123; for a brace."))
    try:
        tree = environment.parse(source.text)
        environment.compile(source.text)
    except TemplateSyntaxError as error:
        place = source.place_of_line(error.lineno)
        usage.problems.append(place.problem("jinja-syntax", error.message or "not valid Jinja", "Mend the expression."))
        return usage
    except RecursionError:
        usage.problems.append(source.place(0).problem("jinja-depth", "the Jinja is nested too deeply"))
        return usage
    _Reader(source, usage).block(tree.body, frozenset(), frozenset(VARIABLES))
    return usage


class _Reader:
    """Walks statements in order, with the fields known to be present and the names known to exist."""

    def __init__(self, source: Source, usage: Usage) -> None:
        self.source = source
        self.usage = usage

    def _report(self, node: nodes.Node, id: str, message: str, remedy: str) -> None:
        self.usage.problems.append(self.source.place_of_line(node.lineno).problem(id, message, remedy))

    def block(self, body: list[nodes.Node], present: frozenset[str], names: frozenset[str]) -> None:
        for node in body:
            names = self._statement(node, present, names)

    def _statement(self, node: nodes.Node, present: frozenset[str], names: frozenset[str]) -> frozenset[str]:
        if isinstance(node, nodes.If):
            self._condition(node, present, names)
        elif isinstance(node, nodes.For):
            self._loop(node, present, names)
        elif isinstance(node, nodes.Assign):
            self.expression(node.node, present, names)
            return names | _targets(node.target)
        elif isinstance(node, nodes.With):
            for value in node.values:
                self.expression(value, present, names)
            inner = names.union(*(_targets(target) for target in node.targets))
            self.block(node.body, present, inner)
        elif isinstance(node, STATEMENTS):
            for child in node.iter_child_nodes():
                self.expression(child, present, names)
        else:
            what = type(node).__name__.lower()
            self._report(node, "jinja-statement", f"the statement {what!r} is not available", "Use if, for, set, with.")
        return names

    def _condition(self, node: nodes.If, present: frozenset[str], names: frozenset[str]) -> None:
        self.expression(node.test, present, names, is_test=True)
        self.block(node.body, present | _proved(node.test), names)
        for other in node.elif_:
            self._condition(other, present, names)
        self.block(node.else_, present, names)

    def _loop(self, node: nodes.For, present: frozenset[str], names: frozenset[str]) -> None:
        if node.recursive:
            self._report(node, "jinja-recursive", "a loop is recursive", "Write the loop without recursive.")
        self.expression(node.iter, present, names)
        inner = names | _targets(node.target) | {"loop"}
        if node.test is not None:
            self.expression(node.test, present, inner, is_test=True)
        self.block(node.body, present, inner)
        self.block(node.else_, present, names)

    def expression(
        self, node: nodes.Node, present: frozenset[str], names: frozenset[str], *, is_test: bool = False
    ) -> None:
        """Note the fields that an expression reads; in a test a missing one counts as false."""
        name = _contact_field(node)
        if name is not None:
            self._field(node, name, guarded=is_test or name in present)
            return
        if isinstance(node, nodes.Name) and node.ctx == "load":
            self._name(node, names)
        elif isinstance(node, nodes.Call) and not _is_link_slot(node):
            self._report(node, "jinja-call", "a function is called", "Use a filter, such as |upper.")
        for child, guarded, proved in _parts(node, is_test):
            self.expression(child, present | proved, names, is_test=guarded)

    def _field(self, node: nodes.Node, name: str, *, guarded: bool) -> None:
        if name.startswith("_"):
            self._report(node, "jinja-field", f"contact.{name} is not a field", "Fields begin with a letter.")
            return
        self.usage.fields.add(name)
        if not guarded:
            self.usage.required.add(name)

    def _name(self, node: nodes.Name, names: frozenset[str]) -> None:
        if node.name == CONTACT:
            self._report(node, "jinja-contact", "contact is used as a whole", "Name a field: contact.first_name.")
        elif node.name not in names and node.name != LINK_SLOT:
            known = ", ".join(VARIABLES)
            self._report(node, "jinja-unknown-name", f"{node.name} is not known here", f"Known are {known} and brand.")


def _parts(node: nodes.Node, is_test: bool) -> Iterator[tuple[nodes.Node, bool, frozenset[str]]]:
    """Yield the parts of an expression: is a missing value harmless there, and what is proved present."""
    nothing: frozenset[str] = frozenset()
    if isinstance(node, nodes.Filter) and node.name in {"default", "d"} and node.node is not None:
        yield node.node, True, nothing
        yield from ((one, False, nothing) for one in node.args)
    elif isinstance(node, nodes.Test) and node.name in {"defined", "undefined"}:
        yield node.node, True, nothing
    elif isinstance(node, nodes.CondExpr):
        yield node.test, True, nothing
        yield node.expr1, is_test, _proved(node.test)
        if node.expr2 is not None:
            yield node.expr2, is_test, nothing
    elif isinstance(node, nodes.And):
        yield node.left, is_test, nothing
        yield node.right, is_test, _proved(node.left)
    elif isinstance(node, nodes.Or):
        yield node.left, True, nothing
        yield node.right, is_test, nothing
    elif isinstance(node, nodes.Not):
        yield node.node, True, nothing
    else:
        yield from ((child, False, nothing) for child in node.iter_child_nodes())


def _proved(test: nodes.Node) -> frozenset[str]:
    """Return the fields that are present wherever a test holds."""
    if isinstance(test, nodes.And):
        return _proved(test.left) | _proved(test.right)
    if isinstance(test, nodes.Test) and test.name == "defined":
        return _proved(test.node)
    name = _contact_field(test)
    return frozenset() if name is None else frozenset({name})


def _contact_field(node: nodes.Node) -> str | None:
    if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name) and node.node.name == CONTACT:
        return node.attr
    if isinstance(node, nodes.Getitem) and isinstance(node.node, nodes.Name) and node.node.name == CONTACT:
        argument = node.arg
        return argument.value if isinstance(argument, nodes.Const) and isinstance(argument.value, str) else None
    return None


def _is_link_slot(node: nodes.Call) -> bool:
    return isinstance(node.node, nodes.Name) and node.node.name == LINK_SLOT


def _targets(node: nodes.Node) -> frozenset[str]:
    return frozenset(name.name for name in [node, *node.find_all(nodes.Name)] if isinstance(name, nodes.Name))
