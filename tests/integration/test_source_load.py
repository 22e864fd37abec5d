"""Files to raw tables, with real purchases: CDNOW's whole cohort of early 1997."""

import csv
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.ingestion.loading import LoadResult, load_source
from assets.ingestion.mapping import SourceDefinition
from senders.clock import SteppedClock
from senders.ledger.store import Ledger
from senders.tracking.addresses import hash_address
from senders.tracking.keys import Keyring
from tests.fixtures.corpora import CORPORA, needs_corpora
from tests.fixtures.sources import NOW

PURCHASES, CUSTOMERS, DOLLARS = 69_659, 23_570, Decimal("2500315.63")

ORDERS = SourceDefinition.model_validate(
    {
        "name": "cdnow_orders",
        "kind": "orders",
        "location": "imports/cdnow/orders.csv",
        "date_format": "%Y%m%d",
        "columns": {
            # The same customer bought the same for the same money on one day: only the row tells them apart.
            "order_id": "row",
            "customer_key": "customer_id",
            "email": "email",
            "quantity": "number_of_cds",
            "amount": "dollar_value",
            "ordered_at": "date",
        },
        "max_rejected_share": 0.0,
    }
)
CONTACTS = SourceDefinition.model_validate(
    {
        "name": "cdnow_customers",
        "kind": "contacts",
        "location": "imports/cdnow/customers.csv",
        "columns": {"source_key": "customer_id", "email": "email"},
        "consent": {"default": "granted", "basis": "customers of the shop"},
        "max_rejected_share": 0.0,
    }
)


def read_purchases(path: Path) -> Iterator[tuple[str, str, str, str]]:
    """Yield customer, date, CDs and dollars of each purchase."""
    with path.open(encoding="ascii") as lines:
        next(lines)  # the names of the columns
        for line in lines:
            if cells := line.split():
                customer, date, cds, dollars = cells
                yield customer, date, cds, dollars


def write_imports(source: Path, home: Path) -> None:
    """Write the purchases as two CSV files, as a shop would export them."""
    folder = home / "imports" / "cdnow"
    folder.mkdir(parents=True)
    customers = set()
    with (folder / "orders.csv").open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(["row", "customer_id", "date", "number_of_cds", "dollar_value", "email"])
        for number, (customer, *rest) in enumerate(read_purchases(source), start=1):
            customers.add(customer)
            writer.writerow([number, customer, *rest, f"c{customer}@cdnow.example"])
    with (folder / "customers.csv").open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(["customer_id", "email"])
        writer.writerows([customer, f"c{customer}@cdnow.example"] for customer in sorted(customers))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("cdnow")
    SteppedClock(home / "clock").set(NOW)
    write_imports(CORPORA / "cdnow-lifetimes" / "CDNOW_master.txt", home)
    return home


def load(home: Path, definition: SourceDefinition) -> LoadResult:
    ledger = Ledger.open(home)
    try:
        return load_source(
            definition,
            warehouse=home / "warehouse.duckdb",
            home=home,
            ledger=ledger,
            keyring=Keyring.open(home / "keys"),
            clock=SteppedClock(home / "clock"),
        )
    finally:
        ledger.close()


def query(home: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


@needs_corpora
def test_every_purchase_of_every_customer_lands_once(home: Path) -> None:
    orders, contacts = load(home, ORDERS), load(home, CONTACTS)
    assert (orders.created, orders.duplicates, orders.rejected) == (PURCHASES, 0, 0)
    assert (contacts.created, contacts.duplicates, contacts.rejected) == (CUSTOMERS, 0, 0)

    again = load(home, ORDERS)
    assert (again.load_id, again.created, again.updated, again.unchanged) == (orders.load_id, 0, 0, PURCHASES)

    assert query(
        home, "select count(*), count(distinct contact_id), sum(cast(amount as decimal(12, 2))) from raw.orders"
    ) == [(PURCHASES, CUSTOMERS, DOLLARS)]
    assert query(
        home,
        "select count(*) from raw.orders as o "
        "join raw.contacts as c on o.contact_id = c.contact_id and o.customer_key = c.source_key",
    ) == [(PURCHASES,)]
    key = Keyring.open(home / "keys").address_key
    first = hash_address("c00001@cdnow.example", key).hex()
    assert query(
        home, "select contact_id, amount, cast(ordered_at as varchar) from raw.orders where order_id = '1'"
    ) == [(first, 11.77, "1997-01-01 00:00:00")]
