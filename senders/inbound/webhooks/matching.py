"""Which message a report speaks of, and the event that it becomes.

A report is believed for a message only where it brings a signature of ours (return path, Message-ID), or names the
send in our header; and in each case only for the one address that the message went to (T14). Whatever matches nothing
touches nobody: a bounce or complaint is kept as a hint without a person, the rest is no news. The report itself is kept
in the event's body, without addresses, so that a later rule can read more of it.
"""

import json
import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from senders.errors import TokenError
from senders.event import Event, Kind, derive_event_id
from senders.inbound.classify import Failure
from senders.inbound.interpret import SendLike, without_addresses
from senders.inbound.unsubscribe import unsubscribe_event
from senders.inbound.webhooks.provider import Item, Report, Said
from senders.message import State
from senders.tracking.addresses import AddressError, hash_address, normalize_address
from senders.tracking.tokens import Claims, Purpose, TokenReader

MAX_RAW_CHARACTERS = 32 * 1024
MAX_DETAIL = 500
_OLDEST = timedelta(days=30)
_DEEPEST = 20
_ADDRESS = re.compile(r"[^\s<>()\[\]\"',;:@]{1,64}@[\w.-]{1,253}")
# Our own Message-IDs and return paths name no person, and say which message it was.
_OURS = re.compile(r"(?:[0-9a-f]{30}|b\+[0-9a-f]{1,8}\.[0-9a-f]{1,8}\.[a-z2-7]{16})@", re.IGNORECASE)
_KINDS = {
    Said.BOUNCED: Kind.BOUNCED,
    Said.COMPLAINED: Kind.COMPLAINED,
    Said.UNSUBSCRIBED: Kind.UNSUBSCRIBED,
    Said.DELIVERED: Kind.DELIVERED,
}
# A delivery is news only where it is not known what became of an offer.
_UNSETTLED = frozenset({State.OFFERED, State.IN_DOUBT})


class MessageLike(Protocol):
    """A message's row in the ledger, as far as it is read here."""

    @property
    def send_no(self) -> int:
        """The number of its send."""

    @property
    def seq(self) -> int:
        """Its number in the send."""

    @property
    def state(self) -> State:
        """Where it stands."""

    @property
    def address_hash(self) -> bytes:
        """The keyed hash of the address it went to."""


