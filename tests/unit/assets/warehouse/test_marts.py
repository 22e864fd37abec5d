"""The marts against the same numbers worked out in Python from the raw rows."""

import shutil
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from assets.warehouse.tables import create_raw_tables
from tests.fixtures.warehouse import AS_OF, build_marts, build_once, contact_id, insert, run_dbt

pytestmark = pytest.mark.dbt

Row = dict[str, Any]


@pytest.fixture(scope="module")
def warehouse() -> Path:
    return build_once().warehouse


def read(warehouse: Path, query: str) -> list[Row]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.sql(query).pl().to_dicts()


def by(rows: list[Row], *names: str) -> dict[Any, list[Row]]:
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        key = tuple(row[name] for name in names)
        groups[key if len(names) > 1 else key[0]].append(row)
    return groups


def latest_contacts(warehouse: Path) -> list[Row]:
    """Rows of the latest load of each source and key."""
    rows = read(warehouse, "from raw.contacts")
    for row in rows:
        row["owner"] = row["source_key"] or row["contact_id"]
    groups = by(rows, "source", "owner").values()
    return [row for group in groups for row in group if row["loaded_at"] == max(one["loaded_at"] for one in group)]


def preference(row: Row) -> tuple[Any, ...]:
    newest = row["updated_at"] or row["loaded_at"]
    return (row["source_rank"], -newest.timestamp(), row["source_key"] or "~", row["source"], -row["line"])


def test_each_field_survives_from_the_best_source_that_has_it(warehouse: Path) -> None:
    expected = {}
    sold = by(read(warehouse, "from raw.orders where contact_id is not null"), "contact_id")
    for person, rows in by(latest_contacts(warehouse), "contact_id").items():
        ordered = sorted(rows, key=preference)
        fields = ("first_name", "last_name", "country", "city", "locale", "tracking_consent")
        expected[person] = {
            name: next((row[name] for row in ordered if row[name] not in (None, "")), None) for name in fields
        }
        expected[person]["sources"] = len({row["source"] for row in rows + sold[person]})
    found = {row["contact_id"]: row for row in read(warehouse, "from marts.dim_contacts")}
    assert set(expected) <= set(found)
    assert {person: {name: found[person][name] for name in row} for person, row in expected.items()} == expected


def test_contacts_are_everybody_known_to_a_source_or_by_an_order(warehouse: Path) -> None:
    buyers = read(warehouse, "select distinct contact_id from raw.orders where contact_id is not null")
    expected = {row["contact_id"] for row in latest_contacts(warehouse)} | {row["contact_id"] for row in buyers}
    found = [row["contact_id"] for row in read(warehouse, "from marts.dim_contacts")]
    assert len(found) == len(set(found))
    assert set(found) == expected
    assert any(contact_id(number) in expected for number in range(300, 310))


def test_the_newest_explicit_statement_of_consent_wins_and_denial_at_the_same_time(warehouse: Path) -> None:
    latest = latest_contacts(warehouse)
    statements = [row for row in latest if row["consent"] == "granted"]
    statements += [row for row in read(warehouse, "from raw.contacts") if row["consent"] == "denied"]
    expected = {}
    for person, rows in by(statements, "contact_id").items():
        newest = max(row["consent_at"] for row in rows)
        kinds = {row["consent"] for row in rows if row["consent_at"] == newest}
        expected[person] = ("denied" if "denied" in kinds else "granted", newest)
    found = read(warehouse, "from marts.dim_contacts where consent != 'unknown'")
    assert {row["contact_id"]: (row["consent"], row["consent_at"]) for row in found} == expected
    assert {"denied", "granted"} == {consent for consent, _ in expected.values()}


def resolved_lines(warehouse: Path) -> pl.DataFrame:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        lines = connection.sql("from raw.orders").pl()
        contacts = connection.sql("from raw.contacts where source = 'shop'").pl()
    keys = contacts.sort("loaded_at").group_by("source_key").agg(pl.col("contact_id").last().alias("known"))
    lines = lines.sort("loaded_at").unique(["source", "order_id", "line_no"], keep="last")
    lines = lines.join(keys, left_on="customer_key", right_on="source_key", how="left")
    return lines.with_columns(pl.coalesce("contact_id", "known").alias("contact_id"))


