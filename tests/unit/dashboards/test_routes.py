import csv
import io
import logging

import duckdb
import pytest
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from dashboards.render import write_html
from dashboards.routes import Reading, download, show

SECOND = "spring_sale.20261103T0900Z"
CONTACT = "7e" * 16


@pytest.fixture
def shop(marts):
    """Two sends, one segment and one contact."""
    marts.connection.execute("create schema segments")
    marts.connection.execute(f"create table segments.lapsed as select '{CONTACT}' as contact_id")
    marts.insert(
        "dim_contacts", contact_id=CONTACT, email="ann@example.com", mailbox_domain="example.com", first_name="Ann"
    )
    marts.insert("dim_segments", segment="lapsed", title="Lapsed", description="Gone quiet.", sql="select 1")
    marts.insert("rpt_segment_sizes", segment="lapsed", contacts=1, all_contacts=4, share=0.25)
    return marts


@pytest.fixture
def reading(shop):
    return Reading(connect=shop.connection.cursor, links={"Runs": "http://127.0.0.1:3000"}, currency="$")


def page_of(reading, path, search=""):
    return HTMLParser(write_html(show(reading, path, search, "light")))


def head(page):
    return page.css_first("h1").text()


@pytest.mark.parametrize(
    ("path", "search", "name"),
    [
        ("/", "", "All sends"),
        ("/", "?period=365d", "All sends"),
        ("/campaigns", "", "Sends"),
        ("/campaigns/", "", "Sends"),
        (f"/campaigns/{SECOND}", "", "Spring sale"),
        ("/segments", "", "Segments"),
        ("/segments/lapsed", "", "Lapsed"),
        ("/contacts", "", "Find a contact"),
        (f"/contacts/{CONTACT}", "", "Ann"),
    ],
)
def test_every_address_has_its_page(reading, path, search, name):
    page = page_of(reading, path, search)
    assert head(page) == name
    assert len(page.css("main")) == 1
    assert "as of" in page.css_first(".navfoot").text()


@pytest.mark.parametrize(
    ("path", "search", "says"),
    [
        ("/nowhere", "", "/nowhere leads nowhere."),
        (
            "/campaigns/none",
            "",
            f"there is no send 'none' in the marts; they hold: welcome_back.20261027T0900Z, {SECOND}",
        ),
        ("/segments/%3Cb%3E", "", "there is no segment '<b>' in the project; it has: lapsed"),
        ("/", "?period=1d", "there is no period '1d'"),
    ],
)
def test_what_there_is_not_is_said(reading, path, search, says):
    page = page_of(reading, path, search)
    assert head(page) == "There is no such page"
    assert says in page.css_first("main").text()


def test_nothing_published_names_the_command():
    page = page_of(Reading(connect=lambda: None), "/campaigns")
    assert head(page) == "Nothing is published yet"
    assert page.css_first("code").text() == "mailrail refresh"


def test_an_old_copy_says_what_it_lacks(shop, reading):
    shop.connection.execute("drop table marts.rpt_periods")
    page = page_of(reading, "/")
    assert head(page) == "The published copy is an old one"
    assert "rpt_periods" in page.css_first("main").text()


def test_a_fault_of_ours_stands_in_the_log_alone(caplog):
    def connect():
        raise duckdb.IOException("secret place")

    with caplog.at_level(logging.ERROR):
        page = page_of(Reading(connect=connect), "/campaigns")
    assert head(page) == "This page could not be made"
    assert "secret" not in page.html
    assert "the page /campaigns could not be made" in caplog.text
    assert "secret place" in caplog.text


def test_the_address_line_filters_and_sorts(reading):
    assert len(rows_of(reading, "")) == 2
    assert [row["campaign"] for row in rows_of(reading, "sort=audience&order=asc")] == ["welcome_back", "spring_sale"]
    assert [row["campaign"] for row in rows_of(reading, "sort=audience")] == ["spring_sale", "welcome_back"]
    assert [row["campaign"] for row in rows_of(reading, "q=welcome%20back")] == ["welcome_back"]
    assert rows_of(reading, "state=paused") == []
    assert len(rows_of(reading, "sort=drop%20table&order=x")) == 2


def rows_of(reading, query):
    return list(csv.DictReader(io.StringIO(download(reading, query))))


def test_nothing_published_makes_an_empty_file():
    assert download(Reading(connect=lambda: None), "") == ""


def test_the_head_that_is_sorted_by_says_so(reading):
    def marked(search):
        page = page_of(reading, "/campaigns", search)
        return [(th.text(), th.attributes["aria-sort"]) for th in page.css("th[aria-sort]")]

    assert marked("") == [("Due ▼", "descending")]
    assert marked("?sort=revenue&order=asc") == [("Revenue ▲", "ascending")]
    assert marked("?sort=nothing") == [("Due ▼", "descending")]


def test_the_address_of_an_asset():
    reading = Reading(connect=lambda: None, dagster_url="http://127.0.0.1:3000")
    assert reading.asset_url("campaigns", "a b", partition="x y") == (
        "http://127.0.0.1:3000/assets/campaigns/a%20b?partition=x+y"
    )
    assert reading.asset_url("marts") == "http://127.0.0.1:3000/assets/marts"
    assert Reading(connect=lambda: None).asset_url("marts") == ""


@pytest.mark.parametrize("path", ["/contacts/none", "/contacts/a/b"])
def test_an_unknown_contact_leads_back_to_the_search(reading, path):
    page = page_of(reading, path)
    assert head(page) == "Find a contact"
    assert "No contact has this address." in page.text()
