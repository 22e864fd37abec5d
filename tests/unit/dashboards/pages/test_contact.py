from datetime import datetime, timedelta

import pytest
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from dashboards.pages.contact import MOST, contact_page, contacts_page
from dashboards.render import write_html
from dashboards.timeline import read_timeline

CONTACT = "7e" * 16
DAY = datetime(2026, 11, 3, 9)


@pytest.fixture
def page_of(marts):
    def shown():
        return HTMLParser(write_html(contact_page(read_timeline(marts.connection, CONTACT), currency="$")))

    known = {"email": "ann@example.com", "mailbox_domain": "example.com", "orders": 2, "total_spent": 80.5}
    marts.insert("dim_contacts", contact_id=CONTACT, first_name="Ann", last_name=None, consent="granted", **known)
    return shown


def test_what_is_known_with_the_address_masked(page_of):
    page = page_of()
    assert page.css_first("h1").text() == "Ann"
    assert "a•••@example.com" in page.css_first(".crumb").text()
    assert "ann@" not in page.html
    assert "2 orders worth $80.50" in page.css_first(".facts").text()
    assert [badge.text() for badge in page.css(".badge")] == ["consent granted"]
    assert "Nothing is suppressed." in page.text()
    assert "Nothing has happened yet." in page.text()


def test_a_name_that_is_missing_is_the_masked_address(marts, page_of):
    marts.connection.execute("update marts.dim_contacts set first_name = '', consent = null")
    page = page_of()
    assert page.css_first("h1").text() == "a•••@example.com"
    assert page.css_first(".badge.watch").text() == "consent unknown"


def test_suppressions_stand_at_the_top_and_in_a_table(marts, page_of):
    marts.insert("dim_suppressions", contact_id=CONTACT, scope="", reason="complained", suppressed_at=DAY)
    page = page_of()
    assert page.css_first(".badge.act").text() == "suppressed: complained"
    assert page.css_first("tbody td").text() == "everything"


def test_consents_stand_with_their_proof_and_choices_beside_them(marts, page_of):
    said = {"contact_id": CONTACT, "consent": "granted", "source": "footer", "basis": "confirmed", "stated_at": DAY}
    marts.insert("fct_consents", **said, topic="news", voided_at=None, expires_at=None)
    marts.insert("fct_consents", **said, topic="offers", voided_at=DAY + timedelta(days=1), expires_at=None)
    marts.insert("fct_consents", **said, topic="", voided_at=None, expires_at=DAY + timedelta(days=730))
    marts.insert("dim_preferences", contact_id=CONTACT, name="<b>frequency", value="weekly", preferred_at=DAY)
    page = page_of()
    text = page.text()
    assert [row.css_first("td").text() for row in page.css("tbody tr")][:4] == [
        "everything", "news", "offers", "<b>frequency",
    ]  # fmt: skip
    assert "ended by an unsubscribe" in text
    assert "granted until" in text
    assert "footer · confirmed" in text
    assert "weekly" in text


def test_the_newest_stands_first_and_leads_to_its_send(marts, page_of):
    known = {"contact_id": CONTACT, "send_id": "a.1", "campaign": "a"}
    marts.insert("fct_email_events", **known, kind="opened", occurred_at=DAY)
    marts.insert(
        "fct_orders", contact_id=CONTACT, order_id="o1", amount=12.5, quantity=1, ordered_at=DAY + timedelta(1)
    )
    rows = page_of().css("tbody tr")
    assert [row.css_first(".badge").text() for row in rows] == ["order", "opened"]
    assert "$12.50" in rows[0].text()
    assert rows[1].css_first("a").attributes["href"] == "/campaigns/a.1"


def test_a_long_story_is_cut_and_says_so(marts, page_of):
    for number in range(MOST + 1):
        marts.insert("fct_email_events", contact_id=CONTACT, kind="opened", occurred_at=DAY + timedelta(minutes=number))
    page = page_of()
    assert len(page.css("tbody tr")) == MOST
    assert f"The newest {MOST} are shown." in page.text()


def test_the_form_posts_the_address_and_names_its_field():
    page = HTMLParser(write_html(contacts_page()))
    form = page.css_first("form")
    assert (form.attributes["action"], form.attributes["method"]) == ("/contacts/find", "post")
    assert page.css_first("label").attributes["for"] == page.css_first("#address").attributes["name"]
    assert "No contact has this address." not in page.text()
    assert "No contact has this address." in HTMLParser(write_html(contacts_page(unknown=True))).text()
