from dashboards.kpis import read_kpis, read_period_kpis
from dashboards.reader import read_overview


def test_six_figures_with_what_they_are_made_of(frames):
    kpis = {kpi.label: kpi for kpi in read_kpis(frames, currency="$")}
    assert list(kpis) == [
        "Delivery rate",
        "Unique open rate",
        "Click rate",
        "Click-to-open",
        "Unsubscribe rate",
        "Revenue per recipient",
    ]
    assert kpis["Delivery rate"].value == "97.8%"
    assert kpis["Delivery rate"].fraction == "17,811 of 18,218"
    assert kpis["Unique open rate"].fraction == "6,412 of 17,811"
    assert kpis["Click-to-open"].fraction == "1,103 of 6,412"
    assert kpis["Revenue per recipient"].value == "$0.676"
    assert kpis["Revenue per recipient"].fraction == "$12,043.50 over 17,811"
    assert kpis["Revenue per recipient"].filled is None


def test_a_change_knows_whether_up_is_good(frames):
    kpis = {kpi.label: kpi for kpi in read_kpis(frames)}
    opened, left = kpis["Unique open rate"], kpis["Unsubscribe rate"]
    assert (opened.change, opened.rises, opened.tone) == ("6.00 pt", True, "good")
    assert (left.change, left.rises, left.tone) == ("0.14 pt", True, "watch")


def test_the_first_send_is_compared_with_nothing(marts):
    kpis = read_kpis(marts.read("welcome_back.20261027T0900Z"))
    assert {kpi.change for kpi in kpis} == {""}


def test_a_rate_without_a_denominator_is_a_dash(empty_marts):
    none = dict.fromkeys(("delivery_rate", "unique_open_rate", "unique_click_rate", "click_to_open_rate"))
    empty_marts.send(send_no=1, send_id="a.1", campaign="a", state="running", **none)
    first = read_kpis(empty_marts.read("a.1"))[0]
    assert (first.value, first.filled, first.fraction) == ("–", None, "0 of 0")


def test_a_period_is_compared_with_the_one_before(marts):
    changed = {"revenue": 120.0, "revenue_change": 0.2, "orders": 3, "net_growth": 5, "list_size": 90}
    rates = {"delivery_rate": 0.97, "deliveries": 97, "sends": 100, "delivery_rate_change": -0.01}
    period = {**read_overview(marts.connection, "30d").period, **changed, **rates, "list_size_change": 0.0}
    frames = read_overview(marts.connection, "30d")
    kpis = {kpi.label: kpi for kpi in read_period_kpis(period, frames.daily, frames.growth, currency="$")}
    assert list(kpis) == ["Attributed revenue", "Messages", "Delivery rate", "Unique open rate", "Click rate", "List"]
    revenue, delivery, size = kpis["Attributed revenue"], kpis["Delivery rate"], kpis["List"]
    assert (revenue.value, revenue.fraction, revenue.change, revenue.tone) == ("$120", "3 orders", "20.0%", "good")
    assert (delivery.value, delivery.fraction, delivery.tone) == ("97.0%", "97 of 100", "watch")
    assert (size.fraction, size.tone, size.rises) == ("+5", "same", False)


def test_a_period_without_a_send_has_dashes(empty_marts):
    frames = read_overview(empty_marts.connection, "7d")
    kpis = read_period_kpis(frames.period, frames.daily, frames.growth)
    assert [kpi.value for kpi in kpis] == ["0", "0", "–", "–", "–", "0"]
