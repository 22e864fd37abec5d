import multiprocessing
import os
import signal
from datetime import timedelta

import duckdb
import pytest

from senders.errors import ConfigError
from senders.event import Kind
from tests.fixtures.sources import CONTACTS, NOW, ORDERS, Workshop, define

HEADER = "No,E-Mail,First,Created,News\n"
THREE = HEADER + "1,a@x.example,A,,yes\n2,b@x.example,B,,no\n3,c@x.example,C,,unsubscribed\n"


@pytest.fixture
def shop(tmp_path):
    return Workshop(tmp_path)


def counts(result):
    return (result.rows, result.created, result.updated, result.unchanged, result.duplicates, result.rejected)


def test_rows_land_with_file_line_and_load(shop):
    shop.put("in/contacts.csv", THREE)
    result = shop.load(define(CONTACTS, rank=3))
    assert counts(result) == (3, 3, 0, 0, 0, 0)
    landed = shop.query(
        "select source, source_rank, file, line, load_id, email, loaded_at from raw.contacts order by line"
    )
    assert landed[0] == ("crm", 3, "contacts.csv", 2, result.load_id, "a@x.example", NOW.replace(tzinfo=None))
    assert shop.query("select load_id, source, file, rows, accepted, rejected from raw.loads") == [
        (result.load_id, "crm", "contacts.csv", 3, 3, 0)
    ]


def test_same_file_twice_changes_nothing(shop):
    shop.put("in/contacts.csv", THREE + "bad\n")
    definition = define(CONTACTS, max_rejected_share=0.5)
    first = shop.load(definition)
    shop.clock.moment += timedelta(days=1)
    second = shop.load(definition)
    assert second.load_id == first.load_id
    assert counts(second) == (4, 0, 0, 3, 0, 1)
    assert second.suppressed == 0
    for table, rows in {"contacts": 3, "rejects": 1, "loads": 1}.items():
        assert shop.query(f"select count(*) from raw.{table}") == [(rows,)]


def test_only_new_and_changed_rows_land_again(shop):
    path = shop.put("in/contacts.csv", THREE)
    first = shop.load(define(CONTACTS))
    path.write_text(
        HEADER + "1,a@x.example,A,,yes\n2,b@x.example,Bea,,yes\n4,d@x.example,D,,yes\n2,b@x.example,Beatrice,,yes\n"
    )
    second = shop.load(define(CONTACTS))
    assert counts(second) == (4, 1, 1, 1, 1, 0)
    assert second.load_id != first.load_id
    landed = shop.query(
        f"select source_key, first_name from raw.contacts where load_id = '{second.load_id}' order by 1"
    )
    assert landed == [("2", "Beatrice"), ("4", "D")]


def test_going_back_to_an_older_file_is_a_load_of_its_own(shop):
    path = shop.put("in/contacts.csv", THREE)
    first = shop.load(define(CONTACTS))
    path.write_text(THREE.replace(",A,", ",Anna,"))
    shop.load(define(CONTACTS))
    path.write_text(THREE)
    third, fourth = shop.load(define(CONTACTS)), shop.load(define(CONTACTS))
    assert counts(third) == (3, 0, 1, 2, 0, 0)
    assert third.load_id == fourth.load_id == f"{first.load_id}-2"
    assert counts(fourth) == (3, 0, 0, 3, 0, 0)


def test_another_mapping_of_the_same_file_is_another_load(shop):
    shop.put("in/contacts.csv", THREE)
    shop.load(define(CONTACTS))
    result = shop.load(define(CONTACTS, columns=CONTACTS["columns"] | {"last_name": "First"}))
    assert counts(result) == (3, 0, 3, 0, 0, 0)


def test_unsubscribed_people_are_suppressed_in_the_ledger_once(shop):
    shop.put("in/contacts.csv", THREE)
    assert shop.load(define(CONTACTS)).suppressed == 1
    assert shop.load(define(CONTACTS)).suppressed == 0
    (event,) = shop.ledger.events.values()
    assert (event.kind, event.detail, event.occurred_at) == (Kind.SUPPRESSED, "imported", NOW)
    assert event.suppresses
    assert shop.query("select contact_id, consent from raw.contacts where source_key = '3'") == [
        (event.address_hash.hex(), "denied")
    ]