def test_order_lines_are_deduplicated_corrected_and_find_their_contact(warehouse: Path) -> None:
    expected = resolved_lines(warehouse)
    found = read(warehouse, "from marts.fct_order_lines")
    names = ("order_id", "line_no", "contact_id", "product_id", "quantity", "amount", "ordered_at")
    assert sorted(tuple(str(row[name]) for name in names) for row in found) == sorted(
        tuple(map(str, row)) for row in expected.select(names).iter_rows()
    )
    assert any(row["amount"] == 1.0 for row in found)


def test_orders_and_what_contacts_spent(warehouse: Path) -> None:
    lines = resolved_lines(warehouse)
    orders = lines.group_by("order_id").agg(pl.col("contact_id").min(), pl.col("amount").sum().round(2))
    found = read(warehouse, "from marts.fct_orders")
    assert {row["order_id"]: row["amount"] for row in found} == pytest.approx(
        dict(orders.select("order_id", "amount").iter_rows())
    )
    known = orders.filter(pl.col("contact_id").is_not_null())
    spent = known.group_by("contact_id").agg(pl.col("amount").sum(), pl.len())
    people = {row["contact_id"]: row for row in read(warehouse, "from marts.dim_contacts where orders > 0")}
    assert {person: row["orders"] for person, row in people.items()} == dict(
        spent.select("contact_id", "len").iter_rows()
    )
    assert {person: row["total_spent"] for person, row in people.items()} == pytest.approx(
        dict(spent.select("contact_id", "amount").iter_rows())
    )


def judged_events(warehouse: Path) -> list[Row]:
    """Events once each, with ``is_machine`` worked out by looking at every pair of events."""
    rows = list(
        {row["event_id"]: row for row in read(warehouse, "from raw.mail_inbound order by inbound_id desc")}.values()
    )
    for group in by(rows, "message_key").values():
        clicks = [row for row in group if row["kind"] == "clicked"]
        swept = [row for row in clicks if _in_sweep(row, clicks)]
        for row in group:
            row["is_machine"] = row["kind"] in {"opened", "clicked"} and (
                row["method"] == "HEAD" or _is_machine_agent(row["user_agent"]) or _is_swept(row, swept)
            )
    return rows


def _is_machine_agent(agent: str | None) -> bool:
    return not agent or agent == "Mozilla/5.0" or "Barracuda" in agent


def _in_sweep(click: Row, clicks: list[Row]) -> bool:
    second = timedelta(seconds=1)
    windows = [
        [one for one in clicks if start <= one["occurred_at"] <= start + second] for start in _starts(click, clicks)
    ]
    return any(len({one["link_no"] for one in window}) >= 3 for window in windows)


def _starts(click: Row, clicks: list[Row]) -> list[Any]:
    times = [one["occurred_at"] for one in clicks]
    return [start for start in times if start <= click["occurred_at"] <= start + timedelta(seconds=1)]


def _is_swept(row: Row, swept: list[Row]) -> bool:
    if row["kind"] == "clicked":
        return any(row is one for one in swept)
    same = [one for one in swept if (one["user_agent"], one["ip"]) == (row["user_agent"], row["ip"])]
    return any(abs(row["occurred_at"] - one["occurred_at"]) <= timedelta(seconds=1) for one in same)


def test_machines_are_told_from_people(warehouse: Path) -> None:
    expected = {row["event_id"]: row["is_machine"] for row in judged_events(warehouse)}
    found = {row["event_id"]: row["is_machine"] for row in read(warehouse, "from marts.fct_email_events")}
    assert found == expected
    rules = {row["machine_rule"] for row in read(warehouse, "from marts.fct_email_events")}
    assert rules == {"", "apple_mpp", "known_bot", "empty_user_agent", "head_request", "sweep", "sweep_open"}


