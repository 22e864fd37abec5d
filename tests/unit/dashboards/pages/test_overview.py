import pytest
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from dashboards.pages.overview import PERIODS, overview_page
from dashboards.reader import read_overview
from dashboards.render import charts_in, write_html
from tests.unit.dashboards.conftest import TODAY


@pytest.fixture
def busy(marts):
    marts.connection.execute("update marts.rpt_periods set campaign_sends = 2, delivery_rate = 0.97")
    marts.insert("rpt_daily", day=TODAY, deliveries=5, campaign_sends=2)
    marts.insert("rpt_list_growth", day=TODAY, new_contacts=3, list_size=9)
    return marts


def page_of(marts, period="30d"):
    return overview_page(read_overview(marts.connection, period), period=period, currency="$")


def test_a_period_with_sends(busy):
    page = page_of(busy)
    shown = HTMLParser(write_html(page))
    assert shown.css_first("h1").text() == "All sends"
    assert "7 Oct 2026 to 5 Nov 2026" in shown.css_first(".facts").text()
    assert len(shown.css(".tile")) == 6
    assert [name for name, _ in charts_in(page)] == ["chart-daily", "chart-growth"]
    latest, best = shown.css("table")
    assert len(latest.css("tbody tr")) == len(best.css("tbody tr")) == 2
    assert "spring_sale.20261103T0900Z" in latest.text()


def test_the_period_is_marked(busy):
    chips = HTMLParser(write_html(page_of(busy, "7d"))).css(".chip")
    assert [chip.attributes["href"] for chip in chips] == [f"/?period={key}" for key in PERIODS]
    assert [chip.attributes["href"] for chip in chips if "here" in chip.attributes["class"]] == ["/?period=7d"]


def test_nothing_yet_is_said(empty_marts):
    page = page_of(empty_marts)
    text = HTMLParser(write_html(page)).text()
    assert "No send was due in this period." in text
    assert "No contact is known yet." in text
    assert text.count("There is none.") == 2
    assert not list(charts_in(page))
