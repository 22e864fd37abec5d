"""A send's mail as a picture to look at: rendered for a person who does not exist, with inert, numbered links.

Reports lay their numbers over it. Add a made-up value here when templates read a field whose name says what it holds.
What a recipient gets belongs to ``renderer``, and what may stand in harmless HTML to ``harmless``.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from jinja2.exceptions import SecurityError, TemplateError

from senders.errors import RenderError
from senders.rendering.attached import Attached
from senders.rendering.environment import LINK_SLOT, LinkSlot, TemplateEnvironment, contact_values
from senders.rendering.expressions import CONTACT, PIXEL_SLOT, PREFERENCES_URL, UNSUBSCRIBE_URL, VIEW_URL
from senders.rendering.harmless import Attributes, harmless_html
from senders.rendering.links import slot_name
from senders.rendering.placeholders import USUAL_WIDTH, placeholder, usual_height
from senders.rendering.template import CompiledTemplate

Kind = Literal["text", "number", "date"]

_TEXTS = {
    "first_name": "Alex",
    "last_name": "Winter",
    "name": "Alex Winter",
    "email": "alex@mail.example",
    "city": "Springfield",
    "country": "US",
    "locale": "en",
    "language": "en",
    "company": "Example Ltd",
    "last_product_name": "Example product",
}
_NUMBERS = frozenset({"age", "amount", "balance", "count", "days", "orders", "points", "price", "quantity", "spent",
                      "total", "visits"})  # fmt: skip
_DATES = frozenset({"at", "on", "date", "day", "birthday"})
_ADDRESSES = frozenset({"url", "link", "image", "picture"})
_NUMBER, _DATE, _ADDRESS = 3, date(2026, 5, 4), "https://shop.example/"
_SPECIAL = {"unsubscribe": UNSUBSCRIBE_URL, "view": VIEW_URL, "preferences": PREFERENCES_URL}
# Stands for a link while rendering: no author writes it, and MJML may put an address of its own before it.
_MARK = "#mailrail-link-"
_MARKED = re.compile(_MARK + r"([1-9][0-9]{0,8})$")
_DIGITS = re.compile(r"\s*(\d{1,4})(?:\.\d+)?\s*(?:px)?\s*")
_STYLED = re.compile(r"(?:^|;)\s*(width|height)\s*:\s*(\d{1,4})(?:\.\d+)?px", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Specimen:
    """The subject, and a whole HTML document that runs nothing, fetches nothing and names nobody."""

    subject: str
    html: str


def render_specimen(template: CompiledTemplate, kinds: Mapping[str, Kind] | None = None) -> Specimen:
    """Render a template for a made-up contact; each link leads to ``#link-<link_no>``.

    The same template gives the same specimen.

    Args:
        template: what the send renders.
        kinds: what the fields of the audience hold, as far as known; else their names must tell.

    Raises:
        RenderError: no made-up contact suits the template.
    """
    reason: Exception | None = None
    for values in _made_up_contacts(template, kinds or {}):
        try:
            return _render(template, values)
        except (
            TemplateError,
            SecurityError,
            RenderError,
            ArithmeticError,
            TypeError,
            ValueError,
            LookupError,
        ) as error:
            reason = reason or error
    raise RenderError(f"the template failed for a made-up contact: {type(reason).__name__}: {reason}")


def made_up_value(field: str, kind: Kind | None = None) -> str | int | date:
    """Return a value for a field that could be somebody's and is nobody's."""
    words = field.lower().split("_")
    if kind == "date" or (kind is None and words[-1] in _DATES and len(words) > 1) or field == "birthday":
        return _DATE
    if kind == "number" or (kind is None and _NUMBERS.intersection(words)):
        return _NUMBER
    if words[-1] in _ADDRESSES:
        return _ADDRESS
    return _TEXTS.get(field.lower(), " ".join(words).capitalize())


def _made_up_contacts(template: CompiledTemplate, kinds: Mapping[str, Kind]) -> Iterator[dict[str, object]]:
    full: dict[str, object] = {name: made_up_value(name, kinds.get(name)) for name in template.fields}
    yield full
    guessed = [name for name in template.fields if name not in kinds and name not in _TEXTS]
    yield full | dict.fromkeys(guessed, _NUMBER)
    yield {name: full[name] for name in template.required_fields}


def _render(template: CompiledTemplate, contact: Mapping[str, object]) -> Specimen:
    values: dict[str, object] = {
        CONTACT: contact_values(contact, template.fields),
        LINK_SLOT: LinkSlot(lambda link_no, _url: _mark(link_no)),
        PIXEL_SLOT: "",
        **{slot_name(link.link_no): _mark(link.link_no) for link in template.links},
        **{variable: _first_mark(template, role) for role, variable in _SPECIAL.items()},
    }
    subject = TemplateEnvironment(autoescape=False).from_string(template.subject).render(values)
    mail = TemplateEnvironment(autoescape=True).from_string(_number_special_links(template)).render(values)
    return Specimen(" ".join(subject.split()), harmless_html(Attached(template.files).shown(mail), _target, _picture))


def _mark(link_no: int) -> str:
    return f"{_MARK}{link_no}"


def _target(href: str) -> str:
    marked = _MARKED.search(href)
    return f"#link-{marked[1]}" if marked else "#"


def _first_mark(template: CompiledTemplate, role: str) -> str:
    return next((_mark(link.link_no) for link in template.links if link.role == role), "#")


def _number_special_links(template: CompiledTemplate) -> str:
    """Return the HTML's source with the number of each link to unsubscribe or to the view in its href.

    They have no slots of their own. Where MJML wrote some of them twice they keep the variable, which stands for
    the first of its role.
    """
    source = template.html
    for role, variable in _SPECIAL.items():
        parts = re.split(r'(?<=\shref=")\{\{-?\s*' + variable + r'\s*-?\}\}(?=")', source)
        marks = [_mark(link.link_no) for link in template.links if link.role == role]
        if len(parts) == len(marks) + 1:
            source = parts[0] + "".join(f"{mark}{part}" for mark, part in zip(marks, parts[1:], strict=True))
    return source


def _picture(image: Attributes) -> dict[str, str]:
    """Return the attributes that show a picture of the mail's own, or a neutral one of the same size."""
    source = image.get("src") or ""
    if source.startswith("data:"):
        return {"src": source, "alt": image.get("alt") or ""}
    styled = {name.lower(): int(size) for name, size in _STYLED.findall(image.get("style") or "")}
    width = _pixels(image.get("width")) or styled.get("width") or _pixels(image.get("height")) or USUAL_WIDTH
    height = _pixels(image.get("height")) or styled.get("height") or usual_height(width)
    words = image.get("alt") or ""
    return {"src": placeholder(width, height, words), "alt": words}


def _pixels(size: str | None) -> int:
    match = _DIGITS.fullmatch(size or "")
    return int(match[1]) if match else 0
