"""Brakes: a send stops by itself when what becomes of its messages says that going on would do harm.

Counted for each send and mailbox provider, and for all providers together, since the send was opened or last resumed
by a person. What nobody reports is unknown and never counts as good (RELIABILITY P6, P19). Add a brake here with the
words that its reader needs; what is counted stands in ``ledger.results``, who is told in ``alerting``.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from senders.config import BrakesConfig
from senders.event import Kind
from senders.ledger.alerts import stop_send, warn
from senders.ledger.connection import Connection
from senders.ledger.results import (
    ALL_MOST,
    Result,
    Return,
    Start,
    provider_names,
    results_after,
    returns_after,
    running_starts,
)
from senders.message import State

logger = logging.getLogger(__name__)

# One person's press of the spam button is no rate, however small the send.
_COMPLAINTS_LEAST = 2
_HINTS = {
    "address": "Most of these addresses do not exist: check where they come from before you resume.",
    "content": "Most were refused for what is in them: change the mail in a new send, or ask the provider.",
    "sender": "Most were refused because of us: check SPF, DKIM and DMARC with `mailrail doctor`.",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a brake closes, or warns only, in words for whoever planned the send."""

    kind: str
    text: str
    stops: bool = True


@dataclass(slots=True)
class Group:
    """What became of the messages to one provider, or to all."""

    accepted: int = 0
    refused: int = 0
    broken: int = 0
    bounced: int = 0
    complained: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)

    def add(self, result: Result) -> None:
        """Count a result; what we could not render is nobody's refusal, and what is deferred has none yet."""
        if result.state == State.ACCEPTED:
            self.accepted += 1
        elif result.class_ == "connection" and result.state in {State.IN_DOUBT, State.DEFERRED}:
            self.broken += 1
        elif result.state == State.REFUSED and result.class_ != "local":
            self.refused += 1
            self.classes[result.class_] += 1
            self.codes[result.code] += 1

    @property
    def results(self) -> int:
        """How many messages were accepted or refused for good."""
        return self.accepted + self.refused


def together(groups: Iterable[Group]) -> Group:
    """Return what became of the messages of several groups."""
    total = Group()
    for group in groups:
        total.accepted += group.accepted
        total.refused += group.refused
        total.broken += group.broken
        total.bounced += group.bounced
        total.complained += group.complained
        total.classes += group.classes
        total.codes += group.codes
    return total


def judge(groups: dict[str, Group], limits: BrakesConfig) -> Finding | None:
    """Return what is worst about a send, None where all is well or too little is known.

    Args:
        groups: by the provider's name, '' for recipients whose provider nobody knows.
        limits: from where on it is too much.
    """
    findings = list(_findings(groups, limits))
    return next((finding for finding in findings if finding.stops), findings[0] if findings else None)


def _findings(groups: dict[str, Group], limits: BrakesConfig) -> Iterator[Finding]:
    everybody = together(groups.values())
    named = [*((name, group) for name, group in groups.items() if name), ("", everybody)]
    for name, group in named:
        if group.results >= limits.after_results and group.refused > limits.refused * group.results:
            yield Finding("refused", _refused_words(name, group, limits.refused))
    for name, group in named:
        if group.accepted >= limits.after_results and group.bounced > limits.bounced * group.accepted:
            yield Finding("bounced", _bounced_words(name, group, limits.bounced))
    tried = everybody.results + everybody.broken
    if tried >= limits.after_results and everybody.broken > limits.broken * tried:
        yield Finding("connection", _broken_words(everybody.broken, tried, limits.broken))
    yield from _complaints(groups, limits)


def _complaints(groups: dict[str, Group], limits: BrakesConfig) -> Iterator[Finding]:
    """Look at providers that report complaints: the silence of the others is no praise and must not dilute them."""
    reporting = {name: group for name, group in groups.items() if group.complained}
    named = [*((name, group) for name, group in reporting.items() if name), ("", together(reporting.values()))]
    for name, group in named:
        if group.accepted < limits.after_results or group.complained < _COMPLAINTS_LEAST:
            continue
        share = group.complained / group.accepted
        if share >= limits.complaints_stop:
            yield Finding("complaints", _complaint_words(name, group, limits.complaints_stop))
        elif share >= limits.complaints_warn:
            yield Finding("complaints_rise", _complaint_words(name, group, limits.complaints_warn), stops=False)


def _refused_words(name: str, group: Group, limit: float) -> str:
    who = name or "Mailbox providers"
    counted = _counted(group.refused, group.results, limit)
    code, _ = group.codes.most_common(1)[0]
    hint = _HINTS.get(group.classes.most_common(1)[0][0], "Ask the provider, or whoever runs the relay, why.")
    return f"{who} refused {counted} for good, most often with {code}. {hint}"


