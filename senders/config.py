"""What the mail edge must be told, as frozen values.

``orchestration.settings`` reads files and environment and builds these; nothing here reads anything.
Secrets are masked in ``repr``.
"""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RelayConfig:
    """One SMTP relay. ``tls`` is ``implicit``, ``starttls`` or ``none`` (loopback only)."""

    name: str
    host: str
    port: int
    tls: str = "starttls"
    username: str = ""
    password: str = field(default="", repr=False)
    connections: int = 20
    messages_per_connection: int = 1000
    connect_timeout_seconds: float = 30.0
    reply_timeout_seconds: float = 300.0
    end_timeout_seconds: float = 600.0  # RFC 5321 4.5.3.2.6

    @property
    def is_loopback(self) -> bool:
        """Whether mail handed to this relay cannot leave the machine by our doing."""
        return self.host in {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True, slots=True)
class DkimConfig:
    """A DKIM signature: RFC 6376 domain and selector, and the private key as PEM."""

    domain: str
    selector: str
    private_key_pem: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SenderProfile:
    """Who a campaign writes as: ``[senders.<name>]`` of mailrail.toml."""

    name: str
    from_name: str
    from_address: str
    reply_to: str
    bounce_domain: str
    message_id_domain: str
    relay: str
    unsubscribe_mailto: str = ""
    dkim: DkimConfig | None = None


@dataclass(frozen=True, slots=True)
class DeliveryConfig:
    """How the standing sender works.

    ``row_reader`` names a function ``module:function`` called as ``f(shard_file, seqs)`` that yields
    one dict per row; it is imported in the render child only. ``retry_seconds`` are the pauses after a
    temporary refusal, the last one repeats until ``expire_seconds`` after the send was opened.
    """

    home: Path
    row_reader: str
    base_url: str
    relays: dict[str, RelayConfig]
    senders: dict[str, SenderProfile]
    pairs: int = 1
    lease_seconds: float = 10.0
    retry_seconds: tuple[float, ...] = (300.0, 900.0, 1800.0, 3600.0)
    expire_seconds: float = 86400.0
    group_wait_seconds: float = 0.002


@dataclass(frozen=True, slots=True)
class CollectorConfig:
    """Where the collector listens, and the address people see."""

    home: Path
    base_url: str
    host: str = "127.0.0.1"
    port: int = 8025
    row_reader: str = ""
    busy_timeout_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class MailboxConfig:
    """A Maildir that receives bounces and complaints for the bounce domain."""

    home: Path
    maildir: Path
    poll_seconds: float = 5.0
