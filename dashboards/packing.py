"""Packs the parts of a page that never change into finished HTML, so that the browser has few components to mount.

Dash tells every mounted component of every other one that it mounts, so a table of 1,400 cells costs seconds. Add a
rule here when a new kind of part may, or may not, be packed. What a page shows belongs to ``pages``.
"""

import copy
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboards.render import VOID, anchor, write_html

_HARMLESS = ("/", "#", "http://", "https://", "mailto:")


def pack(part: Any) -> Any:
    """Return a page with every part that holds nothing alive as one component, ``mailrail.Static`` of theme.js.

    Charts, inputs and links with another scheme stay components of Dash, as do the parts around them.
    """
    if isinstance(part, list | tuple):
        return [pack(each) for each in part]
    if not isinstance(part, Component) or _is_void(part):
        return part
    if _is_still(part):
        return _static(part)
    if getattr(part, "children", None) is None:
        return part
    packed = copy.copy(part)
    packed.children = pack(part.children)
    return packed


def _is_still(part: Any) -> bool:
    """Whether a part can be written as HTML and do the same: no chart, no input, no strange link."""
    if isinstance(part, list | tuple):
        return all(_is_still(each) for each in part)
    if not isinstance(part, Component):
        return True
    if isinstance(part, dcc.Link):
        return str(part.href).startswith("/") and _is_still(part.children)
    if part.__module__.startswith("dash.dcc"):
        return False
    if isinstance(part, html.A) and not str(getattr(part, "href", "#")).startswith(_HARMLESS):
        return False
    return _is_still(getattr(part, "children", None))


def _is_void(part: Component) -> bool:
    return part.__class__.__name__.lower() in VOID


def _static(part: Component) -> dict[str, Any]:
    """Return a part as React makes it: its own tag and attributes, and everything inside as HTML."""
    shown = anchor(part) if isinstance(part, dcc.Link) else part
    told = shown.to_plotly_json()
    given = {name: value for name, value in told["props"].items() if name != "children"}
    inside = write_html(getattr(shown, "children", None))
    return {
        "namespace": "mailrail",
        "type": "Static",
        "props": {"tag": told["type"].lower(), "given": given, "html": inside},
    }
