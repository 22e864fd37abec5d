from dashboards.kpis import read_kpis


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
