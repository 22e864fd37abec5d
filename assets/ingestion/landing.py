"""The statements of one load, in one transaction of the warehouse.

Add here SQL that compares, counts or lands the rows of a load. Whether they may land is decided in ``loading``.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from assets.ingestion.formats import hash_file
from assets.ingestion.mapping import KEYS, SourceDefinition
from assets.ingestion.validation import Validated
from assets.warehouse.tables import RAW_TABLES, create_raw_tables
from senders.errors import ConfigError

_NOT_COMPARED = frozenset({"load_id", "source", "file", "line", "loaded_at"})
_STAMPS = {"load_id": "$load_id", "source": "$source", "loaded_at": "$at"}


@contextmanager
def open_warehouse(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the warehouse in a transaction that ends with the block; an error undoes everything."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        connection = duckdb.connect(str(path))
    except duckdb.IOException as error:
        raise ConfigError(
            f"warehouse {path} cannot be opened ({str(error).splitlines()[0]}); "
            "another run may hold it: wait for it, or stop it."
        ) from error
    try:
        connection.begin()
        yield connection
        connection.commit()
    finally:
        connection.close()  # undoes what was not committed


class Landing:
    """The statements of one load in one transaction."""

    def __init__(
        self,
        definition: SourceDefinition,
        connection: duckdb.DuckDBPyConnection,
        validated: Validated,
        now: datetime,
    ) -> None:
        self.definition, self.connection, self.validated = definition, connection, validated
        self.at = now.astimezone(UTC)
        self.table = RAW_TABLES[definition.kind]
        self.key = KEYS[definition.kind]
        create_raw_tables(connection)
        connection.register("accepted_frame", validated.accepted.to_arrow())
        connection.register("rejects_frame", validated.rejects.to_arrow())

    def choose_id(self, content: str) -> str:
        """Return the id of the source's last load where it was this very content, else a new one."""
        known = self.connection.execute(
            "select load_id from raw.loads where source = $source order by finished_at, rowid",
            {"source": self.definition.name},
        ).fetchall()
        ids = list(dict.fromkeys(row[0] for row in known))
        if ids and ids[-1].split("-")[0] == content:
            return str(ids[-1])
        earlier = sum(load_id.split("-")[0] == content for load_id in ids)
        return f"{content}-{earlier + 1}" if earlier else content

    def classify(self) -> dict[str, int]:
        """Compare each row with the latest of the same key; returns created, updated and unchanged."""
        key = ", ".join(self.key)
        compared = [name for name in self.table.columns if name not in _NOT_COMPARED and name not in self.key]
        differs = " or ".join(
            f"incoming.{name} is distinct from latest.{name}" for name in compared if self._is_incoming(name)
        )
        self.connection.execute(
            f"""
            create or replace temp table incoming as
            with latest as (
                select * from {self.table.relation} where source = $source
                qualify row_number() over (partition by {key} order by loaded_at desc, rowid desc) = 1
            )
            select
                incoming.*,
                case
                    when latest.source is null then 'created' when {differs} then 'updated' else 'unchanged'
                end as _change
            from accepted_frame as incoming
            left join latest using ({key})
            """,  # noqa: S608 - names of our own tables only
            {"source": self.definition.name},
        )
        found = dict(self.connection.execute("select _change, count(*) from incoming group by 1").fetchall())
        return {change: found.get(change, 0) for change in ("created", "updated", "unchanged")}

    def _is_incoming(self, column: str) -> bool:
        return column in self.validated.accepted.columns

    def land(self, load_id: str, content: str, paths: Sequence[Path]) -> None:
        """Land what is new or changed, the rejects, and the load itself; a repeat lands nothing."""
        stamps = {"load_id": load_id, "source": self.definition.name, "at": self.at.replace(tzinfo=None)}
        selected = {
            name: _STAMPS.get(name) or (name if self._is_incoming(name) else "null") for name in self.table.columns
        }
        self.connection.execute(
            f"insert into {self.table.relation} ({', '.join(selected)}) select {', '.join(selected.values())} "  # noqa: S608
            "from incoming "
            "where _change <> 'unchanged' order by file, line",
            stamps,
        )
        if self.connection.execute("select 1 from raw.loads where load_id = $load_id", {"load_id": load_id}).fetchone():
            return
        self.connection.execute(
            "insert into raw.rejects (load_id, source, file, line, reason, column_name, value, row, loaded_at) "
            "select $load_id, $source, file, line, reason, column_name, value, row, $at from rejects_frame",
            stamps,
        )
        names = ", ".join(path.name for path in paths)
        self.connection.execute(
            "insert into raw.loads "
            "(load_id, source, file, file_sha256, rows, accepted, rejected, started_at, finished_at) "
            "values ($load_id, $source, $file, $content, $rows, $accepted, $rejected, $at, $at)",
            stamps
            | {
                "file": names,
                "content": hash_file(paths[0]) if len(paths) == 1 else content,
                "rows": self.validated.rows,
                "accepted": self.validated.accepted.height,
                "rejected": self.validated.rejects.height,
            },
        )

    def summarize(self) -> dict[str, float]:
        """Return one row of counts over the load, for the gates; counted by DuckDB."""
        is_contacts = self.definition.kind == "contacts"
        empty_key = " or ".join(f"{name} is null" for name in self.key)
        unknown = "count(*) filter (where consent = 'unknown')" if is_contacts else "0"
        row = self.connection.execute(
            f"""
            with
                kept as (
                    select
                        count(*) as accepted,
                        count(*) filter (where {empty_key}) as empty_keys,
                        count(*) - count(distinct ({", ".join(self.key)})) as repeated_keys,
                        {unknown} as unknown_consent
                    from incoming
                ),
                refused as (
                    select
                        count(*) as rejected,
                        count(*) filter (
                            where reason = 'empty_address' or reason like 'invalid_address:%'
                        ) as bad_addresses
                    from rejects_frame
                )
            select
                $rows as rows, *,
                rejected / greatest($rows, 1) as rejected_share,
                bad_addresses / greatest($rows, 1) as bad_address_share,
                unknown_consent / greatest(accepted, 1) as unknown_consent_share
            from kept, refused
            """,  # noqa: S608 - names of our own columns only
            {"rows": self.validated.rows},
        )
        names = [column[0] for column in row.description]
        return dict(zip(names, row.fetchone() or (), strict=True))


def count_rows(warehouse: Path, kind: str) -> dict[str, int]:
    """Return how many rows and sources a raw table has; makes the table where it is missing."""
    with open_warehouse(warehouse) as connection:
        create_raw_tables(connection)
        found = connection.execute(
            f"select count(*), count(distinct source) from {RAW_TABLES[kind].relation}"  # noqa: S608
        ).fetchone()
    rows, sources = found or (0, 0)
    return {"rows": rows, "sources": sources}
