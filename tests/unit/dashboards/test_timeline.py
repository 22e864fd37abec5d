from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest

from dashboards.timeline import COLUMNS, UnknownContactError, read_timeline, tell

ANNA = "7a" * 16
OTHER = "0b" * 16
SENT = datetime(2026, 11, 3, 9)
SECOND = "spring_sale.20261103T0900Z"


def at(**later: float) -> datetime:
    return SENT + timedelta(**later)


def message(marts: Any, **values: Any) -> None:
    given = {"send_no": 2, "send_id": SECOND, "campaign": "spring_sale", "message_key": 1, "contact_id": ANNA}
    times = dict.fromkeys(("sent_at", "first_attempted_at", "first_clicked_at", "first_ordered_at"))
    marts.insert("fct_messages", **{**given, **times, "state": "accepted", **values})


def event(marts: Any, kind: str, when: datetime, **values: Any) -> None:
    given = {"send_no": 2, "send_id": SECOND, "campaign": "spring_sale", "message_key": 1, "contact_id": ANNA}
    marts.insert("fct_email_events", **{**given, "kind": kind, "occurred_at": when, **values})


def order(marts: Any, name: str, when: datetime, amount: float) -> None:
    row = {"order_key": f"shop/{name}", "order_id": name, "source": "shop", "contact_id": ANNA, "currency": "EUR"}
    marts.insert("fct_orders", **row, quantity=1, amount=amount, ordered_at=when)


@pytest.fixture
def anna(empty_marts: Any) -> Any:
    marts = empty_marts
    marts.insert("dim_contacts", contact_id=ANNA, email="anna@mail.example", mailbox_domain="mail.example")
    marts.insert("dim_suppressions", contact_id=ANNA, scope="offers", reason="unsubscribed", suppressed_at=at(hours=3))
    marts.insert("fct_sends", send_no=2, send_id=SECOND, campaign="spring_sale", opened_at=SENT)
    marts.insert("dim_links", send_no=2, link_no=1, label="Shop the sale", url="https://shop.example/sale")
    message(
        marts,
        sent_at=SENT,
        code="250",
        reply="ok",
        orders=1,
        first_clicked_at=at(hours=1),
        first_ordered_at=at(hours=2),
    )
    event(marts, "opened", at(minutes=1), is_machine=True, machine_rule="apple_mpp")
    event(marts, "opened", at(minutes=59))
    event(marts, "clicked", at(hours=1), link_no=1)
    event(marts, "unsubscribed", at(hours=3), scope="offers", method="POST")
    event(marts, "suppressed", at(hours=4))
    order(marts, "A1", at(hours=2), 12.5)
    order(marts, "A2", at(days=30), 7.0)
    return marts


def test_the_head_says_who_it_is_and_why_not_to_write(anna: Any) -> None:
    contact = read_timeline(anna.connection, ANNA).contact
    assert contact["masked"] == "a•••@mail.example"
    assert [(row["scope"], row["reason"]) for row in contact["suppressions"]] == [("offers", "unsubscribed")]
    assert contact["consents"] == contact["choices"] == []


def test_the_head_holds_what_was_said_and_chosen(anna: Any) -> None:
    said = {"contact_id": ANNA, "consent": "granted", "source": "footer", "basis": "confirmed", "voided_at": None}
    anna.insert("fct_consents", **said, topic="news", stated_at=SENT)
    anna.insert("fct_consents", **said, topic="", stated_at=at(days=1))
    anna.insert("fct_consents", **{**said, "contact_id": OTHER}, topic="", stated_at=at(days=1))
    anna.insert("dim_preferences", contact_id=ANNA, name="frequency", value="weekly")
    contact = read_timeline(anna.connection, ANNA).contact
    assert [row["topic"] for row in contact["consents"]] == ["", "news"]
    assert [(row["name"], row["value"]) for row in contact["choices"]] == [("frequency", "weekly")]


def test_happenings_are_told_in_the_order_of_time(anna: Any) -> None:
    frame = read_timeline(anna.connection, ANNA).happenings
    assert frame["at"].is_sorted()
    assert list(zip(frame["kind"], frame["title"], strict=True)) == [
        ("message", "Spring sale: accepted"),
        ("opened", "Opened Spring sale"),
        ("opened", "Opened Spring sale"),
        ("clicked", "Clicked “Shop the sale”"),
        ("order", "Ordered A1"),
        ("unsubscribed", "Unsubscribed from offers"),
        ("order", "Ordered A2"),
    ]
    assert frame["is_machine"].to_list() == [False, True, False, False, False, False, False]
    assert frame["detail"][1].startswith("Apple Mail Privacy")
    assert frame.schema == pl.Schema(COLUMNS)


def test_an_order_is_laid_to_the_message_that_the_marts_count_it_for(anna: Any) -> None:
    orders = read_timeline(anna.connection, ANNA).happenings.filter(pl.col("kind") == "order")
    assert orders["send_id"].to_list() == [SECOND, None]
    assert orders["amount"].to_list() == [12.5, 7.0]
    assert orders["detail"].to_list() == ["1 piece · EUR · after a click in Spring sale", "1 piece · EUR"]


def test_exclusions_and_changes_stand_in_it(anna: Any) -> None:
    anna.insert("fct_exclusions", send_no=2, contact_id=ANNA, campaign="spring_sale", reason="frequency_cap")
    change = {"contact_id": ANNA, "scope": "", "changed_at": at(days=-9)}
    anna.insert("fct_subscription_changes", **change, change="consent_granted", source="web_signups")
    anna.insert("fct_subscription_changes", **change, change="imported", source="mail")
    anna.insert("fct_subscription_changes", **change, change="unsubscribed", source="mail")
    titles = read_timeline(anna.connection, ANNA).happenings["title"].to_list()
    assert titles[:2] == ["Unsubscribed in a source", "Consent granted"] or titles[:2] == [
        "Consent granted",
        "Unsubscribed in a source",
    ]
    assert "Left out of Spring sale: frequency cap" in titles
    assert titles.count("Unsubscribed from offers") == 1  # the event and its change are one happening


def test_others_are_left_out(anna: Any) -> None:
    anna.insert("dim_contacts", contact_id=OTHER, email="o@mail.example", mailbox_domain="mail.example")
    assert read_timeline(anna.connection, OTHER).happenings.is_empty()


def test_an_unknown_contact_is_said(anna: Any) -> None:
    with pytest.raises(UnknownContactError, match="no contact ffff"):
        read_timeline(anna.connection, "ff" * 16)


@pytest.mark.parametrize(
    "kind",
    ["message", "opened", "clicked", "viewed", "bounced", "soft_bounced", "subscription", "order", "new"],
)
def test_every_kind_is_told_without_knowing_more(kind: str) -> None:
    row = {"kind": kind, "code": None, "subject": None, "note": None, "campaign": None}
    assert tell(row).title


def test_text_from_outside_stays_on_its_line() -> None:
    row = {
        "kind": "bounced",
        "code": "permanent",
        "subject": "",
        "note": "550\n\x1b[2J gone",
        "campaign": "spring_sale",
    }
    assert tell(row) == ("Bounced for good: Spring sale", "550 [2J gone")
