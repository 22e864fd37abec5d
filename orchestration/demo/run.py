"""The demo: a sample shop goes the whole way round twice, over real SMTP into the sink on this machine.

It runs the same jobs, processes and commands that a user runs; only the world outside (shop, relay,
recipients) is simulated, in ``shop``, ``sink`` and ``recipients``. Nothing here knows how a stage works.
"""

import asyncio
import contextlib
import fcntl
import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg

from assets.audiences.definition import load_campaign
from assets.audiences.plan import campaign_folder, plan_campaign
from assets.partitions import send_id, send_key
from assets.reports.writing import write_report
from orchestration.cli.console import err
from orchestration.cli.progress import bar, pulse
from orchestration.demo.recipients import act
from orchestration.demo.shop import write_shop
from orchestration.home import require_idle
from orchestration.processes import require_free_port, running
from orchestration.resources import build_mailrail
from orchestration.runs import Runner, open_runner
from orchestration.sending import deliver, prepare, wait_settled
from orchestration.settings import Settings
from senders.clock import SteppedClock
from senders.errors import ConfigError, GuardError
from senders.inbound.mailbox import read_mailbox

FIRST, SECOND = "spring_sale", "back_in_stock"
START = datetime(2026, 4, 14, 8, 0, tzinfo=UTC)
_MARKER = "demo.json"
_SETTLE_SECONDS = 60.0
# Greylisting relays ask to come back; the demo does so within seconds instead of minutes.
_FAST_RETRIES = {"MAILRAIL_DELIVERY__RETRY_MINUTES": "[0.03, 0.05]"}


@dataclass(frozen=True)
class DemoResult:
    """What the demo leaves: each send's row, what the recipients did, the reports."""

    sends: list[dict[str, Any]]
    reports: list[Path]
    seconds: float


def run_demo(settings: Settings, *, contacts: int = 22_000, orders: int = 61_000, seed: int = 7) -> DemoResult:
    """Run the loop twice and return what came of it.

    Raises:
        ConfigError: a port is in use.
        GuardError: another demo runs in this home, or the home holds somebody's own data.
    """
    began = time.monotonic()
    with _own_home(settings), contextlib.ExitStack() as stack:
        _check_ports(settings)
        clock = SteppedClock(settings.home / "clock")
        clock.set(START)
        with stage("a sample shop: two contact sources, orders, products"):
            write_shop(settings.home, seed=seed, contacts=contacts, orders=orders, until=START)
        with stage("definitions: sources, models, campaigns"):
            runner = stack.enter_context(open_runner(settings))
        with stage("sources validated, models built and tested, marts published"):
            runner.run("refresh_marts")
        with stage("processes: sink, collector, sender"):
            _start_processes(settings, stack)
        demo = _Demo(settings, runner, clock, seed)
        first = demo.send_by_hand(FIRST)
        demo.let_time_pass(first)
        second = demo.send_on_schedule(SECOND)
        demo.let_time_pass(second)
        reports = [write_report(demo.mailrail, send["send_id"]) for send in (first, second)]
        return DemoResult([demo.row(first), demo.row(second)], reports, time.monotonic() - began)


