"""Whether people can read a mail's words: contrast of text and ground, and the size of body text.

Only what stands literally in the MJML is judged: attributes, classes, defaults and inline styles, in the order in which
MJML applies them. Add a rule here when it is about reading; what compiles and is wrong belongs to ``lint``.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from senders.errors import Problem
from senders.rendering.colours import Colour, contrast, parse_colour
from senders.rendering.mjml import JINJA, LEAVES, Document, Element, Jinja, Text

LEAST_CONTRAST = 4.5  # WCAG 2.2, 1.4.3
LEAST_CONTRAST_LARGE = 3.0
LEAST_SIZE = 14.0
_LARGE, _LARGE_BOLD = 24.0, 18.66  # 18 and 14 points
# What MJML itself sets where nobody says anything.
_DEFAULTS: dict[str, dict[str, str]] = {
    "mj-text": {"color": "#000000", "font-size": "13px"},
    "mj-table": {"color": "#000000", "font-size": "13px"},
    "mj-button": {"color": "#ffffff", "background-color": "#414141", "font-size": "13px"},
    "mj-navbar-link": {"color": "#000000", "font-size": "13px"},
    "mj-social-element": {"color": "#000000", "font-size": "13px"},
    "mj-accordion-title": {"color": "#000000", "font-size": "13px"},
    "mj-accordion-text": {"color": "#000000", "font-size": "13px"},
}
_GROUNDS = ("container-background-color", "background-color", "inner-background-color")  # from the outside in
_PIXELS = re.compile(r"\s*(\d+(?:\.\d+)?)px\s*")
_MEDIA = re.compile(r"@media[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}")
_LINK_RULE = re.compile(r"(?:^|\})\s*a\s*\{([^}]*)\}")
_WORDLESS = {"mj-raw", "mj-style", "style"}
_BOLD = {"b", "strong", "th", "h1", "h2", "h3", "h4"}


@dataclass(frozen=True, slots=True)
class _Look:
    """How words look at one place; None where that is not known."""

    ground: Colour | None = (255, 255, 255)
    ink: Colour | None = (0, 0, 0)
    size: float | None = 13.0
    is_bold: bool = False

    @property
    def least_contrast(self) -> float:
        if self.size is not None and self.size >= (_LARGE_BOLD if self.is_bold else _LARGE):
            return LEAST_CONTRAST_LARGE
        return LEAST_CONTRAST


def lint_legibility(document: Document) -> list[Problem]:
    """Return what is hard to read in a document whose brand values are filled in."""
    body = document.first("mj-body")
    return list(_Reader(document).element(body, _Look())) if body is not None else []


class _Reader:
    """Walks the body with the look that each element passes on."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.defaults: dict[str, dict[str, str]] = {}
        self.classes: dict[str, dict[str, str]] = {}
        self.link_ink = _link_ink(document)
        self.told: set[tuple[object, ...]] = set()
        for element in document.root.walk():
            if element.parent is not None and element.parent.tag == "mj-attributes":
                self._note(element)

    def _note(self, element: Element) -> None:
        values = {one.name: one.value for one in element.attributes}
        if element.tag == "mj-class":
            self.classes.setdefault(values.pop("name", ""), {}).update(values)
        else:
            self.defaults.setdefault(element.tag, {}).update(values)

    def _attributes(self, element: Element) -> dict[str, str]:
        """Return the attributes that hold for a component: own before class before tag before all."""
        found = {**_DEFAULTS.get(element.tag, {}), **self.defaults.get("mj-all", {})}
        found |= self.defaults.get(element.tag, {})
        for name in (element.get("mj-class") or "").split():
            found |= self.classes.get(name, {})
        return found | {one.name: one.value for one in element.attributes}

    def element(self, element: Element, look: _Look) -> Iterator[Problem]:
        """Yield what is hard to read in an element and below it."""
        is_component = element.tag.startswith("mj")
        here = _component(look, self._attributes(element)) if is_component else self._inline(look, element)
        if element.tag in LEAVES:
            self.told = set()
        if _has_words(self.document, element):
            yield from self._judge(element, here)
        for child in element.children:
            if isinstance(child, Element) and child.tag not in _WORDLESS:
                yield from self.element(child, here)

    def _inline(self, look: _Look, element: Element) -> _Look:
        style = _declarations(element.get("style") or "")
        ink = self.link_ink if element.tag == "a" and self.link_ink else look.ink
        here = replace(look, ink=ink, is_bold=look.is_bold or element.tag in _BOLD)
        return _apply(here, style.get("color"), style.get("background-color") or style.get("background"), style)

    def _judge(self, element: Element, look: _Look) -> Iterator[Problem]:
        """Report a look once in each block, where it first appears."""
        place = self.document.source.place(element.start)
        if look.ink and look.ground and ("colours", look.ink, look.ground) not in self.told:
            self.told.add(("colours", look.ink, look.ground))
            ratio = contrast(look.ink, look.ground)
            if ratio < look.least_contrast:
                message = f"text {_hex(look.ink)} on {_hex(look.ground)} has a contrast of {ratio:.2f} to 1"
                remedy = f"Make one of them darker or lighter: {look.least_contrast:g} is the least (WCAG 1.4.3)."
                yield place.problem("contrast-low", message, remedy, "warning")
        if look.size is not None and look.size < LEAST_SIZE and ("size", look.size) not in self.told:
            self.told.add(("size", look.size))
            remedy = f"Set font-size to {LEAST_SIZE:g}px or more."
            yield place.problem("text-small", f"the text is {look.size:g} pixels high", remedy, "warning")


def _component(look: _Look, attributes: Mapping[str, str]) -> _Look:
    if attributes.get("background-url"):
        look = replace(look, ground=None)  # a picture: nobody knows its colours
    for name in _GROUNDS:
        if name in attributes:
            look = _apply(look, None, attributes[name], {})
    return _apply(look, attributes.get("color"), None, attributes)


def _apply(look: _Look, ink: str | None, ground: str | None, values: Mapping[str, str]) -> _Look:
    size, weight = values.get("font-size"), values.get("font-weight")
    if ink is not None:
        look = replace(look, ink=parse_colour(ink))
    if ground is not None and ground.strip() not in {"", "transparent", "none"}:
        look = replace(look, ground=parse_colour(ground))
    if size is not None:
        match = _PIXELS.fullmatch(size)
        look = replace(look, size=float(match[1]) if match else None)
    if weight is not None:
        look = replace(look, is_bold=weight.strip() in {"bold", "bolder", "700", "800", "900"})
    return look


def _has_words(document: Document, element: Element) -> bool:
    """Whether words stand directly in an element."""
    if element.tag.startswith("mj") and element.tag not in LEAVES:
        return False
    return any(
        bool(document.source.text[child.start : child.end].replace("&nbsp;", " ").strip())
        if isinstance(child, Text)
        else isinstance(child, Jinja) and child.text.startswith("{{")
        for child in element.children
    )


def _declarations(style: str) -> dict[str, str]:
    if JINJA.search(style):
        return {}
    pairs = (part.partition(":") for part in style.split(";"))
    return {name.strip().lower(): value.replace("!important", "").strip() for name, colon, value in pairs if colon}


def _link_ink(document: Document) -> Colour | None:
    """Return the colour that a style gives to all links."""
    for element in document.root.walk():
        if element.tag == "mj-style":
            plain = _MEDIA.sub("", document.content(element))
            for match in _LINK_RULE.finditer(plain):
                if colour := parse_colour(_declarations(match[1]).get("color", "")):
                    return colour
    return None


def _hex(colour: Colour) -> str:
    return "#" + "".join(f"{part:02x}" for part in colour)
