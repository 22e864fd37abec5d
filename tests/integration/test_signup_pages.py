"""Signing up in a real browser: from the form, and from a snippet on somebody else's page, to the confirmation."""

from dataclasses import replace
from urllib.parse import quote

import pytest

from senders.collector.app import create_app
from senders.collector.form_markup import FormView, form_markup
from senders.collector.look import Looks
from senders.config import CollectorConfig
from senders.event import Kind
from senders.forms import FieldConfig, FieldKind, FormConfig, SignupConfig, SignupLimits
from senders.ledger.store import Ledger
from tests.fixtures.browser import Watched, armed, broad, needs_chromium
from tests.fixtures.corpora import needs_corpora
from tests.integration.test_public_pages import (
    DESKTOP,
    PAGES,
    PHONE,
    hostile_strings,
    only_statuses,
    violations,
)
from tests.integration.test_stored_xss import OWN, batches

pytestmark = [pytest.mark.slow, needs_chromium]

FORM = FormConfig(
    name="newsletter",
    title={"": "Trail notes", "de": "Wegnotizen"},
    wording={"": "I agree to get Trail notes by email.", "de": "Ich möchte Wegnotizen per E-Mail."},
    wording_version="2026-11",
    topics=("offers", "news"),
    asks_topics=True,
    fields=(
        FieldConfig("first_name", {"": "First name", "de": "Vorname"}),
        FieldConfig("size", {"": "Size"}, FieldKind.CHOICE, choices={"s": {"": "Small"}, "l": {"": "Large"}}),
        FieldConfig("born", {"": "Birthday"}, FieldKind.DATE),
    ),
)

# Sends a form that nobody filled in, as a program would.
POST = """([action, pairs]) => {
  const form = document.createElement("form");
  form.method = "post";
  form.action = action;
  for (const [name, value] of pairs) {
    const one = document.createElement("input");
    one.name = name;
    one.value = value;
    form.append(one);
  }
  document.body.append(form);
  form.submit();
}"""


NAMES = ("email", "topic", "field.first_name", "field.size", "field.born", "lang", "stamp", "wording", "leave_empty")


class Door:
    """A collector with forms, and what it was asked for."""

    def __init__(self, home, switch):
        self.home, self.switch = home, switch
        self.show(FORM)

    def show(self, *forms):
        if self.switch.app is not None:
            self.switch.app.state.collector.close()
        limits = SignupLimits(per_domain=10_000, per_minute=10_000)
        signups = SignupConfig({form.name: form for form in forms}, limits)
        self.config = CollectorConfig(home=self.home, base_url="http://127.0.0.1", pages=PAGES, signups=signups)
        self.switch.app = create_app(self.config)

    def link(self, number=-1):
        """Return the path in the newest confirmation mail."""
        with Ledger.open(self.home) as ledger:
            mail = ledger.waiting_mail("confirm_signup", 10_000)[number]
        return mail.request.fields["confirm_url"].removeprefix("http://127.0.0.1")

    def consents(self):
        with Ledger.open(self.home) as ledger:
            return [row.event for row in ledger.inbound_after(0, 10_000) if row.event.kind is Kind.SUBSCRIBED]


@pytest.fixture
def door(tmp_path, switch):
    yield Door(tmp_path, switch)
    switch.app.state.collector.close()
    switch.app = None


def fill(page, email="ada@example.org"):
    page.fill("#mailrail-newsletter-email", email)
    page.check('input[value="offers"]')


@pytest.mark.parametrize(
    ("language", "scheme", "size", "button", "done"),
    [
        ("en", "light", PHONE, "Sign up", "You are signed up"),
        ("de", "dark", DESKTOP, "Anmelden", "Sie sind angemeldet"),
    ],
    ids=["phone", "desktop"],
)
def test_from_the_form_to_the_confirmation(browser, base, door, language, scheme, size, button, done):
    watched = Watched(browser, base, locale=language, color_scheme=scheme, viewport=size)
    page = watched.open("/s/newsletter")
    assert violations(page) == []
    fill(page)
    page.wait_for_timeout(2100)  # within a blink only programs fill in a form
    page.click(f"text={button} >> nth=-1")
    assert violations(watched.drawn()) == []
    assert page.locator("[role=status]").count() == 1
    page = watched.open(door.link())
    assert violations(page) == []
    page.click("button")
    assert violations(watched.drawn()) == []
    assert page.locator("h1").inner_text() == done
    (consent,) = door.consents()
    assert (consent.scope, consent.body["language"], consent.body["wording"]) == ("offers", language, "2026-11")
    watched.quiet()
    watched.open("/k/over")
    assert violations(page) == []
    only_statuses(watched)
    watched.quiet()
    watched.close()


