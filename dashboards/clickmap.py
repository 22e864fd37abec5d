"""The click map: a send's mail with the share of the clicks on each of its links.

It is one HTML document for ``<iframe sandbox="" srcdoc=…>``, without a script: the heat is a style sheet with a rule
per link. Change here how clicks are drawn; what a specimen holds belongs to preflight, what a share is to the queries.

The specimen was made harmless when it was drawn. Here it is data from outside: whatever could run or fetch is taken
out once more, and the document's own policy allows nothing but styles and pictures that it carries itself.
"""

import html as markup
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
from selectolax.lexbor import LexborHTMLParser, LexborNode

from dashboards.formats import share
from dashboards.theme import rgba

QUERY = Path(__file__).parent / "queries" / "specimen.sql"
FEW = 0.1  # below this part of the most clicked link's clicks, a link stays cool
SLATE = "#475569"
# From yellow over orange to rose; the badges are darker, so that white words on them can be read.
GLOWS = ((FEW, "#facc15"), (0.4, "#f97316"), (1.0, "#e11d48"))
BADGES = ((0.25, "#a16207"), (0.4, "#c2410c"), (1.0, "#e11d48"))

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
DROPPED = (
    "script,noscript,iframe,frame,frameset,object,embed,applet,template,svg,math,base,link,meta,title,form,input,"
    "button,select,textarea,audio,video,source,track,style,xmp,plaintext,noembed,noframes,portal"
)
_LEADING = frozenset(
    {"action", "autofocus", "background", "data", "formaction", "http-equiv", "ping", "poster", "srcdoc", "srcset",
     "tabindex", "target", "usemap"}
)  # fmt: skip
_PLACE = re.compile(r"#link-[1-9][0-9]{0,8}")
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_ADDRESS = re.compile(r"""url\(\s*(?:"[^"]*"|'[^']*'|[^)"']*)\s*\)?""", re.IGNORECASE)
_FETCH = re.compile(r"(?:url|image-set|cross-fade|image|src)\s*\(|@(?:import|namespace)\b", re.IGNORECASE)
# The frame stays light in a dark page: the mail is shown as most people saw it, and the heat needs its ground.
_DARK = re.compile(r"\(\s*prefers-color-scheme\s*:\s*dark\s*\)", re.IGNORECASE)
_BLOCKS = "table,div,p,h1,h2,h3,h4,ul,ol"
_BLOCK = re.compile(r"display\s*:\s*block", re.IGNORECASE)
_BOX = re.compile(r"display\s*:\s*(?:inline-)?(?:block|flex|table)", re.IGNORECASE)

_BASE = """
:root{color-scheme:only light!important}
html{overflow-x:hidden}
body{margin:0!important;padding:16px 14px!important}
table,tr,td,div:not([style*="max-height:0"]):not([style*="max-height: 0"]),p,center{overflow:visible!important}
a{pointer-events:none!important}
a[href^="#link-"]{position:relative!important;border-radius:5px;outline:1px dashed #94a3b8!important;
outline-offset:3px!important}
a.clickmap-block{display:block!important}
a.clickmap-inset{display:inline-block!important;max-width:100%!important;vertical-align:middle}
a[href^="#link-"]::after{position:absolute!important;top:-13px;right:-11px;z-index:1;padding:0 7px!important;
border-radius:8px!important;font:600 11px/17px Inter,"Segoe UI","Helvetica Neue",Helvetica,Arial,sans-serif!important;
letter-spacing:0!important;text-transform:none!important;text-decoration:none!important;text-indent:0!important;
white-space:nowrap!important;color:#fff!important;background:#475569;box-shadow:0 1px 3px rgba(15,23,42,.3);
font-variant-numeric:tabular-nums}
a.clickmap-words{outline-offset:2px!important}
a.clickmap-words::after{top:auto!important;right:auto!important;margin:-11px 0 0 -14px!important;
padding:0 6px!important;font-size:10px!important;line-height:15px!important}
"""


def read_specimen(connection: duckdb.DuckDBPyConnection, send_id: str) -> str | None:
    """Return the HTML of a send's specimen, or None: older sends and older published copies have none."""
    try:
        # All rows, although there is at most one: a result that was not read to its end blocks the connection.
        rows = connection.execute(QUERY.read_text(encoding="utf-8"), {"send_id": send_id}).fetchall()
    except duckdb.CatalogException:
        return None
    return str(rows[0][1]) if rows else None


