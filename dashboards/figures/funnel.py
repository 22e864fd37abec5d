"""From the audience to the buyers, stage by stage.

Bars are on a square-root scale, so that the last stages stay visible; the page says so. Add charts of stages
here; what a stage means is decided in the marts.
"""

from math import sqrt
from typing import Any

import polars as pl

from dashboards.formats import count, share
from dashboards.glossary import STAGES, term
from dashboards.theme import PALETTES, Mode, Palette, blank_figure, rgba


def send_funnel(funnel: pl.DataFrame, *, mode: Mode = "light") -> Any:
    """Draw one bar per stage, with its number at the left and its share of the stage before at the right."""
    palette = PALETTES[mode]
    names = [term(STAGES, stage).name for stage in funnel["stage"]]
    people = funnel["people"].to_list()
    figure = blank_figure(
        mode, 340, barmode="overlay", barcornerradius=0, showlegend=False, margin={"l": 2, "r": 2, "t": 16, "b": 22}
    )
    figure.add_bar(
        y=names,
        x=[1] * len(names),
        orientation="h",
        width=0.32,
        marker={"color": palette.grid},
        hoverinfo="skip",
    )
    figure.add_bar(
        y=names,
        x=[sqrt(part or 0) for part in funnel["share"]],
        orientation="h",
        width=0.32,
        marker={"color": [rgba(palette.people, 1 - 0.12 * place) for place in range(len(names))]},
        customdata=people,
        hovertemplate="%{y}: %{customdata:,}<extra></extra>",
    )
    for name, number, step in zip(names, people, funnel["step_rate"], strict=True):
        _label(figure, palette, name, number, step)
    figure.update_xaxes(
        range=[0, 1], showticklabels=False, title_text="share of the audience, square-root scale", title_standoff=0
    )
    figure.update_yaxes(visible=False, autorange="reversed")
    return figure


def _label(figure: Any, palette: Palette, name: str, people: int, step: float | None) -> None:
    texts = [(0, "left", f'<b>{name}</b>  <span style="color:{palette.mute}">{count(people)}</span>')]
    if step is not None:
        texts.append((1, "right", f'<span style="color:{palette.mute}">{share(step)}</span>'))
    for x, anchor, text in texts:
        figure.add_annotation(x=x, y=name, yshift=19, xanchor=anchor, text=text, showarrow=False, font={"size": 12})
