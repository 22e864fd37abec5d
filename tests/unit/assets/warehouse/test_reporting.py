"""The marts of all sends, of the list and of the segments against the same numbers worked out from finer ones."""

import shutil
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.fixtures.warehouse import AS_OF, build_once, run_dbt

pytestmark = pytest.mark.dbt

Row = dict[str, Any]
COUNTS = ("messages", "accepted", "sends", "deliveries", "bounces", "unique_opens", "unique_clicks", "orders")
TODAY = AS_OF.date()


@pytest.fixture(scope="module")
def warehouse() -> Path:
    return build_once().warehouse


def read(warehouse: Path, query: str) -> list[Row]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.sql(query).pl().to_dicts()


def total(rows: list[Row]) -> dict[str, int]:
    return {name: sum(row[name] for row in rows) for name in COUNTS}


def test_days_and_periods_add_up_to_the_sends(warehouse: Path) -> None:
    sends = read(warehouse, "from marts.rpt_send_metrics")
    daily = read(warehouse, "from marts.rpt_daily order by day")
    due = {row["scheduled_at"].date() for row in sends}
    assert total(daily) == total(sends)
    assert {row["day"] for row in daily if row["campaign_sends"]} == due
    assert [row["day"] for row in daily] == [min(due) + timedelta(days=n) for n in range((TODAY - min(due)).days + 1)]
    for row in read(warehouse, "from marts.rpt_periods"):
        inside = [send for send in sends if row["starts_on"] <= send["scheduled_at"].date() <= row["ends_on"]]
        assert total([row]) == total(inside), row["period"]
        assert row["campaigns"] == len({send["campaign"] for send in inside})
        assert row["ends_on"] == TODAY


def test_the_list_grows_by_who_comes_and_shrinks_by_who_leaves(warehouse: Path) -> None:
    contacts = {row["contact_id"]: row for row in read(warehouse, "from marts.dim_contacts")}
    events = {row["event_id"]: row["occurred_at"] for row in read(warehouse, "from marts.fct_email_events")}
    first: dict[str, Row] = {}
    for row in sorted(read(warehouse, "from marts.dim_suppressions"), key=lambda row: events[row["event_id"]]):
        first.setdefault(row["contact_id"], row)
    gone = {one: row for one, row in first.items() if one in contacts}
    came = Counter(min(row["created_at"].date(), TODAY) for row in contacts.values())
    growth = read(warehouse, "from marts.rpt_list_growth order by day")
    assert {row["day"]: row["new_contacts"] for row in growth if row["new_contacts"]} == dict(came)
    assert sum(row["hard_bounced_out"] for row in growth) == sum(row["reason"] == "bounced" for row in gone.values())
    last = growth[-1]
    assert last["day"] == TODAY
    assert (last["contacts"], last["list_size"]) == (len(contacts), len(contacts) - len(gone))
    mailable = [one for one, row in contacts.items() if row["consent"] == "granted" and one not in gone]
    assert last["mailable"] == len(mailable)
    assert 0 < len(gone) < len(contacts)


def test_sizes_are_those_of_the_tables_and_every_segment_is_described(warehouse: Path) -> None:
    sizes = {row["segment"]: row for row in read(warehouse, "from marts.rpt_segment_sizes")}
    described = {row["segment"]: row for row in read(warehouse, "from marts.dim_segments")}
    assert set(sizes) == set(described)
    for name, row in sizes.items():
        [counted] = read(warehouse, f"select count(*) as contacts from segments.{name}")
        assert row["contacts"] == counted["contacts"]
        assert (row["day"], row["change"]) == (TODAY, None)
    assert sizes["seg_all_contacts"]["share"] == 1
    spenders = described["seg_big_spenders"]
    assert "{{ var('big_spender_amount') }}" in spenders["sql"]
    assert (spenders["title"], spenders["reads"]) == ("Big spenders", "dim_contacts")
    assert spenders["description"].startswith("Contacts who spent ")


def sizes_by_day(path: Path, segment: str) -> list[tuple[int, int | None]]:
    rows = read(path, f"from marts.rpt_segment_sizes where segment = '{segment}' order by day")
    return [((row["day"] - TODAY).days, row["change"]) for row in rows]


def test_sizes_are_kept_and_a_broken_segment_keeps_its_earlier_one(warehouse: Path, tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    shutil.copy(warehouse, path)
    build = ("build", "--select", "path:models/marts/segments", "--exclude-resource-type", "unit_test")
    later = AS_OF + timedelta(days=2)
    done = run_dbt(path, tmp_path, *build, as_of=later, big_spender_amount="no_such_column")
    assert done.returncode == 1, done.stdout[-3000:]
    assert sizes_by_day(path, "seg_big_spenders") == [(0, None)]
    assert sizes_by_day(path, "seg_customers") == [(0, None), (2, 0)]
    again = ("run", "--full-refresh", "--select", "rpt_segment_sizes", "path:models/marts/segments")
    done = run_dbt(path, tmp_path, *again, as_of=later + timedelta(hours=1), big_spender_amount=400)
    assert done.returncode == 0, done.stdout[-3000:]
    assert sizes_by_day(path, "seg_customers") == [(0, None), (2, 0)]
    [first, second] = read(path, "from marts.rpt_segment_sizes where segment = 'seg_big_spenders' order by day")
    assert second["change"] == second["contacts"] - first["contacts"] > 0
    assert second["as_of"] == (later + timedelta(hours=1)).replace(tzinfo=None)