def expected_metrics(warehouse: Path, send_no: int) -> Row:
    messages = read(warehouse, f"from raw.mail_messages where send_no = {send_no}")
    local = {row["message_key"] for row in read(warehouse, "from raw.mail_attempts as a where a.class = 'local'")}
    events = [row for row in judged_events(warehouse) if row["send_no"] == send_no]
    states = by(messages, "state")
    kinds = by(events, "kind", "is_machine")

    def messages_with(rows: list[Row]) -> set[int]:
        return {row["message_key"] for row in rows}

    bounces = by(kinds[("bounced", False)], "failure")
    hard = messages_with(bounces["permanent"]) | (messages_with(states["refused"]) - local)
    soft = messages_with(states["expired"]) | messages_with(bounces["transient"]) | messages_with(bounces["policy"])
    return {
        "messages": len(messages),
        **{state: len(states[state]) for state in ("accepted", "refused", "suppressed", "expired", "in_doubt")},
        "hard_bounces": len(hard),
        "soft_bounces": len(soft - hard),
        "deliveries": len(messages_with(states["accepted"]) - hard - soft),
        "complaints": len(messages_with(kinds[("complained", False)])),
        "unsubscribes": len(messages_with(kinds[("unsubscribed", False)])),
        "opens": len(kinds[("opened", False)]),
        "unique_opens": len(messages_with(kinds[("opened", False)])),
        "machine_opens": len(kinds[("opened", True)]),
        "clicks": len(kinds[("clicked", False)]),
        "unique_clicks": len(messages_with(kinds[("clicked", False)])),
        "machine_clicks": len(kinds[("clicked", True)]),
        "conversions": len({message for message, _ in attributed(warehouse) if message >> 32 == send_no}),
    }


def attributed(warehouse: Path) -> set[tuple[int, str]]:
    """Pairs of message and order, by the last human click before the order."""
    who = {row["message_key"]: row["contact_id"] for row in read(warehouse, "from raw.mail_recipients")}
    clicks = [row for row in judged_events(warehouse) if row["kind"] == "clicked" and not row["is_machine"]]
    first = {message: min(row["occurred_at"] for row in rows) for message, rows in by(clicks, "message_key").items()}
    people = defaultdict(list)
    for click in clicks:
        people[who[click["message_key"]]].append(click)
    pairs = set()
    for order in (
        resolved_lines(warehouse).group_by("order_id").agg(pl.col("contact_id", "ordered_at").min()).to_dicts()
    ):
        at = order["ordered_at"]
        near = [
            (click["occurred_at"], click["message_key"])
            for click in people[order["contact_id"]]
            if click["occurred_at"] <= at <= first[click["message_key"]] + timedelta(days=7)
        ]
        if near:
            pairs.add((max(near)[1], order["order_id"]))
    return pairs


@pytest.mark.parametrize("send_no", [1, 2])
def test_the_counts_of_a_send(warehouse: Path, send_no: int) -> None:
    [found] = read(warehouse, f"from marts.rpt_send_metrics where send_no = {send_no}")
    expected = expected_metrics(warehouse, send_no)
    assert {name: found[name] for name in expected} == expected
    assert min(count for name, count in expected.items() if name != "suppressed") > 0
    states = ("accepted", "refused", "suppressed", "expired", "cancelled", "in_doubt")
    assert found["audience"] == sum(found[state] for state in states)
    assert found["included"] == found["audience"] + found["excluded"]


def test_every_rate_is_its_numerator_over_its_named_denominator(warehouse: Path) -> None:
    for row in read(warehouse, "from marts.rpt_send_metrics"):
        bounces = row["hard_bounces"] + row["soft_bounces"]
        expected = {
            "delivery_rate": row["deliveries"] / row["sends"],
            "bounce_rate": bounces / row["sends"],
            "unique_open_rate": row["unique_opens"] / row["deliveries"],
            "unique_click_rate": row["unique_clicks"] / row["deliveries"],
            "click_to_open_rate": row["unique_clicks"] / row["unique_opens"],
            "complaint_rate": row["complaints"] / row["deliveries"],
            "unsubscribe_rate": row["unsubscribes"] / row["deliveries"],
            "conversion_rate": row["conversions"] / row["deliveries"],
            "revenue_per_delivery": row["revenue"] / row["deliveries"],
        }
        assert {name: row[name] for name in expected} == pytest.approx(expected, abs=1e-6)
        assert {name for name in row if name.endswith("_rate")} <= set(expected)


