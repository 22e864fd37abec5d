"""Signing up at the collector: what is asked, what is answered, and that nobody is signed up by somebody else."""

import html
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from types import SimpleNamespace

import pytest

from senders.clock import SteppedClock
from senders.collector.app import create_app
from senders.collector.routes import MAX_BODY_BYTES
from senders.collector.signup import digest_of, new_token
from senders.config import CollectorConfig
from senders.errors import ConfigError
from senders.event import Event, Kind
from senders.forms import CaptchaConfig, FieldConfig, FieldKind, FormConfig, SignupConfig, SignupLimits
from senders.tracking.addresses import hash_address
from senders.tracking.keys import Keyring
from tests.unit.senders.collector.conftest import NOW

EMAIL = "Ada.Lovelace@Example.org"
NORMAL = "ada.lovelace@example.org"
HOSTILE = ['"><script>alert(1)</script>', "' onfocus=alert(1) autofocus x='", "{{7*7}}", "x\r\nBcc: all@example.org"]
NEWSLETTER = FormConfig(
    name="newsletter",
    title={"": "Trail notes", "de": "Wegnotizen"},
    wording={"": "I agree to get Trail notes by email.", "de": "Ich möchte Wegnotizen."},
    wording_version="2026-11",
    topics=("offers", "news"),
    asks_topics=True,
    fields=(
        FieldConfig("first_name", {"": "First name"}, most=40),
        FieldConfig("size", {"": "Size"}, FieldKind.CHOICE, choices={"s": {"": "Small"}, "l": {"": "Large"}}),
        FieldConfig("born", {"": "Birthday"}, FieldKind.DATE),
        FieldConfig("paces", {"": "Paces"}, FieldKind.NUMBER, most=500),
        FieldConfig("dog", {"": "A dog?"}, FieldKind.YES_NO),
    ),
)
PLAIN = FormConfig("plain", {"": "All our mail"}, {"": "I agree."}, "1", thanks={"": "Welcome, & thank you!"})


def forms(*given: FormConfig, **limits: int) -> SignupConfig:
    return SignupConfig({form.name: form for form in given}, SignupLimits(**limits))


@pytest.fixture
def open_world(make_world):
    def make(*given: FormConfig, **limits: int):
        world = make_world(signups=forms(*(given or (NEWSLETTER, PLAIN)), **limits))
        SteppedClock(world.home / "clock").set(NOW)
        return world

    return make


@pytest.fixture
def world(open_world):
    return open_world()


def send(world, *, form="newsletter", headers: Mapping[str, str] | None = None, **values):
    data = {"email": EMAIL, "topic": ["offers"], **values}
    return world.client.post(f"/s/{form}", data=data, headers=headers or {})


def mails(world, template="confirm_signup"):
    return [row.request for row in world.ledger.waiting_mail(template, 1000)]


def link_of(world, number=0):
    return mails(world)[number].fields["confirm_url"].removeprefix("https://mail.shop.example")


def told(world, kind):
    return [event for event in world.events() if event.kind is kind]


def hash_of(world, email=NORMAL):
    return hash_address(email, Keyring.open(world.home / "keys").address_key)


# ---- the form


def test_the_form_is_a_page_that_anybody_can_read_and_fill_in(world):
    answer = world.client.get("/s/newsletter", headers={"Accept-Language": "de"})
    assert answer.status_code == 200
    page = answer.text
    assert 'lang="de"' in page
    assert "Wegnotizen" in page
    assert "Ich möchte Wegnotizen." in page
    assert "<script" not in page
    inputs = re.findall(r'<(?:input|select)[^>]* id="([^"]+)"', page)
    assert len(inputs) == 7  # the address, five fields, the trap
    assert all(f'<label for="{one}">' in page for one in inputs)
    assert " checked>" not in page  # a box that was ticked for somebody is no consent
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "script-src" not in answer.headers["content-security-policy"]
    assert "set-cookie" not in answer.headers


