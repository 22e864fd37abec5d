"""One load of a source: read, judge, and land what is new or changed in one transaction.

Add here what must be true of a load as a whole. Judging one row belongs to ``validation``; what a reader should
be told in the Dagster UI to ``assets``.

Raw tables only grow: a row that is the same as the last time is not landed again, a changed one lands beside
the old one, and dbt takes the latest by ``loaded_at``. So the same file twice changes nothing, and a killed load
is simply run again.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import duckdb

from assets.ingestion.consent import suppression_events
from assets.ingestion.formats import REJECT_COLUMNS, hash_file, read_raw
from assets.ingestion.mapping import KEYS, SourceDefinition
from assets.ingestion.validation import Validated, validate
from assets.warehouse.tables import RAW_TABLES, create_raw_tables
from senders.clock import Clock
from senders.errors import ConfigError
from senders.event import Event

if TYPE_CHECKING:
    import polars as pl

EVENTS_PER_RECORD = 5_000
SAMPLE_ROWS = 10
_NOT_COMPARED = frozenset({"load_id", "source", "file", "line", "loaded_at"})
_STAMPS = {"load_id": "$load_id", "source": "$source", "loaded_at": "$at"}


class SuppressionLog(Protocol):
    """What a load needs of the ledger."""

    def record(self, events: Sequence[Event]) -> list[bool]:
        """Record events durably; True for those that are new."""
        ...


class AddressKeys(Protocol):
    """What a load needs of the keyring."""

    @property
    def address_key(self) -> bytes:
        """The key of the address hash."""
        ...


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What a load did. Every row is counted once: rows = created + updated + unchanged + duplicates + rejected."""

    name: str
    load_id: str
    kind: str
    files: tuple[str, ...]
    rows: int
    created: int
    updated: int
    unchanged: int
    duplicates: int
    rejected: int
    rejects: dict[str, int]
    quarantined: bool
    warnings: dict[str, int] = field(default_factory=dict)
    suppressed: int = 0
    rejects_file: Path | None = None
    summary: dict[str, float] = field(default_factory=dict)
    sample: list[dict[str, Any]] = field(default_factory=list)
    reject_sample: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return the record that ``mailrail source load --json`` prints."""
        names = ("name", "load_id", "rows", "created", "updated", "unchanged", "duplicates", "rejected", "rejects")
        return {name: getattr(self, name) for name in names} | {"quarantined": self.quarantined}


def load_source(
    definition: SourceDefinition,
    *,
    warehouse: Path,
    home: Path,
    ledger: SuppressionLog,
    keyring: AddressKeys,
    clock: Clock,
    files: Sequence[Path] | None = None,
) -> LoadResult:
    """Load a source's files; nothing is landed when too many rows are rejected.

    Args:
        definition: the source.
        warehouse: the DuckDB file.
        home: the home folder; rejects go to ``files/rejects/<source>/<load_id>.csv`` in it.
        ledger: takes the suppressions that the source brings in.
        keyring: holds the key of the address hash.
        clock: business time.
        files: load these instead of the definition's location, such as a mended rejects file.

    Raises:
        ConfigError: a file or the warehouse cannot be read.
    """
    import polars as pl

    paths = list(files) if files is not None else definition.files(home)
    content = _content_id(definition, paths)
    validated = validate(
        definition,
        raw := pl.concat([read_raw(definition, path) for path in paths], how="diagonal"),
        keyring.address_key,
    )
    with _open_warehouse(warehouse) as connection:
        create_raw_tables(connection)
        load = _Load(definition, connection, validated, clock.now(), paths)
        load.stage()
        load_id = load.choose_id(content)
        rejects_file = _write_rejects(
            definition, raw, validated.rejects, home / "files" / "rejects" / definition.name / f"{load_id}.csv"
        )
        changes = load.classify()
        quarantined = validated.rows > 0 and validated.rejects.height / validated.rows > definition.max_rejected_share
        suppressed = 0
        if not quarantined:
            # Suppressions first: killed between the two, the next load lands the rows; the other way round it would see them as known.
            suppressed = _record(
                ledger, suppression_events(definition.name, load_id, validated.suppressions, now=load.at)
            )
            load.land(load_id, content)
        return LoadResult(
            name=definition.name,
            load_id=load_id,
            kind=definition.kind,
            files=tuple(map(str, paths)),
            rows=validated.rows,
            **(dict.fromkeys(changes, 0) if quarantined else changes),
            duplicates=validated.duplicates,
            rejected=validated.rejects.height,
            rejects=_count_reasons(validated.rejects),
            quarantined=quarantined,
            warnings=validated.warnings,
            suppressed=suppressed,
            rejects_file=rejects_file,
            summary=load.summarize(),
            sample=validated.accepted.head(SAMPLE_ROWS).to_dicts(),
            reject_sample=validated.rejects.head(SAMPLE_ROWS).to_dicts(),
        )


@contextmanager
def _open_warehouse(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the warehouse in a transaction that ends with the block; an error undoes everything."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        connection = duckdb.connect(str(path))
    except duckdb.IOException as error:
        raise ConfigError(
            f"warehouse {path} cannot be opened ({str(error).splitlines()[0]}); another run may hold it: wait for it, or stop it."
        ) from error
    try:
        connection.begin()
        yield connection
        connection.commit()
    finally:
        connection.close()  # undoes what was not committed


class _Load:
    """The statements of one load in one transaction."""

    def __init__(
        self,
        definition: SourceDefinition,
        connection: duckdb.DuckDBPyConnection,
        validated: Validated,
        now: datetime,
        paths: Sequence[Path],
    ) -> None:
        self.definition, self.connection, self.validated, self.paths = definition, connection, validated, paths
        self.at = now.astimezone(UTC)
        self.table = RAW_TABLES[definition.kind]
        self.key = KEYS[definition.kind]

    @property
    def naive_at(self) -> datetime:
        return self.at.replace(tzinfo=None)

    def stage(self) -> None:
        """Put rows and rejects where SQL sees them."""
        self.connection.register("accepted_frame", self.validated.accepted.to_arrow())
        self.connection.register("rejects_frame", self.validated.rejects.to_arrow())
        self.connection.execute("create or replace temp table staged_rejects as select * from rejects_frame")

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

    def land(self, load_id: str, content: str) -> None:
        """Land what is new or changed, the rejects, and the load itself; a repeat lands nothing."""
        stamps = {"load_id": load_id, "source": self.definition.name, "at": self.naive_at}
        selected = [_STAMPS.get(name) or (name if self._is_incoming(name) else "null") for name in self.table.columns]
        self.connection.execute(
            f"insert into {self.table.relation} select {', '.join(selected)} from incoming "  # noqa: S608
            "where _change <> 'unchanged' order by file, line",
            stamps,
        )
        if self.connection.execute("select 1 from raw.loads where load_id = $load_id", {"load_id": load_id}).fetchone():
            return
        self.connection.execute(
            "insert into raw.rejects (load_id, source, file, line, reason, column_name, value, row, loaded_at) "
            "select $load_id, $source, file, line, reason, column_name, value, row, $at from staged_rejects",
            stamps,
        )
        names = ", ".join(path.name for path in self.paths)
        self.connection.execute(
            "insert into raw.loads (load_id, source, file, file_sha256, rows, accepted, rejected, started_at, finished_at) "
            "values ($load_id, $source, $file, $content, $rows, $accepted, $rejected, $at, $at)",
            stamps
            | {
                "file": names,
                "content": hash_file(self.paths[0]) if len(self.paths) == 1 else content,
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
                        count(*) filter (where reason = 'empty_address' or reason like 'invalid_address:%') as bad_addresses
                    from staged_rejects
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


def _content_id(definition: SourceDefinition, paths: Sequence[Path]) -> str:
    """Return the id of this content under this definition: the same files twice have the same."""
    digest = hashlib.sha256(f"{definition.name}\0{definition.fingerprint}".encode())
    for path in paths:
        digest.update(bytes.fromhex(hash_file(path)))
    return digest.hexdigest()[:20]


def _record(ledger: SuppressionLog, events: Iterator[Event]) -> int:
    """Record events in chunks and return how many were new."""
    new = 0
    while chunk := list(islice(events, EVENTS_PER_RECORD)):
        new += sum(ledger.record(chunk))
    return new


def _count_reasons(rejects: "pl.DataFrame") -> dict[str, int]:
    counted = rejects.group_by("reason").len().sort("len", "reason", descending=[True, False])
    return dict(counted.iter_rows())


def _write_rejects(
    definition: SourceDefinition, raw: "pl.DataFrame", rejects: "pl.DataFrame", path: Path
) -> Path | None:
    """Write rejected rows with their own columns first, so that the file can be mended and loaded; None without rejects."""
    import polars as pl

    if rejects.is_empty():
        return None
    place = rejects.select(
        pl.col("file").alias("_file"), pl.col("line").alias("_line"), "reason", "column_name", "value"
    )
    theirs = [name for name in raw.columns if name not in ("_row", "_problem", *REJECT_COLUMNS)]
    table = place.join(raw, on=["_file", "_line"], how="left", maintain_order="left").select(
        *theirs,
        "_file",
        "_line",
        pl.col("reason").alias("_reason"),
        pl.col("column_name").alias("_column"),
        pl.col("value").alias("_value"),
    )
    text = table.write_csv(separator=definition.delimiter)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".part")
    fresh.write_text(text, encoding=definition.encoding, newline="")
    fresh.replace(path)
    return path
