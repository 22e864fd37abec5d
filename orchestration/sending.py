"""Sends a campaign from the command line and the demo: the same assets that the Dagster UI runs.

Add here what stands between a command and the ``send_<campaign>`` job. Guards belong to
``assets.deliveries.receipts``, the wire to ``senders``.
"""

import contextlib
import fcntl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import dagster as dg

from assets.deliveries.assets import SCHEDULED
from assets.partitions import send_id, send_key, split_send_id
from orchestration.cli.progress import bar
from orchestration.processes import run_to_end, running
from orchestration.runs import Runner, open_runner, require_job
from orchestration.settings import Settings
from senders.clock import format_time, open_clock
from senders.errors import ConfigError, GuardError
from senders.ledger.store import Ledger
from senders.message import FINAL_STATES, State

_OPEN = (State.QUEUED, State.OFFERED)
_DAY = timedelta(days=1)


def send_now(
    settings: Settings, campaign: str, *, confirm: int | None, approved_by: str, again: bool = False, show: bool = True
) -> dict[str, Any]:
    """Freeze, render and send a campaign, and return its row as `mailrail status` prints it.

    Raises:
        GuardError: no approval, or the same campaign was sent within a day and ``again`` is false.
        ConfigError: there is no such campaign.
    """
    key = send_key(open_clock(settings.home).now())
    with _only_one(settings, campaign), open_runner(settings) as runner:
        job = require_job(runner, campaign)
        require_new(settings, campaign, again)
        prepare(runner, job, key)
        return deliver(runner, job, key, confirm=confirm, approved_by=approved_by, show=show)


def resume_sends(settings: Settings, only: str | None = None, *, show: bool = True) -> list[dict[str, Any]]:
    """Go on with every send that has messages left, or with one.

    Raises:
        GuardError: the send is not known, or is paused, cancelled or finished.
    """
    with Ledger.open(settings.home) as ledger:
        sends = ledger.sends()
        if only is not None:
            chosen = ledger.send(only)
            if chosen is None:
                raise ConfigError(f"there is no send {only!r} in the ledger; see: mailrail status")
            if chosen.state == "paused":
                ledger.set_send_state(only, "running", "resumed by a person")
            sends = [send for send in ledger.sends() if send.send_id == only]
    open_ids = [send.send_id for send in sends if send.state == "running"]
    if not open_ids:
        return []
    rows = []
    with open_runner(settings) as runner:
        for identity in open_ids:
            campaign, key = split_send_id(identity)
            _retry_due(settings, identity)
            rows.append(deliver(runner, require_job(runner, campaign), key, confirm=None, approved_by="", show=show))
    return rows


def prepare(runner: Runner, job: str, key: str) -> None:
    """Freeze the audience and render every message of a send."""
    campaign = job.removeprefix("send_")
    runner.run(job, send_key=key, only=[_asset(campaign, "audience"), _asset(campaign, "preflight")])


def deliver(
    runner: Runner,
    job: str,
    key: str,
    *,
    confirm: int | None,
    approved_by: str,
    is_scheduled: bool = False,
    show: bool = True,
) -> dict[str, Any]:
    """Open a prepared send, watch the senders work, and return its row.

    Starts a sender in a process group of its own where none is running.
    """
    campaign = job.removeprefix("send_")
    identity = send_id(campaign, key)
    asset = _asset(campaign, "receipts")
    config = {"ops": {asset.to_python_identifier(): {"config": {"confirm": confirm, "approved_by": approved_by}}}}
    tags = {SCHEDULED: "true"} if is_scheduled else {}
    with sender_running(runner.settings), _shown(runner.settings, identity, show):
        runner.run(job, send_key=key, only=[asset], config=config, tags=tags)
    with Ledger.open(runner.settings.home) as ledger:
        return status_row(ledger, identity)