def test_a_form_that_is_none_is_not_there(world):
    assert world.client.get("/s/other").status_code == 404
    assert world.client.post("/s/other", data={"email": EMAIL}).status_code == 404


def test_looking_at_a_form_stores_nothing(world):
    for method in ("GET", "HEAD"):
        assert world.client.request(method, "/s/newsletter").status_code == 200
    assert (world.events(), mails(world)) == ([], [])


def test_a_signup_asks_by_mail_and_nothing_else_follows(world):
    answer = send(world, **{"field.first_name": " Ada\u202e\u0000  Lovelace ", "field.born": "1815-12-10"})
    assert (answer.status_code, "check your mailbox" in answer.text) == (200, True)
    (mail,) = mails(world)
    assert mail.email == "ada.lovelace@example.org"
    assert set(mail.fields) == {"form", "confirm_url", "days"}
    assert mail.fields["form"] == "Trail notes"
    (event,) = world.events()
    assert (event.kind, event.address_hash) == (Kind.SIGNED_UP, hash_of(world))
    assert event.body["topics"] == ["offers"]
    kept = world.ledger._database.row("select fields, wording, wording_text, token from signups")
    assert kept[:3] == ('{"born": "1815-12-10", "first_name": "Ada Lovelace"}', "2026-11", NEWSLETTER.wording[""])
    token = link_of(world).removeprefix("/k/")
    assert bytes(kept[3]) == digest_of(token)
    assert len(token) == 43


def test_words_and_mail_are_in_the_language_of_the_form(world):
    answer = send(world, lang="de")
    assert "Bitte sehen Sie in Ihr Postfach" in answer.text
    assert (mails(world)[0].language, mails(world)[0].fields["form"]) == ("de", "Wegnotizen")
    assert world.ledger._database.row("select wording_text from signups")[0] == "Ich möchte Wegnotizen."


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"email": ""}, "email"),
        ({"email": "ada@"}, "email"),
        ({"email": "ada@example.org\r\nBcc: x@example.org"}, "email"),
        ({"email": "a" * 400 + "@example.org"}, "email"),
        ({"topic": []}, "topic"),
        ({"topic": ["other"]}, "topic"),
        ({"field.first_name": "x" * 41}, "first_name"),
        ({"field.size": "xl"}, "size"),
        ({"field.born": "tomorrow"}, "born"),
        ({"field.paces": "1e9"}, "paces"),
        ({"field.paces": "nan"}, "paces"),
        ({"field.dog": "maybe"}, "dog"),
        ({"leave_empty": "http://spam.example"}, "leave_empty"),
    ],
)
def test_what_does_not_fit_is_said_beside_the_field_and_stores_nothing(world, values, field):
    answer = send(world, **values)
    assert answer.status_code == 422
    assert f'id="mailrail-newsletter-{field}-problem"' in answer.text
    assert f'href="#mailrail-newsletter-{field}"' in answer.text
    assert (world.events(), mails(world)) == ([], [])


@pytest.mark.parametrize("text", HOSTILE)
def test_what_strangers_type_is_only_ever_text(world, text):
    values = {"email": text, "field.first_name": text * 3, "field.size": text, "lang": text, "stamp": text}
    page = send(world, **values).text
    assert "<script>" not in page
    assert text not in page.replace(html.escape(text), "")
    assert send(world, **{"field.first_name": text}).status_code == 200
    (mail,) = mails(world)
    assert text not in str(mail.fields)


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=b", "application/json", "text/plain"])
def test_a_body_that_is_no_plain_form_is_asked_for_again(world, kind):
    answer = world.client.post("/s/newsletter", content=b'{"email": "a@example.org"}', headers={"Content-Type": kind})
    assert answer.status_code == 422
    assert world.events() == []


