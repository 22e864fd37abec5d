"""All sends of a period, day by day, and the list they went to.

Add charts over days here, one function a chart. Days without a send are in the frames already; nothing is filled or
added up here.
"""

from datetime import date
from typing import Any

import polars as pl
from plotly.subplots import make_subplots

from dashboards.theme import PALETTES, Mode, blank_figure, count_axis, rgba, template

_FEW_DAYS = 8


def messages_by_day(daily: pl.DataFrame, *, mode: Mode = "light") -> Any:
    """Draw deliveries as bars, and below them the people who opened and clicked."""
    palette = PALETTES[mode]
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.5, 0.5], vertical_spacing=0.1)
    figure.update_layout(template=template(mode), height=320, hovermode="x unified", bargap=0.25)
    days = daily["day"].to_list()
    series = (
        (1, "deliveries", "Delivered", palette.people),
        (1, "bounces", "Bounced", palette.act),
        (2, "unique_opens", "Opened by a person", rgba(palette.people, 0.5)),
        (2, "unique_clicks", "Clicked by a person", palette.action),
    )
    for place, column, name, colour in series:
        figure.add_bar(
            x=days,
            y=daily[column].to_list(),
            name=name,
            marker={"color": colour},
            hovertemplate="%{y:,}",
            row=place,
            col=1,
        )
    figure.update_layout(barmode="group")
    figure.update_yaxes(**count_axis(daily["deliveries"].to_list(), "messages"), row=1, col=1)
    figure.update_yaxes(**count_axis(daily["unique_opens"].to_list(), "people"), row=2, col=1)
    _days(figure, days)
    return figure


def list_growth(growth: pl.DataFrame, *, mode: Mode = "light") -> Any:
    """Draw who came above the line and who left below it, and the size of the list as a line."""
    palette = PALETTES[mode]
    figure = make_subplots(specs=[[{"secondary_y": True}]])
    figure.update_layout(template=template(mode), height=320, hovermode="x unified", barmode="relative", bargap=0.2)
    days = growth["day"].to_list()
    figure.add_bar(
        x=days,
        y=growth["new_contacts"].to_list(),
        name="New",
        marker={"color": palette.people},
        hovertemplate="%{y:,}",
    )
    for column, name, colour in (
        ("unsubscribed_out", "Unsubscribed", palette.watch),
        ("hard_bounced_out", "Bounced out", palette.machine),
        ("complained_out", "Complained", palette.act),
    ):
        left = growth[column]
        figure.add_bar(
            x=days,
            y=(-left).to_list(),
            name=name,
            marker={"color": colour},
            customdata=left.to_list(),
            hovertemplate="%{customdata:,}",
        )
    figure.add_scatter(
        x=days,
        y=growth["list_size"].to_list(),
        name="List",
        line={"width": 2, "color": palette.action},
        hovertemplate="%{y:,}",
        secondary_y=True,
    )
    figure.update_yaxes(title_text="contacts per day", secondary_y=False, tickformat=",d", nticks=5)
    figure.update_yaxes(title_text="list", secondary_y=True, showgrid=False, tickformat=",d", nticks=5)
    _days(figure, days)
    return figure


def segment_size(sizes: pl.DataFrame, *, mode: Mode = "light") -> Any:
    """Draw a segment's size at each day on which it was built."""
    palette = PALETTES[mode]
    figure = blank_figure(mode, 240, hovermode="x unified", showlegend=False)
    figure.add_scatter(
        x=sizes["day"].to_list(),
        y=sizes["contacts"].to_list(),
        mode="lines+markers",
        line={"width": 2.2, "color": palette.people, "shape": "hv"},
        marker={"size": 7},
        hovertemplate="%{y:,} contacts",
    )
    figure.update_yaxes(**count_axis(sizes["contacts"].to_list(), "contacts"))
    _days(figure, sizes["day"].to_list())
    return figure


def _days(figure: Any, days: list[date]) -> None:
    # Of few days each is named; Plotly would put hours between them.
    ticks: dict[str, object] = {"tickvals": days} if len(days) <= _FEW_DAYS else {"nticks": 8}
    figure.update_xaxes(tickformat="%-d %b\n%Y", hoverformat="%a %-d %b %Y", tickangle=0, type="date", **ticks)
