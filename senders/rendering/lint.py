"""Mistakes that would compile and be wrong in the mail.

Rules about a document's components, pictures and duties towards the reader; each has an id and a remedy. Add a rule
here when it can be seen in the template alone; what depends on a recipient is found by preflight.
"""

import re
from collections.abc import Iterator, Mapping

from senders.errors import Problem
from senders.rendering.components import ATTRIBUTES, BROKEN, CHILDREN, COLOURS, FORBIDDEN_HTML, LAYOUT, LENGTHS
from senders.rendering.files import means_file
from senders.rendering.links import Link
from senders.rendering.mjml import JINJA, LEAVES, Attribute, Document, Element, Jinja, Text

CLIP_BYTES = 100_000  # Gmail cuts a message off at about 102 KB of HTML
CLIP_WARNING_BYTES = 80_000
_LENGTH = re.compile(r"(-?\d+(\.\d+)?(px|%|em)?|auto)(\s+(-?\d+(\.\d+)?(px|%|em)?|auto)){0,3}")
_COLOUR = re.compile(r"#([0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})|rgba?\([\d\s,.%/]+\)|[a-zA-Z]+")
_URL_WORD = re.compile(r"url\(|@import|expression\(", re.IGNORECASE)


def lint_document(document: Document) -> list[Problem]:
    """Return what is wrong with a document's components, in the order of the text."""
    found = [problem for element in document.root.walk() for problem in _element(document, element)]
    return found + _whole(document)


def _at(document: Document, offset: int, id: str, message: str, remedy: str, severity: str = "error") -> Problem:
    return document.source.place(offset).problem(id, message, remedy, severity)


def _element(document: Document, element: Element) -> Iterator[Problem]:
    if element.tag == "" or element.inside("mj-attributes"):
        yield from _loose_text(document, element)
        return
    if element.tag.startswith("mj"):
        yield from _component(document, element)
    elif not (element.inside(*LEAVES)):
        remedy = "Put it inside mj-text or mj-raw."
        yield _at(document, element.start, "html-outside", f"<{element.tag}> stands between components", remedy)
    if element.tag in FORBIDDEN_HTML:
        remedy = "Mail programs remove it; leave it out."
        yield _at(document, element.start, "html-forbidden", f"<{element.tag}> does not work in mail", remedy)
    for attribute in element.attributes:
        yield from _attribute(document, element, attribute)
    yield from _image(document, element)
    yield from _loose_text(document, element)


def _component(document: Document, element: Element) -> Iterator[Problem]:
    tag, start = element.tag, element.start
    if tag in BROKEN:
        yield _at(document, start, "mjml-unsupported", f"<{tag}> is not supported", BROKEN[tag])
        return
    if tag not in ATTRIBUTES and tag != "mj-all":
        yield _at(document, start, "mjml-unknown-tag", f"<{tag}> is not an MJML component", "Check its spelling.")
        return
    if element.inside(*LEAVES):
        leaf = element.parent.tag if element.parent else ""
        remedy = f"Close <{leaf}> before it."
        yield _at(document, start, "mjml-in-leaf", f"<{tag}> stands inside <{leaf}>, which holds text only", remedy)
        return
    parent = element.parent.tag if element.parent else ""
    if parent in CHILDREN and tag not in CHILDREN[parent]:
        allowed = ", ".join(sorted(CHILDREN[parent]))
        where = f"<{parent}>" if parent else "the top level"
        yield _at(document, start, "mjml-nesting", f"<{tag}> may not stand in {where}", f"Allowed are {allowed}.")
    if tag == "mj-column" and element.loops and element.get("width") is None:
        remedy = 'Give it a width, such as width="50%": all repetitions get the same one.'
        yield _at(document, start, "mjml-loop-width", "a repeated <mj-column> has no width", remedy)
    if tag == "mj-style" and element.get("inline") is not None:
        remedy = "Use mj-attributes or mj-class: inlining breaks loops in tables."
        yield _at(document, start, "mjml-style-inline", "<mj-style inline> is not allowed", remedy)
    if tag in {"mj-style", "mj-attributes"} and JINJA.search(document.content(element)):
        remedy = "Styles are the same for everybody; only brand values may stand there."
        yield _at(document, start, "jinja-in-style", f"Jinja stands inside <{tag}>", remedy)
    if tag == "mj-style" and _URL_WORD.search(document.content(element)):
        yield _at(document, start, "style-remote", "a style loads something", "Leave url(), @import out.")


