"""Checks of what holds state: keys, ledger and journal, warehouse, published copy, and what to keep copies of.

Add a check here when a store can be damaged, held or stale. Nothing is opened for writing, and nothing is made
where it is missing.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import sqlite3
import stat
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from assets.warehouse.published import connect_published, current
from orchestration.doctor.finding import Case, Finding, age, fail, ok, plural, shorten, size, warn, within
from senders.errors import GuardError, LedgerBusy
from senders.ledger.connection import Connection
from senders.ledger.database import ledger_folder, server_connection
from senders.ledger.journal import SendJournal
from senders.ledger.schema import SCHEMA_VERSION, read_version, refuse_newer
from senders.ledger.sqlite_file import SqliteConnection
from senders.tracking.keys import Keyring

_NOT_YET = "not there yet"
_CHECK_SECONDS = 0.7
_STALE_SECONDS = 86_400.0
_VERSION_TIME = re.compile(r"\d{8}T\d{6}")


def check_keys(case: Case) -> Finding:
    """The keys: readable by us alone, and the ones that this home began with."""
    folder = case.home / "keys"
    files = sorted(folder.glob("*.key")) if folder.is_dir() else []
    if not files:
        if (case.home / "keys.check").exists():
            return fail("the keys of this home are gone", f"restore {folder} from a backup")
        return ok(f"{_NOT_YET}; made on first use")
    if exposed := [path for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077]:
        return fail(f"others can read {', '.join(path.name for path in exposed)}", f"chmod 600 {folder}/*.key")
    if not (case.home / "keys.check").exists():
        return warn("keys.check is missing, so a foreign key would not be noticed", "mailrail sender --once")
    names = {path.name for path in files}
    if "address.key" not in names or len(names) < 2:
        missing = "address.key" if "address.key" not in names else "token-1.key"
        return fail(f"{missing} is missing", f"restore {folder} from a backup")
    keyring = Keyring.open(folder)
    fingerprint = hashlib.sha256(keyring.address_key).hexdigest()[:8]
    tokens = plural(len(keyring.key_ids), "token key")
    return ok(f"mode 0600 · address key {fingerprint} fits keys.check · {tokens}")


def check_ledger(case: Case) -> Finding:
    """The ledger: it opens, is whole, and is not older than its journal."""
    folder = ledger_folder(case.home)
    if url := case.settings.ledger_url.get_secret_value():
        return within(case.seconds, partial(_check_server, folder, url))
    path = folder / "ledger.sqlite"
    if not path.exists():
        if (folder / "journal.log").exists():
            return fail("the ledger is gone and its journal is there", f"restore {path} from the newest backup")
        return ok(f"{_NOT_YET}; made by the first send or event")
    try:
        place = f"{path.as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(place, uri=True, timeout=0.5, factory=SqliteConnection)) as connection:
            version = read_version(connection)
            refuse_newer(version, path)
            verdict = _quick_check(connection)
            if verdict.state == "fail":
                return verdict
            _compare_journal(folder, connection)
    except sqlite3.DatabaseError as error:
        return fail(f"{path} cannot be read ({error})", f"restore {path} from the newest backup")
    except GuardError as error:
        return fail(str(error), "mailrail reconcile")
    if version < SCHEMA_VERSION:
        return warn(f"tables of version {version}, this Mailrail has {SCHEMA_VERSION}", "mailrail status")
    return ok(f"{size(path.stat().st_size)} · {verdict.found} · journal agrees · {_writer(folder)}")


def _check_server(folder: Path, url: str) -> Finding:
    """The ledger on a server: it answers, keeps what it is given, and knows what this machine wrote."""
    from senders.ledger.postgresql import refuse_forgetful  # its driver is an extra

    with contextlib.closing(server_connection(url)) as connection:
        began = time.perf_counter()
        try:
            version = read_version(connection)
            millis = (time.perf_counter() - began) * 1000
            refuse_forgetful(connection)
            refuse_newer(version, Path(str(connection)))
            if version:
                _compare_journal(folder, connection)
        except LedgerBusy as error:
            return fail(str(error), "start the server, or mend MAILRAIL_LEDGER_URL")
        except GuardError as error:
            return fail(str(error), "mailrail reconcile")
        place = str(connection)
    if not version:
        return ok(f"{place}: {_NOT_YET}; its tables are made by the first send or event")
    if version < SCHEMA_VERSION:
        return warn(f"{place}: tables of version {version}, this Mailrail has {SCHEMA_VERSION}", "mailrail status")
    return ok(f"{place} · answers in {millis:.0f} ms · journal agrees")


def _quick_check(connection: sqlite3.Connection) -> Finding:
    """Let SQLite look over the file, for a moment at most."""
    deadline = time.monotonic() + _CHECK_SECONDS
    connection.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
    try:
        ((found,),) = connection.execute("pragma quick_check(1)").fetchall()
    except sqlite3.OperationalError as error:
        if "interrupt" not in str(error):
            raise
        return ok(f"the first {_CHECK_SECONDS:g} s of checking found nothing")
    finally:
        connection.set_progress_handler(None, 0)
    return ok("whole") if found == "ok" else fail(f"damaged: {found}", "restore the ledger from the newest backup")


def _compare_journal(folder: Path, connection: Connection) -> None:
    """Raise when an older copy of the ledger was put back.

    Raises:
        GuardError: the journal knows of offers that the ledger does not.
    """
    if (folder / "journal.log").exists():
        with contextlib.closing(SendJournal(folder)) as journal:
            journal.check(connection)


def _writer(folder: Path) -> str:
    holder = _holder(folder / "writer.lock")
    return f"being written to by {holder}" if holder else "free to write"


def check_warehouse(case: Case) -> Finding:
    """The warehouse file: how large, and whether somebody holds it."""
    import duckdb

    path = case.home / "warehouse.duckdb"
    if not path.exists():
        return warn(_NOT_YET, "mailrail refresh")
    found = f"{shorten(path, case.settings.project)} · {size(path.stat().st_size)}"
    with _held(case.home / "warehouse.lock") as holder:
        if holder:
            return ok(f"{found} · being written to by {holder}")
        try:
            with duckdb.connect(str(path), read_only=True) as connection:
                ((tables,),) = connection.execute("select count(*) from duckdb_tables()").fetchall()
        except duckdb.IOException as error:
            return fail(*_duckdb_trouble(path, str(error)))
    return ok(f"{found} · {plural(tables, 'table')} · free")


def _duckdb_trouble(path: Path, message: str) -> tuple[str, str]:
    held = re.search(r"Conflicting lock is held in (.+?) \(PID (\d+)\)", message)
    if held:
        return f"held without our lock by {Path(held[1]).name}, process {held[2]}", f"close that program (ps {held[2]})"
    line = " ".join(message.split())[:160]
    return f"cannot be opened: {line}", f"mv {path} {path}.broken && mailrail refresh"


def check_published(case: Case) -> Finding:
    """The published copy that everybody reads: there, whole, and how old by business time."""
    import duckdb

    folder = case.home / "published"
    copy = current(folder)
    if copy is None:
        return warn(_NOT_YET, "mailrail refresh")
    if not copy.file.exists():
        return fail(f"the pointer names {copy.file.name}, which is gone", "mailrail refresh")
    try:
        with connect_published(folder) as connection:
            ((tables,),) = connection.execute("select count(*) from duckdb_tables()").fetchall()
    except duckdb.Error as error:
        return fail(f"{copy.file.name} cannot be opened: {' '.join(str(error).split())[:120]}", "mailrail refresh")
    old = published_age(case, copy.version)
    found = f"{copy.version} · {size(copy.file.stat().st_size)} · {plural(tables, 'table')}"
    if old is None:
        return ok(found)
    found += f" · {age(old)} old"
    return warn(f"{found} (24 h at most)", "mailrail refresh") if old > _STALE_SECONDS else ok(found)


def published_age(case: Case, version: str) -> float | None:
    """Return how many seconds of business time ago a copy was made; None where its name does not say."""
    match = _VERSION_TIME.match(version)
    if match is None:
        return None
    made = datetime.strptime(match[0], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    return max(0.0, (case.now - made).total_seconds())


def check_backups(case: Case) -> Finding:
    """What cannot be made again, so that somebody keeps copies of it."""
    if not (case.home / "keys").exists():
        return ok("nothing to keep yet")
    kept = [name for name in ("keys", "keys.check", "ledger", "files/sends") if (case.home / name).exists()]
    return ok(f"keep copies of {', '.join(kept)}; the rest is made again by `mailrail refresh`")


@contextlib.contextmanager
def _held(path: Path) -> Iterator[str]:
    """Hold a lock file while the body runs, or yield who holds it."""
    if not path.exists():
        yield ""
        return
    with path.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield _holder(path) or "another process"
            return
        yield ""


def _holder(path: Path) -> str:
    """Return which process holds a lock on a file, '' for none or where the system does not say."""
    try:
        inode = f":{path.stat().st_ino}"
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return ""
    for fields in map(str.split, lines):
        if len(fields) > 5 and fields[1] == "FLOCK" and fields[5].endswith(inode) and fields[4] != str(os.getpid()):
            return f"process {fields[4]}{_command(fields[4])}"
    return ""


def _command(pid: str) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return ""
    named = [Path(word).name for word in words if word and not word.startswith("-")]
    return f" ({' '.join(named[:4])})" if named else ""