def test_too_many_rejects_set_the_whole_load_aside(shop):
    shop.put("in/contacts.csv", THREE + "bad\n" * 2)
    result = shop.load(define(CONTACTS, max_rejected_share=0.3))
    assert result.quarantined
    assert counts(result) == (5, 0, 0, 0, 0, 2)
    assert [shop.query(f"select count(*) from raw.{table}") for table in ("contacts", "rejects", "loads")] == [
        [(0,)]
    ] * 3
    assert result.rejects_file is not None
    assert result.rejects_file.exists()


def test_a_load_set_aside_still_suppresses_whoever_said_stop(shop):
    shop.put("in/contacts.csv", THREE + "bad\n" * 2)
    assert shop.load(define(CONTACTS, max_rejected_share=0.3)).suppressed == 1
    (event,) = shop.ledger.events.values()
    assert event.suppresses


def test_rejects_can_be_mended_and_loaded_with_the_same_definition(shop):
    shop.put("in/contacts.csv", THREE.replace("\n2,b@x.example", "\n2,b@@x") + "5,,E,,yes\n")
    definition = define(CONTACTS, max_rejected_share=0.9)
    result = shop.load(definition)
    assert result.rejects == {"empty_address": 1, "invalid_address:bad_local": 1}
    assert result.rejects_file == shop.home / "files" / "rejects" / "crm" / f"{result.load_id}.csv"
    lines = result.rejects_file.read_text().splitlines()
    assert lines[0] == "No,E-Mail,First,Created,News,_file,_line,_reason,_column,_value"
    assert lines[1] == "2,b@@x,B,,no,contacts.csv,3,invalid_address:bad_local,E-Mail,b@@x"
    mended = shop.put(
        "mended.csv",
        result.rejects_file.read_text().replace("2,b@@x", "2,b@x.example").replace("5,,", "5,e@x.example,"),
    )
    again = shop.load(definition, files=[mended])
    assert counts(again) == (2, 2, 0, 0, 0, 0)
    assert "_reason" not in shop.query("select extra from raw.contacts where source_key = '5'")[0][0]
    assert shop.query("select count(distinct source_key) from raw.contacts") == [(4,)]


def test_rejects_of_json_lines_load_again_as_csv(shop):
    shop.put("in/c.jsonl", '{"No": 1, "E-Mail": "a", "n": {"f": "A"}, "News": "yes"}\n')
    definition = define(
        CONTACTS, format="jsonl", location="in/c.jsonl", max_rejected_share=1.0,
        columns={"source_key": "No", "email": "E-Mail", "first_name": "n.f"},
    )  # fmt: skip
    rejects = shop.load(definition).rejects_file
    mended = shop.put("mended.csv", rejects.read_text().replace("1,a,", "1,a@x.example,"))
    assert counts(shop.load(definition, files=[mended])) == (1, 1, 0, 0, 0, 0)
    assert shop.query("select first_name from raw.contacts") == [("A",)]


def test_json_lines_without_the_column_of_consent_are_refused(shop):
    shop.put("in/c.jsonl", '{"No": 1, "E-Mail": "a@x.example", "Nwes": "unsubscribed"}\n')
    definition = define(
        CONTACTS, format="jsonl", location="in/c.jsonl", columns={"source_key": "No", "email": "E-Mail"}
    )
    with pytest.raises(ConfigError, match="has no column 'News'; its columns are No, E-Mail, Nwes"):
        shop.load(definition)


def test_products_of_an_order_without_line_numbers_are_lines_of_their_own(shop):
    rows = (
        "1,a@x.example,10,2026-01-01,1,boots\n1,a@x.example,5,2026-01-01,1,socks\n1,a@x.example,6,2026-01-01,1,socks\n"
    )
    shop.put("in/orders.csv", "id,email,amount,at,n,sku\n" + rows + "2,a@x.example,7,2026-01-01,1,boots\n")
    result = shop.load(define(ORDERS, columns={**ORDERS["columns"], "product_id": "sku"}))
    assert (result.created, result.duplicates) == (3, 1)
    found = shop.query("select order_id, line_no, product_id, amount from raw.orders order by all")
    assert found == [("1", 1, "boots", 10.0), ("1", 2, "socks", 6.0), ("2", 1, "boots", 7.0)]


