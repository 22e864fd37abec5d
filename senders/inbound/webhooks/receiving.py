"""From a verified call to events: mapped, matched, and kept as a dead letter where a part could not be mapped.

The collector calls this with what came in, and so does the replay of a dead letter: there is one way. Add nothing about
HTTP; that belongs to the collector.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from senders.errors import LedgerBusy
from senders.event import Event
from senders.inbound.webhooks.matching import Matcher, ReportLedger
from senders.inbound.webhooks.provider import Provider, WebhookRefusedError
from senders.tracking.keys import Keyring
from senders.tracking.tokens import TokenReader

# What a payload is read with; everything else of a call's headers may hold a secret.
KEPT_HEADERS = ("content-type", "webhook-id", "svix-id")


class WebhookLedger(ReportLedger, Protocol):
    """What is asked of the ledger."""

    def is_first_body(self, source: str, token: str, digest: bytes) -> bool:
        """Whether a token is new, or came with this very body before."""

    def bury(self, source: str, reason: str, payload: bytes, headers: Mapping[str, str] | None = None) -> bool:
        """Keep a dead letter; False where there is no room."""


@dataclass(frozen=True, slots=True)
class Understood:
    """What a call became; ``problems`` are the parts that could not be mapped."""

    events: list[Event]
    problems: list[str]


def source_of(name: str) -> str:
    """Return the name under which the calls of a webhook are kept."""
    return f"webhook:{name}"


def understand(
    provider: Provider, raw: bytes, headers: Mapping[str, str], ledger: WebhookLedger, keyring: Keyring, now: datetime
) -> Understood:
    """Map a verified call with today's code; the same call again gives the same events."""
    reading = provider.read(raw, headers)
    matcher = Matcher(source_of(provider.config.name), TokenReader(keyring), keyring.address_key, ledger, now)
    return Understood(matcher.events(reading.reports), reading.problems)


def take(
    provider: Provider, raw: bytes, headers: Mapping[str, str], ledger: WebhookLedger, keyring: Keyring, now: datetime
) -> list[Event]:
    """Take a verified call: return its events, and keep what could not be mapped.

    Raises:
        WebhookRefusedError: its token came with another body before.
        LedgerBusy: what could not be mapped cannot be kept; let the provider come again.
    """
    source = source_of(provider.config.name)
    token = provider.once_token(raw)
    if token and not ledger.is_first_body(source, token, hashlib.blake2b(raw, digest_size=16).digest()):
        raise WebhookRefusedError("a token with another body")
    found = understand(provider, raw, headers, ledger, keyring, now)
    if found.problems:
        kept = {name: headers[name] for name in KEPT_HEADERS if name in headers}
        if not ledger.bury(source, "; ".join(dict.fromkeys(found.problems)), raw, kept):
            raise LedgerBusy(f"{source}: its dead letters have no room; see mailrail dead-letters list")
    return found.events
