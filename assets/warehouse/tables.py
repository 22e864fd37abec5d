"""The raw tables: everything that Python writes into the warehouse, with names, types and meaning.

Add a table or a column here when a loader must land something new; dbt's sources name the same tables, and a test
compares the two. Cleaning, renaming and judging belong to ``dbt_project``; who writes belongs to the stages.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

RAW_SCHEMA = "raw"


@dataclass(frozen=True, slots=True)
class RawTable:
    """One table of the raw schema: append-only facts, as they came.

    ``columns`` maps each name to its DuckDB type in order; a new one goes to the end, where a warehouse of an earlier
    version gets it too. Timestamps are UTC without zone.
    """

    name: str
    columns: Mapping[str, str]
    doc: str

    @property
    def relation(self) -> str:
        """Return the name with its schema."""
        return f"{RAW_SCHEMA}.{self.name}"

    @property
    def create_sql(self) -> str:
        """Return the statement that creates the table where it is missing."""
        # Quoted because "at" is a keyword of DuckDB's parser; models write it as source.at.
        columns = ", ".join(f'"{name}" {kind}' for name, kind in self.columns.items())
        return f"create table if not exists {self.relation} ({columns})"


def _table(name: str, doc: str, columns: str) -> RawTable:
    """Read ``"name type, name type"`` into a table."""
    pairs = (part.split(maxsplit=1) for part in columns.split(","))
    return RawTable(name=name, columns={column: kind.strip() for column, kind in pairs}, doc=doc)


_TABLES = (
    _table(
        "contacts",
        "One row per contact row of a source load; email is the normal form, contact_id its keyed hash.",
        "load_id text, source text, source_rank integer, file text, line bigint, source_key text, email_given text, "
        "email text, contact_id text, first_name text, last_name text, country text, city text, locale text, "
        "consent text, consent_basis text, consent_at timestamp, tracking_consent boolean, created_at timestamp, "
        "updated_at timestamp, loaded_at timestamp, extra text, consent_expires_at timestamp",
    ),
    _table(
        "orders",
        "One row per order line of a source load; amount is the line's.",
        "load_id text, source text, file text, line bigint, order_id text, line_no integer, customer_key text, "
        "email text, contact_id text, product_id text, quantity integer, amount double, currency text, "
        "ordered_at timestamp, loaded_at timestamp",
    ),
    _table(
        "products",
        "One row per product row of a source load.",
        "load_id text, source text, file text, line bigint, product_id text, name text, category text, "
        "price double, url text, image_url text, loaded_at timestamp",
    ),
    _table(
        "rejects",
        "One row per source row that was refused at the door, with its reason code.",
        "load_id text, source text, file text, line bigint, reason text, column_name text, value text, row text, "
        "loaded_at timestamp",
    ),
    _table(
        "loads",
        "One row per finished load of a source file.",
        "load_id text, source text, file text, file_sha256 text, rows bigint, accepted bigint, rejected bigint, "
        "started_at timestamp, finished_at timestamp",
    ),
    _table(
        "mail_sends",
        "One row per send; replaced when its state changes.",
        "send_no bigint, send_id text, campaign text, topic text, scheduled_at timestamp, state text, "
        "audience_rows bigint, audience_hash text, content_hash text, template_hash text, opened_at timestamp, "
        "finished_at timestamp, included bigint, published_version text, git_commit text, stream text",
    ),
    _table(
        "mail_recipients",
        "One row per row of a frozen audience.",
        "message_key bigint, send_no bigint, seq bigint, contact_id text, mailbox_domain text, variant text, "
        "tracking boolean",
    ),
    _table(
        "mail_exclusions",
        "One row per contact that the segments held and the audience left out, with the reason.",
        "send_no bigint, contact_id text, reason text, detail text, event_id text, at timestamp",
    ),
    _table(
        "mail_messages",
        "One row per message: where it stands in the ledger; replaced per send.",
        "message_key bigint, send_no bigint, seq bigint, state text, tries integer, changed_at timestamp",
    ),
    _table(
        "mail_attempts",
        "One row per result of an offer to the relay, with its reply.",
        "attempt_id bigint, message_key bigint, send_no bigint, seq bigint, tries integer, state text, at timestamp, "
        "relay text, connection text, code text, enhanced_code text, reply text, class text",
    ),
    _table(
        "mail_links",
        "One row per link of a send's template.",
        "send_no bigint, link_no integer, url text, label text, role text",
    ),
    _table(
        "mail_specimens",
        "One row per send whose mail can be shown: rendered for a made-up contact, each link leading to its number.",
        "send_no bigint, subject text, html text",
    ),
    _table(
        "mail_inbound",
        "One row per thing that came back: open, click, unsubscribe, bounce, complaint, suppression, sign-up, consent, "
        "preference, business event, contact; body is JSON, record_version that of the event record.",
        "inbound_id bigint, event_id text, kind text, send_no bigint, seq bigint, message_key bigint, "
        "contact_id text, scope text, occurred_at timestamp, received_at timestamp, link_no integer, url text, "
        "user_agent text, ip text, method text, failure text, code text, detail text, body text, "
        "record_version integer",
    ),
    _table(
        "high_water",
        "One row per stream of the ledger: the last id that was loaded, written with the rows it covers.",
        "stream text, last_id bigint",
    ),
)

RAW_TABLES: dict[str, RawTable] = {table.name: table for table in _TABLES}


def create_raw_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the raw schema and every table and column of it that is missing; leaves existing rows alone."""
    connection.execute(f"create schema if not exists {RAW_SCHEMA}")
    for table in RAW_TABLES.values():
        connection.execute(table.create_sql)
    present = connection.execute(
        "select table_name, column_name from duckdb_columns()"
        " where schema_name = $schema and database_name = current_database()",
        {"schema": RAW_SCHEMA},
    ).fetchall()
    for table in RAW_TABLES.values():
        for name, kind in table.columns.items():
            if (table.name, name) not in present:
                connection.execute(f'alter table {table.relation} add column "{name}" {kind}')


def complete_warehouse(warehouse: Path) -> None:
    """Give a warehouse file the raw tables that it lacks, as one of an earlier version does.

    The caller holds the right to open it.
    """
    with duckdb.connect(str(warehouse)) as connection:
        create_raw_tables(connection)


def count_rows(warehouse: Path) -> dict[str, int]:
    """Return the number of rows of each table, by ``schema.name``; views are not counted, as that would run them.

    The caller holds the right to open the file.
    """
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        names = connection.execute(
            "select schema_name || '.' || table_name from duckdb_tables() where not internal"
        ).fetchall()
        return {name: len(connection.table(name)) for (name,) in names}
