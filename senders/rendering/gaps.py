"""Finds the holes that a missing value leaves in a sentence: "Hello ," where a name should stand.

Looked for in what was rendered, and shown at the piece of Jinja that yielded nothing. Add a kind of hole here when
readers would stumble over it.
"""

import re
from collections.abc import Iterator, Sequence

from senders.errors import Problem
from senders.rendering.renderer import Rendered
from senders.rendering.source import Source

_REMEDY = "Give the value a default, such as |default('there'), or put the space into the condition."
# Begins at a word's first letter only: from each of its letters a long one would be read again.
_HOLE = re.compile(r"(?<![^\s.,;:!?()])([^\s.,;:!?()]+)[ \t]+([,.;:!?])(?=\s|$)")
_EMPTY = re.compile(r"([(\[“«„])\s*([)\]”»“])")
_LEADING = re.compile(r"\A()([,.;:!?])\s")
_FRENCH = re.compile(r"<mjml[^>]*\blang=[\"']fr\b", re.IGNORECASE)
_SPACED_MARKS = frozenset(";:!?")  # French sets a space before them
_BETWEEN = r"((?:\{\{[^{}]*\}\}|\{%[^{}]*%\}|<[^<>]*>|\s)*+)"


def find_gaps(sources: Sequence[Source], rendered: Rendered, what: str) -> list[Problem]:
    """Return the holes in one rendered mail; ``sources`` are subject and template, ``what`` names the contact."""
    subject, template = sources
    is_french = bool(_FRENCH.search(template.text))
    return [
        source.place(offset).problem("text-gap", f"with {what} it reads “{words}”", _REMEDY, "warning")
        for source, text in ((subject, rendered.subject), (template, rendered.text))
        for words, offset in _holes(source.text, text, is_french)
    ]


def _holes(written: str, text: str, is_french: bool) -> Iterator[tuple[str, int]]:
    """Yield what reads badly in a text, and where the Jinja stands that yielded nothing."""
    for pattern in (_HOLE, _EMPTY, _LEADING):
        for match in pattern.finditer(text):
            before, after = match[1], match[2]
            if is_french and after in _SPACED_MARKS:
                continue
            offset = _jinja_between(written, before, after)
            if offset is not None:
                yield match[0].strip(), offset


def _jinja_between(written: str, before: str, after: str) -> int | None:
    """Return where the Jinja between two words begins; None where the author wrote them side by side."""
    start = re.escape(before) if before else r"\A\s*"
    for match in re.finditer(start + _BETWEEN + re.escape(after), written, re.DOTALL):
        if (jinja := match[1].find("{")) >= 0:
            return match.start(1) + jinja
    return None