@pytest.mark.parametrize(
    ("report", "columns"),
    [
        ("rpt_send_hourly", ("opens", "machine_opens", "clicks", "machine_clicks", "accepted")),
        ("rpt_send_links", ("clicks", "machine_clicks")),
        (
            "rpt_send_providers",
            ("messages", "accepted", "hard_bounces", "soft_bounces", "unique_opens", "unique_clicks"),
        ),
    ],
)
def test_reports_add_up_to_the_send(warehouse: Path, report: str, columns: tuple[str, ...]) -> None:
    sums = ", ".join(f"cast(sum({name}) as bigint) as {name}" for name in columns)
    parts = read(warehouse, f"select send_id, {sums} from marts.{report} group by send_id order by send_id")
    whole = read(warehouse, f"select send_id, {', '.join(columns)} from marts.rpt_send_metrics order by send_id")
    assert parts == whole


def members(warehouse: Path, segment: str) -> set[str]:
    rows = [row["contact_id"] for row in read(warehouse, f"from segments.{segment}")]
    assert len(rows) == len(set(rows))
    return set(rows)


def test_segments_on_orders(warehouse: Path) -> None:
    lines = resolved_lines(warehouse).filter(pl.col("contact_id").is_not_null())
    recent = lines.filter((pl.col("product_id") == "NF-0042") & (pl.col("ordered_at") > AS_OF - timedelta(days=30)))
    spent = lines.group_by("contact_id").agg(pl.col("amount").sum())
    assert members(warehouse, "seg_bought_featured_product_30d") == set(recent["contact_id"])
    assert members(warehouse, "seg_customers") == set(lines["contact_id"])
    assert members(warehouse, "seg_big_spenders") == set(spent.filter(pl.col("amount") >= 500)["contact_id"])
    assert not recent.is_empty()


def test_segments_on_contacts_and_opens(warehouse: Path) -> None:
    everybody = {row["contact_id"] for row in read(warehouse, "from marts.dim_contacts")}
    who = {row["message_key"]: row["contact_id"] for row in read(warehouse, "from raw.mail_recipients")}
    opened = {
        who[row["message_key"]]
        for row in judged_events(warehouse)
        if row["kind"] == "opened" and not row["is_machine"] and row["occurred_at"] > AS_OF - timedelta(days=90)
    }
    contacts = read(warehouse, "from marts.dim_contacts")
    new = {row["contact_id"] for row in contacts if AS_OF - timedelta(days=30) < row["created_at"] <= AS_OF}
    assert members(warehouse, "seg_all_contacts") == everybody
    assert members(warehouse, "seg_not_opened_90d") == everybody - opened
    assert members(warehouse, "seg_new_contacts_30d") == new
    assert opened
    assert new


def test_suppressions_say_since_when_why_and_by_which_event(warehouse: Path) -> None:
    expected: dict[tuple[str, str], Row] = {}
    who = {row["message_key"]: row["contact_id"] for row in read(warehouse, "from raw.mail_recipients")}
    for row in sorted(judged_events(warehouse), key=lambda row: row["received_at"]):
        if row["kind"] in {"unsubscribed", "complained"} or row["failure"] == "permanent":
            expected.setdefault((who[row["message_key"]], row["scope"]), row)
    found = read(warehouse, "from marts.dim_suppressions")
    assert {
        (row["contact_id"], row["scope"]): (row["reason"], row["suppressed_at"], row["event_id"]) for row in found
    } == {key: (row["kind"], row["received_at"], row["event_id"]) for key, row in expected.items()}


