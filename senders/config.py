"""What the mail edge must be told, as frozen values.

``orchestration.settings`` reads files and environment and builds these; nothing here reads anything.
Secrets are masked in ``repr``.
"""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from senders.forms import SignupConfig
from senders.http_config import WebConfig, WebhookConfig
from senders.page_config import PagesConfig

MARKETING, TRANSACTIONAL = "marketing", "transactional"
RAMP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class LimitsConfig:
    """The most messages that may begin: evenly by the second, in any minute, hour or 24 hours; None for no limit."""

    per_second: float | None = None
    per_minute: int | None = None
    per_hour: int | None = None
    per_day: int | None = None


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """How one provider (who receives the mail of its recipients) is treated.

    ``connections`` is how many of a relay's may carry its mail at once; None for half of them, so that a slow provider
    leaves some to the others.
    """

    connections: int | None = None
    limits: LimitsConfig = field(default_factory=LimitsConfig)


@dataclass(frozen=True, slots=True)
class RelayConfig:
    """One relay. ``transport`` is ``smtp``, ``maildir`` (files in ``folder``) or ``null`` (nothing goes anywhere).

    ``tls`` is ``implicit``, ``starttls`` or ``none`` (loopback only); ``ca_file`` replaces the system's authorities;
    ``auth`` is ``plain``, ``login``, or empty for what the relay offers of the two.
    ``warm_up`` holds the most messages of each day since ``warm_up_start`` (UTC); after the last there is no cap.
    ``ramp_seconds`` is how long a begin takes to come to full pace; None for 30, and 0 on loopback.
    """

    name: str
    host: str
    port: int
    tls: str = "starttls"
    username: str = ""
    password: str = field(default="", repr=False)
    auth: str = ""
    ca_file: Path | None = None
    transport: str = "smtp"
    folder: Path | None = None
    connections: int = 20
    messages_per_connection: int = 1000
    connect_timeout_seconds: float = 30.0
    reply_timeout_seconds: float = 300.0
    end_timeout_seconds: float = 600.0  # RFC 5321 4.5.3.2.6
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    warm_up: tuple[int, ...] = ()
    warm_up_start: date | None = None
    ramp_seconds: float | None = None

    @property
    def is_loopback(self) -> bool:
        """Whether mail handed to this relay cannot leave the machine by our doing."""
        return self.transport in {"maildir", "null"} or self.host in {"127.0.0.1", "::1", "localhost"}

    @property
    def ramp(self) -> float:
        """How many seconds a begin takes to come to full pace."""
        if self.ramp_seconds is not None:
            return self.ramp_seconds
        return 0.0 if self.is_loopback else RAMP_SECONDS


@dataclass(frozen=True, slots=True)
class DkimConfig:
    """A DKIM signature: RFC 6376 domain and selector, and the private key as PEM.

    With an ``ed25519_selector`` there is a second signature by a second key (RFC 8463); the first is RSA then.
    """

    domain: str
    selector: str
    private_key_pem: bytes = field(repr=False)
    ed25519_selector: str = ""
    ed25519_private_key_pem: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class SenderProfile:
    """Who a campaign writes as: ``[senders.<name>]`` of mailrail.toml.

    ``relay`` takes the mail while it answers, then each of ``spare_relays`` in order. ``stream`` is ``marketing`` or
    ``transactional``: what somebody waits for goes before what is sent to many.
    """

    name: str
    from_name: str
    from_address: str
    reply_to: str
    bounce_domain: str
    message_id_domain: str
    relay: str
    unsubscribe_mailto: str = ""
    dkim: DkimConfig | None = None
    spare_relays: tuple[str, ...] = ()
    stream: str = MARKETING

    @property
    def pool(self) -> tuple[str, ...]:
        """All relays that may take the mail, the preferred one first."""
        return (self.relay, *self.spare_relays)


@dataclass(frozen=True, slots=True)
class BrakesConfig:
    """From where on a send is stopped by what becomes of its messages; shares are of 1.

    ``after_results`` is how many results a share needs before it counts.
    """

    after_results: int = 200
    refused: float = 0.05
    bounced: float = 0.05
    broken: float = 0.1
    complaints_warn: float = 0.001
    complaints_stop: float = 0.003
    sender_faults: int = 5


