"""One order posted to the API: in the marts once, on the message clicked before it, visible in one lineage."""

import json
import os
import urllib.request
from datetime import timedelta
from email import message_from_bytes, policy
from unittest.mock import patch

import dagster as dg
import pytest

from assets.warehouse.published import connect_published
from orchestration.definitions import build_definitions
from orchestration.demo.mailstore import MailReader, Stored
from orchestration.settings import load_settings
from senders.clock import SteppedClock, format_time
from senders.ledger.store import Ledger
from tests.integration.conftest import Home
from tests.integration.test_collector_alone import links_of, status_of

pytestmark = [pytest.mark.slow, pytest.mark.dbt]


def click_of_somebody(home: Home) -> str:
    """Click in a message that is tracked and return whose it was."""
    (send,) = home.json("status")["sends"]
    with MailReader(home.path / "sink", send["send_id"]) as reader:
        stored, raw = next((one, reader.raw(one)) for one in reader.messages if b"/c/" in reader.raw(one))
        _, click, _ = links_of(raw, home.environment["MAILRAIL_COLLECTOR__BASE_URL"])
        assert status_of(click) == 302
        return address_of(stored, raw)


def address_of(stored: Stored, raw: bytes) -> str:
    assert stored.recipient in str(message_from_bytes(raw, policy=policy.default)["To"])
    return stored.recipient


def post(home: Home, key: str, event: dict[str, object]) -> dict[str, object]:
    request = urllib.request.Request(
        home.environment["MAILRAIL_COLLECTOR__BASE_URL"] + "/api/v1/events",
        data=json.dumps(event).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 202
        return json.load(answer)


def test_an_order_posted_five_times_counts_once_for_the_click_before_it(sent: Home) -> None:
    with Ledger.open(sent.path) as ledger:
        key = ledger.make_api_key("shop", ["events:write"])
    buyer = click_of_somebody(sent)
    clock = SteppedClock(sent.path / "clock")
    clock.set(clock.now() + timedelta(hours=1))
    event = {
        "id": "web-4711", "name": "order_completed", "email": buyer.upper(),
        "occurred_at": format_time(clock.now()),
        "properties": {
            "order_id": "W-4711", "currency": "EUR", "total": 64.9,
            "lines": [
                {"product_id": "NF-0001", "quantity": 2, "amount": 50},
                {"product_id": "not-in-the-catalogue", "quantity": 1, "amount": 10},
            ],
        },
    }  # fmt: skip
    # Nothing of the pipeline runs meanwhile: the answer needs the ledger only.
    answers = [post(sent, key, event) for _ in range(5)]
    assert len({json.dumps(answer, sort_keys=True) for answer in answers}) == 1

    assert sent.run("refresh").returncode == 0
    assert sent.run("refresh").returncode == 0, "a second tick"
    with connect_published(sent.path / "published") as marts:
        orders = marts.execute(
            "select order_id, lines, quantity, amount, contact_id from marts.fct_orders where source = 'api'"
        ).fetchall()
        assert [row[:4] for row in orders] == [("W-4711", 3, 3, 64.9)]
        lines = marts.execute(
            "select line_no, product_name is not null, amount from marts.fct_order_lines"
            " where source = 'api' order by line_no"
        ).fetchall()
        assert lines == [(0, False, 4.9), (1, True, 50.0), (2, False, 10.0)]
        messages = marts.execute(
            "select orders, revenue, clicks from marts.fct_messages where contact_id = $buyer", {"buyer": orders[0][4]}
        ).fetchall()
        assert messages == [(1, 64.9, 1)]
        ((email,),) = marts.execute(
            "select email from marts.dim_contacts where contact_id = $buyer", {"buyer": orders[0][4]}
        ).fetchall()
        assert email == buyer
        assert marts.execute("select name, count(*) from marts.fct_custom_events group by 1").fetchall() == [
            ("order_completed", 1)
        ]
    (row,) = sent.json("metrics")["sends"]
    assert (row["conversions"], row["orders"], row["revenue"]) == (1, 1, 64.9)


def test_the_lineage_leads_from_the_ledger_to_the_order_and_its_message(shop: Home) -> None:
    with patch.dict(os.environ):  # loading exports where state lives
        graph = build_definitions(load_settings(home=shop.path)).resolve_asset_graph()
    reached, waiting = set(), [dg.AssetKey("ledger")]
    while waiting:
        key = waiting.pop()
        if key not in reached:
            reached.add(key)
            waiting += graph.get(key).child_keys
    expected = {
        "raw": ("mail_inbound",),
        "staging": ("stg_mail__inbound",),
        "marts": ("fct_custom_events", "fct_order_lines", "fct_orders", "fct_messages", "dim_contacts"),
    }
    for schema, names in expected.items():
        for name in names:
            assert dg.AssetKey([schema, name]) in reached, name
    assert dg.AssetKey("published") in reached
