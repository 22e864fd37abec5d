"""Every page of the dashboards, and the report as one file, as a browser shows them."""

import json
import re
import shutil
import urllib.parse
from types import SimpleNamespace

import pytest

from assets.warehouse.published import connect_published
from dashboards.app import create_app
from dashboards.clickmap import click_map, read_specimen
from dashboards.pages.campaign import Origin, campaign_page
from dashboards.reader import read_send
from dashboards.render import render_file
from dashboards.routes import Reading
from tests.fixtures.browser import (
    Shelf,
    Watched,
    armed,
    broad,
    chromium,
    hindrances,
    needs_chromium,
    publish_tables,
    serving,
)
from tests.unit.dashboards.conftest import Marts

pytestmark = [pytest.mark.slow, needs_chromium]

SEND, SEGMENT = "spring_sale.20260414T0800Z", "lapsed_buyers"
WIDTHS = (390, 820, 1440)
# Path, headline, and how many charts the sample shop has there.
FULL = (
    ("/", "All sends", 2),
    ("/?period=365d", "All sends", 2),
    ("/campaigns", "Sends", 0),
    ("/campaigns?state=finished&sort=revenue&order=asc&q=spring", "Sends", 0),
    (f"/campaigns/{SEND}", "Spring sale", 5),
    ("/segments", "Segments", 0),
    ("/contacts", "Find a contact", 0),
    ("/contacts?unknown=1", "Find a contact", 0),
    ("/nowhere", "There is no such page", 0),
    ("/campaigns/nowhere", "There is no such page", 0),
    ("/segments/nowhere", "There is no such page", 0),
    ("/contacts/nowhere", "Find a contact", 0),
)
EMPTY = (
    ("/", "All sends"),
    ("/campaigns", "Sends"),
    ("/segments", "Segments"),
    ("/contacts", "Find a contact"),
    (f"/campaigns/{SEND}", "There is no such page"),
)
UNPUBLISHED = (
    ("/", "Nothing is published yet"),
    ("/campaigns", "Nothing is published yet"),
    (f"/campaigns/{SEND}", "Nothing is published yet"),
)


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def shop(demo):
    """The sample shop's copy, and one contact with a long story in it."""
    published = demo.path / "published"
    with connect_published(published) as connection:
        found = connection.execute(
            "select contact_id from marts.fct_email_events group by all order by count(*) desc, contact_id limit 1"
        ).fetchall()
        names = connection.execute("select segment from marts.dim_segments order by all").fetchall()
    return SimpleNamespace(published=published, contact=found[0][0], segments=[name for (name,) in names])


@pytest.fixture(scope="module")
def shelf():
    return Shelf()


@pytest.fixture(scope="module")
def base(shelf, shop):
    reading = Reading(
        connect=shelf.connect,
        find_contact=lambda address: shop.contact if address == "known@example.com" else None,
        links={"Runs": "http://127.0.0.1:3000"},
        dagster_url="http://127.0.0.1:3000",
        currency="€",
    )
    with serving(create_app(reading)) as address:
        yield address


@pytest.fixture(scope="module")
def nothing(tmp_path_factory):
    """The copy of a warehouse in which no table has a row but those that always have one."""
    marts = Marts()
    marts.connection.execute("create schema segments")
    return publish_tables(marts.connection, tmp_path_factory.mktemp("empty"))


@pytest.fixture(scope="module")
def window(browser, base):
    """One page for the walks; each says what it wants to see there."""
    watched = Watched(browser, base, viewport={"width": 1440, "height": 900}, color_scheme="light")
    yield watched
    watched.close()


@pytest.fixture
def full(window, shelf, shop):
    shelf.published = shop.published
    return window


def choose(watched, mode):
    """Press one of the two buttons, and wait until the page is drawn in its colours."""
    page = watched.page
    page.evaluate("document.querySelector('#content').dataset.old = 'yes'")
    page.click(f"#{mode}")
    watched.until("!document.querySelector('#content[data-old]') && Boolean(document.querySelector('#content h1'))")
    assert page.get_attribute(f"#{mode}", "aria-pressed") == "true"
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == mode
    return watched.drawn()


def look(watched, path, head, charts=None):
    """Open a page and look at it: both colours, three widths, and nothing may be amiss."""
    page = watched.open(path)
    for mode in ("light", "dark"):
        if page.get_attribute(f"#{mode}", "aria-pressed") != "true":
            choose(watched, mode)
        _well_made(watched, path, head, charts)
        found = [far for width in WIDTHS if (far := broad(page, width))] + hindrances(page)
        assert not found, (path, mode, found)
    watched.quiet()


def _well_made(watched, path, head, charts):
    page = watched.page
    assert page.text_content("h1") == head
    # A person's name does not stand in the title, which the browser's history keeps.
    name = "Contact" if path.startswith("/contacts/") else head
    watched.until(f"document.title === {json.dumps(f'{name} · Mailrail')}")
    assert page.locator("h1").count() == 1
    assert page.locator("main").count() == 1
    assert page.get_attribute("html", "lang") == "en"
    if charts is not None:
        assert page.locator(".chart:has(svg.main-svg)").count() == charts
    assert not page.evaluate(
        "[...document.querySelectorAll('[id]')].map((e) => e.id).filter((id, at, all) => all.indexOf(id) !== at)"
    )
    assert not armed(page)


@pytest.mark.parametrize(("path", "head", "charts"), FULL)
def test_a_page_of_the_sample_shop(full, path, head, charts):
    look(full, path, head, charts)


def test_each_segment_has_its_page(full, shop):
    assert shop.segments
    page = full.open("/segments")
    title = page.text_content("td a")
    page.click("td a")
    full.until(f"document.querySelector('h1').textContent === {json.dumps(title)}")
    look(full, urllib.parse.urlsplit(page.url).path, title, 1)


