"""Finds the links of a template and puts a numbered slot in the place of each.

The same address twice is two links, so that a report can tell the picture from the button. Add a role here when a
link has a meaning of its own; how a token is made belongs to ``tracking``.
"""

import html
import re
import urllib.parse
from dataclasses import dataclass
from typing import Literal

from senders.errors import Problem, RenderError
from senders.rendering.environment import LINK_SLOT
from senders.rendering.expressions import PREFERENCES_URL, UNSUBSCRIBE_URL, VIEW_URL
from senders.rendering.mjml import JINJA, Attribute, Document, Element
from senders.rendering.scripts import mixed_label
from senders.rendering.source import Edit, Place, Source

Role = Literal["content", "unsubscribe", "view", "preferences"]
MAX_LABEL = 80
_SPECIAL: dict[str, Role] = {UNSUBSCRIBE_URL: "unsubscribe", VIEW_URL: "view", PREFERENCES_URL: "preferences"}
_VARIABLE = re.compile(r"\{\{-?\s*(\w+)\s*-?\}\}")
_EXPRESSION = re.compile(r"\{\{[-+]?(.*?)[-+]?\}\}", re.DOTALL)
_WEB = re.compile(r"https?://[^\s/?#]+", re.IGNORECASE)
_OTHER = re.compile(r"(mailto:|tel:|#)", re.IGNORECASE)
_TAGS = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True)
class Link:
    """One link of a template; ``url`` is '' where the target differs from person to person."""

    link_no: int
    url: str
    label: str
    role: Role = "content"


def slot_name(link_no: int) -> str:
    """Return the variable that stands for a link with one target."""
    return f"{LINK_SLOT}_{link_no}"


def insert_slots(document: Document) -> tuple[Source, tuple[Link, ...], list[Problem]]:
    """Return the source with slots instead of link targets, the links, and what is wrong with them."""
    links: list[Link] = []
    edits: list[Edit] = []
    problems: list[Problem] = []
    for element in document.root.walk():
        for attribute in element.attributes:
            if attribute.name != "href":
                continue
            found = _slot(document, element, attribute, len(links) + 1, problems)
            if found is not None:
                link, replacement = found
                if not link.label:
                    remedy = "Give it words, or its picture an alt text."
                    place = document.source.place(attribute.start)
                    message = f"the link to {attribute.value} has no words"
                    problems.append(place.problem("link-empty", message, remedy, "warning"))
                links.append(link)
                edits += [Edit(attribute.start, attribute.end, replacement)] if replacement else []
    return document.source.replace(edits), tuple(links), problems


def _slot(
    document: Document, element: Element, attribute: Attribute, link_no: int, problems: list[Problem]
) -> tuple[Link, str] | None:
    value = attribute.value.strip()
    label = label_of(document, element)
    variable = _VARIABLE.fullmatch(value)
    if variable and variable[1] in _SPECIAL:
        return Link(link_no, "", label, _SPECIAL[variable[1]]), ""
    place = document.source.place(attribute.start)
    if "{%" in value:
        remedy = "Put the statement around the whole tag."
        problems.append(place.problem("link-statement", "a statement stands inside href", remedy))
        return None
    literal = html.unescape(value)
    if not JINJA.search(value):
        if _WEB.match(literal) and not re.search(r"\s", literal):
            problems += _script_problem(place, literal)
            return Link(link_no, literal, label), f"{{{{ {slot_name(link_no)} }}}}"
        if not _OTHER.match(literal):
            remedy = "Give a whole address: https://…"
            problems.append(place.problem("link-address", f"href {value!r} is not a web address", remedy))
        return None
    if _OTHER.match(literal):
        return None
    if not value.startswith("{{") and not _WEB.match(value[: value.index("{{")]):
        remedy = "Begin with https:// and the host's name, or with one expression."
        problems.append(place.problem("link-address", f"href {value!r} is not a web address", remedy))
        return None
    return Link(link_no, "", label), f"{{{{ {LINK_SLOT}({link_no}, {_expression(value)}) }}}}"


def _script_problem(place: Place, url: str) -> list[Problem]:
    try:
        label = mixed_label(urllib.parse.urlsplit(url).hostname or "")
    except ValueError:
        label = url
    if not label:
        return []
    message = f"the host's name {label!r} mixes letters of several scripts"
    return [place.problem("link-script", message, "Mailbox providers refuse it; write it in one script.")]


def _expression(value: str) -> str:
    """Return one Jinja expression for a target made of texts and expressions."""
    parts: list[str] = []
    position = 0
    for match in _EXPRESSION.finditer(value):
        parts += _literal(value[position : match.start()])
        parts.append(f"({match[1].strip()})")
        position = match.end()
    parts += _literal(value[position:])
    # Single quotes only: the slot stands in an attribute with double quotes until MJML is compiled.
    return " ~ ".join(parts).replace('"', "'")


def _literal(text: str) -> list[str]:
    plain = html.unescape(text).replace("\\", "%5C").replace("'", "%27").replace('"', "%22")
    return [f"'{plain}'"] if plain else []


def label_of(document: Document, element: Element) -> str:
    """Return what a reader sees of a link: its words, or the description of its picture."""
    text = _TAGS.sub(" ", JINJA.sub(" ", document.content(element)))
    words = html.unescape(text).split()
    if not words:
        pictures = [one.get("alt") or one.get("title") or one.get("name") for one in element.walk()]
        words = html.unescape(" ".join(JINJA.sub(" ", one) for one in pictures if one)).split()
    return " ".join(words)[:MAX_LABEL]


def personal_url(value: object) -> str:
    """Return a per-recipient target, safe to put into a header-like place.

    Raises:
        RenderError: it is not a web address.
    """
    text = str(value)
    if not _WEB.match(text):
        raise RenderError(f"the link target {text[:60]!r} is not a web address")
    return urllib.parse.quote(text, safe="%:/?#[]@!$&()*+,;=~-._")