def test_files_of_a_pattern_are_one_load(shop):
    shop.put("in/1.csv", THREE)
    shop.put("in/2.csv", HEADER + "1,a@x.example,Anna,,yes\nbad\n")
    result = shop.load(define(CONTACTS, location="in/*.csv"))
    assert counts(result) == (5, 3, 0, 0, 1, 1)
    assert shop.query("select file, line, first_name from raw.contacts where source_key = '1'") == [
        ("2.csv", 2, "Anna")
    ]
    assert shop.query("select file, line, reason from raw.rejects") == [("2.csv", 3, "broken_row")]


def test_orders_are_known_by_id_and_line(shop):
    shop.put("in/orders.csv", "id,email,amount,at,n\n1,a@x.example,5,2026-01-02,1\n2,a@x.example,6,2026-01-02,1\n")
    assert counts(shop.load(define(ORDERS))) == (2, 2, 0, 0, 0, 0)
    assert counts(shop.load(define(ORDERS))) == (2, 0, 0, 2, 0, 0)
    assert shop.query("select sum(amount), min(line_no) from raw.orders") == [(11.0, 1)]


def test_missing_file_names_source_and_place(shop):
    with pytest.raises(ConfigError, match=r"source crm: location 'in/contacts\.csv' names no file"):
        shop.load(define(CONTACTS))


def test_ledger_that_fails_leaves_the_warehouse_as_it_was(shop):
    class Broken:
        def record(self, events):
            raise OSError("disk full")

    shop.put("in/contacts.csv", THREE)
    with pytest.raises(OSError, match="disk full"):
        shop.load(define(CONTACTS), ledger=Broken())
    assert counts(shop.load(define(CONTACTS))) == (3, 3, 0, 0, 0, 0)


def _load_until_killed(home):
    class Killer:
        def record(self, events):
            os.kill(os.getpid(), signal.SIGKILL)

    Workshop(home).load(define(CONTACTS), ledger=Killer())


def test_killed_load_is_simply_run_again(shop):
    shop.put("in/contacts.csv", THREE)
    process = multiprocessing.get_context("spawn").Process(target=_load_until_killed, args=(shop.home,))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert counts(shop.load(define(CONTACTS))) == (3, 3, 0, 0, 0, 0)
    assert len(shop.ledger.events) == 1


def _hold(path, ready, done):
    with duckdb.connect(str(path)):
        ready.set()
        done.wait(60)


def test_locked_warehouse_is_one_clear_message(shop):
    shop.put("in/contacts.csv", THREE)
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    process = context.Process(target=_hold, args=(shop.warehouse, ready, done))
    process.start()
    try:
        assert ready.wait(60)
        with pytest.raises(ConfigError, match="another run may hold it"):
            shop.load(define(CONTACTS))
    finally:
        done.set()
        process.join(60)


def test_record_for_the_command_line(shop):
    shop.put("in/contacts.csv", THREE)
    result = shop.load(define(CONTACTS))
    assert result.as_json() == {
        "name": "crm", "load_id": result.load_id, "rows": 3, "created": 3, "updated": 0, "unchanged": 0,
        "duplicates": 0, "rejected": 0, "rejects": {}, "quarantined": False,
    }  # fmt: skip


def test_summary_is_counted_over_the_load(shop):
    shop.put("in/contacts.csv", THREE + "4,bad,,,maybe\n5,e@x.example,,,maybe\n")
    summary = shop.load(define(CONTACTS, max_rejected_share=1.0)).summary
    assert summary["rows"] == 5
    assert summary["rejected_share"] == summary["bad_address_share"] == 0.2
    assert summary["unknown_consent_share"] == 0.25
    assert summary["empty_keys"] == summary["repeated_keys"] == 0
