"""Checks of the work at hand: sends, approvals, what came back, and the processes that should be at it.

Add a check here when something can stand still without anybody noticing. What a send may do is decided by the
guards of ``assets.deliveries``, not here.
"""

import contextlib
import json
import sqlite3
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from assets.warehouse.published import connect_published, current
from orchestration.doctor.finding import Case, Finding, age, fail, ok, plural, warn
from senders.ledger.outbox import MailState
from senders.ledger.rows import SendRow, SendState
from senders.ledger.store import Ledger
from senders.message import State

_MOVING = (State.QUEUED, State.OFFERED, State.DEFERRED)
_PROCESSES = ("sender", "collector", "mailbox", "outbox")
_LATE_SECONDS, _TOO_LATE_SECONDS = 3_600.0, 86_400.0
_AWAITED_SECONDS = 60.0
_DAEMON_FRESH_SECONDS = 90.0
_RECENT = timedelta(days=7)
_LOOKED_AT = 20


def check_sends(case: Case) -> Finding:
    """Sends that are open, paused, in doubt, or running while nobody sends."""
    with case.ledger() as ledger:
        sends = ledger.sends() if ledger else []
        if ledger is None or not sends:
            return ok("none yet")
        found = _by_state(sends)
        unfinished = [send for send in sends if send.finished_at is None]
        waiting = {send.send_id: ledger.counts(send.send_no) for send in unfinished}
        running = [send for send in unfinished if send.state is SendState.RUNNING and _moves(waiting[send.send_id])]
        if running and not ledger.alive("sender"):
            return fail(
                f"{found} · {running[0].send_id} waits and nobody sends", f"mailrail resume {running[0].send_id}"
            )
        if paused := [send for send in unfinished if send.state is SendState.PAUSED]:
            reason = paused[0].reason or "by a person"
            return warn(f"{found} · {paused[0].send_id}: {reason}", f"mailrail resume {paused[0].send_id}")
        if stuck := [send for send in unfinished if send.state is SendState.CANCELLED]:
            return warn(f"{found} · {stuck[0].send_id} has unanswered offers", "mailrail sender --once")
        if doubt := _in_doubt(ledger, sends, case.now):
            return warn(f"{found} · {doubt[1]} in doubt in {doubt[0]}", f"mailrail report {doubt[0]}")
    return ok(found)


def _by_state(sends: Sequence[SendRow]) -> str:
    counts = {state: sum(1 for send in sends if send.state is state) for state in SendState}
    return " · ".join(f"{count} {state}" for state, count in counts.items() if count)


def _moves(counts: dict[State, int]) -> bool:
    return any(counts[state] for state in _MOVING)


def _in_doubt(ledger: Ledger, sends: Sequence[SendRow], now: datetime) -> tuple[str, int] | None:
    for send in reversed(sends):
        if send.opened_at > now - _RECENT and (count := ledger.counts(send.send_no)[State.IN_DOUBT]):
            return send.send_id, count
    return None


def check_outbox(case: Case) -> Finding:
    """Transactional mail that was asked for and waits too long, or was refused lately."""
    with case.ledger() as ledger:
        oldest = ledger.oldest_waiting() if ledger else None
        refused = ledger.refused_mail(1) if ledger else []
        if ledger is None or (oldest is None and not refused):
            return ok("nothing waits")
        counts, is_served = ledger.mail_counts(), ledger.alive("outbox")
    found = f"{counts[MailState.WAITING]:,} wait · {counts[MailState.REFUSED]:,} refused"
    if oldest is not None and (case.now - oldest.requested_at).total_seconds() > _AWAITED_SECONDS:
        waits = f"{found} · one for {age((case.now - oldest.requested_at).total_seconds())}"
        if not is_served:
            return fail(f"{waits} and no outbox runs", "mailrail outbox")
        return fail(f"{waits}: {oldest.reason or 'no sender begins it'}", "mailrail mail list")
    if refused and refused[0].requested_at > case.now - _RECENT:
        return warn(f"{found} · the last: {refused[0].reason}", "mailrail mail list")
    return ok(found)


