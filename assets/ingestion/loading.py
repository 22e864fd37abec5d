"""One load of a source: read, judge, and land what is new or changed in one transaction.

Add here what must be true of a load as a whole. Judging one row belongs to ``validation``; what a reader should
be told in the Dagster UI to ``assets``.

Raw tables only grow: a row that is the same as the last time is not landed again, a changed one lands beside
the old one, and dbt takes the latest by ``loaded_at``. So the same file twice changes nothing, and a killed load
is simply run again.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from assets.ingestion.consent import suppression_events
from assets.ingestion.formats import hash_file, read_raw
from assets.ingestion.landing import Landing, open_warehouse
from assets.ingestion.mapping import SourceDefinition
from assets.ingestion.rejects import write_rejects
from assets.ingestion.validation import validate
from senders.clock import Clock
from senders.event import Event

if TYPE_CHECKING:
    import polars as pl

EVENTS_PER_RECORD = 5_000
SAMPLE_ROWS = 10


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
    raw = pl.concat([read_raw(definition, path) for path in paths], how="diagonal")
    validated = validate(definition, raw, keyring.address_key)
    with open_warehouse(warehouse) as connection:
        landing = Landing(definition, connection, validated, clock.now())
        load_id = landing.choose_id(content)
        rejects_file = write_rejects(definition, raw, validated.rejects, home / "files" / "rejects", load_id)
        changes = landing.classify()
        summary = landing.summarize()
        quarantined = summary["rejected_share"] > definition.max_rejected_share
        # Suppressions first: killed between the two, the next load lands the rows; the other way round it
        # would take them for known and suppress nobody. A load set aside keeps nothing but these: mail to
        # somebody who said stop is worse than one address too many that gets none.
        events = suppression_events(definition.name, load_id, validated.suppressions, now=landing.at)
        suppressed = _record(ledger, events)
        if quarantined:
            changes = dict.fromkeys(changes, 0)
        else:
            landing.land(load_id, content, paths)
    return LoadResult(
        name=definition.name,
        load_id=load_id,
        kind=definition.kind,
        files=tuple(map(str, paths)),
        rows=validated.rows,
        duplicates=validated.duplicates,
        rejected=validated.rejects.height,
        rejects=_count_reasons(validated.rejects),
        quarantined=quarantined,
        warnings=validated.warnings,
        suppressed=suppressed,
        rejects_file=rejects_file,
        summary=summary,
        sample=validated.accepted.head(SAMPLE_ROWS).to_dicts(),
        reject_sample=validated.rejects.head(SAMPLE_ROWS).to_dicts(),
        **changes,
    )


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
