"""The gates of a send: limits on counts, judged by Great Expectations, as one verdict.

Great Expectations sees one row of counts that DuckDB made, never the people. Add here how a verdict is told; the
gates themselves stand in the ``checks`` of audiences and deliveries.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from assets.ingestion.checks import Gate, judge_counts
from senders.ledger.rows import SendRow

__all__ = ["Gate", "Verdict", "decide", "judge_gates"]

_LAST_SENDS = 5
_SIZE_MATTERS_FROM = 100
MOST_GROWTH = 3.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether all gates held, which did not and why, and the counts that were judged."""

    passed: bool
    failures: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def as_check(self, key: Any, name: str) -> dict[str, Any]:
        """Return the arguments of ``dg.AssetCheckResult``."""
        metadata: dict[str, Any] = dict(self.metadata)
        if self.failures:
            metadata["failures"] = "\n".join(self.failures)
        if self.warnings:
            metadata["warnings"] = "\n".join(self.warnings)
        return {"passed": self.passed, "asset_key": key, "check_name": name, "metadata": metadata}


def judge_gates(gates: Sequence[Gate], counts: Mapping[str, float], warnings: Sequence[str] = ()) -> Verdict:
    """Let Great Expectations judge the counts, and tell which gates did not hold."""
    return decide(gates, judge_counts(list(gates), counts), counts, warnings)


def decide(
    gates: Sequence[Gate], holds: Mapping[str, bool], counts: Mapping[str, float], warnings: Sequence[str] = ()
) -> Verdict:
    """Return the verdict on gates of which it is known whether each holds."""
    failures = tuple(
        f"{gate.name}: {gate.description} ({gate.count} is {counts[gate.count]:,})"
        for gate in gates
        if not holds[gate.name]
    )
    return Verdict(not failures, failures, tuple(warnings), dict(counts))


def usual_size(sends: Sequence[SendRow], campaign: str, send_id: str) -> float | None:
    """Return the median size of a campaign's last sends; None where there is none to compare with."""
    sizes = sorted(row.audience_rows for row in sends if row.campaign == campaign and row.send_id != send_id)
    sizes = sorted(sizes[-_LAST_SENDS:])
    if not sizes or sizes[len(sizes) // 2] < _SIZE_MATTERS_FROM:
        return None
    return float(sizes[len(sizes) // 2])