@dataclass(frozen=True, slots=True)
class AlertsConfig:
    """Whom to tell that a brake stopped a send; nobody where both are empty."""

    mail_to: tuple[str, ...] = ()
    webhook_url: str = field(default="", repr=False)
    webhook_secret: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class DeliveryConfig:
    """How the standing sender works.

    ``row_reader`` names a function ``module:function`` called as ``f(shard_file, seqs)`` that yields
    one dict per row; it is imported in the render child only. ``retry_seconds`` are the pauses after a
    temporary refusal, the last one repeats until the send's ``expire_seconds`` are over, counted from its opening.
    ``providers`` are by name as the audience names them; ``default`` holds for the others. Without ``tracking`` no mail
    has a pixel or links of its own, whatever the audience says.
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
    transactional_expire_seconds: float = 14400.0
    brakes: BrakesConfig = field(default_factory=BrakesConfig)
    alerts: AlertsConfig = field(default_factory=AlertsConfig)
    web: WebConfig = field(default_factory=WebConfig)
    group_wait_seconds: float = 0.001
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = None
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    providers: dict[str, ProviderConfig] = field(default_factory=dict)
    tracking: bool = True

    def expire_after(self, stream: str) -> float:
        """Return after how many seconds a send of a stream is given up where it does not say so itself."""
        return self.transactional_expire_seconds if stream == TRANSACTIONAL else self.expire_seconds

    def reserved(self, relay: str) -> int:
        """Return how many connections of a relay are kept from marketing: one in five where both streams use it."""
        pools = (profile.pool for profile in self.senders.values() if profile.stream == TRANSACTIONAL)
        return max(1, self.relays[relay].connections // 5) if any(relay in pool for pool in pools) else 0


@dataclass(frozen=True, slots=True)
class ApiConfig:
    """How the API under ``/api/v1`` is held.

    ``calls_per_second`` is the most of one key, in each process of the collector; None for no limit. ``templates`` is
    the folder of the templates of transactional mail; None where nobody looks whether one is there.
    """

    calls_per_second: float | None = 100.0
    templates: Path | None = None


@dataclass(frozen=True, slots=True)
class CollectorConfig:
    """Where the collector listens, and the address people see.

    ``processes`` share its socket; 0 for as many as there are cores. ``event_quota_mb`` is what the files of the
    ledger may take before opens and clicks are dropped, 0 for no limit; ``free_space_mb`` is what stays free on its
    disk. Without ``tracking`` no open, click or view is stored at all.
    """

    home: Path
    base_url: str
    host: str = "127.0.0.1"
    port: int = 8025
    row_reader: str = ""
    busy_timeout_seconds: float = 1.0
    api: ApiConfig = field(default_factory=ApiConfig)
    webhooks: tuple[WebhookConfig, ...] = ()
    web: WebConfig = field(default_factory=WebConfig)
    pages: PagesConfig = field(default_factory=PagesConfig)
    signups: SignupConfig = field(default_factory=SignupConfig)
    tracking: bool = True
    processes: int = 1
    event_quota_mb: int = 0
    free_space_mb: int = 250


@dataclass(frozen=True, slots=True)
class SoftBounces:
    """When an address is given up that is refused for the moment, again and again.

    ``count`` sends came back within ``days`` days, the first and the last at least ``apart_days`` days apart; a
    ``count`` of 0 gives nobody up.
    """

    count: int = 5
    days: int = 30
    apart_days: int = 7


@dataclass(frozen=True, slots=True)
class ImapConfig:
    """A folder on an IMAP server that receives bounces and complaints.

    ``tls`` is ``implicit``, ``starttls`` or ``none`` (loopback only); ``ca_file`` replaces the system's authorities.
    What was read gets ``flag``, or is moved to ``processed_folder`` where that is set; folders bear the server's names.
    """

    host: str
    port: int = 993
    tls: str = "implicit"
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None
    folder: str = "INBOX"
    flag: str = "\\Seen"
    processed_folder: str = ""
    poll_seconds: float = 30.0
    timeout_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class MailboxConfig:
    """Where bounces and complaints for the bounce domain arrive: a Maildir, and an IMAP server beside it or none."""

    home: Path
    maildir: Path
    poll_seconds: float = 5.0
    imap: ImapConfig | None = None
