"""Carries Jinja unharmed through the MJML compiler.

Each piece of Jinja becomes a word (in tags and texts) or a comment (between layout tags), and is put back into the
finished HTML. Add nothing here that looks at what the Jinja says.
"""

import re
from dataclasses import dataclass

from senders.rendering.mjml import JINJA, LEAVES, Document, Element
from senders.rendering.mjml import Jinja as JinjaNode


@dataclass(frozen=True, slots=True)
class Shield:
    """A shielded text and the Jinja that it stands for, by number."""

    text: str
    tokens: tuple[str, ...]
    mark: str

    @property
    def pattern(self) -> "re.Pattern[str]":
        """Matches a token, bare or as a comment; group 1 or 2 is its number."""
        return re.compile(rf"<!--{self.mark}(\d+)z-->|{self.mark}(\d+)z")

    def restore(self, text: str) -> str:
        """Return a text with the Jinja put back."""
        return self.pattern.sub(lambda match: self.tokens[int(match[1] or match[2])], text)

    def lost(self, text: str) -> list[str]:
        """Return the Jinja that a compiled text no longer holds."""
        seen = {int(match[1] or match[2]) for match in self.pattern.finditer(text)}
        return [token for number, token in enumerate(self.tokens) if number not in seen]


def shield(document: Document) -> Shield:
    """Return a document's text with its Jinja replaced by words and comments."""
    text = document.source.text
    mark = "jz"
    while mark in text:
        mark += "q"
    between = {
        child.start
        for element in document.root.walk()
        if not _in_leaf(element)
        for child in element.children
        if isinstance(child, JinjaNode)
    }
    tokens: list[str] = []

    def replace(match: "re.Match[str]") -> str:
        tokens.append(match[0])
        word = f"{mark}{len(tokens) - 1}z"
        return f"<!--{word}-->" if match.start() in between else word

    return Shield(JINJA.sub(replace, text), tuple(tokens), mark)


def _in_leaf(element: Element) -> bool:
    return element.tag in LEAVES or element.inside(*LEAVES)
