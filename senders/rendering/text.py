"""The text part, derived from the tree of the MJML.

Each block becomes a paragraph, a button its words and its address, a table row one line. Add a case here when a new
component carries words; the statements between components stay what they are.
"""

import html
import re

from senders.rendering.mjml import Document, Element, Jinja, Node, Text

_BREAKING = frozenset({"p", "div", "h1", "h2", "h3", "h4", "ul", "ol", "table", "tr", "li", "blockquote", "hr"})
_BLANK_LINES = re.compile(r"[ \t]*\n[ \t]*(?:\n\s*)+")
_LINE_END = re.compile(r" +\n")
_SPACES = re.compile(r"[ \t]+")
_SKIPPED = frozenset({"mj-head", "mj-style", "mj-raw", "style", "script"})
RULE = "-" * 40


def text_template(document: Document) -> str:
    """Return the Jinja source of the text part."""
    body = document.first("mj-body")
    blocks = _blocks(document, body.children) if body else ""
    return tidy_text(blocks)


def tidy_text(text: str) -> str:
    """Return a text without spaces at line ends and with at most one blank line in a row."""
    # Once per message: the usual text has nothing to tidy, and looking is much cheaper than replacing.
    if " \n" in text:
        text = _LINE_END.sub("\n", text)
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return text.strip() + "\n"


def _blocks(document: Document, children: list[Node]) -> str:
    found = []
    for child in children:
        if isinstance(child, Jinja):
            found.append(child.text + ("\n" if child.word else ""))
        elif isinstance(child, Element) and child.tag not in _SKIPPED:
            found.append(_block(document, child))
    return "".join(found)


def _block(document: Document, element: Element) -> str:
    words = _tidy_words(_inline(document, element.children))
    href = element.get("href")
    if element.tag in {"mj-text", "mj-table", "mj-accordion-title", "mj-accordion-text"}:
        return f"{words}\n\n"
    if element.tag == "mj-button":
        return f"* {words}\n{html.unescape(href)}\n\n" if href else f"{words}\n\n"
    if element.tag in {"mj-navbar-link", "mj-social-element"}:
        label = words or html.unescape(element.get("name") or "")
        return f"{label}: {html.unescape(href)}\n" if href else ""
    if element.tag == "mj-image":
        alt = html.unescape(element.get("alt") or "")
        return f"[{alt}] {html.unescape(href or '')}".rstrip() + "\n\n" if alt else ""
    if element.tag == "mj-divider":
        return f"{RULE}\n\n"
    return _blocks(document, element.children)


def _inline(document: Document, children: list[Node]) -> str:
    found = []
    for child in children:
        if isinstance(child, Text):
            plain = html.unescape(document.source.text[child.start : child.end])
            # A brace that the author wrote as a reference must not become Jinja.
            found.append(re.sub(r"\s+", " ", plain).replace("{{", "{ {").replace("{%", "{ %").replace("{#", "{ #"))
        elif isinstance(child, Jinja):
            found.append(child.text)
        elif child.tag not in _SKIPPED:
            found.append(_tagged(document, child))
    return "".join(found)


def _tagged(document: Document, element: Element) -> str:
    inner = _inline(document, element.children)
    if element.tag == "a":
        href = html.unescape(element.get("href") or "")
        label = inner.strip()
        if not label or label == href.removeprefix("mailto:"):
            return label or href
        return f"{label} ({href})"
    if element.tag == "br":
        return "\n"
    if element.tag == "img":
        return html.unescape(element.get("alt") or "")
    if element.tag in {"td", "th"}:
        return f"{_tidy_words(inner)} | ".replace("\n", ", ")
    if element.tag == "li":
        return f"\n- {inner.strip()}"
    if element.tag == "tr":
        return "\n" + inner.strip().removesuffix("|").rstrip()
    return f"\n\n{inner}\n\n" if element.tag in _BREAKING else inner


def _tidy_words(text: str) -> str:
    lines = [_SPACES.sub(" ", line).strip() for line in text.split("\n")]
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip()
