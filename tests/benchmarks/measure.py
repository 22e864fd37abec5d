"""The words of a benchmark: what is measured, what came out, and how rounds become one number.

Add here what benchmarks of several parts of the project share. What is measured stands in a module for each part,
what is written about it in ``pages``.
"""

import operator
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

ROUNDS = 3
_COMPARISONS = {">=": operator.ge, "<=": operator.le}


class Missing(Exception):  # noqa: N818 - what the benchmark finds
    """The reference of a benchmark is not on this machine; the text says what to install."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A value, and what it was measured against in the same run."""

    value: float
    reference: str


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One row of the results. ``target`` is ``>= x`` or ``<= x`` and is never fitted to what comes out.

    ``prepare(folder, is_quick=…)`` makes what several benchmarks read, once in a run for all that name the same
    function. Each of them is measured by ``measure(folder)``; the folder is removed after the run.
    """

    name: str
    unit: str
    target: str
    measure: Callable[..., Measured]
    limit_seconds: float = 120.0
    prepare: Callable[..., None] | None = None
    prepare_seconds: float = 480.0

    def holds(self, value: float) -> bool:
        """Whether a value meets the target."""
        sign, _, bound = self.target.partition(" ")
        return bool(_COMPARISONS[sign](value, float(bound)))


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def each_seconds(work: Callable[[], object], times: int) -> float:
    """Return how long one of many takes."""
    return seconds(lambda: [work() for _ in range(times)]) / times


@dataclass(frozen=True, slots=True)
class Rounds:
    """Pairs of reference and ours, each pair measured directly after one another."""

    pairs: list[tuple[float, float]]

    @property
    def reference(self) -> float:
        """The median of the reference."""
        return median(reference for reference, _ in self.pairs)

    @property
    def ours(self) -> float:
        """The median of ours."""
        return median(ours for _, ours in self.pairs)

    @property
    def ratio(self) -> float:
        """The median of ours over reference."""
        return median(ours / reference for reference, ours in self.pairs)

    @property
    def speedup(self) -> float:
        """The median of reference over ours: how many times faster we are, where both are durations."""
        return median(reference / ours for reference, ours in self.pairs)


def rounds(reference: Callable[[], float], ours: Callable[[], float]) -> Rounds:
    """Measure both in turn, so that what else the machine does falls on both."""
    return Rounds([(reference(), ours()) for _ in range(ROUNDS)])
