"""The parts that pages are made of: cards, tiles, badges, tables, charts.

Each returns Dash components, which the app shows and the single-file report writes out. Add a part when two pages
need it; what a page says belongs to ``pages``, colours and sizes to ``assets/style.css``.
"""

import urllib.parse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from dash import dcc, html

from dashboards.formats import plain
from dashboards.kpis import Kpi
from dashboards.sparkline import HEIGHT, WIDTH, spark_points

Part = Any
"""A Dash component, text, or a list of them."""

CHART = "chart-"
_CONFIG = {"displayModeBar": False, "responsive": True}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its head, how it stands, and what a screen reader hears where the head shows nothing.

    ``sort`` is ``ascending`` or ``descending`` where the rows go by this column.
    """

    head: Part
    align: str = ""
    label: str = ""
    sort: str = ""


def page_head(crumb: Part, name: str, facts_line: Part = None, *badges: Part) -> Part:
    """Return the head of a page: where we are, what it is called, and the facts in one line."""
    parts = [
        html.Div(crumb, className="crumb"),
        html.Div([html.H1(name), *(each for each in badges if each is not None)], className="headline"),
    ]
    if facts_line is not None:
        parts.append(html.P(facts_line, className="facts"))
    return html.Header(html.Div(parts), className="top")


def card(title: Part, sub: Part, *body: Part, width: int = 12, beside: Part = None) -> Part:
    """Return a card: headline, the definition of what it shows, and the thing itself; ``width`` of 12 columns."""
    head = html.H2([title, beside]) if beside is not None else html.H2(title)
    return html.Div([head, html.P(sub, className="sub"), *body], className=f"card c{width}")


def row(*cards: Part) -> Part:
    """Return cards side by side."""
    return html.Section([each for each in cards if each is not None], className="row")


def badge(text: Part, tone: str = "") -> Part:
    """Return a small label; the tone is ``good``, ``watch``, ``act`` or none."""
    return html.Span(text, className=f"badge {tone}".strip())


def empty(text: str) -> Part:
    """Return the sentence that stands where there is nothing to show."""
    return html.P(text, className="empty")


def chart(name: str, figure: Any, label: str) -> Part:
    """Return a chart with the sentence that says it to those who cannot see it."""
    return html.Figure(
        dcc.Graph(id=f"{CHART}{name}", figure=figure, config=_CONFIG, style={"height": f"{figure.layout.height}px"}),
        className="chart",
        role="img",
        style={"height": f"{figure.layout.height}px"},
        **{"aria-label": label},
    )


def table(columns: Sequence[Column], rows: Iterable[Sequence[Part]], *, foot: Sequence[Sequence[Part]] = ()) -> Part:
    """Return a table; one that is wider than its place scrolls by itself."""
    head = html.Tr([_head(column) for column in columns])
    body = [_row(columns, cells) for cells in rows]
    parts = [html.Thead(head), html.Tbody(body)]
    if foot:
        parts.append(html.Tfoot([_row(columns, cells) for cells in foot]))
    broad = "broad" if len(columns) > 3 else ""
    return html.Div(
        html.Table(parts, className=broad), className="scroll", tabIndex=0, role="group", **{"aria-label": "Table"}
    )


def _head(column: Column) -> Part:
    named = {"aria-label": column.label} if column.label else {}
    if column.sort:
        named["aria-sort"] = column.sort
    return html.Th(column.head, className=column.align or None, scope="col", **named)


def _row(columns: Sequence[Column], cells: Sequence[Part]) -> Part:
    first = f"strong {columns[0].align}".strip()
    kinds = [first, *(column.align for column in columns[1:])]
    return html.Tr([html.Td(cell, className=kind or None) for cell, kind in zip(cells, kinds, strict=True)])


def named(name: Part, under: Part = None) -> Part:
    """Return a name with a smaller line below it."""
    return [name, html.Span(under, className="under")] if under else name


def bar(filled: float | None) -> Part:
    """Return a bar filled to a share."""
    return html.Div(html.I(style={"width": f"{100 * (filled or 0):.2f}%"}), className="bar")


def facts(pairs: Iterable[tuple[str, Part]]) -> Part:
    """Return names and values below each other; a value that is plain text is shown as code."""
    parts: list[Part] = []
    for name, value in pairs:
        parts += [html.Dt(words(name)), html.Dd(value, className="mono" if isinstance(value, str) else None)]
    return html.Dl(parts, className="made-from")


def tiles(kpis: Iterable[Kpi], label: str = "Key figures", versus: str = "vs last send") -> Part:
    """Return the figures of the first line."""
    return html.Section([_tile(kpi, versus) for kpi in kpis], className="tiles", **{"aria-label": label})


def _tile(kpi: Kpi, versus: str) -> Part:
    parts = [
        html.H2(kpi.label),
        html.Div([html.Span(kpi.value, className="value"), _shape(kpi)], className="figure"),
        html.Span(kpi.fraction, className="fraction"),
        html.Span(kpi.definition, className="made"),
    ]
    if kpi.change:
        sign = "=" if kpi.tone == "same" else "▲" if kpi.rises else "▼"
        parts.append(html.Div([badge(f"{sign} {kpi.change}", kpi.tone), f" {versus}"], className="change"))
    return html.Div(parts, className="card tile")


def _shape(kpi: Kpi) -> Part:
    if points := spark_points(kpi.trend):
        return spark(points)
    if kpi.filled is None:
        return None
    return html.Span(html.I(style={"width": f"{100 * kpi.filled:.2f}%"}), className="meter")


def spark(points: str) -> Part:
    """Return a small line. It is a mask over a colour of the page, so that it follows light and dark."""
    line = f'<polyline points="{points}" fill="none" stroke="#000" stroke-width="1.8" stroke-linejoin="round"/>'
    shape = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">{line}</svg>'
    image = f'url("data:image/svg+xml,{urllib.parse.quote(shape)}")'
    return html.Span(className="spark", style={"maskImage": image, "WebkitMaskImage": image})


def words(text: object, longest: int = 160) -> str:
    """Return text from outside, on one line; the components escape it."""
    return plain(text, longest)
