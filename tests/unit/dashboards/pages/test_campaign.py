import base64
import hashlib
import json
import re

import pytest
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from dashboards.pages.campaign import Origin, campaign_page
from dashboards.render import render_file

ORIGIN = Origin(
    {"Report made at commit": "9f2c1d7", "Dagster run": "b41c0d", "Empty": ""},
    {"Model": "http://127.0.0.1:3000/assets/marts/rpt_send_metrics"},
    "$",
)
HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}\u202e"


def report(frames, origin=ORIGIN, click_map=None):
    pages = {mode: campaign_page(frames, origin=origin, click_map=click_map, mode=mode) for mode in ("light", "dark")}
    return render_file(pages, title="Spring sale")


@pytest.fixture(scope="module")
def source(frames):
    return report(frames)


@pytest.fixture(scope="module")
def page(source):
    return HTMLParser(source)


def text_of(page):
    return " ".join(page.css_first("main").text(separator=" ").split())


def test_the_head_says_which_send_this_is(page):
    assert page.css_first("h1").text() == "Spring sale"
    assert [badge.text() for badge in page.css(".headline .badge")] == [
        "finished",
        "topic offers",
        "proof sheet closes",
    ]
    assert "Due Tue 3 Nov 2026, 09:00 UTC" in text_of(page)


def test_six_tiles_with_fractions_and_changes(page):
    tiles = page.css(".tile")
    assert len(tiles) == 6
    assert "17,811 of 18,218" in tiles[0].text()
    assert "6.00 pt" in tiles[1].text()
    assert "$0.676" in tiles[5].text()


def test_every_card_has_a_subtitle(page):
    cards = page.css(".row .card")
    assert len(cards) == 11
    for card in cards:
        assert card.css_first("h2 + p.sub").text().strip()


def test_the_proof_sheet_shows_its_sum_and_its_origin(page):
    text = text_of(page)
    for expected in (
        "audience = accepted + refused + suppressed + expired + cancelled + in doubt",
        "Sum of the outcomes 18,240 Audience 18,240",
        "a1" * 32,
        "c2" * 32,
        "20261103T085512Z-41",
        "Dagster run b41c0d",
        "✓ closes",
    ):
        assert expected in text


def test_doubts_are_listed(page):
    text = text_of(page)
    assert "2 in doubt" in text
    assert "4,211" in text


def test_a_sheet_that_does_not_close_is_an_alarm(empty_marts):
    empty_marts.send(send_no=1, send_id="a.1", campaign="a", state="finished", audience=10, accepted=9)
    page = HTMLParser(report(empty_marts.read("a.1"), Origin()))
    assert page.css_first("h2 .badge.act").text() == "! does not close: 1 missing"


def test_a_send_without_events_says_so(marts):
    page = HTMLParser(report(marts.read("welcome_back.20261027T0900Z"), Origin()))
    text = text_of(page)
    assert "Nothing has happened yet." in text
    assert "The message has no links." in text
    assert "vs last send" not in text
    assert "Doubts" not in text


def test_a_running_send_shows_what_is_under_way(empty_marts):
    empty_marts.send(
        send_no=1, send_id="a.1", campaign="a", state="running", audience=10, accepted=7, queued=3, finished_at=None
    )
    text = text_of(HTMLParser(report(empty_marts.read("a.1"), Origin())))
    assert "still open: 3 under way" in text
    assert "(3)" in text


def test_three_sends_make_a_trend(marts):
    marts.send(send_no=3, send_id="c.1", campaign="c", state="finished", deliveries=5, delivery_rate=0.5)
    page = HTMLParser(report(marts.read("c.1"), Origin()))
    assert "polyline" in page.css_first(".tile .spark").attributes["style"]