def _attribute(document: Document, element: Element, attribute: Attribute) -> Iterator[Problem]:
    name, value = attribute.name, attribute.value
    known = ATTRIBUTES.get(element.tag)
    if known is not None and name not in known:
        remedy = f"<{element.tag}> takes {', '.join(sorted(known))}." if known else f"<{element.tag}> takes none."
        yield _at(document, attribute.start, "mjml-unknown-attribute", f"<{element.tag}> has no {name}", remedy)
        return
    if name.lower().startswith("on"):
        yield _at(document, attribute.start, "html-script", f"{name} would run a script", "Remove it.")
    if known is None:
        return
    if JINJA.search(value):
        if name in LAYOUT:
            remedy = "Layout is worked out once for everybody; repeat the component in an {% if %} instead."
            yield _at(document, attribute.start, "jinja-in-layout", f"{name} depends on the recipient", remedy)
    elif name in LENGTHS and value and not _LENGTH.fullmatch(value):
        remedy = "Write a length such as 20px or 50%."
        yield _at(document, attribute.start, "mjml-length", f"{name} is {value!r}, which is no length", remedy)
    elif name in COLOURS and value and not _COLOUR.fullmatch(value):
        remedy = "Write a colour such as #1a2b3c."
        yield _at(document, attribute.start, "mjml-colour", f"{name} is {value!r}, which is no colour", remedy)


def _image(document: Document, element: Element) -> Iterator[Problem]:
    if element.tag not in {"mj-image", "img", "mj-carousel-image"}:
        return
    if element.get("alt") is None:
        remedy = 'Say what it shows; alt="" only for decoration.'
        yield _at(document, element.start, "image-alt", f"<{element.tag}> has no alt text", remedy)
    source = (element.get("src") or "").strip()
    if not source:
        yield _at(document, element.start, "image-src", f"<{element.tag}> has no src", "Give a whole https address.")
    elif source.lower().startswith("data:"):
        remedy = "Most mail programs do not show it; host the picture."
        yield _at(document, element.start, "image-data", "a picture is written into the mail", remedy)
    elif not source.startswith(("https://", "{{", "cid:")) and not means_file(element):
        remedy = "Give a whole https address."
        yield _at(document, element.start, "image-src", f"src {source[:60]!r} does not begin with https", remedy)


def _loose_text(document: Document, element: Element) -> Iterator[Problem]:
    """Text between layout components is lost or breaks the layout."""
    if element.tag not in CHILDREN:
        return
    for child in element.children:
        if isinstance(child, Text) and (words := document.source.text[child.start : child.end].strip()):
            offset = document.source.text.index(words[0], child.start)
            message = f"text stands between components: {words[:40]!r}"
            yield _at(document, offset, "mjml-loose-text", message, "Put it inside mj-text.")
        elif isinstance(child, Jinja) and not child.word and child.text.startswith("{{"):
            message = f"{child.text} stands between components"
            yield _at(document, child.start, "mjml-loose-text", message, "Put it inside mj-text.")


def _whole(document: Document) -> list[Problem]:
    found = []
    root, body = document.first("mjml"), document.first("mj-body")
    if root is None or body is None:
        return [_at(document, 0, "mjml-body", "there is no <mjml> with an <mj-body>", "Begin with both.")]
    if not root.get("lang"):
        remedy = 'Screen readers need it: <mjml lang="en">.'
        found.append(_at(document, root.start, "mjml-lang", "<mjml> has no lang", remedy, "warning"))
    title = document.first("mj-title")
    if title is None or not document.content(title).strip():
        remedy = "Add <mj-title> to the head: the page in the browser shows it."
        found.append(_at(document, root.start, "mjml-title", "there is no title", remedy, "warning"))
    return found


def lint_duties(document: Document, brand: Mapping[str, str]) -> list[Problem]:
    """Return what every reader is owed and does not get: who writes."""
    body = document.first("mj-body")
    address = _squeeze(brand.get("postal_address", ""))
    if address and not (body and address not in _squeeze(document.content(body))):
        return []
    remedy = "Show {{ brand.postal_address }}, or include partials/footer.mjml."
    return [_at(document, body.start if body else 0, "address-missing", "the postal address is not shown", remedy)]


def lint_way_out(document: Document, links: tuple[Link, ...], is_awaited: bool) -> list[Problem]:
    """Return a problem where the way out is missing, or stands in a mail that somebody asked for.

    One cannot unsubscribe from an answer, and its page in the browser would keep what only its reader should see.
    """
    body = document.first("mj-body")
    offset = body.start if body else 0
    roles = {link.role for link in links}
    if is_awaited and roles & {"unsubscribe", "view"}:
        message = "a mail that somebody asked for has no unsubscribe link and no page in the browser"
        return [_at(document, offset, "awaited-link", message, "Include partials/service_footer.mjml, and no header.")]
    if is_awaited or "unsubscribe" in roles:
        return []
    remedy = 'Add <a href="{{ unsubscribe_url }}">Unsubscribe</a>, or include partials/footer.mjml.'
    return [_at(document, offset, "unsubscribe-missing", "there is no unsubscribe link", remedy)]


def lint_size(document: Document, html: str) -> list[Problem]:
    """Return a problem where mail programs would cut the message off."""
    size = len(html.encode())
    if size <= CLIP_WARNING_BYTES:
        return []
    severity = "error" if size > CLIP_BYTES else "warning"
    message = f"the HTML has {size:,} bytes; Gmail cuts off at about 102,000"
    return [_at(document, 0, "html-size", message, "Shorten the template.", severity)]


def _squeeze(text: str) -> str:
    return " ".join(re.sub(r"<[^>]*>|&\w+;|&#\w+;|[^\w]", " ", text).split())
