"""Makes a mail's HTML harmless to show: it runs nothing, fetches nothing and leads nowhere.

What comes out is written anew from what is known to be good; all else is left out. Add an element or an attribute
here when mails are laid out with it. What a link or a picture becomes is decided by the caller's functions.
"""

import html
import re
from collections.abc import Callable, Iterator, Mapping

from selectolax.lexbor import LexborHTMLParser, LexborNode

Attributes = Mapping[str, str | None]

VOID = frozenset({"br", "col", "hr", "img", "wbr"})
ELEMENTS = VOID | frozenset(
    {
        "a", "abbr", "address", "article", "aside", "b", "big", "blockquote", "caption", "center", "cite", "code",
        "colgroup", "dd", "del", "div", "dl", "dt", "em", "figcaption", "figure", "font", "footer", "h1", "h2", "h3",
        "h4", "h5", "h6", "header", "i", "ins", "kbd", "li", "main", "mark", "nav", "ol", "p", "pre", "q", "s",
        "section", "small", "span", "strike", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead",
        "time", "tr", "tt", "u", "ul",
    }
)  # fmt: skip
# Their content is no text of the mail; any other unknown element is left out and its content stays.
DROPPED = frozenset(
    {
        "applet", "audio", "canvas", "datalist", "embed", "frame", "frameset", "iframe", "map", "math", "noembed",
        "noframes", "noscript", "object", "optgroup", "option", "plaintext", "script", "select", "style", "svg",
        "template", "textarea", "title", "video", "xmp",
    }
)  # fmt: skip
ATTRIBUTES = frozenset(
    {
        "align", "alt", "aria-hidden", "aria-label", "aria-roledescription", "bgcolor", "border", "cellpadding",
        "cellspacing", "class", "color", "colspan", "dir", "face", "height", "id", "lang", "role", "rowspan", "size",
        "start", "style", "title", "valign", "width",
    }
)  # fmt: skip
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_ADDRESS = re.compile(r"""url\(\s*(?:"[^"]*"|'[^']*'|[^)"']*)\s*\)?""", re.IGNORECASE)
_FUNCTION = re.compile(r"(?:url|image-set|cross-fade|image|src|element|paint|expression)\s*\(", re.IGNORECASE)
_STATEMENT = re.compile(r"@(?:import|charset|namespace)\b", re.IGNORECASE)
_PROPERTY = re.compile(r"(?:\bbehavior|-moz-binding)\s*:", re.IGNORECASE)


def harmless_html(source: str, link: Callable[[str], str], picture: Callable[[Attributes], Mapping[str, str]]) -> str:
    """Return a whole document that shows a mail and does nothing.

    Args:
        source: the mail's HTML.
        link: what stands in the place of a link's target.
        picture: the attributes that an image gets instead of its own source.
    """
    tree = LexborHTMLParser(source)
    root, body = tree.root, tree.body
    if root is None or body is None:
        return ""
    rewrite = _Rewriter(link, picture)
    title = tree.css_first("head > title")
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title.text() if title else '')}</title>{''.join(_styles(tree))}"
    )
    inner = "".join(rewrite.content(body))
    return (
        f"<!doctype html><html{rewrite.attributes(root)}><head>{head}</head>"
        f"<body{rewrite.attributes(body)}>{inner}</body></html>"
    )


def harmless_css(text: str) -> str:
    """Return a style sheet, or the declarations of one element, that name no address."""
    # An escape could spell any word below in another way, and "<" could end the element.
    text = _COMMENT.sub(" ", text.replace("\\", "").replace("<", ""))
    text = _ADDRESS.sub("none", text)
    for pattern, rest in ((_FUNCTION, "removed("), (_STATEMENT, "@removed"), (_PROPERTY, "removed:")):
        text = pattern.sub(rest, text)
    return text


def _styles(tree: LexborHTMLParser) -> Iterator[str]:
    for node in tree.css("style"):
        media = node.attributes.get("media")
        kept = f' media="{html.escape(media)}"' if media else ""
        yield f"<style{kept}>{harmless_css(node.text())}</style>"


class _Rewriter:
    def __init__(self, link: Callable[[str], str], picture: Callable[[Attributes], Mapping[str, str]]) -> None:
        self._link = link
        self._picture = picture

    def content(self, body: LexborNode) -> Iterator[str]:
        """Yield what stands between an element's tags; a stack, since mails may nest deeper than calls can."""
        waiting: list[LexborNode | str] = _children(body)
        while waiting:
            node = waiting.pop()
            if isinstance(node, str):
                yield node
            elif node.is_text_node:
                yield html.escape(node.text_content or "", quote=False)
            elif node.is_element_node and node.tag not in DROPPED:
                is_known = node.tag in ELEMENTS
                if is_known:
                    yield f"<{node.tag}{self.attributes(node)}>"
                if node.tag not in VOID:
                    waiting += [f"</{node.tag}>"] if is_known else []
                    waiting += _children(node)

    def attributes(self, node: LexborNode) -> str:
        """Return an element's attributes as they are written in its tag."""
        given = node.attributes
        kept = {name: value or "" for name, value in given.items() if name in ATTRIBUTES}
        if "style" in kept:
            kept["style"] = harmless_css(kept["style"])
        if node.tag == "a" and given.get("href") is not None:
            kept["href"] = self._link(given["href"] or "")
        elif node.tag == "img":
            kept.update(self._picture(given))
        return "".join(f' {name}="{html.escape(value)}"' for name, value in kept.items())


def _children(node: LexborNode) -> list[LexborNode | str]:
    """Return the children, the last first, as a stack needs them."""
    children: list[LexborNode | str] = [*node.iter(include_text=True)]
    return children[::-1]
