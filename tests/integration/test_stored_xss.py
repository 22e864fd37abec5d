"""Text from outside stays text: strings that attack a page stand in every field that a page shows, and nothing runs.

The corpora's strings are stored in batches, one row each, so that one page shows hundreds of them; some of our own keep
the test from being empty where the corpora are not there.
"""

import html
import json
from datetime import timedelta

import pytest

from dashboards.app import create_app
from dashboards.clickmap import click_map, read_specimen
from dashboards.pages.campaign import Origin, campaign_page
from dashboards.reader import read_send
from dashboards.render import render_file
from dashboards.routes import Reading
from tests.fixtures.browser import Shelf, Watched, armed, chromium, needs_chromium, publish_tables, serving
from tests.fixtures.corpora import needs_corpora, xss_strings
from tests.unit.dashboards.conftest import DUE, TODAY, Marts

pytestmark = [pytest.mark.slow, needs_chromium]

OUTSIDE = "http://outside.invalid/x"
OWN = [
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    "</style></title></textarea><img src=x onerror=alert(3)>",
    "\"'><svg/onload=alert(4)>",
    "javascript:alert(5)",
    "<a href='javascript:alert(6)'>press</a>",
    f"<img src={OUTSIDE}><link rel=stylesheet href={OUTSIDE}><iframe src={OUTSIDE}></iframe>",
    f"<meta http-equiv=refresh content='0;url={OUTSIDE}'><base href={OUTSIDE}>",
    "{{constructor.constructor('alert(7)')()}} ${alert(8)} %{hovertext} %{customdata}",
    f"<style>@import '{OUTSIDE}';body{{background:url({OUTSIDE})}}</style>",
    f"<form action={OUTSIDE}><input autofocus onfocus=alert(9)></form>",
    f"<a href='{OUTSIDE}'>press</a><b autofocus tabindex=1>x</b>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(10)&gt;'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(11)>'>",
    "\u202etxt.exe\x00\x1b[31m\u2028</script>",
]
BATCH = 440


def batches(strings, size):
    return [strings[start : start + size] for start in range(0, len(strings), size)]


def send_id(number):
    return f"hostile_{number}.20261103T0900Z"


def contact_id(number):
    return f"{number:032x}"


def store(strings):
    """Put the strings into every field of the marts that a page shows; one send and one contact for each batch."""
    marts = Marts()
    marts.connection.execute("create schema segments")
    marts.connection.begin()
    for number, batch in enumerate(batches(strings, BATCH), start=1):
        _send(marts, number, batch)
        _contact(marts, number, batch)
    for place, text in enumerate(strings):
        _segment(marts, f"hostile_{place}", text)
    marts.connection.commit()
    return marts


def _send(marts, number, batch):
    first, name = batch[0], send_id(number)
    told = {"state": "finished", "scheduled_at": DUE + timedelta(days=number), "in_doubt": len(batch)}
    marks = {"audience_hash": first, "content_hash": batch[-1], "published_version": first, "git_commit": batch[-1]}
    marts.send(
        send_no=number, send_id=name, campaign=first, topic=batch[-1], audience=9, audience_rows=9, **told, **marks
    )
    for place, text in enumerate(batch, start=1):
        link = {"label": text, "url": text, "role": text, "clicks": 9, "unique_clicks": 5, "of_largest": 0.5}
        marts.insert("rpt_send_links", send_id=name, link_no=place, share=0.1, **link)
        marts.insert("dim_links", send_no=number, link_no=place, label=text, url=text, send_id=name)
        marts.insert(
            "rpt_send_providers", send_id=name, place=place, mailbox_domain=text, messages=900, bounce_rate=0.1
        )
        marts.insert("rpt_send_replies", send_id=name, place=place, state=text, code=text[:12], messages=1, reply=text)
        marts.insert("rpt_send_machines", send_id=name, place=place, rule=text, user_agent=text)
        marts.insert("rpt_send_doubts", send_id=name, seq=place, contact_id=text, mailbox_domain=text)
        marts.insert("rpt_send_exclusions", send_id=name, place=place, reason=text, contacts=1)
    mail = "".join(f'<div><p>{text}</p></div><a href="#link-{place}">{text}</a>' for place, text in enumerate(batch, 1))
    marts.insert("rpt_send_specimen", send_no=number, send_id=name, subject=first, html=mail)


def _contact(marts, number, batch):
    person, texts = contact_id(number), [*batch, *batch[:12]]
    names = ("email", "mailbox_domain", "first_name", "last_name", "country", "city", "locale", "consent_basis")
    fields = dict(zip((*names, "first_source", "last_product_name"), texts, strict=False))
    marts.insert("dim_contacts", contact_id=person, consent=batch[-1], **fields)
    marts.insert("dim_suppressions", contact_id=person, scope=batch[0], reason=batch[-1])
    known = {"contact_id": person, "send_no": number, "send_id": send_id(number), "campaign": batch[0]}
    kinds = ("bounced", "clicked", "complained", "unsubscribed", "opened")
    for place, text in enumerate(batch, start=1):
        event = {"detail": text, "code": text[:9], "user_agent": text, "url": text, "scope": text, "method": text}
        kind = kinds[place % len(kinds)]
        marts.insert("fct_email_events", **known, kind=kind, link_no=place, machine_rule=text, failure=text, **event)
    for text in batch[:40]:
        marts.insert("fct_messages", **known, state=text, reply=text, code=text[:12])
        marts.insert("fct_exclusions", **known, reason=text, detail=text)
        marts.insert("fct_subscription_changes", contact_id=person, change=text, scope=text, source=text)
        marts.insert("fct_orders", contact_id=person, order_id=text, currency=text[:9])


