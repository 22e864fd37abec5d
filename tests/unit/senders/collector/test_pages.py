import re
from datetime import date
from html.parser import HTMLParser

import pytest

from senders.collector import pages
from senders.collector.look import Look, Looks
from senders.collector.preference_form import Questions
from senders.collector.preference_page import preference_page
from senders.collector.theme import VIEW_POLICY, make_theme
from senders.config import CollectorConfig
from senders.page_config import PagesConfig, ThemeConfig, TopicConfig

HOST = "mail.shop.example"
TOPICS = (
    TopicConfig(
        "special_offers", {"": "Special offers", "de": "Angebote"}, {"": "When something is cheaper.", "de": ""}
    ),
    TopicConfig("news", {"": "News"}, {"": "Once a month."}),
)
THEME = ThemeConfig(
    brand="Northfell Outdoor", footer="Northfell Ltd\n12 Weir Lane", link="https://shop.example/imprint"
)
CONFIG = CollectorConfig(home=None, base_url=f"https://{HOST}/m", pages=PagesConfig(theme=THEME, topics=TOPICS))
QUESTIONS = Questions(
    topics={"special_offers": "yes", "news": ""},
    frequency="weekly",
    pause=date(2026, 12, 24),
    tracking="no",
    language="de",
    has_left=True,
    is_stopped=False,
    mark="0a" * 16,
)


class Asked:
    """As much of a request as a look needs."""

    def __init__(self, accepted: str = "", **query: str) -> None:
        self.headers = {"accept-language": accepted}
        self.query_params = query


def look_of(language: str = "en", config: CollectorConfig = CONFIG) -> Look:
    return Looks(config).look(Asked(language))


def all_pages(look: Look) -> dict[str, str]:
    messages = ("not_found", "gone", "busy", "failure", "refused")
    return {
        "ask": pages.unsubscribe_page(look, "special_offers"),
        "ask_all": pages.unsubscribe_page(look, ""),
        "done": pages.unsubscribed_page(look, "special_offers"),
        "done_all": pages.unsubscribed_page(look, ""),
        "paused": pages.paused_page(look, date(2026, 12, 24)),
        "expired": pages.expired_page(look),
        "preferences": preference_page(look, QUESTIONS),
        "saved": preference_page(look, QUESTIONS, "saved"),
        **{name: pages.message_page(look, name) for name in messages},
    }


