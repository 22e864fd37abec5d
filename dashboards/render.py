"""Writes a page as one HTML file that asks nobody for anything.

The same components that the app shows become tags; Plotly's script travels inside, compressed; a policy in the file
names the two scripts that may run by their hashes, so text from outside stays text even if it were not escaped. What a
page says belongs to ``pages``.
"""

import base64
import gzip
import hashlib
import html as text
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from plotly.offline import get_plotlyjs

from dashboards.theme import Mode, style_variables

ASSETS = Path(__file__).parent / "assets"
BOOT = Path(__file__).parent / "report.js"  # beside this module: the app, which serves the assets, has no use for it
FONT = "fonts/inter-latin.woff2"

# Marks the links within our own pages.
WAY = "data-way"
VOID = frozenset({"br", "hr", "img", "input", "wbr"})
_NAMES = {"className": "class", "htmlFor": "for"}
_SHELL = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>{style}</style>
</head>
<body class="single">
<div class="toggle" role="group" aria-label="Colours">
<button type="button" data-mode="light" aria-pressed="false">Light</button>
<button type="button" data-mode="dark" aria-pressed="false">Dark</button>
</div>
{body}
<noscript><style>.chart{{display:none}}.toggle{{display:none}}</style></noscript>
<script type="application/json" id="figures">{figures}</script>
<script type="text/plain" id="plotly">{plotly}</script>
<script>{boot}</script>
</body>
</html>
"""


def render_file(pages: Mapping[Mode, Any], *, title: str) -> str:
    """Return a page as one HTML file.

    Args:
        pages: the page in each mode; only its charts differ.
        title: the file's title.
    """
    boot = _boot()
    packed, plotly_hash = _plotly()
    return _SHELL.format(
        policy=_policy(_script_hash(boot), plotly_hash),
        title=text.escape(title),
        style=_style(),
        body=write_html(pages["light"]),
        figures=_figures(pages),
        plotly=packed,
        boot=boot,
    )


def write_html(part: Any) -> str:
    """Return components as HTML; a chart becomes the empty place that the file's script draws into."""
    if part is None:
        return ""
    if isinstance(part, list | tuple):
        return "".join(write_html(each) for each in part)
    if not isinstance(part, Component):
        return text.escape(str(part))
    if isinstance(part, dcc.Link):
        return write_html(anchor(part))
    if isinstance(part, dcc.Graph):
        return f'<div id="{text.escape(part.id)}" style="height:{part.figure.layout.height}px"></div>'
    given = part.to_plotly_json()
    name, props = given["type"].lower(), dict(given["props"])
    inside = props.pop("children", None)
    opened = f"<{name}{''.join(_attributes(props))}>"
    return opened if name in VOID else f"{opened}{write_html(inside)}</{name}>"


def anchor(link: Any) -> Any:
    """Return a link of Dash as the anchor that it is in a browser; theme.js follows it without loading anew."""
    named = {name: value for name in ("href", "className", "title") if (value := getattr(link, name, None))}
    return html.A(link.children, **named, **{WAY: ""})


def _attributes(props: Mapping[str, Any]) -> Iterator[str]:
    for name, value in props.items():
        if value is None or value is False:
            continue
        shown = _css(value) if name == "style" else str(value)
        yield f' {_NAMES.get(name, name.lower())}="{text.escape(shown)}"'


def _css(style: Mapping[str, Any]) -> str:
    return ";".join(f"{re.sub('([A-Z])', lambda m: '-' + m[1].lower(), name)}:{value}" for name, value in style.items())


def charts_in(part: Any) -> Iterator[tuple[str, Any]]:
    """Yield the id and figure of every chart of a page."""
    if isinstance(part, dcc.Graph):
        yield part.id, part.figure
    elif isinstance(part, list | tuple):
        for each in part:
            yield from charts_in(each)
    elif isinstance(part, Component):
        yield from charts_in(getattr(part, "children", None))


def _figures(pages: Mapping[Mode, Any]) -> str:
    plain: dict[str, dict[str, Any]] = {}
    for mode, page in pages.items():
        for name, figure in charts_in(page):
            plain.setdefault(name, {})[mode] = json.loads(figure.to_json())
    # Inside a script element only "<" could end it; as an escape it stays the same JSON.
    return json.dumps(plain, separators=(",", ":")).replace("<", "\\u003c")


def _policy(*hashes: str) -> str:
    scripts = " ".join(f"'{script}'" for script in hashes)
    # Plotly styles its elements one by one, which only 'unsafe-inline' allows.
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data:; font-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


@cache
def _plotly() -> tuple[str, str]:
    script = get_plotlyjs().replace("\r\n", "\n")
    packed = gzip.compress(script.encode(), compresslevel=9, mtime=0)
    return base64.b64encode(packed).decode("ascii"), _script_hash(script)


def _script_hash(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")


@cache
def _boot() -> str:
    return BOOT.read_text(encoding="utf-8")


@cache
def base_style() -> str:
    """Return what every page of ours is drawn with, for a file: colours, type, cards, badges; the typeface inside."""
    font = base64.b64encode((ASSETS / FONT).read_bytes()).decode("ascii")
    base = (ASSETS / "base.css").read_text(encoding="utf-8")
    return style_variables() + base.replace(FONT, f"data:font/woff2;base64,{font}")


@cache
def _style() -> str:
    return base_style() + (ASSETS / "style.css").read_text(encoding="utf-8")
