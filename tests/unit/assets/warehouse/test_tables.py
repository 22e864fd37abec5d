from pathlib import Path

import duckdb

from assets.warehouse.tables import RAW_TABLES, complete_warehouse, create_raw_tables


def _columns(connection: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[str, str]]]:
    rows = connection.execute(
        "select table_name, column_name, data_type from duckdb_columns() "
        "where schema_name = 'raw' order by column_index"
    ).fetchall()
    found: dict[str, list[tuple[str, str]]] = {}
    for table, column, kind in rows:
        found.setdefault(table, []).append((column, kind))
    return found


def test_every_table_is_created_with_its_columns_in_order() -> None:
    with duckdb.connect() as connection:
        create_raw_tables(connection)
        found = _columns(connection)
    assert set(found) == set(RAW_TABLES)
    for name, table in RAW_TABLES.items():
        assert [column for column, _ in found[name]] == list(table.columns)


def test_creating_again_keeps_the_rows() -> None:
    with duckdb.connect() as connection:
        create_raw_tables(connection)
        connection.execute("insert into raw.high_water values ('inbound', 7)")
        create_raw_tables(connection)
        assert connection.execute("select * from raw.high_water").fetchall() == [("inbound", 7)]


def test_a_warehouse_of_an_earlier_version_gets_what_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    complete_warehouse(path)
    with duckdb.connect(str(path)) as connection:
        connection.execute("insert into raw.high_water values ('inbound', 7); drop table raw.mail_specimens")
    complete_warehouse(path)
    with duckdb.connect(str(path)) as connection:
        assert set(_columns(connection)) == set(RAW_TABLES)
        assert connection.execute("from raw.high_water").fetchall() == [("inbound", 7)]


def test_a_column_named_like_a_keyword_can_be_filled_by_name() -> None:
    with duckdb.connect() as connection:
        create_raw_tables(connection)
        connection.execute("insert into raw.mail_exclusions by name select 1 as send_no, timestamp '2026-01-01' as at")
        rows = connection.execute("select t.send_no, cast(t.at as varchar) from raw.mail_exclusions as t").fetchall()
    assert rows == [(1, "2026-01-01 00:00:00")]


def test_every_table_says_what_a_row_is() -> None:
    assert all(table.doc.startswith("One row per ") for table in RAW_TABLES.values())
