"""What one returned mail means, as events: bounced, complained, unsubscribed, or nothing.

Only a mail that carries a signature of ours touches a contact, and only the one its message went to; any other
bounce is kept as a hint without an address. Event ids are derived, so that a mail read twice is one event. Add
a kind of mail here; how to read it belongs to its own module.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from senders.event import Event, Kind, derive_event_id
from senders.inbound.arf import Feedback, FeedbackType, parse_feedback
from senders.inbound.auto_reply import is_auto_reply
from senders.inbound.dsn import parse_dsn
from senders.inbound.failure import Failure
from senders.inbound.mime import Mail, parse_mail
from senders.inbound.origin import find_bounced, find_complained, find_unsubscribed
from senders.inbound.prose import guess_nameless
from senders.inbound.report import BounceReport
from senders.inbound.unsubscribe import unsubscribe_event
from senders.tracking.addresses import AddressError, hash_address, normalize_address
from senders.tracking.tokens import Claims, TokenReader

_ADDRESS = re.compile(r"[^\s<>()\[\]\"',;:@]{1,64}@[\w.-]{1,253}")
_WEIGHT = {failure: place for place, failure in enumerate(Failure)}


class MessageLike(Protocol):
    """A message's row in the ledger, as far as it is read here."""

    @property
    def address_hash(self) -> bytes:
        """The keyed hash of the address it went to."""
        ...


class SendLike(Protocol):
    """A send's row in the ledger, as far as it is read here."""

    @property
    def topic(self) -> str:
        """The topic it was sent under."""
        ...


class InboundLedger(Protocol):
    """What this package needs of the ledger."""

    def record(self, events: Sequence[Event]) -> list[bool]:
        """Store events in one transaction; True for each that was new."""
        ...

    def message(self, send_no: int, seq: int) -> MessageLike | None:
        """Return a message's row."""
        ...

    def send_numbered(self, send_no: int) -> SendLike | None:
        """Return a send by its number."""
        ...

    def bury(self, source: str, reason: str, payload: bytes) -> bool:
        """Keep what could not be understood; False where there is no room."""
        ...


@dataclass(frozen=True, slots=True)
class Interpreter:
    """Reads returned mails for one home: its keys, its ledger, the present business time."""

    reader: TokenReader
    address_key: bytes
    ledger: InboundLedger
    now: datetime

    def interpret(self, raw: bytes) -> list[Event]:
        """Return what a mail tells; empty where it tells nothing that concerns us."""
        mail = parse_mail(raw)
        feedback = parse_feedback(mail)
        if feedback:
            return self._feedback(mail, feedback)
        if is_auto_reply(mail):
            return self._mailto(mail)
        if reports := parse_dsn(mail):
            return self._bounce(mail, reports, raw)
        return self._mailto(mail) or self._nameless(mail)

    def _bounce(self, mail: Mail, reports: list[BounceReport], raw: bytes) -> list[Event]:
        failed = [report for report in reports if report.is_failure]
        if not failed:
            return []  # delayed, delivered, relayed, expanded: nothing has ended
        claims = find_bounced(mail, self.reader)
        address_hash = self._address_of(claims) if claims else b""
        if not claims or not address_hash:
            return [self._hint(failed[0], raw)]
        report = self._report_for(address_hash, reports)
        return [self._bounced(claims, address_hash, report)] if report else []

    def _nameless(self, mail: Mail) -> list[Event]:
        """Read a bounce that names nobody, where the address it came to says whose it is."""
        report = guess_nameless(mail)
        claims = find_bounced(mail, self.reader) if report and report.is_failure else None
        address_hash = self._address_of(claims) if claims else b""
        return [self._bounced(claims, address_hash, report)] if report and claims and address_hash else []

    def _report_for(self, address_hash: bytes, reports: list[BounceReport]) -> BounceReport | None:
        """Choose what counts for our one recipient where a mail reports on several.

        A list or an alias expands to people we never wrote to: unless our address is named, it takes a
        failure of all of them.
        """
        ours = [report for report in reports if self._is_ours(report.recipient, address_hash)]
        counted = ours or reports
        failed = [report for report in counted if report.is_failure and report.failure]
        if not failed or (not ours and len(failed) < len(reports)):
            return None
        return min(failed, key=lambda report: _WEIGHT[report.failure or Failure.TRANSIENT])

    def _bounced(self, claims: Claims, address_hash: bytes, report: BounceReport) -> Event:
        failure = str(report.failure)
        return Event(
            event_id=derive_event_id(Kind.BOUNCED, str(claims.send_no), str(claims.seq), failure),
            kind=Kind.BOUNCED,
            occurred_at=self.now,
            send_no=claims.send_no,
            seq=claims.seq,
            address_hash=address_hash,
            failure=failure,
            code=report.status or str(report.code or ""),
            detail=without_addresses(report.diagnostic),
        )

    def _hint(self, report: BounceReport, raw: bytes) -> Event:
        """Keep an unsigned bounce as a fact without a person: it suppresses nobody."""
        return Event(
            event_id=derive_event_id("hint", hashlib.blake2b(raw, digest_size=16).digest()),
            kind=Kind.BOUNCED,
            occurred_at=self.now,
            code=report.status or str(report.code or ""),
            detail=f"unsigned: {without_addresses(report.diagnostic)}",
        )

    def _feedback(self, mail: Mail, feedback: Feedback) -> list[Event]:
        if not feedback.kind.is_complaint and feedback.kind is not FeedbackType.OPT_OUT:
            return []
        claims = find_complained(mail, feedback, self.reader)
        address_hash = self._address_of(claims) if claims else b""
        if not claims or not address_hash:
            return []
        if feedback.kind is FeedbackType.OPT_OUT:
            return [self._unsubscribed(claims, address_hash, "feedback report")]
        return [
            Event(
                event_id=derive_event_id(Kind.COMPLAINED, str(claims.send_no), str(claims.seq)),
                kind=Kind.COMPLAINED,
                occurred_at=self.now,
                send_no=claims.send_no,
                seq=claims.seq,
                address_hash=address_hash,
                code=str(feedback.kind),
                detail=without_addresses(feedback.user_agent),
            )
        ]

    def _mailto(self, mail: Mail) -> list[Event]:
        # Providers' own unsubscribe buttons mark the mail as automatic. Its subject is then the one we asked
        # for; the text of a vacation note may quote our links and says nothing.
        claims = find_unsubscribed(mail, self.reader, subject_only=is_auto_reply(mail))
        return [self._unsubscribed(claims, claims.address_hash, "mailto")] if claims else []

    def _unsubscribed(self, claims: Claims, address_hash: bytes, road: str) -> Event:
        topic = claims.topic if claims.address_hash else self._topic_of(claims.send_no)
        return unsubscribe_event(claims, address_hash, topic, at=self.now, road=road)

    def _address_of(self, claims: Claims) -> bytes:
        """Return the address a message went to; a token's own where it has one."""
        if claims.address_hash:
            return claims.address_hash
        row = self.ledger.message(claims.send_no, claims.seq)
        return row.address_hash if row else b""

    def _topic_of(self, send_no: int) -> str:
        send = self.ledger.send_numbered(send_no)
        return send.topic if send else ""

    def _is_ours(self, recipient: str, address_hash: bytes) -> bool:
        try:
            return hash_address(normalize_address(recipient), self.address_key) == address_hash
        except AddressError:
            return False


def without_addresses(text: str) -> str:
    """Return a server's words without the people it names; printable, on one line."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(_ADDRESS.sub("[address]", printable).split())
