"""The gates of a frozen audience: what must hold of the files before any message is rendered.

Add a gate here with the count that it judges. How a verdict is reached and told belongs to ``gates``.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import duckdb
import pyarrow as pa

from assets.audiences.gates import Gate, Verdict, judge_gates
from assets.audiences.manifest import Manifest, verify_audience

if TYPE_CHECKING:
    from senders.ledger.rows import Suppression

GATES = (
    Gate("audience_is_not_empty", "recipients", "At least one person gets the message.", at_least=1),
    Gate("contacts_are_known", "null_contacts", "Every row has a contact.", at_most=0),
    Gate("addresses_are_present", "null_addresses", "Every row has an address.", at_most=0),
    Gate("addresses_are_unique", "repeated_addresses", "No address stands twice.", at_most=0),
    Gate("contacts_are_unique", "repeated_contacts", "No contact stands twice.", at_most=0),
    Gate("seqs_have_no_gap", "missing_seqs", "Rows are numbered from 1 without a gap.", at_most=0),
    Gate("nobody_is_suppressed", "suppressed", "Nobody stands in the ledger's suppressions.", at_most=0),
    Gate("numbers_add_up", "not_accounted_for", "Included are recipients and excluded, each once.", at_most=0),
)


class SuppressionLog(Protocol):
    """What the gates need of the ledger."""

    def suppressions(self) -> "Iterable[Suppression]":
        """Yield all suppressions."""
        ...


def check_audience(folder: Path, ledger: SuppressionLog) -> Verdict:
    """Judge the frozen audience of a send.

    Args:
        folder: the send's folder.
        ledger: knows who is suppressed at this moment.

    Raises:
        GuardError: the files are not what was frozen.
    """
    manifest = verify_audience(folder)
    return judge_gates(GATES, count_audience(folder, manifest, ledger))


def count_audience(folder: Path, manifest: Manifest, ledger: SuppressionLog) -> dict[str, int]:
    """Count what the gates judge, over the files themselves."""
    excluded = sum(manifest.excluded.values())
    counts = dict.fromkeys((gate.count for gate in GATES), 0)
    counts |= {"recipients": manifest.rows, "not_accounted_for": abs(manifest.included - manifest.rows - excluded)}
    if manifest.shards:
        with duckdb.connect(":memory:") as connection:
            counts |= _count_rows(connection, folder, manifest)
            counts["suppressed"] = _count_suppressed(connection, manifest.topic, ledger)
    return counts


def _count_rows(connection: duckdb.DuckDBPyConnection, folder: Path, manifest: Manifest) -> dict[str, int]:
    files = [str(folder / shard.file) for shard in manifest.shards]
    connection.execute(
        "create temp table recipients as select seq, contact_id, address from read_parquet($files)", {"files": files}
    )
    names = ("null_contacts", "null_addresses", "repeated_addresses", "repeated_contacts", "missing_seqs")
    (found,) = connection.execute(
        "select count(*) - count(contact_id), count(*) - count(address), count(address) - count(distinct address),"
        " count(contact_id) - count(distinct contact_id), greatest(max(seq), count(*)) - count(distinct seq)"
        " from recipients"
    ).fetchall()
    return dict(zip(names, found, strict=True))


def _count_suppressed(connection: duckdb.DuckDBPyConnection, topic: str, ledger: SuppressionLog) -> int:
    hashes = [row.address_hash.hex() for row in ledger.suppressions() if row.holds_for(topic)]
    connection.register("suppressed", pa.table({"contact_id": pa.array(hashes, type=pa.string())}))
    ((count,),) = connection.execute(
        "select count(*) from recipients where contact_id in (select contact_id from suppressed)"
    ).fetchall()
    return int(count)
