"""The doctor's rounds: every check in turn, each by itself.

Add a check to ``CHECKS``. A check that breaks is a finding too and never hides the others; what it looks at stands
in the module of its subject.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from orchestration.doctor import content, edge, hooks, machine, stores, work
from orchestration.doctor.finding import Case, Finding, State, fail, warn
from orchestration.settings import Settings, load_settings
from senders.errors import ConfigError

_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its name, how it looks, and whose failure would make it say the same again."""

    name: str
    look: Callable[[Case], Finding]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """One finding under its name, as ``mailrail doctor --json`` prints it."""

    name: str
    state: State
    found: str
    remedy: str


CHECKS = (
    Check("disk", machine.check_disk),
    Check("settings", machine.check_settings),
    Check("home", machine.check_home),
    Check("clock", machine.check_clock),
    Check("keys", stores.check_keys),
    Check("ledger", stores.check_ledger),
    Check("warehouse", stores.check_warehouse),
    Check("published", stores.check_published, needs=("clock",)),
    Check("dbt", content.check_dbt),
    Check("definitions", content.check_definitions),
    Check("templates", content.check_templates),
    Check("sends", work.check_sends, needs=("ledger", "clock")),
    Check("outbox", work.check_outbox, needs=("ledger", "clock")),
    Check("approvals", work.check_approvals, needs=("ledger",)),
    Check("suppression", work.check_suppression, needs=("ledger", "clock")),
    Check("dead letters", hooks.check_dead_letters, needs=("ledger", "clock")),
    Check("hooks", hooks.check_hooks, needs=("ledger",)),
    Check("processes", work.check_processes, needs=("ledger",)),
    Check("dagster", work.check_dagster),
    Check("dns", edge.check_dns),
    Check("mailbox", edge.check_mailbox),
    Check("collector", edge.check_collector, needs=("ledger",)),
    Check("tracking", edge.check_tracking),
    Check("backups", stores.check_backups),
)
# Where nothing is yet, these would all say so, and one line is enough.
_OF_A_HOME = frozenset(
    {"keys", "ledger", "warehouse", "published", "sends", "outbox", "approvals", "suppression", "processes"}
)


def examine(load: Callable[[], Settings] = load_settings) -> Iterator[Result]:
    """Yield one result for each check, in the order of the list.

    Args:
        load: reads the settings; without them only the machine can be looked at.
    """
    yield _result("python", lambda: machine.check_python())
    try:
        case = Case(load())
    except ConfigError as error:
        yield Result("settings", "fail", str(error), "mend mailrail.toml or the environment, then: mailrail doctor")
        return
    failed: set[str] = set()
    for check in _list(case):
        if missing := [name for name in check.needs if name in failed]:
            yield _result(check.name, partial(warn, f"not looked at while {missing[0]} fails"))
            continue
        result = _result(check.name, partial(check.look, case))
        if result.state == "fail":
            failed.add(check.name)
        yield result


def _list(case: Case) -> Iterator[Check]:
    """Return the checks of this installation: one relay check for each profile, fewer for a home that is not there."""
    is_new = not case.home.exists()
    for check in CHECKS:
        if check.name == "dns":
            yield from (Check(f"relay {name}", partial(_relay, name=name)) for name in sorted(case.settings.senders))
        if not (is_new and check.name in _OF_A_HOME):
            yield check


def _relay(case: Case, *, name: str) -> Finding:
    return edge.check_relay(case, name)


def _result(name: str, look: Callable[[], Finding]) -> Result:
    try:
        finding = look()
    except Exception as error:  # each check is isolated: whatever breaks in one is what it found
        words = " ".join(str(error).split()) or type(error).__name__
        known = isinstance(error, ConfigError | OSError)
        finding = fail(words[:_LONGEST] if known else f"{type(error).__name__}: {words}"[:_LONGEST])
    return Result(name, finding.state, " ".join(finding.found.split()), finding.remedy)
