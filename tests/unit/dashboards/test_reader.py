from datetime import date, datetime, timedelta

import polars as pl
import pytest
import sqlglot
from sqlglot import exp

from dashboards.reader import (
    QUERIES,
    SORTABLE,
    CampaignFilters,
    OldCopyError,
    UnknownPeriodError,
    UnknownSegmentError,
    UnknownSendError,
    read_campaigns,
    read_choices,
    read_metrics,
    read_overview,
    read_published,
    read_segment,
    read_segments,
    read_send,
)

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


MADE = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Sum, exp.Avg, exp.Count)


@pytest.mark.parametrize("path", sorted(QUERIES.glob("*.sql")), ids=lambda path: path.stem)
def test_queries_leave_numbers_to_the_marts(path):
    tree = sqlglot.parse_one(path.read_text(), dialect="duckdb")
    assert not list(tree.find_all(*MADE))


def test_a_copy_of_an_earlier_version_says_what_to_do(marts):
    marts.connection.execute("drop table marts.rpt_send_funnel")
    with pytest.raises(OldCopyError, match=r"funnel: .*run `mailrail refresh`"):
        marts.read()


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


def test_the_hours_of_a_send_stand_in_order(frames):
    hourly = frames.hourly
    assert hourly["start"].is_sorted()
    assert hourly.height == 60
    assert set(hourly["bucket"]) == {"hour"}
    assert hourly["ends"][0] - hourly["start"][0] == timedelta(hours=1)


def test_the_funnel_has_shares_of_the_stage_before(frames):
    assert frames.funnel["stage"].to_list() == ["audience", "accepted", "opened", "clicked", "bought"]
    assert frames.funnel["step_rate"].to_list()[1:3] == pytest.approx([17905 / 18240, 6412 / 17905])
    assert frames.funnel["step_rate"][0] is None


def test_links_are_shares_of_all_unique_clicks(frames):
    assert frames.links["share"].sum() == pytest.approx(1)
    assert frames.links["of_largest"][0] == 1
    assert frames.links["label"][0] == "Shop the sale"


def test_links_without_words_have_their_number(empty_marts):
    empty_marts.send(send_no=1, send_id="a.1", campaign="a", state="finished")
    empty_marts.insert("rpt_send_links", send_id="a.1", link_no=3, share=None, of_largest=None)
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
    assert frames.lights["bounce_watch"] < frames.lights["bounce_act"]


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


def days(marts, **first):
    for place, day in enumerate((date(2026, 10, 6), date(2026, 10, 7), date(2026, 11, 5))):
        marts.insert("rpt_daily", day=day, deliveries=place, **first)
        marts.insert("rpt_list_growth", day=day, list_size=place)


def test_the_overview_has_the_days_of_its_period(marts):
    days(marts)
    frames = read_overview(marts.connection, "30d")
    assert frames.period["starts_on"] == date(2026, 10, 7)
    assert frames.daily["deliveries"].to_list() == frames.growth["list_size"].to_list() == [1, 2]
    assert read_overview(marts.connection, "90d").daily.height == 3


def test_the_overview_names_the_latest_sends_and_the_best_of_the_period(marts):
    for number in range(3, 9):
        due = datetime(2026, 3, number, 9)
        marts.send(send_no=number, send_id=f"old.{number}", scheduled_at=due, revenue_per_delivery=9.0)
    frames = read_overview(marts.connection, "30d")
    assert frames.latest["send_id"].to_list()[:3] == [
        "spring_sale.20261103T0900Z",
        "welcome_back.20261027T0900Z",
        "old.8",
    ]
    assert frames.latest.height == 5
    assert frames.best["send_id"].to_list() == ["spring_sale.20261103T0900Z", "welcome_back.20261027T0900Z"]


def test_the_overview_of_an_empty_warehouse_is_empty(empty_marts):
    frames = read_overview(empty_marts.connection, "7d")
    assert (frames.period["deliveries"], frames.period["delivery_rate"]) == (0, None)
    assert frames.daily.is_empty()
    assert frames.latest.is_empty()


def test_an_unknown_period_names_those_there_are(empty_marts):
    with pytest.raises(UnknownPeriodError, match=r"no period '2d'.*7d, 30d, 90d, 365d, all"):
        read_overview(empty_marts.connection, "2d")


def found(marts, **filters):
    return read_campaigns(marts.connection, CampaignFilters(**filters)).sends["send_id"].to_list()


