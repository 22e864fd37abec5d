import pytest
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from dashboards.pages.segments import segment_page, segments_page
from dashboards.reader import read_segment, read_segments
from dashboards.render import charts_in, write_html

CONTACT = "7e" * 16
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def shop(marts):
    marts.connection.execute("create schema segments")
    marts.connection.execute(f"create table segments.lapsed as select '{CONTACT}' as contact_id")
    marts.insert("dim_contacts", contact_id=CONTACT, email="ann@example.com", mailbox_domain="example.com", orders=2)
    marts.insert("dim_segments", segment="lapsed", title="Lapsed", description=HOSTILE, sql=HOSTILE, path="a.sql")
    marts.insert("dim_segments", segment="broken", title="", description="")
    marts.insert("rpt_segment_sizes", segment="lapsed", contacts=1, all_contacts=4, share=0.25, change=-3)
    return marts


def test_the_list_says_which_can_be_used(shop):
    page = HTMLParser(write_html(segments_page(read_segments(shop.connection))))
    lapsed, broken = page.css("tbody tr")
    assert "ready" in lapsed.text()
    assert "-3" in lapsed.text()
    assert "25.0%" in lapsed.text()
    assert HOSTILE in lapsed.text()
    assert "build failed: not in use" in broken.text()
    assert not page.css("script")


def test_a_project_without_segments_names_the_command(empty_marts):
    empty_marts.connection.execute("create schema segments")
    page = HTMLParser(write_html(segments_page(read_segments(empty_marts.connection))))
    assert "mailrail segment new NAME" in page.text()


def test_a_segment_with_its_sql_and_a_sample(shop):
    page = segment_page(read_segment(shop.connection, "lapsed"), model_url="http://127.0.0.1:3000/x", currency="$")
    shown = HTMLParser(write_html(page))
    assert shown.css_first("h1").text() == "Lapsed"
    assert shown.css_first("pre code").text() == HOSTILE
    assert not shown.css("script")
    assert "ann@" not in shown.html
    assert f"/contacts/{CONTACT}" in shown.html
    assert [name for name, _ in charts_in(page)]
    assert "http://127.0.0.1:3000/x" in shown.html


def test_a_segment_that_is_not_published_has_no_sample(shop):
    shown = HTMLParser(write_html(segment_page(read_segment(shop.connection, "broken"))))
    assert shown.css_first("h1").text() == "broken"
    assert "Nobody is in it." in shown.text()
