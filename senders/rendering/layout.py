"""Brings compiled HTML into the shape in which it travels: ASCII, short lines, no superfluous space.

Done once per template, so that per message nothing is left to do but to fill in values. Works on shielded text only.
Add nothing here that changes what a mail program shows.
"""

import re
from collections.abc import Iterator

LINE = 120
_TOKEN = re.compile(
    r"<style\b[^>]*>.*?</style>|<pre\b[^>]*>.*?</pre>|<!--\[if[^>]*>(?:<!-->)?|(?:<!--)?<!\[endif\]-->|<!--.*?-->"
    r"|<[a-zA-Z/!](?:\"[^\"]*\"|'[^']*'|[^'\">])*>",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r"\s+((?:[^\s=>\"'/]|/(?!>))+(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'))?)")
_NON_ASCII = re.compile(r"[^\x00-\x7f]")


def settle(html: str) -> tuple[str, bool]:
    """Return HTML fit for 7bit, and whether it really is (not where styles hold other characters)."""
    lines: list[str] = []
    line = ""
    for space, atom in _atoms(html):
        if space and line and len(line) + len(atom) >= LINE and atom != "From":
            lines.append(line)
            line = atom
        else:
            line += (" " if space and line else "") + atom
        if "\n" in atom:
            *whole, line = line.split("\n")
            lines += whole
    text = "\n".join([*lines, line]).strip() + "\n"
    return text, text.isascii() and max(map(len, text.split("\n"))) < 900


def _atoms(html: str) -> Iterator[tuple[bool, str]]:
    """Yield what may not be broken, each with: may there be a line end before it?"""
    position = 0
    for match in _TOKEN.finditer(html):
        yield from _words(html[position : match.start()])
        yield from _tag(match[0])
        position = match.end()
    yield from _words(html[position:])


def _words(text: str) -> Iterator[tuple[bool, str]]:
    if not text:
        return
    found = _references(text).split()
    for index, word in enumerate(found):
        yield index > 0 or text[0].isspace(), word
    if text[-1].isspace():
        yield True, ""


def _tag(tag: str) -> Iterator[tuple[bool, str]]:
    if tag.startswith("<style"):
        # The space keeps a rule's dot away from the begin of its line, where SMTP would have it doubled.
        yield False, re.sub(r"\}\s*", "}\n ", re.sub(r"\s+", " ", tag))
    elif tag.startswith(("<pre", "<!")):
        yield False, _references(tag) if tag.startswith("<pre") else tag
    else:
        yield from _attributes(_references(tag))


def _attributes(tag: str) -> Iterator[tuple[bool, str]]:
    end = "/>" if tag.endswith("/>") else ">"
    inner = tag[: -len(end)].rstrip()
    attributes = list(_ATTRIBUTE.finditer(inner))
    if not attributes or "".join(match[0] for match in attributes) != inner[attributes[0].start() :]:
        yield False, re.sub(r"\s+", " ", inner) + end  # no attributes, or not as we know them
        return
    yield False, inner[: attributes[0].start()]
    for index, match in enumerate(attributes):
        last = index == len(attributes) - 1
        value = re.sub(r"\s+", " ", match[1])
        yield True, value + (end if last else "")


def _references(text: str) -> str:
    """Write other characters as references: not possible in styles and comments, everywhere else the same."""
    return _NON_ASCII.sub(lambda match: f"&#{ord(match[0])};", text)
