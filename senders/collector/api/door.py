"""What the calls share: who calls, what was sent, and how it becomes something to be stored.

Add here what calls of several subjects need. Nothing here waits for the ledger or the network: checking a call is plain
work, done beside the event loop where a body is large.
"""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from senders.clock import open_clock
from senders.collector.api.keys import Caller
from senders.collector.api.models import About
from senders.config import ApiConfig
from senders.event import Event
from senders.ledger.outbox import MailRequest
from senders.tracking.addresses import hash_address
from senders.tracking.keys import Keyring


@dataclass(frozen=True, slots=True)
class Incoming:
    """One call, at the business time ``now``.

    ``value`` is its body as JSON, None where it has none; ``path`` and ``query`` are as they came.
    """

    caller: Caller
    now: datetime
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    value: Any = None
    ip: str = ""
    method: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """What a call stores, and its answer once that is durable."""

    status: int
    answer: dict[str, Any]
    events: tuple[Event, ...] = ()
    mail: MailRequest | None = None

    @property
    def body(self) -> str:
        """The answer as it goes out."""
        return as_json(self.answer)


class Door:
    """What a home folder gives to its calls."""

    def __init__(self, home: Path, config: ApiConfig) -> None:
        self.home = home
        self.config = config

    def now(self) -> datetime:
        """Return the business time."""
        return open_clock(self.home).now()

    def address_hash(self, about: About) -> bytes:
        """Return the keyed hash of whom something is about."""
        return bytes.fromhex(about.contact_id) if about.contact_id is not None else self.hash_of(about.email)

    def hash_of(self, normal: str) -> bytes:
        """Return the keyed hash of an address in its normal form."""
        return hash_address(normal, self._address_key)

    @functools.cached_property
    def _address_key(self) -> bytes:
        return Keyring.open(self.home / "keys").address_key


def not_after(moment: datetime | None, now: datetime) -> datetime:
    """Return when something happened: now where not said, or where a wrong clock puts it ahead."""
    return now if moment is None else min(moment, now)


def as_json(answer: Mapping[str, Any]) -> str:
    """Return an answer as it goes out."""
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
