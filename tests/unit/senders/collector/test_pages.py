import re

import pytest
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from senders.collector import pages

HOST = "mail.shop.example"
PAGES = {
    "ask": pages.unsubscribe_page("special_offers", HOST),
    "done": pages.unsubscribed_page("special_offers", HOST),
    "missing": pages.not_found_page(HOST),
    "gone": pages.gone_page(HOST),
    "busy": pages.busy_page(HOST),
    "failure": pages.failure_page(HOST),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_complete_and_takes_nothing_from_elsewhere(name: str) -> None:
    page = HTMLParser(PAGES[name])
    assert page.css_first("html").attributes["lang"] == "en"
    assert page.css_first("title").text()
    assert len(page.css("h1")) == 1
    assert len(page.css("main")) == 1
    assert page.css("script, link, img, iframe, [onclick], [style]") == []
    assert "http:" not in PAGES[name]
    assert "https:" not in PAGES[name]


def test_the_form_has_one_labelled_button_and_posts_to_its_own_address() -> None:
    page = HTMLParser(PAGES["ask"])
    form = page.css_first("form")
    assert form.attributes == {"method": "post"}
    assert [button.text() for button in form.css("button")] == ["Unsubscribe"]
    assert form.css_first("button").attributes == {"type": "submit"}


def test_a_topic_is_written_as_people_read_it() -> None:
    assert "“special offers”" in PAGES["ask"]
    assert "all our mail" in pages.unsubscribe_page("", HOST)


def test_hostile_topics_and_hosts_are_words() -> None:
    page = pages.unsubscribe_page('</h1><script>alert("x")</script>', '"><b>')
    assert "<script" not in page
    assert "<b>" not in page
    assert len(pages.unsubscribe_page("x" * 5000, HOST)) < len(pages.unsubscribe_page("x", HOST)) + 500


def test_both_schemes_have_enough_contrast() -> None:
    light, dark = re.findall(r":root \{([^}]*)\}", pages.STYLE)
    for scheme in (light, dark):
        colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", scheme))
        assert contrast(colours["ink"], colours["card"]) >= 7
        assert contrast(colours["soft"], colours["card"]) >= 4.5
        assert contrast(colours["act-ink"], colours["act"]) >= 4.5
        assert contrast(colours["act"], colours["card"]) >= 3


def contrast(one: str, other: str) -> float:
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def luminance(colour: str) -> float:
    """WCAG 2.2 relative luminance."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