def _bounced_words(name: str, group: Group, limit: float) -> str:
    where = f" at {name}" if name else ""
    counted = _counted(group.bounced, group.accepted, limit)
    return f"{counted} that were accepted{where} came back as undeliverable. Check where these addresses come from."


def _broken_words(broken: int, tried: int, limit: float) -> str:
    return (
        f"the connection to the relay broke under {_counted(broken, tried, limit)}. Ask whoever runs the relay; "
        "messages whose reply was lost are in doubt: mailrail reconcile"
    )


def _complaint_words(name: str, group: Group, limit: float) -> str:
    where = f" at {name}" if name else " at providers that report it"
    return (
        f"{group.complained:,} of {group.accepted:,} recipients{where} called this mail spam "
        f"({group.complained / group.accepted:.2%}, the limit is {limit:.1%}). Above 0.3% providers begin to refuse "
        "mail: find out who these people are and how they came onto the list."
    )


def _counted(part: int, whole: int, limit: float) -> str:
    return f"{part:,} of {whole:,} messages ({part / whole:.1%}, the limit is {limit:.0%})"


class _Record:
    """What was counted of one send since its start."""

    def __init__(self, start: Start) -> None:
        self.start = start
        self.groups: dict[int, Group] = {}
        self._returned: set[tuple[str, int]] = set()

    def group(self, provider: int) -> Group:
        """Return the group of a provider's number."""
        return self.groups.setdefault(provider, Group())

    def add_return(self, item: Return) -> None:
        """Count a complaint or bounce once for each message, and only of messages offered since the start."""
        key = (item.kind, item.seq)
        if item.sequence <= self.start.sequence or key in self._returned:
            return
        self._returned.add(key)
        if item.kind == Kind.COMPLAINED:
            self.group(item.provider).complained += 1
        else:
            self.group(item.provider).bounced += 1


class Brakes:
    """The brakes of one sender process over all running sends; each look costs what is new."""

    def __init__(self, limits: BrakesConfig) -> None:
        self._limits = limits
        self._records: dict[int, _Record] = {}
        self._attempt_id: int | None = None
        self._inbound_id = 0

    def look(self, connection: Connection, now_micros: int) -> bool:
        """Count what is new and close the brakes that must; inside a write transaction. True while more is to read."""
        starts = running_starts(connection)
        self._follow(starts)
        if not starts or self._attempt_id is None:
            return False
        results = results_after(connection, self._attempt_id)
        returns = returns_after(connection, self._inbound_id)
        self._count(results, returns)
        if ALL_MOST in {len(results), len(returns)}:
            return True
        self._close(connection, now_micros)
        return False

    def _follow(self, starts: dict[int, Start]) -> None:
        """Keep a record for each running send; one that was resumed meanwhile begins anew."""
        kept = {send_no: self._records.get(send_no) for send_no in starts}
        self._records = {
            send_no: record if record is not None and record.start == starts[send_no] else _Record(starts[send_no])
            for send_no, record in kept.items()
        }
        if self._attempt_id is None and starts:
            self._attempt_id = min(start.attempt_id for start in starts.values())
            self._inbound_id = min(start.inbound_id for start in starts.values())

    def _count(self, results: list[Result], returns: list[Return]) -> None:
        for result in results:
            self._attempt_id = result.id
            record = self._records.get(result.send_no)
            if record is not None and result.id > record.start.attempt_id:
                record.group(result.provider).add(result)
        for item in returns:
            self._inbound_id = item.id
            record = self._records.get(item.send_no)
            if record is not None and item.id > record.start.inbound_id:
                record.add_return(item)

    def _close(self, connection: Connection, now_micros: int) -> None:
        names = provider_names(connection)
        for send_no, record in self._records.items():
            groups = {names.get(provider, ""): group for provider, group in record.groups.items()}
            finding = judge(groups, self._limits)
            if finding is None:
                continue
            # A send of which nothing waits cannot be stopped any more, but its owner should still hear of it.
            stops = finding.stops and _has_more(connection, send_no)
            write = stop_send if stops else warn
            if write(connection, send_no, finding.kind, finding.text, now_micros):
                _log(connection, send_no, finding, stops=stops)


def _log(connection: Connection, send_no: int, finding: Finding, *, stops: bool) -> None:
    (send_id,) = connection.execute("select send_id from sends where send_no = ?", (send_no,)).fetchone() or ("",)
    where = {"event": "send_paused" if stops else "send_warned", "send_id": send_id}
    logger.error("%s %s: %s", send_id, "is paused" if stops else "goes on", finding.text, extra=where)


def _has_more(connection: Connection, send_no: int) -> bool:
    row = connection.execute("select 1 from shards where send_no = ? and done = 0 limit 1", (send_no,)).fetchone()
    return row is not None
