"""Orders, contacts, consents and choices that come by the API and the pages, as the marts hold them."""

import json
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.warehouse.tables import create_raw_tables
from tests.fixtures.warehouse import AS_OF, build_marts, contact_id, insert, run_dbt

pytestmark = pytest.mark.dbt

Row = dict[str, Any]
ANN, BOB, CLEO, DAN, EVE = (contact_id(number) for number in range(1, 6))
NAMES = {ANN: "ann", BOB: "bob", CLEO: "cleo", DAN: "dan", EVE: "eve"}


MERGED = {
    "fct_email_events": "event_id, contact_id, send_id, is_machine, machine_rule, occurred_at",
    "fct_custom_events": "event_id, contact_id, name, properties, occurred_at",
    "fct_orders": "*",
    "fct_order_lines": "*",
    "fct_messages": "*",
    "dim_preferences": "*",
    "fct_consents": "*",
    "dim_suppressions": "contact_id, scope, reason, event_id",
    "dim_contacts": "*",
}


def hours(count: float) -> datetime:
    """Return a time so many hours before the build."""
    return AS_OF - timedelta(hours=count)


def event(kind: str, contact: str | None, ago: float, *, scope: str = "", **body: Any) -> Row:
    return {
        "kind": kind,
        "contact_id": contact,
        "scope": scope,
        "occurred_at": hours(ago),
        "received_at": hours(ago),
        "ip": "10.0.0.1",
        "body": json.dumps(body) if body else None,
        "record_version": 2,
    }


def told(kind: str, contact: str, ago: float, *, scope: str = "", **body: Any) -> Row:
    return event(kind, contact, ago, scope=scope, email=f"{NAMES[contact]}@x.example", **body)


def order(contact: str, ago: float, **properties: Any) -> Row:
    return told(
        "reported", contact, ago, name="order_completed", key="shop", properties={"currency": "EUR", **properties}
    )


def mail_event(kind: str, seq: int, ago: float, **values: Any) -> Row:
    return {
        "kind": kind, "message_key": 1 << 32 | seq, "send_no": 1, "seq": seq, "scope": "", "method": "GET",
        "user_agent": "Chrome", "ip": f"10.0.1.{seq}", "occurred_at": hours(ago), "received_at": hours(ago),
    } | values  # fmt: skip


def history() -> list[Row]:
    """Return what came in, in order, each with its id; rows 0 to 4 are of the version before bodies."""
    second = 1 / 3600
    rows = [
        mail_event("opened", 1, 60),
        mail_event("clicked", 1, 50, link_no=1),
        *(mail_event("clicked", 2, 49 - n * second / 4, link_no=n) for n in (1, 2, 3)),
        mail_event("clicked", 1, 40, link_no=2),
        told("upserted", DAN, 39, first_name="Dan", locale="fr", tracking_consent=True, key="shop"),
        told("subscribed", DAN, 38, scope="offers", basis="confirmed", source="footer", wording="v2", language="de"),
        order(ANN, 30, order_id="o-1", total=34.5, lines=[{"product_id": "NF-0030", "quantity": 2, "amount": 30.0}]),
        order(CLEO, 29, order_id="o-2", total=12, lines=[{"product_id": "unknown", "amount": 12}]),
        order(ANN, 28, order_id="in-file", total=99, lines=[]),
        event("reported", EVE, 27, name="order_completed", key="shop", properties={"order_id": "o-3", "total": 5}),
        told("reported", ANN, 26, name="product_viewed", key="shop", properties={"sku": "NF-0030", "n": [1]}),
        told("preferred", ANN, 25, name="tracking", value="no"),
        told("preferred", ANN, 24, name="language", value="de"),
        told("preferred", BOB, 23, name="tracking", value="yes"),
        event("unsubscribed", BOB, 22, scope=""),
        told("subscribed", BOB, 21, scope="news", basis="confirmed", source="preferences"),
        told("subscribed", BOB, 20, scope="offers", basis="stated", source="api:shop"),
        told("signed_up", EVE, 19, form="footer"),
    ]
    for number, row in enumerate(rows, start=1):
        row |= {"inbound_id": number, "event_id": f"{number:032x}"}
    for row in rows[:5]:
        row |= {"body": None, "record_version": None}
    return rows


