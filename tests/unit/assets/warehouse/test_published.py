import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from assets.warehouse.published import ASKED_BY_CONTACT, Published, connect_published, current, publish
from dashboards.reader import QUERIES
from senders.errors import ConfigError

READER = """
import sys, pathlib
from assets.warehouse.published import connect_published
with connect_published(pathlib.Path(sys.argv[1])) as connection:
    for line in sys.stdin:
        print(connection.execute("select max(amount) from marts.fct_orders").fetchone()[0], flush=True)
"""


def _write(warehouse: Path, amount: int) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        for schema in ("raw", "staging", "marts", "segments"):
            connection.execute(f"create schema if not exists {schema}")
        connection.execute("create or replace table raw.contacts as select 'secret@example.com' as email")
        connection.execute("create or replace view staging.stg_contacts as from raw.contacts")
        connection.execute(f"create or replace table marts.fct_orders as select {amount} as amount")
        connection.execute("create or replace table segments.seg_all as select 'c1' as contact_id")
        connection.execute("create or replace table segments.seg_stale as select 'c2' as contact_id")


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    path = tmp_path / "ware'house.duckdb"
    _write(path, 1)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "published"


def _tables(folder: Path) -> list[tuple[str, str]]:
    with connect_published(folder) as connection:
        return connection.execute("select schema_name, table_name from duckdb_tables() order by all").fetchall()


def test_only_the_public_schemas_are_copied(warehouse: Path, folder: Path) -> None:
    copy = publish(warehouse, folder, "v1")
    assert copy == Published("v1", folder / "v1.duckdb")
    assert _tables(folder) == [("marts", "fct_orders"), ("segments", "seg_all"), ("segments", "seg_stale")]
    assert b"secret@example.com" not in copy.file.read_bytes()


def test_tables_can_be_left_out(warehouse: Path, folder: Path) -> None:
    publish(warehouse, folder, "v1", leave_out={"seg_stale"})
    assert _tables(folder) == [("marts", "fct_orders"), ("segments", "seg_all")]


def test_the_pointer_names_the_newest_copy_and_two_files_stay(warehouse: Path, folder: Path) -> None:
    for version in ("v1", "v2", "v3"):
        publish(warehouse, folder, version)
    assert current(folder) == Published("v3", folder / "v3.duckdb")
    assert json.loads((folder / "current").read_text()) == {"version": "v3", "file": "v3.duckdb"}
    assert sorted(path.name for path in folder.iterdir()) == ["current", "v2.duckdb", "v3.duckdb"]


def test_a_version_that_is_taken_gets_a_number(warehouse: Path, folder: Path) -> None:
    publish(warehouse, folder, "v1")
    assert publish(warehouse, folder, "v1").version == "v1-2"


def test_nothing_published_says_what_to_do(folder: Path) -> None:
    assert current(folder) is None
    with pytest.raises(ConfigError, match="mailrail refresh"):
        connect_published(folder)


