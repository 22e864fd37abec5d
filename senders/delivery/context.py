"""What all runs of one sender process share: settings, keys, the writer, what is known about relays.

Add here only what outlives a shard's run. What a run does stands in ``shard``.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from senders.config import DeliveryConfig, RelayConfig, SenderProfile
from senders.delivery.feed import RenderLimits
from senders.delivery.packing import Sign
from senders.delivery.retry import RELAY_PAUSES, RELAY_REST_SECONDS, RetrySchedule
from senders.errors import GuardError
from senders.ledger.rows import SendRow
from senders.ledger.writer import LedgerWriter
from senders.rendering.dkim import Signer
from senders.tracking.keys import Keyring
from senders.transports.base import Transport
from senders.transports.smtp import RelayManners, SmtpTransport

Connect = Callable[[RelayConfig, str, RelayManners], Transport]

_SIGNING_THREADS = 2


def connect_smtp(relay: RelayConfig, helo: str, manners: RelayManners) -> Transport:
    """Return a connection to an SMTP relay."""
    return SmtpTransport(relay, helo=helo, manners=manners)


@dataclass(frozen=True, slots=True)
class Tuning:
    """What tests set smaller and nobody else changes."""

    limits: RenderLimits = field(default_factory=RenderLimits)
    relay_pauses: tuple[float, ...] = RELAY_PAUSES
    relay_rest_seconds: float = RELAY_REST_SECONDS
    poll_seconds: float = 0.5
    goodbye_seconds: float = 5.0
    builder: str = "senders.delivery.render_child:template_builder"


@dataclass(slots=True)
class Context:
    """One sender process."""

    config: DeliveryConfig
    writer: LedgerWriter
    keyring: Keyring
    owner: str
    connect: Connect = connect_smtp
    tuning: Tuning = field(default_factory=Tuning)
    signing: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_SIGNING_THREADS, "dkim"))
    _manners: dict[str, RelayManners] = field(default_factory=dict)
    _signers: dict[str, Signer] = field(default_factory=dict)

    @property
    def schedule(self) -> RetrySchedule:
        """The pauses after a temporary refusal."""
        return RetrySchedule(self.config.retry_seconds)

    def manners(self, relay: str) -> RelayManners:
        """Return what was learned about a relay."""
        return self._manners.setdefault(relay, RelayManners())

    def profile(self, send: SendRow) -> SenderProfile:
        """Return the sender profile of a send.

        Raises:
            GuardError: the settings do not hold it any more, or its relay.
        """
        profile = self.config.senders.get(send.sender)
        if profile is None:
            raise GuardError(f"sender profile {send.sender} is not in the settings; add [senders.{send.sender}]")
        if profile.relay not in self.config.relays:
            raise GuardError(f"relay {profile.relay} is not in the settings; add [relays.{profile.relay}]")
        return profile

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