def test_only_sends_with_a_specimen_can_be_shown(warehouse: Path) -> None:
    shown = read(warehouse, "from marts.rpt_send_specimen")
    expected = read(
        warehouse, "select send_no, send_id, subject, html from raw.mail_specimens join raw.mail_sends using (send_no)"
    )
    assert shown == expected
    assert len(shown) == 1


def test_an_empty_warehouse_builds_and_late_events_are_judged_with_the_earlier_ones(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        create_raw_tables(connection)
    build_marts(path, tmp_path)
    assert read(path, "from marts.rpt_send_metrics") == []
    assert read(path, "from marts.rpt_daily") == read(path, "from marts.rpt_list_growth") == []
    assert {(row["contacts"], row["sends"], row["delivery_rate"]) for row in read(path, "from marts.rpt_periods")} == {
        (0, 0, None)
    }
    assert [row["contacts"] for row in read(path, "from marts.rpt_freshness")] == [0]
    assert {(row["contacts"], row["share"]) for row in read(path, "from marts.rpt_segment_sizes")} == {(0, None)}
    base = {"kind": "clicked", "message_key": 1 << 32 | 1, "send_no": 1, "seq": 1, "user_agent": "Chrome", "ip": "x"}
    clicks = [
        base | {"inbound_id": n, "event_id": f"e{n}", "link_no": n, "occurred_at": AS_OF + timedelta(milliseconds=n)}
        for n in (1, 2, 3)
    ]
    with duckdb.connect(str(path)) as connection:
        insert(connection, "mail_inbound", clicks[:2])
    build_marts(path, tmp_path)
    seen = read(path, "from marts.fct_email_events")
    assert [(row["is_machine"], row["contact_id"]) for row in seen] == [(False, None)] * 2
    with duckdb.connect(str(path)) as connection:
        # The third click makes it a sweep; the send and its recipient are loaded only now; a repeat comes again.
        insert(connection, "mail_inbound", [clicks[2], clicks[0] | {"inbound_id": 4}])
        sends = {"send_no": 1, "send_id": "spring.x", "campaign": "spring", "state": "finished", "audience_rows": 1}
        insert(connection, "mail_sends", [sends])
        message = {"message_key": 1 << 32 | 1, "send_no": 1, "seq": 1}
        insert(
            connection, "mail_recipients", [message | {"contact_id": contact_id(1), "mailbox_domain": "example.com"}]
        )
        insert(connection, "mail_messages", [message | {"state": "accepted", "tries": 1, "changed_at": AS_OF}])
    build_marts(path, tmp_path)
    seen = read(path, "from marts.fct_email_events order by event_id")
    assert [row["event_id"] for row in seen] == ["e1", "e2", "e3"]
    assert {(row["machine_rule"], row["contact_id"], row["send_id"]) for row in seen} == {
        ("sweep", contact_id(1), "spring.x")
    }


def test_a_message_to_somebody_suppressed_before_fails_the_build(warehouse: Path, tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    shutil.copy(warehouse, path)
    with duckdb.connect(str(path)) as connection:
        row = {"inbound_id": 999_999, "event_id": "f" * 32, "kind": "complained", "scope": "", "method": ""}
        early = AS_OF - timedelta(days=200)
        victim = connection.execute(
            "select r.contact_id from raw.mail_recipients as r join raw.mail_messages as m using (message_key) "
            "where m.state = 'accepted' order by message_key limit 1"
        ).fetchall()[0][0]
        insert(connection, "mail_inbound", [row | {"contact_id": victim, "occurred_at": early, "received_at": early}])
    done = run_dbt(path, tmp_path, "build", "--select", "fct_email_events+", "--exclude-resource-type", "unit_test")
    assert done.returncode == 1
    assert "FAIL" in next(
        line for line in done.stdout.splitlines() if "assert_no_message_to_suppressed" in line and "FAIL" in line
    )


def test_unit_tests_of_the_models_pass(warehouse: Path, tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    shutil.copy(warehouse, path)
    done = run_dbt(path, tmp_path, "test", "--select", "test_type:unit")
    assert done.returncode == 0, done.stdout[-4000:]