def _segment(marts, name, text):
    marts.insert("dim_segments", segment=name, title=text, description=text, sql=text, path=text, reads=text)
    marts.insert("rpt_segment_sizes", segment=name, day=TODAY, contacts=1, all_contacts=1, share=0.5)


def strings_of(kind):
    return OWN if kind == "own" else xss_strings()


@pytest.fixture(scope="module", params=["own", pytest.param("corpora", marks=needs_corpora)])
def strings(request):
    return strings_of(request.param)


@pytest.fixture(scope="module")
def published(strings, tmp_path_factory):
    return publish_tables(store(strings).connection, tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def shelf():
    return Shelf()


@pytest.fixture(scope="module")
def base(shelf):
    with serving(create_app(Reading(connect=shelf.connect, currency="<b>€"))) as address:
        yield address


@pytest.fixture
def watched(browser, base, shelf, published):
    shelf.published = published
    page = Watched(browser, base, viewport={"width": 1280, "height": 900})
    yield page
    page.close()


def harmless(watched):
    """Whatever can be provoked is; nothing may have run, and no element may hold a handler."""
    page = watched.page
    found = page.evaluate("""() => {
      for (const e of document.querySelectorAll("*"))
        for (const kind of ["mouseover", "focus", "pointerenter", "load", "error"]) e.dispatchEvent(new Event(kind));
      return [...document.querySelectorAll("#content script, #content img, #content base, #content meta, " +
        "#content object, #content embed, #content link, #content svg a")].map((e) => e.outerHTML.slice(0, 90));
    }""")
    assert not found
    assert not armed(page)
    watched.quiet()


def test_the_pages_of_sends(watched, strings):
    for number, batch in enumerate(batches(strings, BATCH), start=1):
        page = watched.open(f"/campaigns/{send_id(number)}")
        assert page.locator("iframe.mail[sandbox='']").count() == 1
        assert page.locator("tbody tr").count() > 3 * len(batch)
        harmless(watched)


def test_the_stories_of_contacts(watched, strings):
    for number, batch in enumerate(batches(strings, BATCH), start=1):
        page = watched.open(f"/contacts/{contact_id(number)}")
        assert page.locator("tbody tr").count() > len(batch)
        harmless(watched)


def test_the_lists(watched, strings):
    for path in ("/", "/?period=all", "/campaigns"):
        watched.open(path)
        harmless(watched)
    page = watched.open("/segments")
    assert page.locator("tbody tr").count() == len(strings)
    harmless(watched)
    for place in range(0, len(strings), max(1, len(strings) // 6)):
        page = watched.open(f"/segments/hostile_{place}")
        assert page.text_content("pre.code").replace("\0", "") == strings[place].replace("\0", "")
        harmless(watched)


def test_what_stands_in_the_address_line(watched, strings):
    from urllib.parse import quote

    for text in [*OWN[:8], *strings[:: max(1, len(strings) // 8)]]:
        given = quote(text, safe="")
        for path in (f"/campaigns?q={given}&state={given}&sort={given}&order={given}", f"/?period={given}"):
            watched.open(path)
            harmless(watched)


def test_the_reports_as_files(browser, published, strings, shelf, tmp_path):
    shelf.published = published
    watched = Watched(browser)
    with shelf.connect() as connection:
        for number in range(
            1, len(batches(strings, BATCH)) + 1, 3
        ):  # a file takes seconds; the parts are the pages' own
            frames, specimen = read_send(connection, send_id(number)), read_specimen(connection, send_id(number))
            text = frames.send["campaign"]
            origin = Origin({text: text}, {text: "http://127.0.0.1"}, text)
            mapped = click_map(specimen, frames.links)
            pages = {
                mode: campaign_page(frames, origin=origin, click_map=mapped, mode=mode) for mode in ("light", "dark")
            }
            path = tmp_path / f"{number}.html"
            path.write_text(render_file(pages, title=text), encoding="utf-8")
            page = watched.open(path.as_uri())
            assert page.locator("script").count() <= 4
            assert not armed(page)
            watched.quiet()
    watched.close()


def test_a_mail_is_harmless_even_in_a_frame_with_rights(browser, strings):
    """The frame of the click map takes away every right; here the document has to be enough by itself."""
    watched = Watched(browser)
    with Marts().connection as connection:
        links = connection.sql(
            "select 1 as link_no, '' as role, 0 as unique_clicks, 0.0 as share, 0.0 as of_largest"
        ).pl()
    for batch in batches(strings, 240):
        frames = [
            click_map(f"<html><body>{text}<a href='#link-1' title=\"{text}\">x</a></body></html>", links)
            for text in batch
        ]
        marked = "".join(f'<iframe srcdoc="{html.escape(frame)}"></iframe>' for frame in frames)
        watched.page.set_content(marked, wait_until="load")
        watched.quiet()
    watched.close()


def test_the_watch_sees_what_it_looks_for(browser):
    watched = Watched(browser)
    watched.page.set_content(f"<img src=x onerror=alert(1)><img src={OUTSIDE}><p onclick=alert(1)>")
    watched.until("document.readyState === 'complete'")
    told = json.dumps(watched.complaints)
    assert "EXECUTED alert 1" in told
    assert OUTSIDE in told
    assert len(armed(watched.page)) == 2
    watched.close()