def test_the_story_of_a_contact(full, shop):
    page = full.open(f"/contacts/{shop.contact}")
    assert page.locator("tbody tr").count() > 3
    look(full, f"/contacts/{shop.contact}", page.text_content("h1"), 0)


def test_the_click_map_is_shown_where_the_mail_was_kept(full, shop):
    with connect_published(shop.published) as connection:
        specimen = read_specimen(connection, SEND)
    page = full.open(f"/campaigns/{SEND}")
    assert page.locator("iframe.mail[sandbox='']").count() == (1 if specimen else 0)
    if specimen:
        frame = page.frame_locator("iframe.mail")
        assert frame.locator("a[href^='#link-']").count() > 3
        assert frame.locator("html").get_attribute("lang")
    full.quiet()


def test_a_contact_is_found_by_its_address(full, shop):
    page = full.open("/contacts")
    for address, place in (
        ("nobody@example.com", "/contacts?unknown=1"),
        ("known@example.com", f"/contacts/{shop.contact}"),
    ):
        page.fill("#address", address)
        page.click("button[type=submit]")
        page.wait_for_url(f"**{place}")
        full.drawn()
        assert address not in page.url
        if "unknown" in place:
            assert "No contact has this address." in page.text_content("main")
    full.quiet()


def test_sends_are_filtered_sorted_and_taken_away(full):
    page = full.open("/campaigns")
    assert page.locator("tbody tr").count() == 2
    page.fill("#q", "back in stock")
    page.click("button[type=submit]")
    full.until("document.querySelectorAll('tbody tr').length === 1")
    assert "Back in stock" in page.text_content("tbody")
    page = full.open("/campaigns")
    page.click("th >> text=Revenue")
    page.wait_for_selector("th[aria-sort=descending] >> text=Revenue")
    page.click("th >> text=Revenue")
    page.wait_for_selector("th[aria-sort=ascending] >> text=Revenue")
    with page.expect_download() as download:
        page.click("text=CSV")
    assert len(download.value.path().read_text(encoding="utf-8").splitlines()) == 3
    full.quiet()


def test_the_keyboard_is_enough(full):
    page = full.open("/")
    focused = []
    for _ in range(8):
        page.keyboard.press("Tab")
        focused.append(page.evaluate("document.activeElement.textContent"))
    ways = ["Skip to the content", "Overview", "Campaigns", "Segments", "Contacts"]
    assert [name for name in focused if name in ways] == ways
    page = full.open("/campaigns")
    page.keyboard.press("Tab")
    for _ in range(3):
        if page.evaluate("document.activeElement.className") == "skip":
            break
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('#content').contains(document.activeElement)")
    assert page.text_content("h1") == "Sends"
    full.quiet()


def test_the_colours_follow_the_system_until_one_chooses(browser, base, shelf, shop):
    shelf.published = shop.published
    watched = Watched(browser, base, color_scheme="dark")
    page = watched.open("/contacts")
    assert page.get_attribute("#dark", "aria-pressed") == "true"
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    choose(watched, "light")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark
    page.reload()
    watched.drawn()
    assert page.get_attribute("#light", "aria-pressed") == "true"
    page.click("nav >> text=Campaigns")
    watched.until("document.title === 'Sends · Mailrail'")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    watched.quiet()
    watched.close()


@pytest.mark.parametrize(("path", "head"), EMPTY)
def test_a_page_of_an_empty_warehouse(window, shelf, nothing, path, head):
    shelf.published = nothing
    look(window, path, head)


@pytest.mark.parametrize(("path", "head"), UNPUBLISHED)
def test_a_page_where_nothing_is_published(window, shelf, path, head):
    shelf.published = None
    look(window, path, head, 0)
    assert window.page.text_content("main code") == "mailrail refresh"


@pytest.fixture(scope="module")
def reports(shop, demo, tmp_path_factory):
    """The report that the demo wrote, and one with the click map in it."""
    folder = tmp_path_factory.mktemp("reports")
    shutil.copy(demo.path / "reports" / f"{SEND}.html", folder / "written.html")
    with connect_published(shop.published) as connection:
        frames, specimen = read_send(connection, SEND), read_specimen(connection, SEND)
    frame = click_map(specimen or '<p><a href="#link-1">one</a></p>', frames.links)
    pages = {mode: campaign_page(frames, origin=Origin(), click_map=frame, mode=mode) for mode in ("light", "dark")}
    (folder / "mapped.html").write_text(render_file(pages, title="Spring sale · report"), encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", ["written", "mapped"])
def test_the_report_as_one_file(browser, reports, name):
    watched = Watched(browser, viewport={"width": 1440, "height": 900}, color_scheme="dark")
    page = watched.open((reports / f"{name}.html").as_uri())
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light dark"
    for mode in ("dark", "light"):
        page.click(f"[data-mode={mode}]")
        assert page.get_attribute(f"[data-mode={mode}]", "aria-pressed") == "true"
        assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == mode
        assert page.locator(".chart:has(svg.main-svg)").count() == 5
        found = [far for width in WIDTHS if (far := broad(page, width))] + hindrances(page)
        assert not found, (mode, found)
    assert re.fullmatch(r"Spring sale · report", page.title())
    assert not armed(page)
    assert [url for url in watched.asked if not url.startswith(("data:", "about:", "blob:"))] == [
        (reports / f"{name}.html").as_uri()
    ]
    page.reload()
    watched.drawn()
    assert page.get_attribute("[data-mode=light]", "aria-pressed") == "true"
    watched.quiet()
    watched.close()
