"""Who receives the mail of a frozen audience: its providers row by row, and the domains that take no mail.

Add here what is read from the addresses of an audience before its send is opened. Which provider a domain belongs to
stands in ``senders.delivery``.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assets.audiences.manifest import Manifest, Shard
from senders.delivery.exchanges import Resolve, Routes, find_routes
from senders.event import Event, Kind, derive_event_id

# RFC 7505 4.2: the enhanced code for a recipient whose domain takes no mail.
_NULL_MX_CODE = "5.1.10"


def audience_routes(folder: Path, manifest: Manifest, *, home: Path, resolve: Resolve | None) -> Routes:
    """Return who receives the mail of an audience; ``resolve`` None asks no DNS."""
    counts: Counter[str] = Counter()
    for shard in manifest.shards:
        for domains in _domains(folder / shard.file):
            for pair in pc.value_counts(domains.indices):
                counts[domains.dictionary[pair["values"].as_py()].as_py()] += pair["counts"].as_py()
    return find_routes(counts, home=home, resolve=resolve)


def provider_names(folder: Path, shard: Shard, routes: Routes) -> Iterator[str]:
    """Yield the provider of each row of a shard, in the order of seq."""
    for domains in _domains(folder / shard.file):
        names = [routes.providers.get(domain, domain) for domain in domains.dictionary.to_pylist()]
        yield from map(names.__getitem__, domains.indices.to_pylist())


def refused_addresses(folder: Path, shards: Iterable[Shard], routes: Routes, now: datetime) -> Iterator[Event]:
    """Yield a permanent bounce for each recipient whose domain has a null MX (RFC 7505)."""
    for shard in shards:
        with pq.ParquetFile(folder / shard.file) as file:
            for batch in file.iter_batches(columns=["contact_id", "address"]):
                table = pa.Table.from_batches([batch])
                refusing = pc.is_in(_domain_of(table["address"]), pa.array(sorted(routes.refusing), pa.string()))
                for contact_id in table.filter(refusing)["contact_id"].to_pylist():
                    yield Event(
                        event_id=derive_event_id("null_mx", contact_id),
                        kind=Kind.BOUNCED,
                        occurred_at=now,
                        address_hash=bytes.fromhex(contact_id),
                        failure="permanent",
                        code=_NULL_MX_CODE,
                        detail="its domain takes no mail (null MX)",
                    )


def _domains(path: Path) -> Iterator[pa.DictionaryArray]:
    """Yield the domains of a file's addresses, batch by batch, each distinct one once in the dictionary."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=["address"], batch_size=50_000):
            yield pc.dictionary_encode(_domain_of(batch.column(0)))


def _domain_of(addresses: pa.Array) -> pa.Array:
    return pc.utf8_lower(pc.replace_substring_regex(addresses, "^.*@", ""))