def test_a_body_has_a_size_and_a_number_of_fields(world):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    large = world.client.post("/s/newsletter", content=b"email=" + b"a" * MAX_BODY_BYTES, headers=form)
    assert large.status_code == 413
    many = world.client.post("/s/newsletter", content=b"&".join([b"a=b"] * 300), headers=form)
    assert many.status_code == 422


def test_bytes_that_are_no_text_do_no_harm(world):
    answer = world.client.post(
        "/s/newsletter",
        content=b"email=ada%40example.org&topic=offers&field.first_name=%ff%fe\x80&\xff=\x00",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code == 200
    assert len(mails(world)) == 1


# ---- the confirmation


def test_only_the_button_signs_up_and_only_once(world):
    send(world, topic=["offers", "news"])
    link = link_of(world)
    for method in ("GET", "HEAD", "GET"):
        assert world.client.request(method, link).status_code == 200
    assert told(world, Kind.SUBSCRIBED) == []
    first, second = world.client.post(link), world.client.post(f"{link}/")
    assert (first.status_code, second.status_code, first.text) == (200, 200, second.text)
    given = told(world, Kind.SUBSCRIBED)
    assert [(event.scope, event.body["basis"]) for event in given] == [("offers", "confirmed"), ("news", "confirmed")]
    assert (given[0].ip, given[0].body["wording"], given[0].body["email"]) == ("testclient", "2026-11", NORMAL)


def test_the_page_has_one_button_and_shows_no_address(world):
    send(world)
    page = world.client.get(link_of(world)).text
    assert page.count("<button") == 1
    assert 'method="post"' in page
    assert "ada" not in page.lower()


def test_thanks_are_the_forms_own(world):
    send(world, form="plain", topic=[])
    assert "Welcome, &amp; thank you!" in world.client.post(link_of(world)).text
    (given,) = told(world, Kind.SUBSCRIBED)
    assert given.scope == ""


def test_a_link_ends_after_seven_days_and_is_then_like_one_that_never_was(world):
    send(world)
    link, unknown = link_of(world), f"/k/{new_token()}"
    SteppedClock(world.home / "clock").step(timedelta(days=7))
    pages = set()
    for path in (link, unknown, "/k/x", "/k/%00%ff", f"/k/{'A' * 3000}"):
        for method in ("GET", "POST"):
            answer = world.client.request(method, path)
            pages.add((answer.status_code, answer.text))
    assert len(pages) == 1
    (status, page) = pages.pop()
    assert status == 404
    assert 'href="/s/newsletter"' in page
    assert told(world, Kind.SUBSCRIBED) == []


def test_tokens_of_other_purposes_confirm_nothing_and_a_confirmation_opens_nothing_else(world):
    send(world)
    token = link_of(world).removeprefix("/k/")
    for path in (f"/u/{token}", f"/p/{token}", f"/c/{token}", f"/v/{token}", f"/o/{token}.gif"):
        assert world.client.get(path).status_code == 404
        assert world.client.post(path, data={"List-Unsubscribe": "One-Click"}).status_code in {404, 405}
    foreign = [
        world.tokens.unsubscribe(1, hash_of(world), "offers"),
        world.tokens.preferences(1, hash_of(world)),
        world.tokens.click(1, 1),
    ]
    for other in foreign:
        assert world.client.post(f"/k/{other}").status_code == 404
    assert told(world, Kind.SUBSCRIBED) == []


def test_a_form_without_confirmation_counts_at_once(open_world):
    world = open_world(replace(PLAIN, double_opt_in=False))
    answer = send(world, form="plain")
    assert (answer.status_code, "Welcome" in answer.text) == (200, True)
    (given,) = told(world, Kind.SUBSCRIBED)
    assert given.body["basis"] == "stated"
    assert mails(world) == []


# ---- limits


def test_one_mail_in_fifteen_minutes_and_three_a_day_however_an_address_is_spelt(world):
    clock = SteppedClock(world.home / "clock")
    spellings = ["ada@gmail.com", "A.d.a@Gmail.com", "ada+1@googlemail.com", "a.da+x+y@gmail.com"]
    for spelling in spellings:
        assert send(world, email=spelling).status_code == 200
    assert [mail.email for mail in mails(world)] == ["ada@gmail.com"]
    for minutes, count in ((14, 1), (1, 2), (15, 3), (60, 3), (1439 - 90, 3), (1, 4)):
        clock.step(timedelta(minutes=minutes))
        send(world, email=spellings[count % 4])
        assert len(mails(world)) == count


def test_dots_count_where_the_provider_counts_them(world):
    for email in ("a.b@example.org", "ab@example.org", "ab+x@example.org"):
        send(world, email=email)
    assert [mail.email for mail in mails(world)] == ["a.b@example.org", "ab@example.org"]


@pytest.mark.parametrize(
    ("limit", "senders_of", "granted"),
    [("per_minute", lambda n: f"p@d{n}.example", 3), ("per_domain", lambda n: f"p{n}@example.org", 3)],
)
def test_a_minute_has_a_most_for_all_and_for_each_domain(open_world, limit, senders_of, granted):
    world = open_world(**{limit: granted})
    answers = {send(world, email=senders_of(number)).text for number in range(6)}
    assert len(mails(world)) == granted
    assert len(answers) == 1  # whoever is refused reads the same words
    SteppedClock(world.home / "clock").step(timedelta(minutes=1))
    send(world, email=senders_of(9))
    assert len(mails(world)) == granted + 1


def test_no_mail_to_whom_we_must_not_write_and_the_same_answer(world):
    for number, kind in enumerate((Kind.BOUNCED, Kind.COMPLAINED, Kind.SUPPRESSED)):
        email = f"p{number}@example.org"
        event = Event(f"{number:032x}", kind, NOW, address_hash=hash_of(world, email), failure="permanent")
        world.ledger.record([event])
    answers = {send(world, email=f"p{number}@example.org").text for number in range(4)}
    assert [mail.email for mail in mails(world)] == ["p3@example.org"]
    assert len(answers) == 1


def test_who_unsubscribed_comes_back_by_confirming(world):
    who = hash_of(world)
    world.ledger.record([Event("a" * 32, Kind.UNSUBSCRIBED, NOW - timedelta(days=1), address_hash=who, scope="offers")])
    send(world)
    assert world.ledger.suppression(who, "offers") is not None
    SteppedClock(world.home / "clock").step(timedelta(minutes=5))
    world.client.post(link_of(world))
    assert world.ledger.suppression(who, "offers") is None


def test_a_locked_ledger_is_said_after_a_second_and_nothing_is_kept(world):
    send(world, email="first@example.org")  # opens the ledger of the thread that writes
    link = link_of(world)
    with world.ledger._database.locked():
        for ask in (partial(send, world), partial(world.client.post, link)):
            started = time.monotonic()
            answer = ask()
            assert answer.status_code == 503
            assert answer.headers["retry-after"]
            assert 0.9 < time.monotonic() - started < 2.5
        assert world.client.get(link).status_code == 200
    assert len(mails(world)) == 1
    assert len(world.events()) == 1
    assert send(world).status_code == 200


# ---- programs and people


def stamp_of(page: str) -> str:
    return re.search(r'name="stamp" value="([^"]+)"', page)[1]


def test_a_form_sent_within_a_blink_is_asked_again_and_then_taken(world, monkeypatch):
    page = world.client.get("/s/newsletter").text
    first = send(world, stamp=stamp_of(page))
    assert first.status_code == 422
    assert "send the form once more" in first.text
    assert f'value="{EMAIL}"' in first.text  # nothing has to be typed again
    assert stamp_of(first.text) == stamp_of(page)
    later = time.time() + 3
    monkeypatch.setattr(time, "time", lambda: later)
    assert send(world, stamp=stamp_of(first.text)).status_code == 200
    assert len(mails(world)) == 1


def test_a_form_older_than_a_day_gets_a_new_stamp(world, monkeypatch):
    stamp, later = stamp_of(world.client.get("/s/newsletter").text), time.time() + 90_000
    monkeypatch.setattr(time, "time", lambda: later)
    answer = send(world, stamp=stamp)
    assert answer.status_code == 422
    assert stamp_of(answer.text) != stamp


@pytest.mark.parametrize("stamp", ["x", "A" * 32, "ÄÖ", "=" * 40])
def test_a_stamp_that_is_none_is_asked_again(world, stamp):
    assert send(world, stamp=stamp).status_code == 422
    other = stamp_of(world.client.get("/s/plain").text)
    assert send(world, stamp=other).status_code == 422
    assert mails(world) == []


def test_a_form_of_a_known_site_needs_no_stamp_and_others_are_sent_from_here(open_world):
    shop = "https://shop.example"
    world = open_world(replace(NEWSLETTER, origins=(shop,)))
    assert send(world, headers={"Origin": "https://other.example"}).status_code == 422
    assert send(world).status_code == 422
    assert send(world, headers={"Origin": shop}).status_code == 200
    assert len(mails(world)) == 1


def test_where_the_stamp_is_all_there_is_a_form_without_one_is_sent_once_more(open_world):
    world = open_world(replace(NEWSLETTER, captcha=CaptchaConfig("stamped")))
    assert send(world).status_code == 422
    assert mails(world) == []


def test_a_form_with_older_words_of_consent_is_asked_again(world):
    answer = send(world, wording="2025-01")
    assert answer.status_code == 422
    assert "has changed" in answer.text
    assert send(world, wording="2026-11").status_code == 200


@pytest.mark.parametrize("hook", ["no_such_module:judge", "json:no_such_function", "json:", "..:x"])
def test_a_function_that_is_not_there_is_said_at_the_start(tmp_path, hook):
    config = CollectorConfig(
        tmp_path, "https://mail.shop.example", signups=forms(replace(PLAIN, captcha=CaptchaConfig(hook)))
    )
    with pytest.raises(ConfigError, match="write module:function"):
        create_app(config)


def judge_for_tests(values, address):
    if values.get("answer") == "slow":
        time.sleep(0.6)
    if values.get("answer") == "broken":
        raise RuntimeError(values["email"])
    return values.get("answer") == "42" and address == "testclient"


@pytest.mark.parametrize(("answer", "status"), [("42", 200), ("7", 422), ("", 422), ("slow", 503), ("broken", 503)])
def test_a_function_of_the_project_judges_and_its_absence_lets_nobody_in(
    open_world, monkeypatch, caplog, answer, status
):
    monkeypatch.setitem(sys.modules, "shop_captcha", SimpleNamespace(judge=judge_for_tests))
    hook = CaptchaConfig("shop_captcha:judge", timeout_seconds=0.3)
    world = open_world(replace(NEWSLETTER, captcha=hook))
    got = send(world, answer=answer)
    assert got.status_code == status
    assert len(mails(world)) == (1 if status == 200 else 0)
    assert EMAIL not in caplog.text
    assert "example.org" not in caplog.text


def test_the_box_of_a_service_stands_on_our_page_only_and_may_load_there(open_world):
    captcha = CaptchaConfig("turnstile", "site-key", "hush")
    world = open_world(replace(NEWSLETTER, captcha=captcha), PLAIN)
    answer = world.client.get("/s/newsletter")
    assert 'class="cf-turnstile" data-sitekey="site-key"' in answer.text
    assert "hush" not in answer.text
    assert "script-src https://challenges.cloudflare.com" in answer.headers["content-security-policy"]
    assert "script-src" not in world.client.get("/s/plain").headers["content-security-policy"]
    assert send(world).status_code == 422  # without the service's answer
    assert mails(world) == []
