"""Sends a campaign from the command line and the demo: the same assets that the Dagster UI runs.

Add here what stands between a command and the ``send_<campaign>`` job. Guards belong to
``assets.deliveries.receipts``, the wire to ``senders``.
"""

import contextlib
import fcntl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from assets.deliveries.assets import SCHEDULED
from assets.partitions import send_id, send_key, split_send_id
from orchestration.cli.progress import live_sends, pulse
from orchestration.mailing import is_awaited, resume_awaited
from orchestration.processes import run_to_end, running
from orchestration.runs import Runner, open_runner, require_job
from orchestration.settings import Settings
from orchestration.steering import choose_send, run_again, status_row
from orchestration.watching import LOOK_SECONDS, Stand, Watch
from senders.clock import open_clock
from senders.errors import GuardError
from senders.ledger.store import Ledger
from senders.message import State

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
    identity = send_id(campaign, key)
    with _only_one(settings, campaign), _stoppable(settings, identity), open_runner(settings) as runner:
        job = require_job(runner, campaign)
        require_new(settings, campaign, again)
        with pulse("freezing the audience, rendering every message") if show else contextlib.nullcontext():
            prepare(runner, job, key)
        require_new(settings, campaign, again)  # rendering may have taken long enough for a schedule to fire
        return deliver(runner, job, key, confirm=confirm, approved_by=approved_by, show=show)


def resume_sends(
    settings: Settings, only: str | None = None, *, show: bool = True, say: Callable[[str], None] = lambda _: None
) -> list[dict[str, Any]]:
    """Go on with every running send that has messages left, or with one, also where it was paused.

    Args:
        settings: the project's settings.
        only: a send id, or a campaign with one open send.
        show: whether to show a bar.
        say: told which send runs again, and which stay paused.

    Raises:
        ConfigError: the send is not known.
        GuardError: it was cancelled.
    """
    with Ledger.open(settings.home) as ledger:
        open_ids = _to_resume(ledger, only, say)
    if not open_ids:
        return []
    awaited = [identity for identity in open_ids if is_awaited(settings, identity)]
    rows = resume_awaited(settings, awaited) if awaited else []
    if not (open_ids := [identity for identity in open_ids if identity not in awaited]):
        return rows
    with open_runner(settings) as runner:
        for identity in open_ids:
            campaign, key = split_send_id(identity)
            with _stoppable(settings, identity):
                _retry_due(settings, identity)
                job = require_job(runner, campaign)
                rows.append(deliver(runner, job, key, confirm=None, approved_by="", show=show))
    return rows


def _to_resume(ledger: Ledger, only: str | None, say: Callable[[str], None]) -> list[str]:
    """Return the sends to go on with; a paused one runs again only when it is named."""
    if only is None:
        sends = ledger.sends()
        for send in sends:
            if send.state == "paused":
                say(f"{send.send_id} stays paused: {send.reason}; to go on with it: mailrail resume {send.send_id}")
        return [send.send_id for send in sends if send.state == "running"]
    chosen = choose_send(ledger, only)
    if reason := run_again(ledger, chosen):
        say(f"{chosen.send_id} was paused: {reason}; it runs again.")
    return [] if chosen.state == "finished" else [chosen.send_id]


@contextlib.contextmanager
def _stoppable(settings: Settings, identity: str) -> Iterator[None]:
    """Say with an interruption how the send goes on."""
    try:
        yield
    except KeyboardInterrupt:
        with Ledger.open(settings.home) as ledger:
            is_open = ledger.send(identity) is not None
        said = f"sending stopped safely; to go on: mailrail resume {identity}" if is_open else "nothing was sent."
        raise KeyboardInterrupt(f"interrupted; {said}") from None


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
        if ledger.alive("sender"):
            yield
            return
        # One that cannot work, as its relay's settings or the ledger's state forbid it, is known now and not later.
        with running(settings, "sender", ready=lambda: ledger.alive("sender"), **extra):
            yield


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
            is_real = send.campaign == campaign and not send.is_rehearsal
            if is_real and not again and now - send.opened_at < _DAY:
                raise GuardError(
                    f"{campaign} was sent within a day, as {send.send_id} ({send.state}); to go on with it run: "
                    f"mailrail resume {send.send_id}. To send it once more to everybody add --again."
                )


@contextlib.contextmanager
def _shown(settings: Settings, identity: str, show: bool) -> Iterator[None]:
    """Show a bar for each mailbox provider while the body runs."""
    if not show:
        yield
        return
    stopped = threading.Event()
    with live_sends(f"sending {identity} ...") as show_stands:
        watcher = threading.Thread(target=_watch, args=(settings, identity, show_stands, stopped), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            stopped.set()
            watcher.join()


def _watch(
    settings: Settings, identity: str, show: Callable[[Sequence[Stand]], None], stopped: threading.Event
) -> None:
    with Ledger.open(settings.home) as ledger:
        watch = Watch(ledger, identity)
        while True:
            is_last = stopped.wait(LOOK_SECONDS)
            if stand := watch.look(is_last=is_last):
                show([stand])
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
