"""How people and machines answered a send, hour by hour.

Machines' opens stand apart as a dotted line on top of people's. Add charts over time here; totals and shares
belong to the other figures.
"""

from typing import Any

import polars as pl
from plotly.subplots import make_subplots

from dashboards.theme import PALETTES, Mode, Palette, count_axis, rgba, template


def engagement_over_time(hourly: pl.DataFrame, *, mode: Mode = "light") -> Any:
    """Draw opens and clicks over unsubscribes, with the hours of sending shaded."""
    palette = PALETTES[mode]
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.78, 0.22], vertical_spacing=0.08)
    figure.update_layout(template=template(mode), height=340, hovermode="x unified", bargap=0.15)
    starts = hourly["start"].to_list()
    figure.add_scatter(
        x=starts,
        y=hourly["all_opens"].to_list(),
        name="All opens",
        customdata=hourly["machine_opens"].to_list(),
        hovertemplate="%{y:,}, of them %{customdata:,} by machines",
        line={"width": 1.4, "color": palette.machine, "dash": "dot"},
        mode=_mode(hourly),
    )
    _people(figure, hourly, "opens", "People's opens", palette.people)
    _people(figure, hourly, "clicks", "People's clicks", palette.action)
    figure.add_bar(
        x=starts,
        y=hourly["unsubscribes"].to_list(),
        name="Unsubscribes",
        marker={"color": palette.act},
        opacity=0.85,
        hovertemplate="%{y:,}",
        row=2,
        col=1,
    )
    _shade_sending(figure, hourly, palette)
    _name_axes(figure, hourly)
    return figure


def _people(figure: Any, hourly: pl.DataFrame, column: str, name: str, colour: str) -> None:
    figure.add_scatter(
        x=hourly["start"].to_list(),
        y=hourly[column].to_list(),
        name=name,
        mode=_mode(hourly),
        line={"width": 2.2, "color": colour},
        fill="tozeroy",
        fillgradient={"type": "vertical", "colorscale": [[0, rgba(colour, 0.03)], [1, rgba(colour, 0.34)]]},
        hovertemplate="%{y:,}",
        row=1,
        col=1,
    )


def _shade_sending(figure: Any, hourly: pl.DataFrame, palette: Palette) -> None:
    sending = hourly.filter(pl.col("accepted") > 0)
    if sending.is_empty():
        return
    first, last = sending["start"][0], sending["ends"][-1]
    figure.add_vrect(
        x0=first, x1=last, fillcolor=palette.watch, opacity=0.10, line={"width": 0}, layer="below", row=1, col=1
    )
    figure.add_annotation(
        x=last,
        y=1,
        yref="y domain",
        xanchor="left",
        yanchor="top",
        text=" sending",
        showarrow=False,
        font={"size": 11, "color": palette.mute},
    )


def _mode(hourly: pl.DataFrame) -> str:
    # A line needs two points; a short story is shown by its points as well.
    return "lines" if hourly.height > 3 else "lines+markers"


def _name_axes(figure: Any, hourly: pl.DataFrame) -> None:
    bucket = "hour" if hourly.is_empty() else hourly["bucket"][0]
    figure.update_yaxes(**count_axis(hourly["all_opens"].to_list(), f"per {bucket}"), row=1, col=1)
    figure.update_yaxes(**{**count_axis(hourly["unsubscribes"].to_list(), "unsubs"), "nticks": 3}, row=2, col=1)
    ticks = "%-d %b" if bucket == "day" else "%H:%M\n%-d %b"
    figure.update_xaxes(hoverformat="%a %-d %b, %H:%M", tickformat=ticks, nticks=6, tickangle=0)
    figure.update_xaxes(title_text="UTC", row=2, col=1)