def test_a_missing_warehouse_is_refused_and_not_made(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.duckdb"):
        publish(tmp_path / "none.duckdb", folder, "v1")
    assert not (tmp_path / "none.duckdb").exists()


@pytest.mark.parametrize("version", ["", "../v1", "a b", ".v1"])
def test_a_version_that_is_no_file_name_is_refused(warehouse: Path, folder: Path, version: str) -> None:
    with pytest.raises(ConfigError, match="file name"):
        publish(warehouse, folder, version)


def test_a_failed_copy_leaves_the_old_one_and_no_scrap(warehouse: Path, folder: Path, tmp_path: Path) -> None:
    publish(warehouse, folder, "v1")
    broken = tmp_path / "broken.duckdb"
    broken.write_bytes(b"not a database, but long enough to be read as one" * 200)
    with pytest.raises(duckdb.Error):
        publish(broken, folder, "v2")
    assert sorted(path.name for path in folder.iterdir()) == ["current", "v1.duckdb"]
    assert current(folder) == Published("v1", folder / "v1.duckdb")


@pytest.mark.parametrize(
    "statement",
    [
        "create table marts.mine (a integer)",
        "delete from marts.fct_orders",
        "select * from read_csv('/etc/hostname')",
        "attach '/tmp/other.duckdb' as other",
        "copy marts.fct_orders to '/tmp/out.csv'",
        "set enable_external_access = true",
        "set threads = 1",
        "install httpfs",
    ],
)
def test_a_reader_can_only_read(warehouse: Path, folder: Path, statement: str) -> None:
    publish(warehouse, folder, "v1")
    with connect_published(folder) as connection, pytest.raises(duckdb.Error):
        connection.execute(statement)


def test_readers_and_builds_do_not_wait_for_each_other(warehouse: Path, folder: Path) -> None:
    publish(warehouse, folder, "v1")
    command = [sys.executable, "-c", READER, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None

        def read() -> str:
            reader.stdin.write("go\n")
            reader.stdin.flush()
            return reader.stdout.readline().strip()

        assert read() == "1"
        for amount in (2, 3, 4):
            _write(warehouse, amount)  # a build, while the reader has its copy open
            publish(warehouse, folder, f"v{amount}")
        assert read() == "1"
        # The other way: a build holds the warehouse, and a new reader does not care.
        with duckdb.connect(str(warehouse)), connect_published(folder) as connection:
            assert connection.execute("select max(amount) from marts.fct_orders").fetchall() == [(4,)]
        reader.stdin.close()
        assert reader.wait(timeout=30) == 0


@pytest.mark.parametrize("text", ["{bad", "[]", "{}"])
def test_a_damaged_pointer_says_what_to_do(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "current").write_text(text)
    with pytest.raises(ConfigError, match=r"current: is not the pointer.*mailrail refresh"):
        connect_published(folder)


def _many_contacts(warehouse: Path) -> None:
    """Fill what a contact's page asks, with the columns that it asks and enough rows for an index to pay."""
    columns = {
        "dim_contacts": "'a@b.example' as email",
        "fct_messages": "i as message_key, 1 as send_no, 's' as send_id, 'c' as campaign, 'accepted' as state,"
        " '' as code, '' as reply, 0 as orders, null::timestamp as first_clicked_at,"
        " null::timestamp as first_ordered_at,"
        " null::timestamp as sent_at, null::timestamp as first_attempted_at",
        "fct_email_events": "i as message_key, 1 as send_no, 's' as send_id, 'c' as campaign, 'opened' as kind,"
        " '' as scope, 0 as link_no,"
        " '' as url, '' as method, '' as failure, '' as code, '' as detail, false as is_machine,"
        " '' as machine_rule, null::timestamp as occurred_at",
        "fct_orders": "i as order_key, '' as order_id, 1 as quantity, '' as currency, 1.0 as amount,"
        " null::timestamp as ordered_at",
        "fct_consents": "'' as topic, 'granted' as consent",
        "dim_preferences": "'frequency' as name, 'all' as value",
        "fct_exclusions": "1 as send_no, 's' as send_id, 'c' as campaign, '' as reason, '' as detail",
        "fct_subscription_changes": "'' as change, '' as scope, '' as source, 's' as send_id,"
        " null::timestamp as changed_at",
    }
    with duckdb.connect(str(warehouse)) as connection:
        for table, made in columns.items():
            query = f"select md5('c' || i) as contact_id, {made} from range(5000) t(i)"
            connection.execute(f"create or replace table marts.{table} as {query}")
        connection.execute(
            "create or replace table marts.dim_links as select 1 as send_no, 1 as link_no, '' as label, '' as url"
        )
        connection.execute(
            "create or replace table marts.fct_sends as"
            " select 1 as send_no, null::timestamp as opened_at, null::timestamp as scheduled_at"
        )


def test_one_contact_is_found_by_an_index_in_every_large_table(warehouse: Path, folder: Path) -> None:
    _many_contacts(warehouse)
    publish(warehouse, folder, "v1")
    timeline = (QUERIES / "timeline.sql").read_text(encoding="utf-8")
    with connect_published(folder) as connection:
        indexed = connection.execute("select table_name from duckdb_indexes() order by 1").fetchall()
        [(contact,)] = connection.execute("select contact_id from marts.fct_messages limit 1 offset 17").fetchall()
        [(_, plan)] = connection.execute(
            f"explain (analyze, format json) {timeline}", {"contact_id": contact}
        ).fetchall()
    assert [table for (table,) in indexed] == sorted(ASKED_BY_CONTACT)
    asked = set(ASKED_BY_CONTACT) - {"dim_contacts", "dim_preferences", "fct_consents"}  # by queries of their own
    assert plan.count("Index Scan") == len(asked)


def test_a_table_that_is_left_out_or_lacks_the_column_gets_no_index(warehouse: Path, folder: Path) -> None:
    _many_contacts(warehouse)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create or replace table marts.fct_orders as select 1 as amount")
    publish(warehouse, folder, "v1", leave_out={"fct_messages"})
    with connect_published(folder) as connection:
        indexed = {table for (table,) in connection.execute("select table_name from duckdb_indexes()").fetchall()}
    assert indexed == set(ASKED_BY_CONTACT) - {"fct_orders", "fct_messages"}