def test_what_is_wrong_is_said_where_it_is_and_nothing_is_lost(browser, base, door):
    watched = Watched(browser, base, locale="en")
    page = watched.open("/s/newsletter")
    page.evaluate("document.querySelector('form').noValidate = true")
    page.fill("#mailrail-newsletter-email", "ada@")
    page.fill("#mailrail-newsletter-first_name", "Ada")
    page.click("button")
    page = watched.drawn()
    assert violations(page) == []
    assert not broad(page, 320)
    assert page.input_value("#mailrail-newsletter-first_name") == "Ada"
    page.click("text=Email address >> nth=0")
    assert page.evaluate("document.activeElement.name") == "email"
    assert page.locator("#mailrail-newsletter-email").get_attribute("aria-invalid") == "true"
    only_statuses(watched)
    watched.quiet()
    watched.close()


def test_a_snippet_works_on_a_page_without_styles(browser, base, door):
    watched = Watched(browser, base, locale="en")
    view = FormView(FORM, Looks(door.config).look_in("en"), action=f"{base}/s/newsletter")
    page = watched.open("/s/newsletter")
    page.set_content(f"<!doctype html><html lang=en><title>A shop</title><main><h1>News</h1>{form_markup(view)}</main>")
    assert violations(page) == []
    assert page.locator("text=Leave this field empty").is_hidden()
    fill(page)
    page.click("button")
    page.wait_for_selector("text=check your mailbox")
    assert door.link()
    watched.close()


@needs_corpora
def test_what_attacks_stays_text_in_every_field(browser, base, door):
    attack(browser, base, door, hostile_strings()[::8])


def test_our_own_attacks_stay_text(browser, base, door):
    attack(browser, base, door, OWN)


def attack(browser, base, door, strings):
    """Make forms of strings, and post the strings to them; fail where one does anything."""
    watched = Watched(browser, base)
    parts = batches([text for text in strings if len(text) <= 400], 40)
    for number, batch in enumerate(parts):
        title, wording, thanks = ({"": text} for text in (batch[0], batch[-1], batch[len(batch) // 2]))
        odd = FormConfig("odd", title, wording, batch[0], fields=tuple(map(field_of, range(len(batch)), batch)))
        door.show(FORM, replace(odd, thanks=thanks))
        pairs = [[f"field.f{place}", text] for place, text in enumerate(batch)]
        page = watched.open("/s/newsletter")
        page.evaluate(POST, ["/s/odd", [*pairs, ["email", batch[0]], ["lang", batch[-1]], ["stamp", batch[0]]]])
        page.wait_for_selector("[role=alert]")
        assert armed(watched.drawn()) == []
        assert page.locator("input[type=text]").count() == len(batch) + 1  # and the trap
        page.evaluate(POST, ["/s/newsletter", [[name, batch[0]] for name in NAMES]])
        page.wait_for_selector("[role=alert]")
        assert armed(watched.drawn()) == []
        page.evaluate(POST, ["/s/odd", [*pairs, ["email", f"p{number}@example.org"]]])
        page.wait_for_selector("[role=status]")
        page = watched.open(f"{door.link()}?lang={quote(batch[0])}")
        assert armed(page) == []
        page.click("button")
        assert armed(watched.drawn()) == []
        only_statuses(watched)
        watched.quiet()
    assert len(door.consents()) == len(parts)
    watched.close()


def field_of(number, text):
    return FieldConfig(f"f{number}", {"": text}, most=1000)