def click_map(html: str, links: pl.DataFrame) -> str:
    """Return the document that shows where people clicked.

    Args:
        html: a specimen; its links lead to ``#link-<link_no>``.
        links: the frame of the query ``links``: link_no, role, unique_clicks, share and of_largest per link.
    """
    mail = LexborHTMLParser(html)
    styles = "".join(_styles(mail))
    lang = (mail.root.attributes.get("lang") if mail.root else "") or "en"
    _disarm(mail)
    for link in mail.css("a[href]"):
        _shape(link)
    rules = "\n".join(_rule(row) for row in links.iter_rows(named=True))
    return (
        f'<!doctype html><html lang="{markup.escape(lang)}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><meta name="color-scheme" content="light">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>Click map</title>'
        f"{styles}<style>{_BASE}{rules}</style></head>{mail.body.html if mail.body else '<body></body>'}</html>"
    )


def _styles(mail: LexborHTMLParser) -> Iterator[str]:
    for node in mail.css("style"):
        media = node.attributes.get("media")
        kept = f' media="{markup.escape(_DARK.sub("not all", media))}"' if media else ""
        yield f"<style{kept}>{_DARK.sub('(max-width:0)', _harmless(node.text()))}</style>"


def _harmless(css: str) -> str:
    """Return a style without addresses; an escape could spell one in another way, and "<" could end the element."""
    css = _COMMENT.sub(" ", css.replace("\\", "").replace("<", ""))
    return _FETCH.sub("removed(", _ADDRESS.sub("none", css))


def _disarm(mail: LexborHTMLParser) -> None:
    while (node := mail.css_first(DROPPED)) is not None:  # one by one: an element takes those within along
        node.decompose()
    for node in mail.root.traverse() if mail.root else ():
        for name, value in node.attributes.items():
            kept = _attribute(name, value or "")
            if kept is None:
                del node.attrs[name]
            elif kept != value:
                node.attrs[name] = kept


def _attribute(name: str, value: str) -> str | None:
    """Return what an attribute may say, None where it must go."""
    if name.startswith("on") or ":" in name or name in _LEADING:
        return None
    if name == "href":
        return value if _PLACE.fullmatch(value) else "#"
    if name == "src":
        return value if value.startswith("data:image/") else None
    return _harmless(value) if name == "style" else value


def _shape(link: LexborNode) -> None:
    """Say how a link is outlined: as words that may wrap, as the box it is, or as what it holds."""
    picture = link.css_first("img")
    if link.css_first(_BLOCKS) or (picture and _BLOCK.search(picture.attributes.get("style") or "")):
        shape = "block"
    elif _BOX.search(link.attributes.get("style") or ""):
        shape = "box"
    else:
        shape = "inset" if picture else "words"
    link.attrs["class"] = f"{link.attributes.get('class') or ''} clickmap-{shape}".strip()
    link.attrs["tabindex"] = "-1"  # inert for the keyboard too


def _rule(row: dict[str, Any]) -> str:
    """Return the style of one link: its glow by its part of the most clicked one, its share in the badge."""
    link = f'a[href="#link-{int(row["link_no"])}"]'
    if not row["unique_clicks"]:
        # Leaving and looking in the browser are counted apart: no click of theirs is known, which is not none.
        return f'{link}::after{{content:"0"}}' if row["role"] == "content" else ""
    heat = min(1.0, max(0.0, float(row["of_largest"] or 0)))
    glow, badge = (_glow(heat), _step(heat)) if heat >= FEW else ("#fde68a", SLATE)
    shine = f"0 0 {6 + 18 * heat:.0f}px {1 + 4 * heat:.0f}px {rgba(glow, round(0.2 + 0.35 * heat, 2))}"
    return (
        f"{link}{{outline:2px solid {glow}!important;box-shadow:{shine}!important}}"
        f'{link}::after{{content:"{_percent(row["share"])}";background:{badge};z-index:{round(2 + 90 * heat)}}}'
    )


def _percent(rate: float | None) -> str:
    return "under 0.1%" if rate is not None and rate < 0.0005 else share(rate, 1)


def _step(heat: float) -> str:
    return next(colour for limit, colour in BADGES if heat <= limit)


def _glow(heat: float) -> str:
    """Return the colour at a place of the scale, mixed from its neighbours."""
    for (low, cool), (high, warm) in pairwise(GLOWS):
        if heat <= high:
            part = (heat - low) / (high - low)
            pairs = ((int(cool[at : at + 2], 16), int(warm[at : at + 2], 16)) for at in (1, 3, 5))
            return "#" + "".join(f"{round(one + (other - one) * part):02x}" for one, other in pairs)
    return GLOWS[-1][1]
