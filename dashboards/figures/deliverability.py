"""How mailbox providers took a send.

Add charts about bounces, complaints and refusals here. Where a light changes colour is decided by the reader.
"""

from typing import Any

import polars as pl

from dashboards.formats import chart_text, share
from dashboards.theme import PALETTES, Mode, Palette, blank_figure


def bounce_rate_by_provider(providers: pl.DataFrame, *, watch: float, act: float, mode: Mode = "light") -> Any:
    """Draw each provider's bounce rate against the two lines that its light goes by."""
    palette = PALETTES[mode]
    colours = _colours(palette)
    figure = blank_figure(mode, 96 + 30 * max(providers.height, 2), showlegend=False)
    figure.update_layout(margin={"l": 6, "r": 44, "t": 22, "b": 6})
    figure.add_bar(
        y=[chart_text(domain, 28) for domain in providers["mailbox_domain"]],
        x=providers["bounce_rate"].to_list(),
        orientation="h",
        width=0.5,
        marker={"color": [colours[light] for light in providers["light"]]},
        text=[share(rate) for rate in providers["bounce_rate"]],
        textposition="outside",
        cliponaxis=False,
        customdata=providers.select("hard_bounces", "soft_bounces", "messages").rows(),
        hovertemplate="%{y}: %{customdata[0]:,} hard and %{customdata[1]:,} soft of %{customdata[2]:,}<extra></extra>",
    )
    lines = ((watch, "watch", "right", palette.watch), (act, "act", "left", palette.act))
    for line, name, anchor, colour in lines:
        figure.add_vline(x=line, line={"color": colour, "width": 1, "dash": "dot"}, layer="below")
        figure.add_annotation(
            x=line,
            xanchor=anchor,
            y=1,
            yref="paper",
            yanchor="bottom",
            text=name,
            showarrow=False,
            font={"size": 11, "color": colour},
        )
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(tickformat=".0%", rangemode="tozero", nticks=5, title_text="bounced of messages handed over")
    return figure


def _colours(palette: Palette) -> dict[str, str]:
    return {"healthy": palette.people, "watch": palette.watch, "act": palette.act, "few": palette.machine}
