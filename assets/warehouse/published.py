"""The published copy: a read-only file of the public marts and segments that readers open instead of the warehouse.

Add something here when it concerns how a copy is made, found or opened. What is in it is every table of the public
schemas; what the tables mean belongs to ``dbt_project``.

A copy is a new file each time and a small pointer file is swapped to it; nothing is ever renamed over a path that a
process may have open, because DuckDB keeps the old file for such a process.
"""

import contextlib
import json
import logging
import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from senders.errors import ConfigError

LOG = logging.getLogger(__name__)
PUBLIC_SCHEMAS = ("marts", "segments")
KEPT_COPIES = 2
# What the page of one contact asks: without an index each of these is read from end to end for a handful of rows.
# Sorting them instead would tear apart what belongs to one send.
ASKED_BY_CONTACT = (
    "dim_contacts",
    "dim_preferences",
    "fct_consents",
    "fct_email_events",
    "fct_exclusions",
    "fct_messages",
    "fct_orders",
    "fct_subscription_changes",
)
_POINTER = "current"
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_WRITE_CONFIG = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
# Without a bound DuckDB takes most of the machine for the copy of a large mart.
_COPY_CONFIG = _WRITE_CONFIG | {"memory_limit": "1GB"}
_READ_CONFIG = _WRITE_CONFIG | {"enable_external_access": "false", "lock_configuration": "true"}


@dataclass(frozen=True, slots=True)
class Published:
    """One published copy: its version and its file."""

    version: str
    file: Path


def publish(warehouse: Path, published: Path, version: str, *, leave_out: Collection[str] = ()) -> Published:
    """Copy the public tables into a new file and make it the current copy.

    The caller holds the right to open the warehouse file. Readers of older copies are not disturbed; the last
    ``KEPT_COPIES`` files stay.

    Args:
        warehouse: the warehouse file, which nobody writes meanwhile.
        published: folder of the copies, made when missing.
        version: name of the copy; a number is added where it is taken already.
        leave_out: names of tables that must not be published, such as stale segments.

    Raises:
        ConfigError: the warehouse is missing, or the version is not a file name.
    """
    if not warehouse.exists():
        raise ConfigError(f"{warehouse}: there is no warehouse to publish; run `mailrail refresh` first.")
    if not _VERSION.fullmatch(version):
        raise ConfigError(f"version {version!r} is not a file name; use letters, digits, '.', '_' and '-'.")
    published.mkdir(parents=True, exist_ok=True)
    copy = _free_name(published, version)
    with _scratch(copy.file) as scratch:
        _copy_tables(warehouse, scratch, frozenset(leave_out))
        _flush(scratch)
        scratch.rename(copy.file)
    before = current(published)
    _point_to(published, copy)
    _prune(published, keep={copy.file} | ({before.file} if before else set()))
    return copy


def current(published: Path) -> Published | None:
    """Return the current copy, or None where nothing was published yet.

    Raises:
        ConfigError: the pointer is damaged.
    """
    try:
        pointer = json.loads((published / _POINTER).read_text(encoding="utf-8"))
        return Published(version=pointer["version"], file=published / pointer["file"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise ConfigError(
            f"{published / _POINTER}: is not the pointer that we write; remove it, then run `mailrail refresh`."
        ) from None


def connect_published(published: Path) -> duckdb.DuckDBPyConnection:
    """Open the current copy for reading; it can neither be changed nor reach any other file.

    Raises:
        ConfigError: nothing was published yet.
    """
    for _ in range(KEPT_COPIES):
        copy = current(published)
        if copy is None:
            break
        # Between reading the pointer and opening, newer copies may have pushed this file out.
        if copy.file.exists():
            return duckdb.connect(str(copy.file), read_only=True, config=_READ_CONFIG)
    raise ConfigError(f"{published}: nothing is published yet; run `mailrail refresh` first.")


def _free_name(published: Path, version: str) -> Published:
    """Return the version, or the version with a number where its file exists."""
    name, number = version, 1
    while (published / f"{name}.duckdb").exists():
        number += 1
        name = f"{version}-{number}"
    return Published(version=name, file=published / f"{name}.duckdb")


@contextlib.contextmanager
def _scratch(target: Path) -> Iterator[Path]:
    """Yield a path beside the target; whatever is left of it on failure is removed."""
    scratch = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        yield scratch
    finally:
        scratch.unlink(missing_ok=True)
        scratch.with_name(f"{scratch.name}.wal").unlink(missing_ok=True)


def _copy_tables(warehouse: Path, target: Path, leave_out: frozenset[str]) -> None:
    with duckdb.connect(str(target), config=_COPY_CONFIG) as connection:
        connection.execute(f"attach '{_escape(warehouse)}' as warehouse (read_only)")
        for schema in PUBLIC_SCHEMAS:
            connection.execute(f"create schema {schema}")
        for schema, table in _public_tables(connection):
            if table not in leave_out:
                connection.execute(f'create table {schema}."{table}" as from warehouse.{schema}."{table}"')
        connection.execute("detach warehouse")
        _index_contacts(connection)


def _index_contacts(connection: duckdb.DuckDBPyConnection) -> None:
    found = connection.execute(
        "select table_name from duckdb_columns() where schema_name = 'marts' and column_name = 'contact_id' "
        "and table_name in (select unnest($tables)) order by all",
        {"tables": list(ASKED_BY_CONTACT)},
    )
    for (table,) in found.fetchall():
        try:
            connection.execute(f"create index {table}_by_contact on marts.{table} (contact_id)")
        except duckdb.OutOfMemoryException as error:
            # An index must fit into memory while it is built. Without it one page is slow; without the copy, all.
            LOG.warning("%s is published without its index by contact: %s", table, error)


def _public_tables(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    return connection.execute(
        "select schema_name, table_name from duckdb_tables() "
        "where database_name = 'warehouse' and schema_name in (select unnest($schemas)) order by all",
        {"schemas": list(PUBLIC_SCHEMAS)},
    ).fetchall()


def _point_to(published: Path, copy: Published) -> None:
    scratch = published / f".{_POINTER}.{os.getpid()}.tmp"
    scratch.write_text(json.dumps({"version": copy.version, "file": copy.file.name}) + "\n", encoding="utf-8")
    _flush(scratch)
    scratch.replace(published / _POINTER)
    _flush(published)


def _prune(published: Path, keep: set[Path]) -> None:
    """Remove older copies; a process that has one open keeps reading it."""
    for path in published.glob("*.duckdb"):
        if path not in keep:
            path.unlink()


def _flush(path: Path) -> None:
    """Make a file, or the names in a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _escape(path: Path) -> str:
    return str(path).replace("'", "''")
