"""Colours, type and the two Plotly templates, light and dark.

The page's style sheet takes its colours from the same palettes. Add a colour here when it has a meaning of
its own; shapes and sizes of single charts belong to ``figures``.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import plotly.graph_objects as go

Mode = Literal["light", "dark"]

FONT = "Inter, ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"


@dataclass(frozen=True, slots=True)
class Palette:
    """One mode's colours: surfaces, text, and one per meaning."""

    page: str
    card: str
    line: str
    grid: str
    text: str
    mute: str
    people: str  # what people did; good
    action: str  # the stronger signal: clicks
    watch: str
    act: str
    machine: str  # what machines did; reference lines
    good_text: str
    good_fill: str
    watch_text: str
    watch_fill: str
    act_text: str
    act_fill: str


PALETTES: dict[Mode, Palette] = {
    "light": Palette(
        page="#f5f7f9",
        card="#ffffff",
        line="#e5eaf0",
        grid="#edf1f5",
        text="#0f172a",
        mute="#5b6b80",
        people="#0d9488",
        action="#6366f1",
        watch="#d97706",
        act="#e11d48",
        machine="#94a3b8",
        good_text="#047857",
        good_fill="#d1fae5",
        watch_text="#92400e",
        watch_fill="#fef3c7",
        act_text="#be123c",
        act_fill="#ffe4e6",
    ),
    "dark": Palette(
        page="#0d1117",
        card="#151b24",
        line="#232c39",
        grid="#1f2733",
        text="#e6edf3",
        mute="#93a1b3",
        people="#2dd4bf",
        action="#818cf8",
        watch="#fbbf24",
        act="#fb7185",
        machine="#74839a",
        good_text="#6ee7b7",
        good_fill="#064e3b",
        watch_text="#fcd34d",
        watch_fill="#451a03",
        act_text="#fda4af",
        act_fill="#4c0519",
    ),
}


def rgba(colour: str, alpha: float) -> str:
    """Return a ``#rrggbb`` colour with an opacity."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


def style_variables() -> str:
    """Return the palettes as CSS variables that follow the page's colour scheme."""
    light, dark = asdict(PALETTES["light"]), asdict(PALETTES["dark"])
    pairs = (f"--{name.replace('_', '-')}:light-dark({light[name]},{dark[name]})" for name in light)
    return ":root{" + ";".join(pairs) + "}"


def template(mode: Mode) -> Any:
    """Return the Plotly template of a mode: type, axes, hover labels, legend, transparent ground."""
    palette = PALETTES[mode]
    axis = {
        "gridcolor": palette.grid,
        "linecolor": palette.line,
        "zeroline": False,
        "ticks": "",
        "automargin": True,
        "fixedrange": True,
        "tickfont": {"color": palette.mute, "size": 11},
        "title": {"font": {"color": palette.mute, "size": 11}, "standoff": 6},
    }
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 12, "color": palette.text},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "margin": {"l": 6, "r": 6, "t": 6, "b": 6},
            "xaxis": {**axis, "showgrid": False},
            "yaxis": {**axis, "ticklabelstandoff": 6},
            "hoverlabel": {
                "bgcolor": palette.card,
                "bordercolor": palette.line,
                "font": {"color": palette.text, "family": FONT, "size": 12},
            },
            "legend": {
                "orientation": "h",
                "x": 0,
                "y": 1.02,
                "yanchor": "bottom",
                "font": {"size": 11, "color": palette.mute},
                "bgcolor": "rgba(0,0,0,0)",
            },
            "barcornerradius": 4,
            "dragmode": False,
        }
    )


def blank_figure(mode: Mode, height: int, **layout: object) -> Any:
    """Return an empty figure in a mode's template."""
    figure = go.Figure()
    figure.update_layout(template=template(mode), height=height, **layout)
    return figure


def count_axis(numbers: list[int], title: str) -> dict[str, object]:
    """Return an axis from zero that names whole numbers only, also where there are hardly any."""
    most = max((number or 0 for number in numbers), default=0)
    steps: dict[str, object] = {"dtick": 1} if most <= 4 else {"nticks": 5}
    few: dict[str, object] = {"range": [0, 1.15]} if most == 0 else {"rangemode": "tozero"}
    return {"tickformat": ",~s" if most >= 10_000 else ",d", "title": {"text": title}, **steps, **few}