def test_sends_are_filtered(marts):
    spring, welcome = "spring_sale.20261103T0900Z", "welcome_back.20261027T0900Z"
    assert found(marts) == [spring, welcome]
    assert found(marts, campaign="spring_sale") == [spring]
    assert found(marts, topic="news") == [welcome]
    assert found(marts, state="paused") == []
    assert found(marts, first_day=date(2026, 10, 28)) == [spring]
    assert found(marts, last_day=date(2026, 10, 27)) == [welcome]
    assert found(marts, search="Spring Sale") == found(marts, search="OFFERS") == [spring]
    assert found(marts, search="%") == []


def test_sends_are_sorted_and_paged_and_all_are_counted(marts):
    by_messages = {"sort": "messages", "descending": False}
    assert found(marts, **by_messages)[0] == "welcome_back.20261027T0900Z"
    frames = read_campaigns(marts.connection, CampaignFilters(limit=1, offset=1))
    assert frames.sends["campaign"].to_list() == ["welcome_back"]
    assert frames.total == 2
    assert read_campaigns(marts.connection, CampaignFilters(offset=9)).total == 2


@pytest.mark.parametrize("sort", SORTABLE)
def test_whatever_can_be_sorted_by_is_a_column(marts, sort):
    assert len(found(marts, sort=sort)) == 2


def test_sends_cannot_be_sorted_by_anything_else():
    with pytest.raises(ValueError, match=r"cannot be sorted by '1; drop'; choose one of scheduled_at, "):
        CampaignFilters(sort="1; drop")


def test_choices_are_what_sends_have(marts, empty_marts):
    assert read_choices(marts.connection) == {
        "campaign": ["spring_sale", "welcome_back"],
        "topic": ["news", "offers"],
        "state": ["finished"],
    }


@pytest.fixture
def segmented(empty_marts):
    marts = empty_marts
    for name in ("seg_buyers", "seg_broken", "seg_new"):
        marts.insert("dim_segments", segment=name, title=name[4:].capitalize(), description="Contacts: some.")
    for day, contacts in ((1, 10), (2, 12)):
        marts.insert(
            "rpt_segment_sizes", segment="seg_buyers", day=date(2026, 11, day), contacts=contacts, share=0.5, change=2
        )
    marts.insert("rpt_segment_sizes", segment="seg_broken", day=date(2026, 11, 1), contacts=99)
    marts.connection.execute("create schema segments")
    marts.connection.execute("create table segments.seg_buyers as select unnest(['c2', 'c1', 'c3']) as contact_id")
    for number in (1, 2, 3):
        marts.insert("dim_contacts", contact_id=f"c{number}", email=f"ann{number}@gmx.de", mailbox_domain="gmx.de")
    return marts


def test_segments_have_their_latest_size_and_say_whether_they_can_be_used(segmented):
    rows = read_segments(segmented.connection).select("name", "contacts", "share", "change", "is_published").rows()
    assert rows == [
        ("seg_broken", 99, 0.0, 0, False),
        ("seg_buyers", 12, 0.5, 2, True),
        ("seg_new", None, None, None, False),
    ]


def test_a_segment_has_its_sizes_and_a_masked_sample(segmented):
    frames = read_segment(segmented.connection, "seg_buyers", sample=2)
    assert frames.segment["title"] == "Buyers"
    assert frames.sizes["contacts"].to_list() == [10, 12]
    assert frames.sample["contact_id"].to_list() == ["c1", "c2"]
    assert set(frames.sample["email"]) == {"a•••@gmx.de"}


def test_a_segment_that_is_not_published_has_no_sample(segmented):
    frames = read_segment(segmented.connection, "seg_broken")
    assert frames.sample.is_empty()
    assert frames.sizes.height == 1


def test_a_segment_is_asked_for_by_a_name_that_the_project_has(segmented, empty_marts):
    with pytest.raises(UnknownSegmentError, match="it has: seg_broken, seg_buyers, seg_new"):
        read_segment(segmented.connection, 'seg_buyers" union select 1 --')


def test_segments_of_marts_without_any(empty_marts):
    assert read_segments(empty_marts.connection).is_empty()
    with pytest.raises(UnknownSegmentError, match="none yet"):
        read_segment(empty_marts.connection, "seg_x")


def test_the_copy_says_how_new_it_is(empty_marts):
    row = read_published(empty_marts.connection)
    assert row["as_of"] == datetime(2026, 11, 5, 9)
    assert row["contacts"] == 0
