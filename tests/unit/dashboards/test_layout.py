from datetime import datetime

from selectolax.lexbor import LexborHTMLParser as HTMLParser

from dashboards.layout import WAYS, around, skeleton
from dashboards.render import write_html


def page_at(path, freshness=None, links=None):
    return HTMLParser(write_html(around("the page", path=path, freshness=freshness, links=links or {})))


def test_the_way_we_are_on_is_marked():
    for path, name in (("/", "Overview"), ("/campaigns", "Campaigns"), ("/campaigns/a.1", "Campaigns")):
        page = page_at(path)
        assert [node.text() for node in page.css("[aria-current=page]")] == [name]
        assert len(page.css(".way.here")) == 1
        assert [way.attributes["href"] for way in page.css("nav .way")] == [address for address, _ in WAYS]
    assert not page_at("/campaignsother").css("[aria-current]")


def test_the_first_link_skips_to_the_content():
    page = page_at("/")
    assert page.css("a, link")[0].attributes["href"] == "#content"
    assert page.css_first("#content").text() == "the page"


def test_how_fresh_the_numbers_are():
    assert "nothing published yet" in page_at("/").css_first(".navfoot").text()
    fresh = page_at("/", {"as_of": datetime(2026, 11, 5, 9), "version": "20261105T090000Z-1"})
    assert "as of Thu 5 Nov 2026, 09:00 UTC" in fresh.css_first(".navfoot").text()


def test_other_places_open_beside():
    (link,) = page_at("/", links={"<b>Runs": "http://127.0.0.1:3000"}).css(".navfoot a")
    assert link.text() == "<b>Runs"
    assert (link.attributes["target"], link.attributes["rel"]) == ("_blank", "noopener")


def test_the_skeleton_stays_and_has_both_buttons():
    place, mode, toggle, shell = skeleton()
    assert [place.id, mode.id, shell.id] == ["place", "mode", "shell"]
    assert [button.id for button in toggle.children] == ["light", "dark"]
