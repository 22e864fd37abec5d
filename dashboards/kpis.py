"""The six figures at the top of a report: value, fraction behind it, and change since the send before.

A rate is read from the marts, never computed. Add a figure here when it deserves the first line of a report;
how a tile looks belongs to the page and the terminal.
"""

from dataclasses import dataclass, replace
from typing import Literal

from dashboards.formats import count, money, points, share
from dashboards.reader import SendFrames

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


def read_kpis(frames: SendFrames, *, currency: str = "") -> tuple[Kpi, ...]:
    """Return the figures of a send."""
    return tuple(_kpi(frames, measure, currency) for measure in MEASURES)


def _kpi(frames: SendFrames, measure: Measure, currency: str) -> Kpi:
    send, rate = frames.send, frames.send[measure.column]
    is_money = measure.numerator == "revenue"
    numerator = money(send["revenue"], currency) if is_money else count(send[measure.numerator])
    change = (frames.changes or {}).get(measure.column)
    kpi = Kpi(
        label=measure.label,
        value=money(rate, currency, 3) if is_money else share(rate),
        fraction=f"{numerator} of {count(send[measure.denominator])}"
        if not is_money
        else f"{numerator} over {count(send[measure.denominator])}",
        definition=f"{measure.numerator_word} / {measure.denominator_word}",
        filled=None if is_money else rate,
        trend=tuple(value for value in frames.trend[measure.column].to_list() if value is not None),
    )
    if change is None:
        return kpi
    return _with_change(kpi, change, money(abs(change), currency, 3) if is_money else points(change), measure)


def _with_change(kpi: Kpi, change: float, text: str, measure: Measure) -> Kpi:
    tone: Tone = "same" if not change else "good" if (change > 0) == measure.more_is_better else "watch"
    return replace(kpi, change=text, rises=change > 0, tone=tone)