class _Demo:
    """The two rounds."""

    def __init__(self, settings: Settings, runner: Runner, clock: SteppedClock, seed: int) -> None:
        self.settings = settings
        self.runner = runner
        self.clock = clock
        self.seed = seed
        self.mailrail = build_mailrail(settings)

    def send_by_hand(self, campaign: str) -> dict[str, Any]:
        """Send as a person does: look at the plan, then confirm its number."""
        key = send_key(self.clock.now())
        with stage(f"{campaign}: plan") as say:
            recipients = plan_campaign(self.mailrail, campaign).recipients
            say(f"{recipients:,} recipients")
        with stage(f"{campaign}: audience frozen, every message rendered"):
            prepare(self.runner, f"send_{campaign}", key)
        with stage(f"{campaign}: sent over SMTP") as say:
            row = deliver(self.runner, f"send_{campaign}", key, confirm=recipients, approved_by="demo")
            say(self._settle(row["send_id"]))
        return row

    def send_on_schedule(self, campaign: str) -> dict[str, Any]:
        """Let the campaign's own schedule fire at its set time, under its standing approval rule."""
        schedule = self.runner.definitions.resolve_schedule_def(f"send_{campaign}_on_time")
        due = load_campaign(campaign_folder(self.settings.project, campaign)).schedule.at
        with stage(f"{campaign}: its schedule fires") as say:
            request = self._tick(schedule, due)
            say(str(request.partition_key))
        key = str(request.partition_key)
        with stage(f"{campaign}: audience frozen, every message rendered"):
            prepare(self.runner, f"send_{campaign}", key)
        with stage(f"{campaign}: sent over SMTP") as say:
            row = deliver(self.runner, f"send_{campaign}", key, confirm=None, approved_by="", is_scheduled=True)
            say(self._settle(send_id(campaign, key)))
        return row

    def let_time_pass(self, send: dict[str, Any]) -> None:
        """Let recipients act, read bounces and complaints, load what came back, rebuild the marts."""
        identity = send["send_id"]
        with stage("recipients open, click, unsubscribe, complain and buy; scanners fetch everything") as say:
            with bar("recipients") as advance:
                counts = asyncio.run(
                    act(
                        self.settings.home,
                        identity,
                        base_url=self.mailrail.base_url,
                        mailbox=self.settings.home / "mailbox",
                        clock=self.clock,
                        seed=self.seed,
                        progress=advance,
                    )
                )
            say(f"{sum(counts.values()):,} acts")
        with stage("bounces and complaints read from the mailbox") as say, self.mailrail.open_ledger() as ledger:
            read = read_mailbox(self.settings.mailbox_config(), ledger, self.mailrail.keyring())
            say(f"{read.bounced} bounces, {read.complained} complaints")
        with stage("events loaded, models rebuilt and tested, marts published"):
            self.runner.run("refresh_marts")
        with stage("report written"):
            campaign, _, key = identity.rpartition(".")
            self.runner.run(f"report_{campaign}", send_key=key)

    def row(self, send: dict[str, Any]) -> dict[str, Any]:
        """Return a send as it stands now."""
        from orchestration.steering import status_row

        with self.mailrail.open_ledger() as ledger:
            return status_row(ledger, send["send_id"])

    def _settle(self, identity: str) -> str:
        if not wait_settled(self.settings, identity, seconds=_SETTLE_SECONDS):
            raise GuardError(f"{identity}: messages are still open after {_SETTLE_SECONDS:.0f} s; see: mailrail status")
        with self.mailrail.open_ledger() as ledger:
            send = ledger.send(identity)
            if send is not None:
                ledger.finish_send(send.send_no)
        return ", ".join(
            f"{count:,} {name}"
            for name, count in self.row({"send_id": identity}).items()
            if name in {"accepted", "refused", "suppressed", "in_doubt"} and count
        )

    def _tick(self, schedule: Any, due: datetime) -> dg.RunRequest:
        """Step the clock to the campaign's set time and evaluate its schedule there."""
        self.clock.set(max(due, self.clock.now()))
        context = dg.build_schedule_context(
            instance=self.runner.instance,
            scheduled_execution_time=due,
            repository_def=self.runner.definitions.get_repository_def(),
        )
        requests = schedule.evaluate_tick(context).run_requests
        if not requests:
            raise ConfigError(f"schedule {schedule.name}: nothing was due at {due}; look at its defs.yaml")
        return requests[0]


@contextlib.contextmanager
def stage(title: str) -> Iterator[Callable[[str], None]]:
    """Show a stage: what it is while it runs, how long it took when it is done.

    Yields:
        A function that adds a word about the outcome.
    """
    said: list[str] = []
    began = time.monotonic()
    with pulse(title):
        yield said.append
    outcome = f"  [mute]{said[-1]}[/mute]" if said else ""
    err.print(f"[good]✔[/good] {title}{outcome}  [mute]{time.monotonic() - began:.1f} s[/mute]", soft_wrap=True)


@contextlib.contextmanager
def _own_home(settings: Settings) -> Iterator[None]:
    """Hold the home folder for one demo, emptied; refuse one that holds somebody's own data."""
    home = settings.home
    if settings.ledger_url.get_secret_value():
        raise GuardError("ledger_url names a server, whose ledger the demo would use; unset MAILRAIL_LEDGER_URL.")
    home.mkdir(parents=True, exist_ok=True)
    with (home / "demo.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise GuardError(
                f"another demo runs in {home}; wait for it, or set MAILRAIL_HOME to another folder."
            ) from None
        require_idle(home)
        is_used = any((home / name).exists() for name in ("warehouse.duckdb", "ledger", "files"))
        if is_used and not (home / _MARKER).exists():
            raise GuardError(
                f"{home} holds a project's own data, which the demo would empty; set MAILRAIL_HOME to another folder."
            )
        (home / _MARKER).write_text(json.dumps({"made_by": "mailrail demo"}), encoding="utf-8")
        for path in home.iterdir():
            if path.name not in {_MARKER, "demo.lock", "dbt"}:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        yield


def _check_ports(settings: Settings) -> None:
    relay, collector = settings.relays["sink"], settings.collector
    require_free_port(relay.host, relay.port, what="sink", setting="MAILRAIL_RELAYS__SINK__PORT")
    require_free_port(collector.host, collector.port, what="collector", setting="MAILRAIL_COLLECTOR__PORT")


def _start_processes(settings: Settings, stack: contextlib.ExitStack) -> None:
    relay, collector = settings.relays["sink"], settings.collector
    address = ("--host", relay.host, "--port", str(relay.port))
    stack.enter_context(running(settings, "sink", *address, ready=(relay.host, relay.port)))
    stack.enter_context(running(settings, "collector", ready=(collector.host, collector.port)))
    stack.enter_context(running(settings, "sender", **_FAST_RETRIES))
