"""Settles what a send left in doubt: evidence first, then what a person decides; and a ledger that was put back.

Add here where evidence comes from and in what order it is asked. How a settlement is written stands in
``senders.ledger.resolving``, how a relay's log is read in ``senders.inbound.relay_log``.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from orchestration.settings import Settings
from orchestration.steering import choose_send
from senders.clock import format_time, open_clock
from senders.errors import ConfigError, GuardError
from senders.inbound.relay_log import RelayLog, read_relay_logs
from senders.ledger.resolving import PERSON, RELAY_LOG, Finding, refuse_over
from senders.ledger.rows import Doubt, SendRow, to_micros
from senders.ledger.store import Ledger
from senders.message import State
from senders.tracking.keys import Keyring
from senders.tracking.tokens import send_tokens

# RFC 5321 4.5.3.2.6: a relay may take ten minutes to answer the end mark, and takes the message within them.
RELAY_PATIENCE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a person brings: the relay's logs, and the word that they are whole."""

    relay_logs: Sequence[Path] = ()
    log_is_complete: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decides about the doubts that no evidence settles: ``ACCEPTED`` or ``QUEUED``."""

    state: State
    person: str
    confirm: int | None


def reconcile(
    settings: Settings, wanted: str | None, evidence: Evidence, decision: Decision | None = None
) -> dict[str, Any]:
    """Learn from the journal where a copy was put back, settle doubts, and return what was done (CONTRACTS).

    Raises:
        ConfigError: there is no such send, or a log cannot be read.
        GuardError: a decision without the exact number of doubts, or about a send that is over.
    """
    with Ledger.open(settings.home) as ledger:
        restored = ledger.restore()
        sends = [choose_send(ledger, wanted)] if wanted else ledger.sends()
        doubts = {send.send_no: found for send in sends if (found := ledger.doubts(send.send_no))}
        names = _message_names(settings, doubts) if doubts and evidence.relay_logs else {}
        log = _read_logs(settings, evidence, names)
        rows = []
        for send in sends:
            if send.send_no in doubts or wanted:
                findings = _findings(ledger, send, doubts.get(send.send_no, []), names, log, evidence)
                settled = ledger.settle_doubts(send.send_no, findings)
                rows.append(_settled_row(ledger, send, len(doubts.get(send.send_no, [])), settled, decision))
    return {"sends": rows, "restored": asdict(restored) if restored else None}


def _read_logs(settings: Settings, evidence: Evidence, names: dict[tuple[int, int], str]) -> RelayLog:
    try:
        return read_relay_logs(evidence.relay_logs, names.values(), now=open_clock(settings.home).now())
    except OSError as error:
        raise ConfigError(f"relay log {error.filename} cannot be read: {error.strerror}") from None


def _message_names(settings: Settings, doubts: dict[int, list[Doubt]]) -> dict[tuple[int, int], str]:
    """Return the part before the @ of each doubt's Message-ID."""
    keyring = Keyring.open(settings.home / "keys")
    names = {}
    for send_no, found in doubts.items():
        tokens = send_tokens(keyring, send_no)
        for doubt in found:
            names[send_no, doubt.seq] = tokens.message_id(doubt.seq, "").rstrip("@")
    return names


def _findings(
    ledger: Ledger,
    send: SendRow,
    doubts: Sequence[Doubt],
    names: dict[tuple[int, int], str],
    log: RelayLog,
    evidence: Evidence,
) -> list[Finding]:
    """Return what is proven about the doubts of a send; what came back from a recipient counts before any log."""
    found = {finding.seq: finding for finding in ledger.returns_of_doubts(send.send_no)}
    for doubt in doubts:
        trace = log.traces.get(names.get((send.send_no, doubt.seq), ""))
        if doubt.seq in found:
            continue
        if trace is not None and trace.state is State.ACCEPTED:
            found[doubt.seq] = Finding(doubt.seq, trace.state, RELAY_LOG, trace.words)
        elif evidence.log_is_complete:
            # A refusal may be that of an earlier try, so it proves no more than absence does.
            _require_cover(send, doubt, log)
            state, words = (
                (trace.state, trace.words) if trace else (State.QUEUED, "not in the relay's log, which is whole")
            )
            found[doubt.seq] = Finding(doubt.seq, state, RELAY_LOG, words)
    return list(found.values())