def fill(path: Path) -> None:
    contact = {"load_id": "crm-1", "source": "crm", "source_rank": 1, "file": "crm.csv", "loaded_at": hours(400)}
    people = [
        contact
        | {
            "line": number, "source_key": f"k{number}", "contact_id": one, "email": f"{NAMES[one]}@x.example",
            "first_name": NAMES[one].title(), "consent": "granted", "consent_at": hours(500), "created_at": hours(500),
            "updated_at": hours(450), "tracking_consent": one == ANN or None, "locale": "en",
        }
        for number, one in enumerate((ANN, BOB), start=2)
    ]  # fmt: skip
    send = {
        "send_no": 1, "send_id": "spring.1", "campaign": "spring", "topic": "offers", "state": "finished",
        "audience_rows": 2, "scheduled_at": hours(70), "opened_at": hours(70), "finished_at": hours(69),
    }  # fmt: skip
    message = [{"message_key": 1 << 32 | seq, "send_no": 1, "seq": seq} for seq in (1, 2)]
    in_file = {
        "load_id": "o-1", "source": "shop", "file": "o.csv", "line": 2, "order_id": "in-file", "line_no": 1,
        "contact_id": ANN, "email": "ann@x.example", "quantity": 1, "amount": 80.0, "currency": "EUR",
        "ordered_at": hours(28), "loaded_at": hours(10),
    }  # fmt: skip
    with duckdb.connect(str(path)) as connection:
        create_raw_tables(connection)
        insert(connection, "contacts", people)
        insert(connection, "orders", [in_file])
        insert(
            connection, "products", [{"source": "p", "product_id": "NF-0030", "name": "Boot", "loaded_at": hours(400)}]
        )
        insert(connection, "mail_sends", [send])
        links = [{"send_no": 1, "link_no": n, "url": f"https://x.example/{n}", "role": "content"} for n in (1, 2, 3)]
        insert(connection, "mail_links", links)
        insert(
            connection,
            "mail_recipients",
            [message[0] | {"contact_id": ANN, "tracking": True}, message[1] | {"contact_id": BOB}],
        )
        insert(connection, "mail_messages", [one | {"state": "accepted", "changed_at": hours(69)} for one in message])


def record(path: Path, rows: list[Row]) -> None:
    with duckdb.connect(str(path)) as connection:
        insert(connection, "mail_inbound", rows)


def read(path: Path, query: str) -> list[Any]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(query).fetchall()


def build_part(path: Path, scratch: Path, *names: str) -> None:
    """Build some marts with all they stand on, and the tests that are named."""
    options = ("--exclude-resource-type", "unit_test", "--indirect-selection", "empty", "--store-failures")
    done = run_dbt(path, scratch, "build", *options, "--select", *names)
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("returned")
    path = folder / "warehouse.duckdb"
    fill(path)
    record(path, history())
    build_marts(path, folder)
    return path


def test_an_order_by_the_api_stands_beside_those_of_sources_once(built: Path) -> None:
    assert read(built, "select order_key, contact_id, lines, quantity, amount from marts.fct_orders order by 1") == [
        ("api/o-1", ANN, 2, 2, 34.5),
        ("api/o-2", CLEO, 1, 1, 12.0),
        ("api/o-3", None, 1, 1, 5.0),  # by an id that nobody knows
        ("shop/in-file", ANN, 1, 1, 80.0),  # the file's word, once
    ]
    assert read(
        built, "select line_no, product_name, amount from marts.fct_order_lines where order_id = 'o-1' order by 1"
    ) == [
        (0, None, 4.5),
        (1, "Boot", 30.0),
    ]


def test_it_belongs_to_the_click_before_it(built: Path) -> None:
    found = read(built, "select seq, orders, revenue, is_tracked, stream from marts.fct_messages order by seq")
    assert found == [(1, 2, 114.5, True, "marketing"), (2, 0, 0.0, None, "marketing")]


