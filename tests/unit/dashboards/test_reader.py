from datetime import datetime, timedelta

import polars as pl
import pytest
import sqlglot
from sqlglot import exp

from dashboards.reader import QUERIES, UnknownSendError, read_metrics, read_send

CONTRACT = {
    "send_id",
    "messages",
    "accepted",
    "hard_bounces",
    "soft_bounces",
    "complaints",
    "unsubscribes",
    "opens",
    "unique_opens",
    "machine_opens",
    "clicks",
    "unique_clicks",
    "machine_clicks",
    "conversions",
}


@pytest.mark.parametrize("path", sorted(QUERIES.glob("*.sql")), ids=lambda path: path.stem)
def test_queries_read_public_marts_only_and_say_what_they_return(path, empty_marts):
    sql = path.read_text()
    assert sql.startswith("-- ")
    tree = sqlglot.parse_one(sql, dialect="duckdb")
    own = {cte.alias for cte in tree.find_all(exp.CTE)}
    read = [table for table in tree.find_all(exp.Table) if table.name and table.name not in own]
    assert read
    for table in read:
        assert table.db == "marts"
        assert table.name in empty_marts.columns


def test_an_unknown_send_is_an_error_that_names_the_known_ones(marts):
    with pytest.raises(UnknownSendError, match=r"no send 'x\.1'.*welcome_back\.20261027T0900Z"):
        marts.read("x.1")


def test_an_unknown_send_in_empty_marts(empty_marts):
    with pytest.raises(UnknownSendError, match="none yet"):
        empty_marts.read("x.1")


def test_metrics_have_the_keys_of_the_contract_and_plain_values(marts):
    rows = read_metrics(marts.connection)
    assert [row["campaign"] for row in rows] == ["welcome_back", "spring_sale"]
    assert set(rows[0]) >= CONTRACT
    assert rows[1]["scheduled_at"] == "2026-11-03T09:00:00Z"
    assert rows[1]["unique_opens"] == 6412
    assert read_metrics(marts.connection, "spring_sale.20261103T0900Z") == [rows[1]]
    assert read_metrics(marts.connection, "none") == []


def test_the_send_carries_its_provenance(frames):
    send = frames.send
    assert send["audience_hash"] == "a1" * 32
    assert send["published_version"] == "20261103T085512Z-41"
    assert send["seconds_taken"] == 440
    assert send["bounces"] == 405


def test_changes_are_to_the_send_before(frames, marts):
    assert frames.changes["campaign"] == "welcome_back"
    assert frames.changes["unique_open_rate"] == pytest.approx(0.060002)
    assert marts.read("welcome_back.20261027T0900Z").changes is None
    assert frames.trend["send_id"].to_list() == ["welcome_back.20261027T0900Z", "spring_sale.20261103T0900Z"]


def test_hours_without_events_are_filled(empty_marts):
    at = datetime(2026, 11, 3, 9)
    empty_marts.send(send_no=1, send_id="a.1", campaign="a", state="finished")
    for hour, opens in ((0, 5), (3, 2)):
        empty_marts.insert(
            "rpt_send_hourly", send_id="a.1", hour=at + timedelta(hours=hour), opens=opens, machine_opens=1
        )
    hourly = empty_marts.read("a.1").hourly
    assert hourly["opens"].to_list() == [5, 0, 0, 2]
    assert hourly["all_opens"].to_list() == [6, 0, 0, 3]
    assert hourly["ends"][0] - hourly["start"][0] == timedelta(hours=1)


def test_a_long_story_is_told_by_day_without_losing_events(empty_marts):
    at = datetime(2026, 11, 3, 9)
    empty_marts.send(send_no=1, send_id="a.1", campaign="a", state="finished")
    for hour in range(0, 24 * 20, 5):
        empty_marts.insert("rpt_send_hourly", send_id="a.1", hour=at + timedelta(hours=hour), clicks=1)
    hourly = empty_marts.read("a.1").hourly
    assert set(hourly["bucket"]) == {"day"}
    assert hourly["clicks"].sum() == 96
    assert hourly["start"].is_sorted()


def test_the_funnel_has_shares_of_the_stage_before(frames):
    assert frames.funnel["stage"].to_list() == ["audience", "accepted", "opened", "clicked", "bought"]
    assert frames.funnel["step_rate"].to_list()[1:3] == pytest.approx([17905 / 18240, 6412 / 17905])
    assert frames.funnel["step_rate"][0] is None


def test_links_are_shares_of_all_unique_clicks(frames):
    assert frames.links["share"].sum() == pytest.approx(1)
    assert frames.links["of_largest"][0] == 1
    assert frames.links["label"][0] == "Shop the sale"


def test_links_that_nobody_clicked_have_no_share(empty_marts):
    empty_marts.send(send_no=1, send_id="a.1", campaign="a", state="finished")
    empty_marts.insert("rpt_send_links", send_id="a.1", link_no=3)
    row = empty_marts.read("a.1").links.row(0, named=True)
    assert (row["label"], row["share"], row["of_largest"]) == ("link 3", None, None)


def test_lights_and_order_of_providers(frames):
    lights = dict(frames.providers.select("mailbox_domain", "light").rows())
    assert lights == {
        "gmail.com": "healthy",
        "outlook.com": "watch",
        "yahoo.com": "watch",
        "icloud.com": "healthy",
        "gmx.de": "watch",
        "comcast.net": "act",
        "orange.fr": "few",
        "other": "act",
    }
    assert frames.providers["mailbox_domain"][-1] == "other"


def test_exclusions_end_at_the_audience(frames):
    assert frames.exclusions["reason"][0] == "no_consent"
    assert frames.exclusions["remaining"][-1] == frames.send["audience"]


def test_doubts_replies_and_machines(frames):
    assert frames.doubts["seq"].to_list() == [17, 4211]
    assert frames.replies.select("state", "code", "messages").rows() == [("refused", "5.1.1", 3)]
    assert set(frames.machines["rule"]) == {"apple_mpp", "sweep"}


def test_a_send_is_read_by_value_not_spliced_into_sql(marts):
    with pytest.raises(UnknownSendError):
        read_send(marts.connection, "' or 1=1 --")


def test_another_sends_rows_stay_out(marts):
    frames = marts.read("welcome_back.20261027T0900Z")
    for name in ("hourly", "links", "providers", "exclusions", "replies", "doubts", "machines"):
        frame: pl.DataFrame = getattr(frames, name)
        assert frame.is_empty(), name
