"""What stands around every page: the way to the others, the colours, and how fresh the numbers are.

Add an entry to ``WAYS`` when there is a new page that people start from. What a page shows belongs to ``pages``.
"""

from collections.abc import Mapping
from typing import Any

from dash import dcc, html

from dashboards.elements import Part
from dashboards.formats import moment

WAYS = (("/", "Overview"), ("/campaigns", "Campaigns"), ("/segments", "Segments"), ("/contacts", "Contacts"))
PLACE, MODE, SHELL, LIGHT, DARK = "place", "mode", "shell", "light", "dark"


def skeleton() -> Part:
    """Return the parts that stay while pages change."""
    return [
        dcc.Location(id=PLACE, refresh=False),
        dcc.Store(id=MODE),
        html.Div(_toggle(), className="toggle", role="group", **{"aria-label": "Colours"}),
        html.Div(id=SHELL, className="shell"),
    ]


def _toggle() -> list[Part]:
    return [
        html.Button(name, id=key, type="button", n_clicks=0, **{"aria-pressed": "false"})
        for key, name in ((LIGHT, "Light"), (DARK, "Dark"))
    ]


def around(page: Part, *, path: str, freshness: Mapping[str, Any] | None, links: Mapping[str, str]) -> Part:
    """Return a page with the navigation beside it.

    Args:
        page: the page itself.
        path: where we are.
        freshness: what the published copy says of itself; None where nothing is published.
        links: other places of this installation, name to address.
    """
    return [
        html.A("Skip to the content", href="#content", className="skip"),
        html.Nav(
            [
                html.Div([html.Span(className="logo"), "Mailrail"], className="brand"),
                html.Ul([html.Li(_way(address, name, path)) for address, name in WAYS]),
                html.Div([*_fresh(freshness), *_elsewhere(links)], className="navfoot"),
            ],
            className="side",
            **{"aria-label": "Pages"},
        ),
        html.Div(page, id="content", className="content"),
    ]


def _way(address: str, name: str, path: str) -> Part:
    if path != address and not (address != "/" and path.startswith(f"{address}/")):
        return dcc.Link(name, href=address, className="way")
    return html.Span(dcc.Link(name, href=address, className="way here"), **{"aria-current": "page"})


def _fresh(freshness: Mapping[str, Any] | None) -> list[Part]:
    if freshness is None:
        return [html.B("Warehouse"), html.Span("nothing published yet")]
    return [
        html.B("Warehouse"),
        html.Span(["as of ", moment(freshness.get("as_of"))]),
    ]


def _elsewhere(links: Mapping[str, str]) -> list[Part]:
    return [html.A(name, href=address, target="_blank", rel="noopener") for name, address in links.items()]
