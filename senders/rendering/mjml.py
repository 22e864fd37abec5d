"""MJML as a tree that knows where everything stands, with the Jinja between and inside its tags.

The tokenizer is ours, since the compiler that makes HTML tells neither line nor reason of most mistakes. Add here
what is needed to read the notation; whether a document is sensible is decided in ``lint``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from senders.errors import Problem
from senders.rendering.source import Source

JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
VOID = frozenset({"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"})
LEAVES = frozenset(
    {
        "mj-text", "mj-button", "mj-table", "mj-raw", "mj-style", "mj-title", "mj-preview", "mj-navbar-link",
        "mj-social-element", "mj-accordion-title", "mj-accordion-text",
    }
)  # fmt: skip
_NAME = re.compile(r"[A-Za-z][\w:.-]*")
_ATTRIBUTE_NAME = re.compile(r"[^\s=>\"'/{<]+")
_SPACE = re.compile(r"\s*")
_WORD = re.compile(r"\{%[-+]?\s*(\w+)")
_BLOCKS = {"endif": "if", "endfor": "for", "elif": "if", "else": "", "endwith": "with"}


@dataclass(slots=True)
class Attribute:
    """One attribute; ``start`` and ``end`` bound the value without its quotes."""

    name: str
    value: str
    start: int
    end: int


@dataclass(slots=True)
class Text:
    """Characters between tags."""

    start: int
    end: int


@dataclass(slots=True)
class Jinja:
    """A ``{{ }}``, ``{% %}`` or ``{# #}`` between tags."""

    start: int
    end: int
    text: str

    @property
    def word(self) -> str:
        """The first word of a statement, '' for expressions."""
        match = _WORD.match(self.text)
        return match[1] if match else ""


@dataclass(slots=True)
class Element:
    """A tag with what it holds; ``inner`` and ``inner_end`` bound its content."""

    tag: str
    start: int
    parent: "Element | None"
    attributes: list[Attribute] = field(default_factory=list)
    children: list["Node"] = field(default_factory=list)
    inner: int = 0
    inner_end: int = 0
    end: int = 0
    loops: int = 0  # how many loops of the same parent it stands in

    def get(self, name: str) -> str | None:
        """Return the value of an attribute, or None."""
        return next((one.value for one in self.attributes if one.name == name), None)

    def walk(self) -> Iterator["Element"]:
        """Yield this element and all below it, in the order of the document."""
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.walk()

    def inside(self, *tags: str) -> bool:
        """Whether one of its ancestors has one of the tags."""
        above = self.parent
        while above is not None:
            if above.tag in tags:
                return True
            above = above.parent
        return False


Node: TypeAlias = "Element | Jinja | Text"


@dataclass(slots=True)
class _Block:
    """A ``{% if %}`` or ``{% for %}`` that waits for its end."""

    word: str
    start: int


@dataclass(slots=True)
class Document:
    """A parsed source; ``root`` is a nameless element around all."""

    source: Source
    root: Element
    problems: list[Problem]

    def first(self, tag: str) -> Element | None:
        """Return the first element of a tag."""
        return next((one for one in self.root.walk() if one.tag == tag), None)

    def content(self, element: Element) -> str:
        """Return what stands between an element's tags, as written."""
        return self.source.text[element.inner : element.inner_end]


def parse(source: Source) -> Document:
    """Read MJML and note everything that does not fit together; never raises."""
    return _Parser(source).run()


class _Parser:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.text = source.text
        self.root = Element("", 0, None, inner_end=len(source.text), end=len(source.text))
        self.stack: list[Element | _Block] = [self.root]
        self.problems: list[Problem] = []

    def run(self) -> Document:
        position = 0
        while position < len(self.text):
            position = self._step(position)
        self._close_all()
        return Document(self.source, self.root, self.problems)

    def _report(self, offset: int, id: str, message: str, remedy: str = "") -> None:
        self.problems.append(self.source.place(offset).problem(id, message, remedy))

    def _line(self, offset: int) -> str:
        return f"line {self.source.place(offset).line}"

    @property
    def _element(self) -> Element:
        return next(one for one in reversed(self.stack) if isinstance(one, Element))

    def _step(self, position: int) -> int:
        text = self.text
        if text.startswith("{", position) and (match := JINJA.match(text, position)):
            self._jinja(match)
            return match.end()
        if text.startswith("<!--", position) and (match := COMMENT.match(text, position)):
            return match.end()
        if text.startswith("</", position) and (match := _NAME.match(text, position + 2)):
            return self._closing(position, match)
        if text.startswith("<", position) and (match := _NAME.match(text, position + 1)):
            return self._opening(position, match)
        if text[position : position + 2] in {"<!", "<?"}:
            self._report(position, "mjml-declaration", "a declaration stands here", "Remove it: begin with <mjml>.")
            return self._after(position)
        return self._characters(position)

    def _after(self, position: int) -> int:
        end = self.text.find(">", position)
        return len(self.text) if end < 0 else end + 1

    def _characters(self, start: int) -> int:
        end = start + 1
        while end < len(self.text) and self.text[end] not in "<{":
            end += 1
        if self.text[start] == "<":
            self._report(start, "mjml-bare-less-than", "a bare < stands here", "Write &lt; for it.")
        siblings = self._element.children
        if siblings and isinstance(siblings[-1], Text) and siblings[-1].end == start:
            siblings[-1].end = end
        else:
            siblings.append(Text(start, end))
        return end

    def _jinja(self, match: "re.Match[str]") -> None:
        node = Jinja(match.start(), match.end(), match[0])
        self._element.children.append(node)
        if node.word in {"if", "for", "with"}:
            self.stack.append(_Block(node.word, node.start))
        elif node.word in _BLOCKS:
            self._end_block(node)

    def _end_block(self, node: Jinja) -> None:
        top = self.stack[-1]
        fits = isinstance(top, _Block) and _BLOCKS[node.word] in {"", top.word}
        if not fits:
            what = f"<{top.tag}> opened on {self._line(top.start)}" if isinstance(top, Element) and top.tag else "there"
            self._report(
                node.start, "jinja-crosses-tags", f"{{% {node.word} %}} does not match what is open: {what}",
                "A block must begin and end inside the same tag.",
            )  # fmt: skip
        elif node.word.startswith("end"):
            self.stack.pop()

    def _opening(self, start: int, name: "re.Match[str]") -> int:
        tag = name[0]
        loops = 0
        for one in reversed(self.stack):
            if isinstance(one, Element):
                break
            loops += one.word == "for"
        element = Element(tag, start, self._element, loops=loops)
        if tag != tag.lower():
            self._report(start, "mjml-uppercase", f"<{tag}> has capital letters", f"Write <{tag.lower()}>.")
        position, closed = self._attributes(element, name.end())
        element.inner = element.inner_end = element.end = position
        element.parent.children.append(element)  # type: ignore[union-attr]
        if not closed and tag not in VOID:
            self.stack.append(element)
        return position

    def _attributes(self, element: Element, position: int) -> tuple[int, bool]:
        """Read up to the end of an opening tag; return the position after it, and whether it closed itself."""
        while True:
            position = _SPACE.match(self.text, position).end()  # type: ignore[union-attr]
            if self.text.startswith("/>", position):
                return position + 2, True
            if self.text.startswith(">", position):
                return position + 1, False
            if position >= len(self.text) or self.text[position] == "<":
                self._report(element.start, "mjml-open-tag", f"<{element.tag} is not ended by >", "Add the >.")
                return position, False
            if match := JINJA.match(self.text, position):
                self._report(
                    position, "jinja-in-tag", f"{match[0]} stands between the attributes of <{element.tag}>",
                    "Put it inside an attribute's value, or around the whole tag.",
                )  # fmt: skip
                position = match.end()
                continue
            position = self._attribute(element, position)

    def _attribute(self, element: Element, position: int) -> int:
        match = _ATTRIBUTE_NAME.match(self.text, position)
        if not match:
            self._report(position, "mjml-attribute", f"{self.text[position]!r} is not an attribute", "Remove it.")
            return position + 1
        after = _SPACE.match(self.text, match.end()).end()  # type: ignore[union-attr]
        if not self.text.startswith("=", after):
            self._report(position, "mjml-attribute-value", f"{match[0]} has no value", f'Write {match[0]}="…".')
            return match.end()
        start = _SPACE.match(self.text, after + 1).end()  # type: ignore[union-attr]
        quote = self.text[start : start + 1]
        if quote not in {'"', "'"}:
            self._report(start, "mjml-unquoted", f"the value of {match[0]} has no quotes", f'Write {match[0]}="…".')
            return re.compile(r"[^\s>]*").match(self.text, start).end()  # type: ignore[union-attr]
        end = self._quoted(start + 1, quote)
        if end < 0:
            self._report(start, "mjml-open-quote", f"the quote of {match[0]} is never closed", f"Add the {quote}.")
            return len(self.text)
        if element.get(match[0]) is not None:
            self._report(position, "mjml-attribute-twice", f"{match[0]} is given twice", "Keep one.")
        element.attributes.append(Attribute(match[0], self.text[start + 1 : end], start + 1, end))
        return end + 1

    def _quoted(self, position: int, quote: str) -> int:
        """Return where the closing quote stands, -1 where nowhere; quotes inside Jinja do not count."""
        while position < len(self.text):
            if self.text[position] == quote:
                return position
            match = JINJA.match(self.text, position) if self.text[position] == "{" else None
            position = match.end() if match else position + 1
        return -1

    def _closing(self, start: int, name: "re.Match[str]") -> int:
        end = self._after(start)
        tag = name[0]
        top = self.stack[-1]
        if isinstance(top, Element) and top.tag == tag:
            top.inner_end, top.end = start, end
            self.stack.pop()
            return end
        self._mismatch(start, tag, top)
        if any(isinstance(one, Element) and one.tag == tag for one in self.stack):
            self._unwind(start, end, tag)
        return end

    def _mismatch(self, start: int, tag: str, top: Element | _Block) -> None:
        if isinstance(top, _Block):
            message = f"</{tag}> stands inside {{% {top.word} %}} opened on {self._line(top.start)}"
            self._report(start, "jinja-crosses-tags", message, "A block must begin and end inside the same tag.")
        elif top.tag and tag not in VOID:
            message = f"</{tag}> closes <{top.tag}> opened on {self._line(top.start)}"
            self._report(start, "mjml-unbalanced", message, f"Close <{top.tag}> first.")
        else:
            self._report(start, "mjml-unbalanced", f"</{tag}> closes nothing", "Remove it.")

    def _unwind(self, start: int, end: int, tag: str) -> None:
        while True:
            top = self.stack.pop()
            if isinstance(top, Element):
                top.inner_end, top.end = start, end
                if top.tag == tag:
                    return

    def _close_all(self) -> None:
        for top in self.stack[1:]:
            what = f"<{top.tag}>" if isinstance(top, Element) else f"{{% {top.word} %}}"
            self._report(top.start, "mjml-never-closed", f"{what} is never closed", "Add its end.")
            if isinstance(top, Element):
                top.inner_end = top.end = len(self.text)
