"""Who followed the links: people, and the scanners that follow all of them.

Add charts about clicks here; the table of links with their shares belongs to the page.
"""

from typing import Any

import polars as pl

from dashboards.formats import chart_text
from dashboards.theme import PALETTES, Mode, blank_figure, count_axis

MOST = 12


def clicks_by_link(links: pl.DataFrame, *, mode: Mode = "light") -> Any:
    """Draw each link's clicks by people beside those by machines, the most clicked first."""
    palette = PALETTES[mode]
    shown = links.head(MOST)
    # Two links may carry the same words, so their numbers are the categories and the words the labels.
    places = shown["link_no"].to_list()
    names = [chart_text(label, 22) for label in shown["label"]]
    figure = blank_figure(mode, 104 + 34 * max(shown.height, 2), barmode="group", bargap=0.35, bargroupgap=0.08)
    for column, name, colour in (
        ("clicks", "People", palette.action),
        ("machine_clicks", "Machines", palette.machine),
    ):
        figure.add_bar(
            y=[str(place) for place in places],
            x=shown[column].to_list(),
            name=name,
            orientation="h",
            marker={"color": colour},
            customdata=names,
            hovertemplate="%{customdata}: %{x:,} clicks",
        )
    figure.update_yaxes(
        type="category",
        autorange="reversed",
        showgrid=False,
        tickmode="array",
        tickvals=[str(place) for place in places],
        ticktext=names,
    )
    most = [max(pair) for pair in shown.select("clicks", "machine_clicks").rows()]
    figure.update_xaxes(showgrid=True, gridcolor=palette.grid, **count_axis(most, "clicks"))
    return figure
