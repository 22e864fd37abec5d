"""The public pages in a real browser: read by everybody, used by keyboard, and deaf to strings that attack a page.

What the pages say and change is tested beside their code; here is what only a browser tells.
"""

import json
from dataclasses import replace
from urllib.parse import quote

import pytest

from senders.collector.app import create_app
from senders.config import CollectorConfig
from senders.event import Event, Kind
from senders.ledger.store import Ledger
from senders.page_config import PagesConfig, ThemeConfig, TopicConfig
from senders.tracking.keys import Keyring
from senders.tracking.tokens import send_tokens
from tests.fixtures.browser import Watched, armed, broad, needs_chromium
from tests.fixtures.corpora import CORPORA, needs_corpora, xss_strings
from tests.integration.test_stored_xss import OWN, batches
from tests.unit.senders.collector.conftest import NOW, open_send

pytestmark = [pytest.mark.slow, needs_chromium]

TOPICS = (
    TopicConfig("offers", {"": "Offers", "de": "Angebote"}, {"": "What is cheaper.", "de": "Was günstiger ist."}),
    TopicConfig("news", {"": "News", "de": "Neues"}, {"": "Once a month.", "de": "Einmal im Monat."}),
)
THEME = ThemeConfig(
    brand="Northfell Outdoor", footer="12 Weir Lane, Kendal", link="https://shop.example/imprint", link_text="Imprint"
)
PAGES = PagesConfig(theme=THEME, topics=TOPICS)
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


class Door:
    """A collector with one open send, and the paths of its pages."""

    def __init__(self, home, switch, pages=PAGES):
        self.home, self.switch = home, switch
        self.show(pages)
        with Ledger.open(home) as ledger:
            self.tokens = send_tokens(Keyring.open(home / "keys"), open_send(ledger))
            complaint = Event("c" * 32, Kind.COMPLAINED, NOW, address_hash=self.address_hash(3))
            ledger.record([complaint])
        self.unknown = send_tokens(Keyring.open(home / "keys"), 4711)

    def show(self, pages):
        if self.switch.app is not None:
            self.switch.app.state.collector.close()
        self.switch.app = create_app(CollectorConfig(home=self.home, base_url="http://127.0.0.1", pages=pages))

    def address_hash(self, seq):
        return seq.to_bytes(16, "big")

    def preferences(self, seq=1):
        return f"/p/{self.tokens.preferences(seq, self.address_hash(seq))}"

    def unsubscribe(self, topic="offers", seq=1):
        return f"/u/{self.tokens.unsubscribe(seq, self.address_hash(seq), topic)}"

    def looked_at(self):
        """The pages that open by GET."""
        return {
            "preferences": self.preferences(),
            "stopped": self.preferences(3),
            "expired": f"/p/{self.unknown.preferences(1, bytes(16))}",
            "unsubscribe": self.unsubscribe(),
            "unsubscribe from all": self.unsubscribe(""),
            "a new link": "/p/",
            "not found": "/nowhere",
            "gone": f"/v/{self.unknown.view(1)}",
        }


@pytest.fixture
def door(tmp_path, switch):
    made = Door(tmp_path, switch)
    yield made
    switch.app.state.collector.close()
    switch.app = None


def violations(page):
    """Return everything that axe-core finds, of any weight."""
    from axe_playwright_python.sync_playwright import Axe

    return [
        f"{rule['id']} ({rule['impact']}): {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
        for rule in Axe().run(page).response["violations"]
        for node in rule["nodes"]
    ]


def only_statuses(watched):
    """Drop what the browser says of pages that are an error on purpose."""
    watched.complaints[:] = [
        told
        for told in watched.complaints
        if not told.startswith(("4", "5")) and "the server responded with" not in told
    ]


# The other mixtures are in the long form, tests/proof/test_public_pages_all.py.
@pytest.mark.parametrize(
    ("language", "scheme", "size"), [("en", "light", PHONE), ("de", "dark", DESKTOP)], ids=["phone", "desktop"]
)
def test_every_page_can_be_read_by_everybody(browser, base, door, language, scheme, size):
    look_at_all(browser, base, door, language, scheme, size)


def look_at_all(browser, base, door, language, scheme, size):
    """Fail where axe-core finds anything on any page, before and after its button was pressed."""
    watched = Watched(browser, base, locale=language, color_scheme=scheme, viewport=size)
    for name, path in door.looked_at().items():
        page = watched.open(path)
        assert page.locator("html").get_attribute("lang") == language
        assert violations(page) == [], name
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    only_statuses(watched)
    watched.quiet()
    for name, path, button in (
        ("saved", door.preferences(), 'button[value="save"]'),
        ("left", door.preferences(), 'button[value="everything"]'),
        ("paused", door.unsubscribe(), 'button[name="pause"]'),
        ("unsubscribed", door.unsubscribe(), 'button[type="submit"]'),
    ):
        watched.open(path).click(f"{button} >> nth=0")
        assert violations(watched.drawn()) == [], name
        watched.quiet()
    watched.close()


