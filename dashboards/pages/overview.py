"""All sends of a period at a glance: the figures, the days, the list, and the sends that stand out.

Add a card here when it concerns all sends. Counts are by the day on which a send was due; the periods and their
comparison are the marts'.
"""

import polars as pl
from dash import dcc, html

from dashboards.elements import Column, Part, card, chart, empty, named, page_head, row, table, tiles, words
from dashboards.figures.overview import list_growth, messages_by_day
from dashboards.formats import count, money, share, title
from dashboards.kpis import read_period_kpis
from dashboards.reader import OverviewFrames
from dashboards.theme import Mode

PERIODS = {"7d": "7 days", "30d": "30 days", "90d": "90 days", "365d": "1 year", "all": "All time"}
DEFAULT = "30d"


def overview_page(frames: OverviewFrames, *, period: str, currency: str = "", mode: Mode = "light") -> Part:
    """Return the overview of a period.

    Args:
        frames: what the marts say about it.
        period: its name, a key of ``PERIODS``.
        currency: the sign or code before amounts.
        mode: the colours of the charts.
    """
    found = frames.period
    versus = "vs the period before"
    return html.Main(
        [
            page_head(
                "Overview",
                "All sends",
                [f"{found['starts_on']:%-d %b %Y} to {found['ends_on']:%-d %b %Y}, by the day a send was due, in UTC"],
            ),
            _periods(period),
            tiles(
                read_period_kpis(found, frames.daily, frames.growth, currency=currency),
                "Key figures of the period",
                versus,
            ),
            row(
                card(
                    "Messages and people",
                    "Above: messages delivered and bounced. Below: those that people opened and clicked at least once.",
                    chart("daily", messages_by_day(frames.daily, mode=mode), "Messages, opens and clicks by day")
                    if found["campaign_sends"]
                    else empty("No send was due in this period."),
                    width=7,
                ),
                card(
                    "The list",
                    "New contacts above the line; below it those who left, each counted once, for one topic or "
                    "for all. Line: contacts that have not left.",
                    chart("growth", list_growth(frames.growth, mode=mode), "Contacts that came and left by day")
                    if frames.growth.height
                    else empty("No contact is known yet."),
                    width=5,
                ),
            ),
            row(
                card("Latest sends", "By the time they were due.", sends_table(frames.latest, currency), width=6),
                card(
                    "Best sends",
                    "By revenue per delivered message, in this period.",
                    sends_table(frames.best, currency),
                    width=6,
                ),
            ),
        ]
    )


def _periods(chosen: str) -> Part:
    links = [
        dcc.Link(name, href=f"/?period={key}", className="chip here" if key == chosen else "chip")
        for key, name in PERIODS.items()
    ]
    return html.Nav(links, className="chips", **{"aria-label": "Period"})


def sends_table(sends: pl.DataFrame, currency: str) -> Part:
    """Return sends as a short table, each with the way to its report."""
    if sends.is_empty():
        return empty("There is none.")
    rows = [
        (
            named(
                dcc.Link(title(send["campaign"]), href=f"/campaigns/{words(send['send_id'])}"), words(send["send_id"])
            ),
            count(send["messages"]),
            share(send["unique_open_rate"]),
            share(send["unique_click_rate"]),
            money(send["revenue"], currency, 0),
        )
        for send in sends.to_dicts()
    ]
    heads = ("Messages", "Opened", "Clicked", "Revenue")
    return table([Column("Send"), *(Column(head, "n") for head in heads)], rows)
