"""A home with keys and one send, and a ledger in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from senders.event import Event
from senders.inbound.interpret import Interpreter
from senders.tracking.addresses import hash_address, normalize_address
from senders.tracking.keys import Keyring
from senders.tracking.tokens import SendTokens, TokenReader, send_tokens

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
ADDRESS = "mira@example.com"
BOUNCE_DOMAIN = "bounce.shop.example"


@dataclass
class Row:
    address_hash: bytes


@dataclass
class Send:
    send_no: int
    topic: str


@dataclass
class MemoryLedger:
    """The ledger's inbound side in memory; set ``failure`` to make it refuse."""

    messages: dict[tuple[int, int], Row] = field(default_factory=dict)
    stored: dict[str, Event] = field(default_factory=dict)
    buried: list[tuple[str, bytes]] = field(default_factory=list)
    failure: Exception | None = None

    def record(self, events: Sequence[Event]) -> list[bool]:
        if self.failure:
            raise self.failure
        fresh = [event.event_id not in self.stored for event in events]
        for event in events:
            self.stored.setdefault(event.event_id, event)
        return fresh

    def message(self, send_no: int, seq: int) -> Row | None:
        return self.messages.get((send_no, seq))

    def send_numbered(self, send_no: int) -> Send | None:
        return Send(7, "offers") if send_no == 7 else None

    def bury(self, source: str, reason: str, payload: bytes) -> bool:
        self.buried.append((source, payload))
        return True

    @property
    def suppressed(self) -> set[tuple[bytes, str]]:
        return {(event.address_hash, event.scope) for event in self.stored.values() if event.suppresses}


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return Keyring.open(tmp_path / "keys")


@pytest.fixture
def tokens(keyring: Keyring) -> SendTokens:
    return send_tokens(keyring, 7)


@pytest.fixture
def address_hash(keyring: Keyring) -> bytes:
    return hash_address(normalize_address(ADDRESS), keyring.address_key)


@pytest.fixture
def ledger(address_hash: bytes) -> MemoryLedger:
    return MemoryLedger({(7, 1): Row(address_hash), (7, 2): Row(bytes(16))})


@pytest.fixture
def interpreter(keyring: Keyring, ledger: MemoryLedger) -> Interpreter:
    return Interpreter(TokenReader(keyring), keyring.address_key, ledger, NOW)


@pytest.fixture
def mails() -> type["Mails"]:
    return Mails


class Mails:
    """Returned mails as servers write them."""

    @staticmethod
    def dsn(to: str, *blocks: str, headers: str = "", original: str = "") -> bytes:
        """Write an RFC 3464 report as Postfix does."""
        text = (
            f"From: MAILER-DAEMON@mx.example (Mail Delivery System)\nTo: {to}\n"
            "Subject: Undelivered Mail Returned to Sender\n"
            f"{headers}MIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status;"
            " boundary=xx\n\n"
            "--xx\nContent-Type: text/plain\n\nI am sorry to have to inform you.\n"
            "--xx\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n"
            + "\n".join(block.rstrip("\n") + "\n" for block in blocks)
            + (f"\n--xx\nContent-Type: message/rfc822\n\n{original}\n" if original else "")
            + "\n--xx--\n"
        )
        return text.replace("\n", "\r\n").encode()

    @staticmethod
    def block(
        address: str, *, status: str = "5.1.1", reply: str = "550 5.1.1 user unknown", action: str = "failed"
    ) -> str:
        """Write one per-recipient block."""
        return (
            f"Final-Recipient: rfc822; {address}\nAction: {action}\nStatus: {status}\nDiagnostic-Code: smtp; {reply}\n"
        )

    @staticmethod
    def arf(kind: str, original: str, *, fields: str = "", to: str = "fbl@shop.example") -> bytes:
        """Write an RFC 5965 report."""
        text = (
            f"From: feedback@arf.example\nTo: {to}\nSubject: FW: offer\nMIME-Version: 1.0\n"
            'Content-Type: multipart/report; report-type=feedback-report; boundary="xx"\n\n'
            "--xx\nContent-Type: text/plain\n\nThis is an email abuse report.\n"
            f"--xx\nContent-Type: message/feedback-report\n\nFeedback-Type: {kind}\nUser-Agent: Arf/1.0\n"
            f"Version: 1\n{fields}\n"
            f"--xx\nContent-Type: message/rfc822\n\n{original}\n\n--xx--\n"
        )
        return text.replace("\n", "\r\n").encode()
