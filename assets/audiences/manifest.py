"""The manifest of a frozen audience (version 1, a contract), and the check that the files are still what it says.

Add a key here when readers of the files need it; a change is a new key. Writing the files belongs to ``freeze``.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from assets.audiences.hashing import hash_document, hash_table
from assets.audiences.models import CampaignDefinition
from senders.errors import ConfigError, GuardError

VERSION = 1
MANIFEST_FILE = "manifest.json"
EXCLUSIONS_FILE = "exclusions.parquet"


@dataclass(frozen=True, slots=True)
class Shard:
    """One file of recipients: at most 50,000 rows, taken by one sender under one lease."""

    shard: int
    file: str
    first_seq: int
    rows: int
    sha256: str

    @property
    def last_seq(self) -> int:
        """Sequence number of the last row."""
        return self.first_seq + self.rows - 1


@dataclass(frozen=True, slots=True)
class Exclusions:
    """The file of people left out; ``included`` are all whom the segments hold, ``counts`` those out by reason."""

    file: str
    included: int
    counts: Mapping[str, int]
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a frozen audience is: its rows, files, hashes, and where it came from."""

    send_id: str
    send_no: int
    campaign: str
    topic: str
    as_of: str
    published_version: str
    git_commit: str
    rows: int
    audience_hash: str
    columns: tuple[str, ...]
    shards: tuple[Shard, ...]
    exclusions: Exclusions
    segments: Mapping[str, tuple[str, ...]]
    definition_hash: str = ""  # '' in files of before this key

    @property
    def included(self) -> int:
        """Everybody in the segments, recipients or not."""
        return self.exclusions.included

    @property
    def excluded(self) -> Mapping[str, int]:
        """People left out, by reason."""
        return self.exclusions.counts

    def to_json(self) -> str:
        """Return the text of manifest.json."""
        return json.dumps({"version": VERSION, **asdict(self)}, ensure_ascii=False, indent=1)


def load_manifest(folder: Path) -> Manifest:
    """Read the manifest of a send's folder.

    Raises:
        ConfigError: there is none, or another version wrote it.
    """
    path = folder / MANIFEST_FILE
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no audience is frozen for this send; materialize its audience first.") from None
    except ValueError as error:
        raise ConfigError(f"{path}: is not JSON ({error}); freeze the audience again.") from None
    if values.pop("version", None) != VERSION:
        raise ConfigError(f"{path}: not of version {VERSION}; freeze the audience again with this Mailrail.")
    values["columns"] = tuple(values["columns"])
    values["shards"] = tuple(Shard(**shard) for shard in values["shards"])
    values["exclusions"] = Exclusions(**values["exclusions"])
    values["segments"] = {side: tuple(names) for side, names in values["segments"].items()}
    return Manifest(**values)


def definition_hash(definition: CampaignDefinition) -> str:
    """Return the hash of what in a ``defs.yaml`` decides who is in the audience."""
    return hash_document(
        definition.model_dump(mode="json", include={"topic", "audience", "frequency_cap", "holdout", "fields"})
    )


def audience_hash(campaign: str, topic: str, columns: tuple[str, ...], shards: tuple[Shard, ...]) -> str:
    """Return the hash that an approval is given for: every value of every recipient, and their order."""
    return hash_document(
        {
            "campaign": campaign,
            "topic": topic,
            "columns": list(columns),
            "shards": [[shard.first_seq, shard.rows, shard.sha256] for shard in shards],
        }
    )


def verify_audience(folder: Path) -> Manifest:
    """Hash the files again and return the manifest.

    Raises:
        GuardError: a file differs from what was frozen.
    """
    manifest = load_manifest(folder)
    for shard in manifest.shards:
        _verify_file(folder / shard.file, shard.rows, shard.sha256)
    _verify_file(folder / manifest.exclusions.file, sum(manifest.excluded.values()), manifest.exclusions.sha256)
    expected = audience_hash(manifest.campaign, manifest.topic, manifest.columns, manifest.shards)
    if expected != manifest.audience_hash or sum(shard.rows for shard in manifest.shards) != manifest.rows:
        raise _changed(folder / MANIFEST_FILE)
    return manifest


def address_hashes(folder: Path, shard: Shard) -> Iterator[bytes]:
    """Yield the 16-byte address hash of each row of a shard, in the order of seq."""
    with pq.ParquetFile(folder / shard.file) as file:
        for batch in file.iter_batches(columns=["contact_id"]):
            yield from map(bytes.fromhex, batch.column(0).to_pylist())


def _verify_file(path: Path, rows: int, sha256: str) -> None:
    try:
        table = pq.read_table(path)
    except (OSError, ValueError):
        raise _changed(path) from None
    if table.num_rows != rows or hash_table(table) != sha256:
        raise _changed(path)


def _changed(path: Path) -> GuardError:
    return GuardError(
        f"{path}: is not what was frozen: it was changed, damaged or removed. Nothing is sent from it; restore it from "
        "a backup, or freeze a new send."
    )