def test_the_page_asks_nobody_for_anything(page, source):
    policy = page.css_first("meta[http-equiv=Content-Security-Policy]").attributes["content"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy
    for tag in ("link", "iframe", "img", "object", "embed", "base", "form"):
        assert not page.css(tag), tag
    assert [node.attributes["href"] for node in page.css("[src], [href], [srcset], [action]")] == [
        "http://127.0.0.1:3000/assets/marts/rpt_send_metrics"
    ]
    style = page.css_first("style").text()
    assert all(url.startswith("data:") for url in re.findall(r"url\(([^)]*)\)", style))
    assert "@import" not in style
    assert 1_000_000 < len(source) < 2_600_000


def test_only_our_own_script_may_run(page):
    policy = page.css_first("meta[http-equiv=Content-Security-Policy]").attributes["content"]
    (boot,) = [node for node in page.css("script") if "type" not in node.attributes]
    digest = base64.b64encode(hashlib.sha256(boot.text().encode()).digest()).decode()
    assert f"'sha256-{digest}'" in policy


def test_every_chart_has_a_place_and_both_modes(page):
    figures = json.loads(page.css_first("#figures").text())
    assert set(figures) == {f"chart-{name}" for name in ("engagement", "funnel", "clicks", "exclusions", "bounces")}
    for name, modes in figures.items():
        assert set(modes) == {"light", "dark"}
        assert page.css_first(f"figure:has(> #{name})").attributes["aria-label"]


def test_both_colour_schemes_and_the_toggle(page):
    style = page.css_first("style").text()
    assert "color-scheme:light dark" in style
    assert "light-dark(" in style
    assert [button.attributes["data-mode"] for button in page.css("[data-mode]")] == ["light", "dark"]


def test_text_from_outside_stays_text(empty_marts):
    empty_marts.send(
        send_no=1,
        send_id=HOSTILE,
        campaign=HOSTILE,
        topic=HOSTILE,
        state=HOSTILE,
        git_commit=HOSTILE,
        audience_hash=HOSTILE,
        published_version=HOSTILE,
        in_doubt=1,
        audience=1,
    )
    row = {"send_id": HOSTILE, "send_no": 1}
    empty_marts.insert(
        "rpt_send_links", **row_of(row), link_no=1, label=HOSTILE, url="javascript:alert(3)", role=HOSTILE
    )
    empty_marts.insert("rpt_send_providers", **row_of(row), mailbox_domain=HOSTILE, messages=900, hard_bounces=1)
    empty_marts.insert("rpt_send_exclusions", **row_of(row), reason=HOSTILE, contacts=1)
    empty_marts.insert("fct_messages", **row, seq=1, state="refused", reply=HOSTILE, enhanced_code=HOSTILE)
    empty_marts.insert("fct_messages", **row, seq=2, state="in_doubt", contact_id=HOSTILE, mailbox_domain=HOSTILE)
    empty_marts.insert(
        "fct_email_events", **row, kind="opened", is_machine=True, machine_rule=HOSTILE, user_agent=HOSTILE
    )
    source = report(empty_marts.read(HOSTILE), Origin({HOSTILE: HOSTILE}, {HOSTILE: "http://127.0.0.1"}, "<b>"))
    page = HTMLParser(source)
    assert len(page.css("script")) == 3
    assert not page.css("img")
    assert not [node for node in page.css("*") if any(name.startswith("on") for name in node.attributes)]
    assert "49" not in page.css_first("h1").text()
    assert "\u202e" not in source
    assert HOSTILE[:20] in page.css_first("h1").text().replace("\u202e", "")
    assert json.loads(page.css_first("#figures").text())


def row_of(row):
    return {"send_id": row["send_id"]}


def test_the_click_map_stands_in_a_frame_without_rights(frames):
    page = HTMLParser(report(frames, click_map="<p>mail</p><script>alert(1)</script>"))
    (frame,) = page.css("iframe")
    assert frame.attributes["sandbox"] in ("", None)
    assert frame.attributes["srcdoc"].startswith("<p>mail</p>")
    assert len(page.css("script")) == 3
