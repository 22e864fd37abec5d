"""Benchmarks of returned mail: how many of the people that old and new bounces name are found, with the right end.

The labels are those of flufl.bounce, GNU Mailman's detector, over its own messages; it reads the same files in the same
run. A recipient counts who is found as the label has it: failed for good, or delayed. Each that is missed is named.
Every message of the other corpora is read as well, and an exception on any fails the run.
``python -m tests.benchmarks.returned_mail`` prints the misses of both as a table.
"""

import email
import importlib.util
import json
import sys
from collections.abc import Callable

from senders.inbound.arf import parse_feedback
from senders.inbound.dsn import parse_dsn
from tests.benchmarks.measure import Benchmark, Measured, Missing
from tests.fixtures.corpora import CORPORA

_LABELLED = CORPORA / "flufl-bounce"
_OTHERS = ("kumomta-dsn-arf/crates/kumo-log-types/data", "mime-dovecot-stalwart/resources/eml", "parsedmarc-samples")

# A recipient as the label names it: file, address in lower case, and whether the failure passes.
Label = tuple[str, str, bool]


def labels() -> set[Label]:
    """Return every labelled recipient."""
    entries = json.loads((_LABELLED / "expected.json").read_text(encoding="utf-8"))
    return {(each["file"], address.lower(), each["temporary"]) for each in entries for address in each["addresses"]}


def found_by_us(raw: bytes) -> set[tuple[str, bool]]:
    """Return whom a mail reports on, and whether the failure passes."""
    return {(report.recipient.lower(), not report.is_failure) for report in parse_dsn(raw)}


def found_by_flufl(raw: bytes) -> set[tuple[str, bool]]:
    """Return the same as flufl.bounce tells it."""
    from flufl.bounce import all_failures

    temporary, permanent = all_failures(email.message_from_bytes(raw))
    return {
        (address.decode("utf-8", "replace").lower(), passes)
        for some, passes in ((temporary, True), (permanent, False))
        for address in some
    }


def missed(find: Callable[[bytes], set[tuple[str, bool]]]) -> list[Label]:
    """Return the labelled recipients that are not found, or not as labelled."""
    wanted = labels()
    found = {
        (name, *each)
        for name in sorted({label[0] for label in wanted})
        for each in find((_LABELLED / "data" / name).read_bytes())
    }
    return sorted(wanted - found)


def recipients_found() -> Measured:
    """Share of the labelled recipients that are found with the right end."""
    if not _LABELLED.is_dir():
        raise Missing("third-party corpora are not on this machine (../shared/corpora)")
    if importlib.util.find_spec("flufl") is None:
        raise Missing("flufl.bounce is not installed (pip install flufl.bounce)")
    read = _read_all()
    total, ours, theirs = len(labels()), missed(found_by_us), missed(found_by_flufl)
    names = ", ".join(f"{address} in {name}" for name, address, _ in ours) or "nobody"
    return Measured(
        1 - len(ours) / total,
        f"{total - len(ours)} of {total} recipients, missed: {names}; flufl.bounce in the same run "
        f"{total - len(theirs)} ({1 - len(theirs) / total:.3f}); {read} messages read without an exception",
    )


def _read_all() -> int:
    """Read every message of the corpora as a report and as a complaint; whatever is raised is not caught."""
    paths = [path for folder in _OTHERS for path in (CORPORA / folder).rglob("*") if path.suffix in {".eml", ".txt"}]
    paths += (_LABELLED / "data").glob("*.txt")
    for path in paths:
        raw = path.read_bytes()
        parse_dsn(raw)
        parse_feedback(raw)
    return len(paths)


def print_misses() -> None:
    """Print who is missed, and by whom."""
    ours, theirs = missed(found_by_us), missed(found_by_flufl)
    sys.stdout.write(f"{'file':<22} {'recipient':<32} {'label':<10} missed by\n")
    for label in sorted({*ours, *theirs}):
        who = [name for name, some in (("mailrail", ours), ("flufl.bounce", theirs)) if label in some]
        sys.stdout.write(f"{label[0]:<22} {label[1]:<32} {'delayed' if label[2] else 'failed':<10} {', '.join(who)}\n")


BENCHMARKS = (Benchmark("return.bounce_recipients_found", "share", ">= 0.97", recipients_found),)

if __name__ == "__main__":
    print_misses()