def _require_cover(send: SendRow, doubt: Doubt, log: RelayLog) -> None:
    """Refuse to take absence for proof where the logs do not reach from the send's beginning past the doubt.

    Raises:
        GuardError: says which span they must cover.
    """
    since, until = send.first_offered_at or send.opened_at, doubt.since + RELAY_PATIENCE
    if not log.covers(since, until):
        has = f"{format_time(log.first)} to {format_time(log.last)}" if log.first and log.last else "no time at all"
        raise GuardError(
            f"{send.send_id}: a missing message proves nothing, as the logs run from {has} and must cover "
            f"{format_time(since)} to {format_time(until)}; add the log before or after, or leave --log-is-complete out"
        )


def _settled_row(
    ledger: Ledger, send: SendRow, before: int, settled: Sequence[Finding], decision: Decision | None
) -> dict[str, Any]:
    states = Counter(finding.state for finding in settled)
    by = Counter(finding.resolver for finding in settled)
    left = before - len(settled)
    if decision is not None:
        decided = _decide(ledger, send, left, decision)
        states[decision.state] += decided
        by[PERSON] += decided
    return {
        "send_id": send.send_id,
        "in_doubt_before": before,
        "accepted": states[State.ACCEPTED],
        "refused": states[State.REFUSED],
        "requeued": states[State.QUEUED],
        "in_doubt": ledger.counts(send.send_no)[State.IN_DOUBT],
        "by": {name: count for name, count in by.items() if count},
    }


def _decide(ledger: Ledger, send: SendRow, left: int, decision: Decision) -> int:
    if decision.confirm is None:
        option = "--send-again" if decision.state is State.QUEUED else "--treat-as-sent"
        raise GuardError(
            f"nothing was decided: {left} messages of {send.send_id} are in doubt; "
            f"run: mailrail reconcile {send.send_id} {option} --confirm {left}"
        )
    return ledger.decide_doubts(send.send_id, decision.state, decision.person, expected=decision.confirm)


def list_doubts(settings: Settings, wanted: str | None) -> list[dict[str, Any]]:
    """Return every message in doubt with its Message-ID, for looking it up in a relay's log.

    Raises:
        ConfigError: there is no such send.
    """
    profiles = settings.delivery_config().senders
    keyring = Keyring.open(settings.home / "keys")
    rows = []
    with Ledger.open(settings.home) as ledger:
        for send in [choose_send(ledger, wanted)] if wanted else ledger.sends():
            tokens = send_tokens(keyring, send.send_no)
            profile = profiles.get(send.sender)
            proven = {finding.seq: finding.evidence for finding in ledger.returns_of_doubts(send.send_no)}
            rows += [
                {
                    "send_id": send.send_id,
                    "message_id": f"<{tokens.message_id(doubt.seq, profile.message_id_domain if profile else '')}>",
                    "since": format_time(doubt.since),
                    "relay": doubt.relay,
                    "connection": doubt.connection,
                    "reason": doubt.reply,
                    "evidence": proven.get(doubt.seq, ""),
                }
                for doubt in ledger.doubts(send.send_no)
            ]
    return rows


def retry_failed(settings: Settings, wanted: str, *, confirm: int | None, person: str) -> dict[str, Any]:
    """Queue what a relay refused for a reason that may have passed, if exactly ``confirm`` messages were.

    Raises:
        ConfigError: there is no such send.
        GuardError: the number is missing or wrong, or the send is cancelled or expired.
    """
    with Ledger.open(settings.home) as ledger:
        send = choose_send(ledger, wanted)
        classes = ledger.retryable(send.send_no)
        refuse_over(send, to_micros(open_clock(settings.home).now()))
        number = sum(classes.values())
        if confirm is None:
            raise GuardError(
                f"nothing was queued: {number} refused messages of {send.send_id} can be tried once more"
                f"{_said(classes)}; run: mailrail retry-failed {send.send_id} --confirm {number}"
            )
        requeued = ledger.retry_failed(send.send_id, person, expected=confirm)
        state = ledger.send(send.send_id)
    return {"send_id": send.send_id, "requeued": requeued, "by": classes, "state": str(state.state) if state else ""}


def _said(classes: dict[str, int]) -> str:
    words = ", ".join(f"{count} {CLASS_WORDS.get(name, name)}" for name, count in sorted(classes.items()))
    return f" ({words})" if words else ""


CLASS_WORDS = {
    "": "refused for this recipient",
    "sender": "refused because of us",
    "content": "refused for their content",
    "rate": "refused for our speed",
    "connection": "refused on a broken line",
    "local": "could not be made",
}