def check_approvals(case: Case) -> Finding:
    """Sends that are prepared and wait for somebody to allow them."""
    folders = sorted((case.home / "files" / "sends").glob("*/preflight.json"), reverse=True)[:_LOOKED_AT]
    waiting = []
    with case.ledger() as ledger:
        for path in folders:
            identity = path.parent.name
            if ledger is None or ledger.send(identity) is None:
                manifest = json.loads((path.parent / "manifest.json").read_text(encoding="utf-8"))
                hashes = (manifest["audience_hash"], json.loads(path.read_text(encoding="utf-8"))["content_hash"])
                allowed = ledger.approval(identity, *hashes) if ledger else None
                waiting.append(f"{identity} ({manifest['rows']:,} recipients{', approved' if allowed else ''})")
    if not waiting:
        return ok("none waits")
    more = f" and {len(waiting) - 1} more" if len(waiting) > 1 else ""
    return ok(f"{plural(len(waiting), 'prepared send')} not opened: {waiting[0]}{more}")


def check_suppression(case: Case) -> Finding:
    """How much of what came back is not in the marts yet; the ledger itself already keeps to it."""
    with case.ledger() as ledger:
        if ledger is None or ledger.newest_ids()[0] == 0:
            return ok("nothing has come back yet")
        number, oldest = ledger.inbound_since(_loaded(case))
    if not number or oldest is None:
        return ok("everything that came back is in the marts")
    seconds = (case.now - oldest).total_seconds()
    found = f"{plural(number, 'event')} not loaded, the oldest {age(seconds)} old"
    if seconds > _TOO_LATE_SECONDS:
        return fail(f"{found} (24 h at most)", "mailrail refresh")
    return warn(found, "mailrail refresh") if seconds > _LATE_SECONDS else ok(found)


def _loaded(case: Case) -> int:
    """Return the newest inbound row that the published marts hold."""
    if current(case.home / "published") is None:
        return 0
    with connect_published(case.home / "published") as connection:
        ((newest,),) = connection.execute("select max(inbound_id) from marts.fct_email_events").fetchall()
    return int(newest or 0)


def check_processes(case: Case) -> Finding:
    """Which standing processes are at work, told by themselves."""
    with case.ledger() as ledger:
        present = ledger.presences() if ledger else []
    said, lost = [], []
    for name in dict.fromkeys([*_PROCESSES, *(found.process for found in present)]):
        ours = [found for found in present if found.process == name]
        alive = [found for found in ours if found.is_alive]
        if alive:
            who = f"process {alive[0].pid}" if len(alive) == 1 else f"{len(alive)} processes"
            said.append(f"{name} {age(alive[0].age_seconds)} ago ({who})")
        elif ours:
            lost.append(f"{name} {'silent' if ours[0].is_running else 'gone'} since {age(ours[0].age_seconds)}")
    found = " · ".join([*said, *lost]) or "none is running"
    if lost:
        name = lost[0].split()[0]
        return warn(found, f"mailrail {name}" if name in _PROCESSES else "mailrail dev")
    idle = [name for name in _PROCESSES if not any(words.startswith(name) for words in said)]
    return ok(f"{found} · not running: {', '.join(idle)}" if said and idle else found)


def check_dagster(case: Case) -> Finding:
    """Whether Dagster's daemon fires schedules and sensors; read from its own tables, which starts nothing."""
    folder = case.home / "dagster"
    if not (folder / "dagster.yaml").exists():
        return ok("no instance yet; made by the first run")
    beats = _rows(folder / "history" / "runs.db", "select max(timestamp) from daemon_heartbeats")
    newest = beats[0][0] if beats and beats[0][0] else None
    switched_on = _rows(
        folder / "schedules" / "schedules.db",
        "select job_type, count(*) from instigators where status = 'RUNNING' group by job_type",
    )
    on = " · ".join(f"{plural(count, kind.lower())} on" for kind, count in switched_on)
    if newest is None:
        return ok("the daemon has never run" + (f" · {on}" if on else ""))
    seconds = time.time() - _moment(newest).timestamp()
    found = " · ".join(part for part in (f"daemon heartbeat {age(seconds)} ago", on) if part)
    if seconds <= _DAEMON_FRESH_SECONDS:
        return ok(found)
    # Without anything switched on nobody misses it.
    return warn(f"{found}, which nothing fires now", "mailrail dev") if on else ok(found)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _rows(path: Any, query: str) -> list[tuple[Any, ...]]:
    """Read another program's table; none where it has no such table."""
    if not path.exists():
        return []
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=0.5)) as connection:
        try:
            return connection.execute(query).fetchall()
        except sqlite3.OperationalError:
            return []
