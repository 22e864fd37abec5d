"""Real input the whole way: CDNOW's purchases become orders, a segment, an audience, and mail in the sink."""

import asyncio
import csv
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from orchestration.demo.fate import NO_SHARES
from orchestration.demo.sink import Behaviour, Sink, SinkConfig
from senders.clock import SteppedClock
from tests.fixtures.corpora import CORPORA, needs_corpora
from tests.integration.conftest import Home

pytestmark = [pytest.mark.slow, pytest.mark.dbt, needs_corpora]

MASTER = CORPORA / "cdnow-lifetimes" / "CDNOW_master.txt"

AS_OF = datetime(1998, 6, 30, tzinfo=UTC)
PURCHASES, CUSTOMERS, DOLLARS = 69_659, 23_570, 2_500_315.63

ORDERS = """\
type: assets.components.Source
attributes:
  kind: orders
  format: csv
  location: imports/cdnow/orders.csv
  date_format: "%Y%m%d"
  columns:
    order_id: row
    customer_key: customer_id
    email: email
    quantity: number_of_cds
    amount: dollar_value
    ordered_at: date
"""
CONTACTS = """\
type: assets.components.Source
attributes:
  kind: contacts
  format: csv
  location: imports/cdnow/customers.csv
  columns:
    source_key: customer_id
    email: email
  consent:
    default: granted
    basis: customers of the shop
"""
SEGMENT = """\
with orders as (

    select * from {{ ref('fct_orders') }}

)

select distinct contact_id
from orders
where
    contact_id is not null
    and ordered_at > {{ as_of() }} - interval '90' day
    and ordered_at <= {{ as_of() }}
"""


@pytest.fixture
def cdnow(tmp_path: Path, project) -> Home:
    root = project()
    for folder in (root / "assets" / "sources").iterdir():
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    for name, text in (("cdnow_orders", ORDERS), ("cdnow_customers", CONTACTS)):
        (root / "assets" / "sources" / name).mkdir()
        (root / "assets" / "sources" / name / "defs.yaml").write_text(text)
    segments = root / "dbt_project" / "models" / "marts" / "segments"
    (segments / "seg_bought_90d.sql").write_text(SEGMENT)
    contract = (segments / "seg_customers.yml").read_text().replace("seg_customers", "seg_bought_90d")
    (segments / "seg_bought_90d.yml").write_text(contract)
    campaign = root / "assets" / "campaigns" / "spring_sale" / "defs.yaml"
    campaign.write_text(campaign.read_text().replace("seg_all_contacts", "seg_bought_90d"))
    home = Home(tmp_path / "home", root)
    SteppedClock(home.path / "clock").set(AS_OF)
    _write_imports(MASTER, home.path / "imports" / "cdnow")
    return home


def _write_imports(master: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    rows = [line.split() for line in master.read_text(encoding="ascii").splitlines()[1:] if line.strip()]
    with (folder / "orders.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["row", "customer_id", "email", "date", "number_of_cds", "dollar_value"])
        for number, (customer, date, cds, dollars) in enumerate(rows):
            writer.writerow([number, customer, _email(customer), date, cds, dollars])
    with (folder / "customers.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["customer_id", "email"])
        writer.writerows((customer, _email(customer)) for customer in sorted({row[0] for row in rows}))


def _email(customer: str) -> str:
    return f"c{customer}@cdnow.example"


@contextmanager
def _patient_sink(home: Home) -> Iterator[Sink]:
    """Run a sink that takes everybody, in a thread of its own."""
    started, box = threading.Event(), {}

    async def serve() -> None:
        stop = asyncio.Event()
        box["stop"], box["loop"] = stop, asyncio.get_running_loop()
        config = SinkConfig("127.0.0.1", home.sink_port, home.path / "sink", Behaviour(shares=NO_SHARES))
        async with Sink(config) as sink:
            box["sink"] = sink
            started.set()
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert started.wait(10)
    try:
        yield box["sink"]
    finally:
        box["loop"].call_soon_threadsafe(box["stop"].set)
        thread.join(10)


def _bought_in_90_days(master: Path) -> set[str]:
    """Compute the segment anew, by polars from the file itself."""
    lines = [line.split() for line in master.read_text(encoding="ascii").splitlines()[1:] if line.strip()]
    frame = pl.DataFrame(lines, schema=["customer", "date", "cds", "dollars"], orient="row")
    dates = frame.with_columns(pl.col("date").str.to_date("%Y%m%d"))
    limit = AS_OF.date() - timedelta(days=90)
    recent = dates.filter((pl.col("date") > limit) & (pl.col("date") <= AS_OF.date()))
    return {_email(customer) for customer in recent["customer"].unique()}


def test_cdnow_goes_the_whole_way(cdnow: Home):
    done = cdnow.run("refresh")
    assert done.returncode == 0, done.stderr[-3000:]
    with duckdb.connect(str(cdnow.path / "warehouse.duckdb"), read_only=True) as connection:
        [(orders, people, dollars)] = connection.execute(
            "select count(*), count(distinct contact_id), sum(amount) from marts.fct_orders"
        ).fetchall()
        members = connection.execute(
            "select c.email from segments.seg_bought_90d s join marts.dim_contacts c using (contact_id)"
        ).fetchall()
    assert (orders, people) == (PURCHASES, CUSTOMERS)
    assert round(dollars, 2) == DOLLARS
    expected = _bought_in_90_days(MASTER)
    assert {email for (email,) in members} == expected

    with _patient_sink(cdnow):
        row = cdnow.json("send", "spring_sale", "--confirm", str(len(expected)))
    assert row["accepted"] == row["audience"] == len(expected)
    reached = Counter(line["recipient"] for line in cdnow.lines("sink/log.jsonl"))
    assert reached == Counter(expected)