class Outline(HTMLParser):
    """Void tags aside, everything that is opened is closed; notes what a page holds."""

    VOID = frozenset({"meta", "input", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("language", ["en", "de"])
def test_pages_are_whole_and_load_nothing(language: str) -> None:
    for name, page in all_pages(look_of(language)).items():
        outline = Outline()
        outline.feed(page)
        assert not outline.open, name
        tags = [tag for tag, _ in outline.found]
        assert tags.count("h1") == 1, name
        assert tags.count("main") == 1, name
        assert f'<html lang="{language}" dir="ltr">' in page
        assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page
        assert not {"script", "link", "iframe", "object", "img"} & set(tags), name
        assert "url(" not in page.replace("currentColor", "")
        assert "{" not in page[page.index("<body") :], "a gap that nobody filled"
        targets = [attributes.get("href") for _, attributes in outline.found if "href" in attributes]
        assert set(targets) <= {"https://shop.example/imprint", "/m/p/"}


def test_the_parts_of_a_choice_are_named() -> None:
    page = all_pages(look_of())["preferences"]
    outline = Outline()
    outline.feed(page)
    tags = [tag for tag, _ in outline.found]
    assert tags.count("fieldset") == tags.count("legend") == 5
    names = {attributes["name"] for tag, attributes in outline.found if tag in {"input", "select"}}
    assert names == {"topic.special_offers", "topic.news", "frequency", "pause", "tracking", "language", "seen"}
    chosen = {a["name"]: a["value"] for tag, a in outline.found if tag == "input" and "checked" in a}
    assert chosen == {
        "topic.special_offers": "yes",
        "topic.news": "",
        "frequency": "weekly",
        "pause": "keep",
        "tracking": "no",
    }


def test_only_what_is_not_known_may_be_left_as_it_is() -> None:
    page = preference_page(look_of(), QUESTIONS)
    assert page.count(">No change<") == 1, "of the topic that nobody knows about; tracking is known"
    assert "Until 24 December 2026" in page
    assert "Bis 24. Dezember 2026" in preference_page(look_of("de"), QUESTIONS)


def test_topics_are_called_as_the_settings_say() -> None:
    assert "Unsubscribe from “Special offers”?" in pages.unsubscribe_page(look_of(), "special_offers")
    assert "Von „Angebote“ abmelden?" in pages.unsubscribe_page(look_of("de"), "special_offers")
    assert "Von „News“ abmelden?" in pages.unsubscribe_page(look_of("de"), "news")
    assert "“flash sale”" in pages.unsubscribed_page(look_of(), "flash_sale")
    assert "all our mail" in pages.unsubscribe_page(look_of(), "")


def test_one_button_is_enough_and_comes_first() -> None:
    page = pages.unsubscribe_page(look_of(), "news")
    first = page[: page.index("</form>")]
    assert first.count("<button") == 1
    assert '<button type="submit">Unsubscribe</button>' in first
    assert page.index("pause") > len(first)


def test_words_that_are_not_ours_are_escaped_and_short() -> None:
    hostile = '</h1><script>alert("x")</script>'
    config = CollectorConfig(
        home=None,
        base_url="https://x.example",
        pages=PagesConfig(
            theme=ThemeConfig(brand=hostile, footer=hostile, link='https://x.example/"onclick=', link_text=hostile),
            topics=(TopicConfig(hostile, {"": hostile}, {"": hostile}),),
        ),
    )
    look = look_of(config=config)
    questions = Questions({hostile: "", '"><b>': "yes"}, "all", None, "", hostile, False, False, "")
    for page in (*all_pages(look).values(), pages.unsubscribe_page(look, hostile), preference_page(look, questions)):
        assert "<script" not in page
        assert "</h1><" not in page.replace("</h1>\n<", "")
        assert 'imprint"onclick' not in page
        assert "<b>" not in page
    long, short = (pages.unsubscribe_page(look_of(), "x" * count) for count in (5000, 1))
    assert len(long) < len(short) + 500


def test_the_policy_allows_its_style_and_a_logo_only_where_there_is_one() -> None:
    plain, pictured = make_theme(ThemeConfig()), make_theme(ThemeConfig(logo=b"png", logo_type="image/png"))
    assert "img-src" not in plain.policy
    assert "img-src 'self'" in pictured.policy
    assert not plain.logo_url
    assert re.fullmatch(r"/logo\?[0-9a-f]{12}", pictured.logo_url)
    for theme in (plain, pictured):
        assert theme.policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in theme.policy
        assert "script-src" not in theme.policy
    assert "allow-scripts" not in VIEW_POLICY


def test_a_logo_stands_in_place_of_the_name() -> None:
    theme = ThemeConfig(brand="North & Fell", logo=b"png", logo_type="image/png")
    page = pages.message_page(
        look_of(config=CollectorConfig(home=None, base_url=f"https://{HOST}/m", pages=PagesConfig(theme=theme))), "gone"
    )
    assert re.search(r'<img src="/m/logo\?[0-9a-f]{12}" alt="North &amp; Fell">', page)


def test_the_address_may_name_a_language() -> None:
    looks = Looks(CONFIG)
    assert looks.look(Asked("de", lang="en")).words.language == "en"
    assert looks.look(Asked("en"), language="de").words.language == "de"
    assert looks.look(Asked("en", lang="xx"), language="de").words.language == "de"
    assert looks.look(Asked("fr, it;q=0.3")).words.language == "en"