def test_nothing_runs_off_a_narrow_screen(browser, base, door):
    door.show(replace(PAGES, topics=(TopicConfig("x", {"": "W" * 120}, {"": "https://shop.example/" + "x" * 200}),)))
    watched = Watched(browser, base, locale="de")
    for name, path in door.looked_at().items():
        assert not broad(watched.open(path), 320), name
    watched.close()


def test_everything_works_by_keyboard_alone(browser, base, door):
    watched = Watched(browser, base, locale="en")
    page = watched.open(door.preferences(2))
    stops = []
    for _ in range(30):
        page.keyboard.press("Tab")
        stop = page.evaluate(
            "(() => { const e = document.activeElement; const shown = e.closest('.pill') ? e.nextElementSibling : e;"
            " return [e.name || e.href || e.tagName, e.value || '', getComputedStyle(shown).outlineStyle]; })()"
        )
        stops.append(stop[0])
        assert stop[2] != "none", f"nobody sees that {stop[0]} has the focus"
        if stop[0] == "BODY":
            break
        if stop[0] == "topic.news":
            page.keyboard.press("ArrowRight")  # from the last to the first: yes
        if stop[0] == "frequency":
            page.keyboard.press("ArrowDown")
        if stop[1] == "save":
            page.keyboard.press("Enter")
            break
    assert stops == ["topic.offers", "topic.news", "frequency", "pause", "tracking", "language", "action"]
    watched.drawn()
    with Ledger.open(door.home) as ledger:
        standing = ledger.standing(door.address_hash(2))
    assert standing.choice("topic:news") == "yes"
    assert standing.choice("frequency") == "weekly"
    assert page.locator("[role=status]").count() == 1
    watched.quiet()
    watched.close()


def test_the_browser_says_where_a_form_comes_from(browser, base, door):
    """Our pages hide their address from other sites and must not hide it from us."""
    watched = Watched(browser, base)
    page = watched.open(door.preferences())
    with page.expect_request(lambda request: request.method == "POST") as sent:
        page.click('button[value="save"]')
    assert sent.value.headers["origin"] == base
    watched.drawn()
    watched.quiet()
    watched.close()


def hostile_strings():
    """Return the corpora's strings, in a fixed order."""
    naughty = json.loads((CORPORA / "blns" / "blns.json").read_text(encoding="utf-8"))
    return list(filter(None, [*naughty, *xss_strings()]))


def fits(topic):
    return 0 < len(topic.encode("utf-8", "surrogatepass")) <= 200


@needs_corpora
def test_words_that_attack_stay_words(browser, base, door):
    attack(browser, base, door, hostile_strings()[::12], every=20)


def test_our_own_words_that_attack_stay_words(browser, base, door):
    attack(browser, base, door, OWN, every=2)


def attack(browser, base, door, strings, *, every):
    """Put strings into every place of the pages, and fail where one of them does anything.

    All are topics of preference pages; one in ``every`` is the topic of an unsubscribe page and a path of its own.
    """
    watched = Watched(browser, base)
    for batch in batches(strings, 100):
        hostile = batch[0]
        theme = ThemeConfig(
            brand=hostile, footer=batch[-1], link=f"https://x.example/{quote(hostile)}", link_text=hostile
        )
        topics = tuple(TopicConfig(text, {"": text, text[:20]: text}, {"": text}) for text in batch)
        door.show(PagesConfig(theme=theme, topics=topics))
        page = watched.open(f"{door.preferences()}?lang={quote(hostile)}&{quote(batch[-1])}")
        assert page.locator("fieldset.topic").count() >= len(set(batch))
        assert armed(page) == []
        page.locator('input[value="no"]').first.check()
        page.click('button[value="save"]')
        assert armed(watched.drawn()) == []
        for text in list(filter(fits, batch))[::every]:
            page = watched.open(f"{door.unsubscribe(text)}?lang={quote(text)}#{quote(text)}")
            assert armed(page) == []
            page.click('button[type="submit"]')
            assert armed(watched.drawn()) == []
            watched.page.goto(f"{base}/nowhere/{quote(text, safe='')}?{quote(text)}")
        only_statuses(watched)
        watched.quiet()
    watched.close()
