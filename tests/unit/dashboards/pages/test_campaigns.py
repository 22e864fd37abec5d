import pytest
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from dashboards.pages.campaigns import campaigns_page, page_number
from dashboards.reader import CampaignFilters, read_campaigns
from dashboards.render import write_html


@pytest.fixture
def page_of(marts):
    def shown(asked, total=None, **filters):
        found = read_campaigns(marts.connection, CampaignFilters(**filters))
        page = campaigns_page(found.sends, found.total if total is None else total, asked=asked, currency="$")
        return HTMLParser(write_html(page))

    return shown


def test_a_row_per_send(page_of):
    page = page_of({})
    first, second = (row.text(separator="|") for row in page.css("tbody tr"))
    assert "spring_sale.20261103T0900Z" in first
    assert "18,240" in first
    assert "$12,044" in first
    assert "welcome_back" in second
    assert page.css_first(".facts").text().startswith("2 sends")


def test_what_is_not_shown_is_counted(page_of):
    assert page_of({}, total=412).css_first(".facts").text().startswith("2 of 412 sends")


def test_a_head_sorts_and_keeps_the_filters(page_of):
    links = [
        head.css_first("a").attributes["href"] for head in page_of({"state": "finished", "sort": "audience"}).css("th")
    ]
    assert "/campaigns?state=finished&sort=audience&order=asc" in links
    assert "/campaigns?state=finished&sort=revenue&order=desc" in links


def test_the_file_has_the_same_filters(page_of):
    assert page_of({"q": "a b&c"}).css_first(".facts a").attributes["href"] == "/download/campaigns.csv?q=a+b%26c"


def test_the_state_chosen_is_marked(page_of):
    page = page_of({"state": "paused"}, state="paused")
    assert [chip.attributes["href"] for chip in page.css(".chip.here")] == ["/campaigns?state=paused"]
    assert "No send fits." in page.css_first("main").text()
    assert page.css_first("label").attributes["for"] == "q"


def test_many_sends_have_pages_and_a_filter_leads_to_the_first(page_of):
    page = page_of({"state": "finished", "page": "2"}, total=130)
    assert page.css_first(".pages").text(separator=" ").startswith("Page 2 of 3")
    assert [way.attributes["href"] for way in page.css(".pages a")] == [
        "/campaigns?state=finished&page=1",
        "/campaigns?state=finished&page=3",
    ]
    assert all("page=" not in chip.attributes["href"] for chip in page.css("nav[aria-label=State] a"))
    assert not page_of({}).css(".pages")


@pytest.mark.parametrize(("given", "number"), [("3", 3), ("0", 1), ("-1", 1), ("x", 1), ("9" * 30, 1), ("²", 1)])
def test_what_is_no_page_is_the_first(given, number):
    assert page_number({"page": given}) == number
