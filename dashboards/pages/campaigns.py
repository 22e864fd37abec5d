"""The list of all sends, with filters that stand in the address line.

Add a column here when people compare sends by it, and to ``COLUMNS`` of the query. Sorting and cutting are the query's
work; the CSV has the same rows.
"""

import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from dash import dcc, html

from dashboards.elements import Column, Part, badge, card, empty, named, page_head, row, table, words
from dashboards.formats import count, moment, money, share, title
from dashboards.pages.campaign import STATE_TONES
from dashboards.reader import SORTABLE

STATES = ("running", "paused", "finished", "cancelled")
SEARCH = "q"
PAGE = 50
_KEPT = ("state", "topic", "sort", "order")
_LONGEST_NUMBER = 7
# Head, column to sort by, and whether it is a number.
_HEADS = (
    ("Send", "campaign", ""),
    ("State", "state", "gap"),
    ("Due", "scheduled_at", "nb gap"),
    ("Audience", "audience", "n"),
    ("Delivered", "delivery_rate", "n"),
    ("Opened", "unique_open_rate", "n"),
    ("Clicked", "unique_click_rate", "n"),
    ("Click-to-open", "click_to_open_rate", "n"),
    ("Left", "unsubscribe_rate", "n"),
    ("Complained", "complaint_rate", "n"),
    ("Orders", "orders", "n"),
    ("Revenue", "revenue", "n"),
    ("Per delivery", "revenue_per_delivery", "n"),
)


def campaigns_page(
    sends: pl.DataFrame, total: int, *, topics: Sequence[str] = (), asked: Mapping[str, str], currency: str = ""
) -> Part:
    """Return a page of the list.

    Args:
        sends: one row per send, at most ``PAGE``.
        total: how many fit the filters.
        topics: the topics that sends have.
        asked: the filters, as they stand in the address line.
        currency: the sign or code before amounts.
    """
    rows = [_row(send, currency) for send in sends.to_dicts()]
    columns = [Column(_head(head, column, asked), align, sort=_sorted(column, asked)) for head, column, align in _HEADS]
    shown = f"{count(total)} sends" if total == sends.height else f"{count(sends.height)} of {count(total)} sends"
    return html.Main(
        [
            page_head(
                "Campaigns", "Sends", [shown, " · ", html.A("CSV", href=_address("/download/campaigns.csv", asked))]
            ),
            _choices("state", "All states", STATES, asked),
            _choices("topic", "All topics", topics, asked) if len(topics) > 1 else None,
            _search(asked),
            row(
                card(
                    "All sends",
                    "Rates by delivered messages, except Delivered (by messages handed to the relay) and "
                    "Click-to-open. Opens and clicks are people's.",
                    table(columns, rows) if rows else empty("No send fits. Take a filter away, or send something."),
                    _pages(total, asked),
                )
            ),
        ]
    )


def _row(send: Mapping[str, Any], currency: str) -> tuple[Part, ...]:
    return (
        named(dcc.Link(title(send["campaign"]), href=f"/campaigns/{words(send['send_id'])}"), words(send["send_id"])),
        badge(words(send["state"]), STATE_TONES.get(send["state"], "")),
        moment(send["scheduled_at"]),
        count(send["audience"]),
        share(send["delivery_rate"], 1),
        share(send["unique_open_rate"], 1),
        share(send["unique_click_rate"]),
        share(send["click_to_open_rate"], 1),
        share(send["unsubscribe_rate"]),
        share(send["complaint_rate"], 3),
        count(send["orders"]),
        money(send["revenue"], currency, 0),
        money(send["revenue_per_delivery"], currency, 3),
    )


def _head(head: str, column: str, asked: Mapping[str, str]) -> Part:
    here = _sorted(column, asked)
    order = "asc" if here == "descending" else "desc"
    mark = {"descending": " ▼", "ascending": " ▲"}.get(here, "")
    return dcc.Link(f"{head}{mark}", href=_address("/campaigns", {**asked, "sort": column, "order": order, "page": ""}))


def _sorted(column: str, asked: Mapping[str, str]) -> str:
    """Return ``ascending`` or ``descending`` for the column that the list goes by; the same reading as the query's."""
    by = asked.get("sort", "")
    if column != (by if by in SORTABLE else "scheduled_at"):
        return ""
    return "ascending" if asked.get("order") == "asc" else "descending"


def page_number(asked: Mapping[str, str]) -> int:
    """Return the page of the list that is asked for; what is no number is the first."""
    number = asked.get("page", "")
    return max(1, int(number)) if number.isascii() and number.isdigit() and len(number) < _LONGEST_NUMBER else 1


def _choices(name: str, all_of_them: str, values: Sequence[str], asked: Mapping[str, str]) -> Part:
    chosen = asked.get(name, "")
    links = [
        dcc.Link(
            words(value, 40).capitalize() or all_of_them,
            href=_address("/campaigns", {**asked, name: value, "page": ""}),
            className="chip here" if value == chosen else "chip",
        )
        for value in ("", *values)
    ]
    return html.Nav(links, className="chips", **{"aria-label": name.capitalize()})


def _pages(total: int, asked: Mapping[str, str]) -> Part:
    here, last = page_number(asked), max(1, -(-total // PAGE))
    if last == 1:
        return None
    ways = [(here - 1, "Before"), (here + 1, "Next")]
    links = [
        dcc.Link(name, href=_address("/campaigns", {**asked, "page": str(number)}), className="chip")
        for number, name in ways
        if 1 <= number <= last
    ]
    return html.Nav([f"Page {here} of {last}", *links], className="chips pages", **{"aria-label": "Pages of the list"})


def _search(asked: Mapping[str, str]) -> Part:
    kept = [dcc.Input(name=name, type="hidden", value=asked[name]) for name in _KEPT if asked.get(name)]
    return html.Form(
        [
            html.Label("Campaign, send or topic", htmlFor=SEARCH),
            dcc.Input(id=SEARCH, name=SEARCH, type="search", value=asked.get(SEARCH, ""), autoComplete="off"),
            *kept,
            html.Button("Search", type="submit"),
        ],
        action="/campaigns",
        method="get",
        className="find chips",
    )


def _address(path: str, asked: Mapping[str, str]) -> str:
    query = urllib.parse.urlencode({name: value for name, value in asked.items() if value})
    return f"{path}?{query}" if query else path
