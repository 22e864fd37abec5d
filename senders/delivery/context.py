"""What all runs of one sender process share: settings, keys, the writer, what is known about relays.

Add here only what outlives a shard's run. What a run does stands in ``shard``.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from senders.config import TRANSACTIONAL, DeliveryConfig, SenderProfile
from senders.delivery.child_line import KeptChildren
from senders.delivery.feed import RenderLimits
from senders.delivery.metrics import Metrics
from senders.delivery.pacing import Pacer
from senders.delivery.packing import Sign
from senders.delivery.retry import (
    ALERT_PAUSES,
    RELAY_PAUSES,
    RELAY_REST_SECONDS,
    RelayHealth,
    RelayPlaces,
    RetrySchedule,
)
from senders.errors import GuardError
from senders.ledger.rows import SendRow
from senders.ledger.writer import LedgerWriter
from senders.rendering.dkim import Signer
from senders.tracking.keys import Keyring
from senders.transports.kinds import Open, drops_repeats, mails_people, open_transport
from senders.transports.smtp import RelayManners

SIGNING_THREADS = 2


@dataclass(frozen=True, slots=True)
class Tuning:
    """What tests set smaller and nobody else changes."""

    limits: RenderLimits = field(default_factory=RenderLimits)
    relay_pauses: tuple[float, ...] = RELAY_PAUSES
    relay_rest_seconds: float = RELAY_REST_SECONDS
    poll_seconds: float = 0.5
    goodbye_seconds: float = 5.0
    brake_seconds: float = 3.0
    alert_pauses: tuple[float, ...] = ALERT_PAUSES
    builder: str = "senders.delivery.render_child:template_builder"
    now: Callable[[], float] = time.time


@dataclass(slots=True)
class Context:
    """One sender process."""

    config: DeliveryConfig
    writer: LedgerWriter
    keyring: Keyring
    owner: str
    connect: Open = open_transport
    tuning: Tuning = field(default_factory=Tuning)
    signing: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(SIGNING_THREADS, "dkim"))
    metrics: Metrics = field(default_factory=Metrics)
    _manners: dict[str, RelayManners] = field(default_factory=dict)
    _healths: dict[str, RelayHealth] = field(default_factory=dict)
    _places: dict[str, RelayPlaces] = field(default_factory=dict)
    _signers: dict[str, Signer] = field(default_factory=dict)
    pacer: Pacer = field(init=False)
    kept_children: KeptChildren | None = field(init=False)

    def __post_init__(self) -> None:
        self.pacer = Pacer(self.config, self.writer, now=self.tuning.now)
        is_awaited = any(profile.stream == TRANSACTIONAL for profile in self.config.senders.values())
        self.kept_children = KeptChildren(self.config.row_reader) if is_awaited else None

    @property
    def schedule(self) -> RetrySchedule:
        """The pauses after a temporary refusal."""
        return RetrySchedule(self.config.retry_seconds)

    def manners(self, relay: str) -> RelayManners:
        """Return what was learned about a relay."""
        return self._manners.setdefault(relay, RelayManners())

    def health(self, relay: str) -> RelayHealth:
        """Return whether a relay lets us in."""
        fresh = RelayHealth(self.tuning.relay_pauses, self.tuning.relay_rest_seconds)
        return self._healths.setdefault(relay, fresh)

    def places(self, relay: str) -> RelayPlaces:
        """Return how many connections to a relay are free."""
        fresh = RelayPlaces(self.config.relays[relay].connections, self.config.reserved(relay))
        return self._places.setdefault(relay, fresh)

    def profile(self, send: SendRow) -> SenderProfile:
        """Return the sender profile of a send.

        Raises:
            GuardError: the settings do not hold it any more, or its relay; or one would mail people in a rehearsal.
        """
        profile = self.config.senders.get(send.sender)
        if profile is None:
            raise GuardError(f"sender profile {send.sender} is not in the settings; add [senders.{send.sender}]")
        for relay in profile.pool:
            if relay not in self.config.relays:
                raise GuardError(f"relay {relay} is not in the settings; add [relays.{relay}]")
            if send.is_rehearsal and mails_people(self.config.relays[relay]):
                raise GuardError(
                    f"{send.send_id} is a rehearsal, which counts for nothing, and relay {relay} would mail people; "
                    "cancel it and send anew, or set its transport as it was"
                )
        return profile

    def repeatable_relays(self) -> frozenset[str]:
        """Return the relays that drop what they have taken already, so that a doubt may be offered to them again."""
        return frozenset(name for name, relay in self.config.relays.items() if drops_repeats(relay))

    def sign(self, profile: SenderProfile) -> Sign | None:
        """Return the function that signs for a profile, None where the relay signs."""
        if profile.dkim is None:
            return None
        if profile.name not in self._signers:
            self._signers[profile.name] = Signer(profile.dkim)
        return self._signers[profile.name].sign

    def public_profile(self, profile: SenderProfile) -> SenderProfile:
        """Return a profile as the render child may see it: without its key."""
        return replace(profile, dkim=None)

    def folder(self, send: SendRow) -> Path:
        """Return where the files of a send lie.

        Raises:
            GuardError: they are not there.
        """
        for folder in (self.config.home / send.folder, self.config.home / "files" / "sends" / send.send_id):
            if (folder / "manifest.json").exists() or (folder / "template.json").exists():
                return folder.resolve()
        raise GuardError(f"the files of send {send.send_id} are not in {self.config.home / send.folder}; restore them")
