"""The six figures at the top of a page: value, fraction behind it, and change since the send or the period before.

A rate is read from the marts, never computed. Add a figure here when it deserves the first line of a page;
how a tile looks belongs to the page and the terminal.
"""

from dataclasses import dataclass, replace
from typing import Literal

import polars as pl

from dashboards.formats import count, money, points, share
from dashboards.reader import Row, SendFrames

Tone = Literal["good", "watch", "same"]


@dataclass(frozen=True, slots=True)
class Measure:
    """What a figure is made of: columns of the marts, and whether more of it is better."""

    column: str
    label: str
    numerator: str
    denominator: str
    numerator_word: str
    denominator_word: str
    more_is_better: bool = True


@dataclass(frozen=True, slots=True)
class Kpi:
    """One figure, ready to be shown."""

    label: str
    value: str
    fraction: str
    definition: str
    filled: float | None  # the rate itself, where a bar can show it
    trend: tuple[float, ...]
    change: str = ""  # empty where there is no send before
    rises: bool = False
    tone: Tone = "same"


MEASURES = (
    Measure("delivery_rate", "Delivery rate", "deliveries", "sends", "delivered", "handed to the relay"),
    Measure("unique_open_rate", "Unique open rate", "unique_opens", "deliveries", "people opened", "delivered"),
    Measure("unique_click_rate", "Click rate", "unique_clicks", "deliveries", "people clicked", "delivered"),
    Measure("click_to_open_rate", "Click-to-open", "unique_clicks", "unique_opens", "people clicked", "who opened"),
    Measure("unsubscribe_rate", "Unsubscribe rate", "unsubscribes", "deliveries", "people left", "delivered", False),
    Measure("revenue_per_delivery", "Revenue per recipient", "revenue", "deliveries", "revenue", "delivered"),
)


@dataclass(frozen=True, slots=True)
class Amount:
    """A count or a sum of a period: its column, and the line below it."""

    column: str
    label: str
    under: str
    definition: str


AMOUNTS = (
    Amount("revenue", "Attributed revenue", "orders", "orders after a click"),
    Amount("sends", "Messages", "campaign_sends", "handed to the relay, in sends"),
    Amount("list_size", "List", "net_growth", "contacts that have not left; net growth"),
)


def read_kpis(frames: SendFrames, *, currency: str = "") -> tuple[Kpi, ...]:
    """Return the figures of a send, with the change since the send before."""
    changes = frames.changes or {}
    return tuple(
        _rate(frames.send, measure, changes.get(measure.column), _values(frames.trend, measure.column), currency)
        for measure in MEASURES
    )


def read_period_kpis(period: Row, daily: pl.DataFrame, growth: pl.DataFrame, *, currency: str = "") -> tuple[Kpi, ...]:
    """Return the figures of a period, with the change since the period before.

    Args:
        period: a row of ``rpt_periods``.
        daily: ``rpt_daily`` of the period's days.
        growth: ``rpt_list_growth`` of the same days.
        currency: the sign or code before amounts.
    """
    revenue, messages, size = (
        _amount(period, amount, _values(growth if amount.column == "list_size" else daily, amount.column), currency)
        for amount in AMOUNTS
    )
    delivery, opened, clicked = (
        _rate(period, measure, period[f"{measure.column}_change"], _values(daily, measure.column), currency)
        for measure in MEASURES[:3]
    )
    return revenue, messages, delivery, opened, clicked, size


def _values(frame: pl.DataFrame, column: str) -> tuple[float, ...]:
    return tuple(value for value in frame[column].to_list() if value is not None)


def _rate(row: Row, measure: Measure, change: float | None, trend: tuple[float, ...], currency: str) -> Kpi:
    rate = row[measure.column]
    is_money = measure.numerator == "revenue"
    numerator = money(row["revenue"], currency) if is_money else count(row[measure.numerator])
    kpi = Kpi(
        label=measure.label,
        value=money(rate, currency, 3) if is_money else share(rate),
        fraction=f"{numerator} {'over' if is_money else 'of'} {count(row[measure.denominator])}",
        definition=f"{measure.numerator_word} / {measure.denominator_word}",
        filled=None if is_money else rate,
        trend=trend,
    )
    if change is None:
        return kpi
    text = money(abs(change), currency, 3) if is_money else points(change)
    return _with_change(kpi, change, text, more_is_better=measure.more_is_better)


def _amount(period: Row, amount: Amount, trend: tuple[float, ...], currency: str) -> Kpi:
    value, change = period[amount.column], period[f"{amount.column}_change"]
    under = period[amount.under]
    kpi = Kpi(
        label=amount.label,
        value=money(value, currency, 0) if amount.column == "revenue" else count(value),
        fraction=f"{under:+,}" if amount.under == "net_growth" else f"{count(under)} {amount.under.split('_')[-1]}",
        definition=amount.definition,
        filled=None,
        trend=trend,
    )
    return kpi if change is None else _with_change(kpi, change, share(abs(change)), more_is_better=True)


def _with_change(kpi: Kpi, change: float, text: str, *, more_is_better: bool) -> Kpi:
    tone: Tone = "same" if not change else "good" if (change > 0) == more_is_better else "watch"
    return replace(kpi, change=text, rises=change > 0, tone=tone)