def test_contacts_by_the_api_and_by_forms_are_people(built: Path) -> None:
    names = "contact_id, first_name, locale, consent, tracking_consent, first_source, orders"
    assert sorted(read(built, f"select {names} from marts.dim_contacts")) == sorted(
        [
            (ANN, "Ann", "de", "granted", False, "crm", 2),
            (BOB, "Bob", "en", "granted", True, "crm", 0),
            (CLEO, None, None, "unknown", None, "api", 1),
            (DAN, "Dan", "fr", "granted", True, "api", 0),
        ]
    )


def test_consents_say_what_proves_them_and_what_ended_them(built: Path) -> None:
    names = "contact_id, topic, basis, source, is_confirmed, wording, language, ip, voided_at"
    found = read(built, f"select {names} from marts.fct_consents where contact_id in ('{BOB}', '{DAN}') order by all")
    assert found == sorted(
        [
            (DAN, "offers", "confirmed", "footer", True, "v2", "de", "10.0.0.1", None),
            (BOB, "", None, "crm", False, None, None, None, hours(22)),
            (BOB, "news", "confirmed", "preferences", True, None, None, "10.0.0.1", None),
            (BOB, "offers", "stated", "api:shop", False, None, None, None, hours(22)),
        ],
        key=lambda row: (row[0], row[1]),
    )
    changes = read(
        built,
        "select change, scope, source from marts.fct_subscription_changes"
        f" where contact_id = '{BOB}' order by changed_at",
    )
    assert changes == [
        ("consent_granted", "", "crm"),
        ("unsubscribed", "", "mail"),
        ("consent_granted", "news", "preferences"),
        ("consent_granted", "offers", "api:shop"),
    ]


def test_business_events_keep_what_the_caller_said(built: Path) -> None:
    rows = read(built, "select name, contact_id, properties, api_key from marts.fct_custom_events order by inbound_id")
    assert [row[0] for row in rows] == ["order_completed"] * 4 + ["product_viewed"]
    name, contact, properties, key = rows[-1]
    assert (name, contact, json.loads(properties), key) == ("product_viewed", ANN, {"sku": "NF-0030", "n": [1]}, "shop")


def test_late_repeated_and_shuffled_events_end_in_the_same(built: Path, tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    fill(path)
    rng = random.Random(5)
    rows = history()
    # What is a person's word after his own word keeps its order: the ledger gives the ids.
    fixed = {row["event_id"] for row in rows if row["kind"] in {"unsubscribed", "subscribed"}}
    movable = [row for row in rows if row["event_id"] not in fixed]
    rng.shuffle(movable)
    mixed = movable[:9] + [row for row in rows if row["event_id"] in fixed] + movable[9:]
    mixed += rng.choices(rows, k=12)  # loaded twice
    again = [row | {"inbound_id": number} for number, row in enumerate(mixed, start=1)]
    for part in (again[:7], again[7:]):
        record(path, part)
        build_part(path, tmp_path, *(f"+{name}" for name in MERGED))
    for table, names in MERGED.items():
        query = f"select {names} from marts.{table} order by all"
        assert read(path, query) == read(built, query), table


def test_what_cannot_be_read_is_kept_listed_and_counts_for_nothing(built: Path, tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    fill(path)
    broken = [
        event("reported", ANN, 9) | {"body": "{not json"},
        event("reported", ANN, 9, email="ann@x.example"),
        event("reported", None, 9, name="viewed"),
        order(ANN, 9, total=3),
        event("upserted", DAN, 9, first_name="x"),
        event("teleported", ANN, 9),
    ]
    record(path, [row | {"inbound_id": n, "event_id": f"{n:032x}"} for n, row in enumerate(broken, start=1)])
    build_part(path, tmp_path, "+fct_orders", "+dim_contacts", "assert_events_can_be_read")
    (table,) = read(
        path, "select schema_name || '.' || table_name from duckdb_tables() where table_name like '%can_be_read'"
    )
    assert read(path, f"select inbound_id, reason from {table[0]} order by 1") == [
        (1, "its body is no JSON"),
        (2, "it has no name"),
        (3, "it names nobody"),
        (4, "the order has no order_id"),
        (5, "it has no address"),
        (6, "its kind is not known"),
    ]
    assert read(path, "select count(*) from marts.fct_orders") == [(1,)]
    assert read(path, "select count(*) from marts.dim_contacts") == [(2,)]
