import time
from datetime import UTC, datetime

import duckdb
import pytest
import sqlglot

from assets.warehouse import segment_drafts as drafts
from assets.warehouse.published import publish
from senders.errors import ConfigError, GuardError
from tests.fixtures.sources import FixedClock

KNOWN = {"seg_customers": "", "seg_new_contacts_30d": "", "seg_all_contacts": ""}
NOW = datetime(2026, 4, 14, 8, 0, tzinfo=UTC)


@pytest.fixture
def published(tmp_path):
    with duckdb.connect(str(tmp_path / "w.duckdb")) as connection:
        connection.execute("create schema marts; create schema segments")
        connection.execute("create table marts.dim_contacts (contact_id text, created_at timestamp)")
        connection.execute(
            "insert into marts.dim_contacts values ('a', '2026-04-10'), ('b', '2025-01-01'), ('c', null)"
        )
        connection.execute("create table segments.seg_customers as select 'a' as contact_id")
    publish(tmp_path / "w.duckdb", tmp_path / "published", "v1")
    return tmp_path / "published"


def measure(published, sql, compiled_after=NOW):
    return drafts.measure_segment(published, sql, FixedClock(NOW), compiled_after=compiled_after)


def test_a_condition_becomes_a_segment_that_people_can_go_on_editing():
    assert drafts.segment_sql(None, "country = 'DE'").endswith("from contacts\nwhere\n    country = 'DE'\n")
    sql = drafts.segment_sql("seg_customers", "created_at > as_of - interval 7 day or city = 'as_of'")
    assert "select contact_id from {{ ref('seg_customers') }}" in sql
    assert "    and (\n        created_at > {{ as_of() }} - interval 7 day or city = 'as_of'\n    )\n" in sql
    commented = drafts.segment_sql("seg_customers", "country = 'DE' -- the shop's home")
    assert sqlglot.parse_one(
        commented.replace("{{ ref('dim_contacts') }}", "a").replace("{{ ref('seg_customers') }}", "b")
    )
    assert drafts.segment_sql(None, "").endswith("select contact_id\nfrom contacts\n")


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("contry = 'DE'", "line 1, column 1: dim_contacts has no column 'contry'. Did you mean country?"),
        ("city = '{{ env_var(1) }}'", "may not hold {{"),
        ("contact_id in (select 1)", "may not read other tables"),
        ("country =", "where is not SQL"),
    ],
)
def test_a_condition_is_judged_as_those_of_campaigns_are(where, message):
    with pytest.raises(ConfigError) as raised:
        drafts.segment_sql(None, where)
    assert message in str(raised.value)


def test_bases_have_short_names_and_a_misspelt_one_gets_a_hint():
    assert drafts.find_base("all", KNOWN) is None
    assert drafts.find_base("new", KNOWN) == "seg_new_contacts_30d"
    assert drafts.find_base("customers", KNOWN) == drafts.find_base("seg_customers", KNOWN) == "seg_customers"
    with pytest.raises(ConfigError, match="Did you mean customers"):
        drafts.find_base("custmers", KNOWN)


def test_names_are_models_names():
    assert drafts.full_name("german") == drafts.full_name("seg_german") == "seg_german"
    with pytest.raises(ConfigError, match="for instance osterreicher_2"):
        drafts.full_name("Österreicher 2")


def test_a_segment_is_written_whole_with_its_contract_and_never_over_another(tmp_path):
    texts = ("select 1\n", drafts.segment_contract("seg_x", 'Says "hello": all\nof them'))
    paths = drafts.write_segment(tmp_path, "seg_x", texts)
    assert [path.read_text() for path in paths] == list(texts)
    assert 'description: "Says \\"hello\\": all of them"' in texts[1]
    with pytest.raises(GuardError, match="already"):
        drafts.refuse_taken(tmp_path, "seg_x")
    with pytest.raises(GuardError, match="in the meantime"):
        drafts.write_segment(tmp_path, "seg_x", ("select 2\n", texts[1]))
    assert paths[0].read_text() == texts[0]


def test_the_size_is_read_from_the_published_copy(published):
    size = measure(published, "select contact_id from marts.dim_contacts")
    assert size == drafts.Size(3, 3, "v1")
    assert measure(published, "select 'a' as contact_id from marts.dim_contacts") == drafts.Size(1, 3, "v1")
    assert drafts.count_segments(published) == {"seg_customers": 1}


def test_the_size_is_asked_for_the_homes_own_time(published):
    compiled = datetime(2031, 1, 1, 12, 0, tzinfo=UTC)  # the machine's clock is years ahead of the home's
    sql = (
        "select contact_id from marts.dim_contacts where created_at > cast('{}' as timestamp) - interval 30 day"
    ).format
    assert measure(published, sql("2031-01-01 12:00:01"), compiled).contacts == 1
    assert measure(published, sql("2025-01-05 00:00:00"), compiled).contacts == 2  # the author's own date stays


def test_a_size_that_cannot_be_told_is_none(published, tmp_path, monkeypatch):
    assert measure(published, "select contact_id from segments.seg_not_yet") is None
    assert measure(tmp_path / "nothing", "select 1") is None
    monkeypatch.setattr(drafts, "TIME_LIMIT_SECONDS", 0.2)
    began = time.monotonic()
    assert measure(published, "select a.range::text as contact_id from range(10000000) a, range(100000) b") is None
    assert time.monotonic() - began < 5
