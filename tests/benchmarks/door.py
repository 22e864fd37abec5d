"""Benchmarks of the door: how fast a source's rows are read, judged and landed.

Add here what concerns loading. The ledger and the keys are the real ones, since a load that brings suppressions in
waits for them.
"""

import random
import tempfile
from pathlib import Path
from statistics import median

import polars as pl

from assets.ingestion.loading import load_source
from assets.ingestion.mapping import SourceDefinition
from senders.clock import open_clock
from senders.ledger.store import Ledger
from senders.tracking.keys import Keyring
from tests.benchmarks.measure import Benchmark, Measured, rounds, seconds

_ROWS = 100_000
_DEFINITION = {
    "name": "crm",
    "kind": "contacts",
    "location": "in/contacts.csv",
    "columns": {
        "source_key": "No",
        "email": "E-Mail",
        "first_name": "First",
        "last_name": "Last",
        "city": "City",
        "country": "Country",
        "created_at": "Created",
        "updated_at": "Changed",
    },
    "consent": {
        "column": "News",
        "granted": ["yes"],
        "denied": ["no"],
        "unsubscribed": ["unsubscribed"],
        "basis": "form",
    },
}


def _write_contacts(path: Path) -> None:
    """Write contacts of which one in a hundred has unsubscribed and one in a hundred has no address."""
    chance = random.Random(7)
    lines = ["No,E-Mail,First,Last,City,Country,Created,Changed,News"]
    for number in range(_ROWS):
        address = f"Person.{number}@mail{number % 300}.example" if chance.random() > 0.01 else "nobody"
        news = chance.choices(("yes", "no", "unsubscribed"), (90, 9, 1))[0]
        day = f"2025-{number % 12 + 1:02d}-{number % 28 + 1:02d}"
        lines.append(f"{number},{address},Zoë,Müller-{number % 500},Kendal,GB,{day},{day}T10:00:00,{news}")
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _load_seconds(file: Path) -> float:
    """Return how long a first load into an empty home takes."""
    with tempfile.TemporaryDirectory() as folder, Ledger.open(Path(folder)) as ledger:
        home = Path(folder)
        keyring, clock = Keyring.open(home / "keys"), open_clock(home)
        definition = SourceDefinition.model_validate(_DEFINITION)

        def load() -> None:
            result = load_source(
                definition,
                warehouse=home / "warehouse.duckdb",
                home=home,
                ledger=ledger,
                keyring=keyring,
                clock=clock,
                files=[file],
            )
            if result.rows != _ROWS or result.created + result.rejected != _ROWS or not result.suppressed:
                raise RuntimeError(f"the load is not what was to be measured: {result.as_json()}")

        return seconds(load)


def rows_per_second() -> Measured:
    """Rows of a contacts file that are judged, landed and, where unsubscribed, suppressed each second."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "in" / "contacts.csv"
        _write_contacts(file)
        found = rounds(lambda: seconds(lambda: pl.read_csv(file)), lambda: _load_seconds(file))
    value = median(_ROWS / ours for _, ours in found.pairs)
    return Measured(
        value, f"{_ROWS:,} contacts in {found.ours:.2f} s; polars reads the same file in {found.reference:.3f} s"
    )


BENCHMARKS = (Benchmark("door.rows_per_second", "rows/s", ">= 20000", rows_per_second),)