class ReportLedger(Protocol):
    """What is asked of the ledger."""

    def message(self, send_no: int, seq: int) -> MessageLike | None:
        """Return a message's row."""

    def messages_to(
        self, send_id: str, address_hashes: Collection[bytes], *, only_doubts: bool = False
    ) -> Mapping[bytes, MessageLike]:
        """Return the messages of a send to some addresses, by address; costs as much for many as for one."""

    def send_numbered(self, send_no: int) -> SendLike | None:
        """Return a send by its number."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """Turns reports of one provider into events for one home: its keys, its ledger, the present business time."""

    source: str
    reader: TokenReader
    address_key: bytes
    ledger: ReportLedger
    now: datetime

    def events(self, reports: Sequence[Report]) -> list[Event]:
        """Return what the reports of one call become; those that are no news are left out."""
        told = [report for report in reports if report.said in _KINDS]
        proven = [self._proven(report) for report in told]
        named = self._named([report for report, message in zip(told, proven, strict=True) if message is None])
        found: dict[str, Event] = {}
        for report, message in zip(told, proven, strict=True):
            event = self._event(report, message or named.get((report.send_id, self._hash(report.recipient))))
            if event is not None:
                found.setdefault(event.event_id, event)
        return list(found.values())

    def _event(self, report: Report, message: MessageLike | None) -> Event | None:
        if message is None:
            return self._hint(report) if report.said is not Said.DELIVERED else None
        if report.said is Said.DELIVERED and message.state not in _UNSETTLED:
            return None
        if report.said is Said.UNSUBSCRIBED:
            return self._unsubscribed(report, message)
        # The same as for a bounce that comes as a mail: told by both roads, it is one.
        parts = (str(report.failure),) if report.said is Said.BOUNCED else ()
        return Event(
            event_id=derive_event_id(_KINDS[report.said], str(message.send_no), str(message.seq), *parts),
            kind=_KINDS[report.said],
            occurred_at=self._moment(report),
            send_no=message.send_no,
            seq=message.seq,
            address_hash=message.address_hash,
            failure=str(report.failure or ""),
            code=report.code,
            detail=without_addresses(report.detail)[:MAX_DETAIL],
            body=self._body(report),
        )

    def _proven(self, report: Report) -> MessageLike | None:
        """Return the message that a signature of ours names, if it went to the report's recipient."""
        address_hash = self._hash(report.recipient)
        for claims in self._claims(report) if address_hash else ():
            found = self.ledger.message(claims.send_no, claims.seq)
            if found is not None and found.address_hash == address_hash:
                return found
        return None

    def _named(self, reports: Sequence[Report]) -> dict[tuple[str, bytes], MessageLike]:
        """Return the messages that reports name by send and recipient together."""
        wanted: dict[tuple[str, bool], set[bytes]] = defaultdict(set)
        for report in reports:
            if report.send_id and (address_hash := self._hash(report.recipient)):
                # A provider tells of every delivery, and each search is of a whole send.
                wanted[report.send_id, report.said is Said.DELIVERED].add(address_hash)
        return {
            (send_id, address_hash): message
            for (send_id, only_doubts), hashes in wanted.items()
            for address_hash, message in self.ledger.messages_to(send_id, hashes, only_doubts=only_doubts).items()
        }

    def _claims(self, report: Report) -> Iterator[Claims]:
        local, at, _ = report.return_path.strip("<> ").partition("@")
        try:
            if at:
                yield self.reader.read_return_path(local)
        except TokenError:
            pass
        for text in report.message_ids:
            try:
                yield self.reader.read_message_id(text)
            except TokenError:
                continue

    def _hash(self, recipient: str) -> bytes:
        try:
            return hash_address(normalize_address(recipient), self.address_key)
        except AddressError:
            return b""

    def _unsubscribed(self, report: Report, message: MessageLike) -> Event:
        claims = Claims(Purpose.UNSUBSCRIBE, message.send_no, message.seq)
        send = None if report.is_everywhere else self.ledger.send_numbered(message.send_no)
        topic = send.topic if send is not None else ""
        event = unsubscribe_event(claims, message.address_hash, topic, at=self._moment(report), road=self.source)
        event.body.update(self._body(report))
        return event

    def _hint(self, report: Report) -> Event:
        """Keep an unmatched report as a fact without a person: it suppresses nobody."""
        named = report.event_id or json.dumps(report.item, sort_keys=True, default=str)
        return Event(
            event_id=derive_event_id("hint", self.source, named, report.said, report.recipient),
            kind=_KINDS[report.said],
            occurred_at=self._moment(report),
            code=report.code,
            detail=f"unmatched: {without_addresses(report.detail)}"[:MAX_DETAIL],
            body=self._body(report),
        )

    def _moment(self, report: Report) -> datetime:
        """Return when it happened, by the provider's clock where that is believable."""
        at = report.occurred_at
        return at if at is not None and self.now - _OLDEST <= at <= self.now else self.now

    def _body(self, report: Report) -> dict[str, Any]:
        told = {"source": self.source, "event_id": report.event_id, "failure": str(report.failure or Failure.TRANSIENT)}
        if report.said is not Said.BOUNCED:
            told.pop("failure")
        raw = without_people(report.item)
        is_short = len(json.dumps(raw, default=str)) <= MAX_RAW_CHARACTERS
        return told | ({"raw": raw} if is_short else {"raw_is_too_long": True})


def without_people(item: Item) -> Any:
    """Return a provider's report without the addresses in it; those of our own messages stay."""
    return _without_people(item, 0)


def _without_people(value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        return None
    if isinstance(value, str):
        return _ADDRESS.sub(lambda found: found[0] if _OURS.match(found[0]) else "[address]", value)
    if isinstance(value, dict):
        return {_without_people(name, depth + 1): _without_people(inner, depth + 1) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_people(inner, depth + 1) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value  # 1e999 would be no JSON again