def _retry_due(settings: Settings, identity: str) -> None:
    """Offer again what a relay put off and is due, where nothing else is left and no sender does so by itself.

    The receipts wait for no deferred message, as its time may be hours away; a sender of theirs would end at once.
    """
    with Ledger.open(settings.home) as ledger:
        send = ledger.send(identity)
        counts = ledger.counts(send.send_no) if send else {}
        if not counts.get(State.DEFERRED) or any(counts.get(state) for state in _OPEN) or ledger.alive("sender"):
            return
    settings.delivery_config()  # refuses an unsafe relay before a process is started
    run_to_end(settings, "sender", "--once")


@contextlib.contextmanager
def sender_running(settings: Settings, **extra: str) -> Iterator[None]:
    """Make sure that a sender is running; start one where no heartbeat is seen, and stop that one after."""
    settings.delivery_config()  # refuses an unsafe relay before anything is opened
    with Ledger.open(settings.home) as ledger:
        is_alive = ledger.alive("sender")
    if is_alive:
        yield
        return
    with running(settings, "sender", **extra):
        yield


def status_row(ledger: Ledger, identity: str) -> dict[str, Any]:
    """Return a send's row as `mailrail status --json` prints it (CONTRACTS).

    Raises:
        ConfigError: the ledger does not know the send.
    """
    send = ledger.send(identity)
    if send is None:
        raise ConfigError(f"there is no send {identity!r} in the ledger; see: mailrail status")
    counts = ledger.counts(send.send_no)
    return {
        "send_id": send.send_id,
        "campaign": send.campaign,
        "scheduled_at": format_time(send.scheduled_at),
        "state": str(send.state),
        "reason": send.reason,
        "audience": send.audience_rows,
        **{state.value: counts.get(state, 0) for state in State},
    }


def _asset(campaign: str, stage: str) -> dg.AssetKey:
    return dg.AssetKey(["campaigns", campaign, stage])


@contextlib.contextmanager
def _only_one(settings: Settings, campaign: str) -> Iterator[None]:
    """Hold a campaign while it is being sent: a command started twice must not pass the guards twice."""
    folder = settings.home / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"send-{campaign}.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise GuardError(
                f"{campaign} is being sent by another command; wait for it, and look at: mailrail status"
            ) from None
        yield


def require_new(settings: Settings, campaign: str, again: bool) -> None:
    """Refuse a second send within a day: a command started twice must not mail everybody twice.

    Raises:
        GuardError: the campaign was sent within a day and ``again`` is false.
    """
    now = open_clock(settings.home).now()
    with Ledger.open(settings.home) as ledger:
        for send in ledger.sends():
            if send.campaign == campaign and not again and now - send.opened_at < _DAY:
                raise GuardError(
                    f"{campaign} was sent within a day, as {send.send_id} ({send.state}); to go on with it run: "
                    f"mailrail resume {send.send_id}. To send it once more to everybody add --again."
                )


@contextlib.contextmanager
def _shown(settings: Settings, identity: str, show: bool) -> Iterator[None]:
    """Show a bar of the messages that have ended, while the body runs."""
    if not show:
        yield
        return
    stopped = threading.Event()
    with bar(f"sending {identity}") as advance:
        watcher = threading.Thread(target=_watch, args=(settings, identity, advance, stopped), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            stopped.set()
            watcher.join()


def _watch(settings: Settings, identity: str, advance: Callable[[int, int], None], stopped: threading.Event) -> None:
    with Ledger.open(settings.home) as ledger:
        while True:
            is_last = stopped.wait(0.2)
            send = ledger.send(identity)
            if send is not None:
                counts = ledger.counts(send.send_no)
                advance(sum(counts.get(state, 0) for state in FINAL_STATES), send.audience_rows)
            if is_last:
                return


def wait_settled(settings: Settings, identity: str, *, seconds: float) -> bool:
    """Wait until no message of a send is queued, offered or deferred; say whether that came to pass."""
    deadline = time.monotonic() + seconds
    with Ledger.open(settings.home) as ledger:
        send = ledger.send(identity)
        while time.monotonic() < deadline and send is not None:
            counts = ledger.counts(send.send_no)
            if not any(counts.get(state, 0) for state in (*_OPEN, State.DEFERRED)):
                return True
            time.sleep(0.2)
    return False
