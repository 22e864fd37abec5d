"""Who was left out of the audience, and why.

Add charts of what happens before the first message leaves here; what happens to messages belongs elsewhere.
"""

from typing import Any

import polars as pl

from dashboards.formats import chart_text, count
from dashboards.glossary import REASONS, term
from dashboards.theme import PALETTES, Mode, blank_figure, count_axis


def exclusions_waterfall(exclusions: pl.DataFrame, *, included: int, audience: int, mode: Mode = "light") -> Any:
    """Draw the way from the contacts in the segments down to the audience, one step per reason."""
    palette = PALETTES[mode]
    names = [
        "In the segments",
        *(chart_text(term(REASONS, reason).name) for reason in exclusions["reason"]),
        "Audience",
    ]
    contacts = exclusions["contacts"].to_list()
    figure = blank_figure(mode, 96 + 34 * len(names), showlegend=False, margin={"l": 6, "r": 46, "t": 6, "b": 6})
    figure.add_waterfall(
        orientation="h",
        y=names,
        x=[included, *(-number for number in contacts), audience],
        measure=["absolute", *["relative"] * len(contacts), "total"],
        text=[count(included), *(f"−{count(number)}" for number in contacts), count(audience)],
        textposition="outside",
        cliponaxis=False,
        connector={"line": {"color": palette.line, "width": 1}},
        totals={"marker": {"color": palette.people}},
        increasing={"marker": {"color": palette.machine}},
        decreasing={"marker": {"color": palette.watch}},
        hovertemplate="%{y}: %{text}<extra></extra>",
    )
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(showgrid=True, gridcolor=palette.grid, **count_axis([included], "contacts"))
    return figure
