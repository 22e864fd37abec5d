from datetime import date, timedelta

import polars as pl
import pytest

from dashboards.figures.overview import list_growth, messages_by_day, segment_size
from dashboards.theme import PALETTES

FIRST = date(2026, 11, 1)


def days(number):
    return [FIRST + timedelta(days=day) for day in range(number)]


def daily(number=3):
    counts = list(range(number))
    columns = ("deliveries", "bounces", "unique_opens", "unique_clicks")
    return pl.DataFrame({"day": days(number), **dict.fromkeys(columns, counts)})


def growth(number=3):
    columns = ("new_contacts", "unsubscribed_out", "hard_bounced_out", "complained_out")
    return pl.DataFrame({"day": days(number), **dict.fromkeys(columns, [2] * number), "list_size": [9] * number})


def test_the_days_are_drawn_as_they_are():
    figure = messages_by_day(daily())
    assert {trace.name for trace in figure.data} >= {"Delivered", "Bounced"}
    for trace in figure.data:
        assert list(trace.x) == days(3)
        assert list(trace.y) == [0, 1, 2]


def test_those_who_left_stand_below_the_line_and_are_read_as_positive():
    figure = list_growth(growth())
    traces = {trace.name: trace for trace in figure.data}
    assert list(traces["New"].y) == [2, 2, 2]
    for name in ("Unsubscribed", "Bounced out", "Complained"):
        assert list(traces[name].y) == [-2, -2, -2]
        assert list(traces[name].customdata) == [2, 2, 2]
    assert list(traces["List"].y) == [9, 9, 9]
    assert traces["List"].yaxis == "y2"


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_the_colours_are_the_modes_own(mode):
    figure = segment_size(pl.DataFrame({"day": days(2), "contacts": [3, 4]}), mode=mode)
    assert figure.data[0].line.color == PALETTES[mode].people
    assert list(figure.data[0].y) == [3, 4]


def test_each_of_few_days_is_named():
    assert list(segment_size(pl.DataFrame({"day": days(3), "contacts": [1, 1, 1]})).layout.xaxis.tickvals) == days(3)
    assert messages_by_day(daily(30)).layout.xaxis.tickvals is None


def test_a_period_without_a_day_is_drawn():
    for figure in (messages_by_day(daily().clear()), list_growth(growth().clear())):
        assert figure.layout.height == 320
        assert not any(len(trace.x) for trace in figure.data)
