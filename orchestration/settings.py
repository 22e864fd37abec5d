"""The settings of a Mailrail project, typed; the only reader of the environment.

Add a setting here, with a description, when a person must be able to change it; the README's table lists
them all. What a part does with its settings does not belong here: each part gets a frozen config value.

Precedence: command line, environment (``MAILRAIL_…``, nested by ``__``), ``.env``, ``mailrail.toml``, defaults.
"""

import os
import sys
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from orchestration.alerts import AlertsSettings
from orchestration.api import ApiSettings
from orchestration.collecting import CollectorSettings
from orchestration.consent import TrackingSettings
from orchestration.forms import FormSettings, SignupSettings
from orchestration.hooks import OutgoingSettings, WebhookSettings, WebSettings
from orchestration.mistakes import in_words, refuse_secrets, refuse_unknown
from orchestration.outbox import OutboxSettings
from orchestration.pace import LimitsSettings, ProviderSettings, RelayPaceSettings
from orchestration.public_pages import PagesSettings, TopicSettings
from orchestration.returning import MailboxSettings, SoftBounceSettings
from orchestration.secret_files import read_secret
from senders.config import (
    AlertsConfig,
    BrakesConfig,
    CollectorConfig,
    DeliveryConfig,
    DkimConfig,
    MailboxConfig,
    RelayConfig,
    SenderProfile,
)
from senders.errors import ConfigError
from senders.http_config import OutgoingConfig, WebConfig
from senders.ledger.database import choose_store
from senders.transports.tls import tls_context

ROW_READER = "assets.deliveries.batches:read_rows"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
CODE_ROOT = Path(__file__).resolve().parents[1]


class RelaySettings(RelayPaceSettings):
    """One relay, ``[relays.<name>]``."""

    transport: Literal["smtp", "maildir", "null"] = Field(
        "smtp", description="maildir writes files, null takes all: rehearsals that mail nobody and count for nothing."
    )
    folder: Path | None = Field(None, description="Maildir that takes the files of transport maildir.")
    host: str = Field("", description="Host name of the relay; its certificate must bear it.")
    port: int = Field(587, description="Port: 465 for implicit TLS, 587 for STARTTLS.", ge=1, le=65535)
    tls: Literal["implicit", "starttls", "none"] = Field(
        "starttls", description="How the line is secured; none on loopback only."
    )
    ca_file: Path | None = Field(None, description="PEM file of a private CA; it alone is trusted then.")
    username: str = Field("", description="Login name; empty for none.")
    auth: Literal["plain", "login"] | None = Field(
        None, description="How to log in; unset for PLAIN, or LOGIN where only that is offered."
    )
    password: SecretStr = Field(SecretStr(""), description="Password; by the environment only, see password_file.")
    password_file: Path | None = Field(None, description="File that holds the password.")
    connections: int = Field(20, description="Connections kept open at once.", ge=1, le=500)
    messages_per_connection: int = Field(1000, description="Messages before a connection is renewed.", ge=1)

    def build(self, name: str) -> RelayConfig:
        """Return the relay as the sender wants it."""
        secret = self.password.get_secret_value()
        if self.password_file is not None:
            secret = read_secret(self.password_file, f"relays.{name}.password_file").decode().strip()
        relay = RelayConfig(
            name=name,
            host=self.host,
            port=self.port,
            tls=self.tls,
            username=self.username,
            password=secret,
            auth=self.auth or "",
            ca_file=self.ca_file,
            transport=self.transport,
            folder=self.folder,
            connections=self.connections,
            messages_per_connection=self.messages_per_connection,
            **self.pace(),
        )
        self._check(relay)
        return relay

    def _check(self, relay: RelayConfig) -> None:
        """Refuse a relay that could not work, or that would show what is secret."""
        place = f"relays.{relay.name}"
        if relay.transport == "smtp" and not relay.host:
            raise ConfigError(f"{place}.host: it is missing; set the host name of the relay.")
        if relay.transport == "maildir" and relay.folder is None:
            raise ConfigError(f"{place}.folder: it is missing; set the folder that takes the files.")
        if relay.tls == "none" and not relay.is_loopback:
            raise ConfigError(
                f"{place}: tls = none is for loopback only, and {relay.host!r} is not; set starttls or implicit."
            )
        if relay.username and not relay.password:
            raise ConfigError(f"{place}: username is set and there is no password; set password_file.")
        if relay.ca_file is not None:
            try:
                tls_context(relay.ca_file)
            except OSError as error:  # of ssl too
                raise ConfigError(f"{place}.ca_file: {relay.ca_file}: {error}; set a PEM file.") from None


# Mail in their name that they did not sign fails DMARC everywhere.
_MAILBOX_DOMAINS = frozenset(
    {
        "aol.com", "gmail.com", "gmx.de", "gmx.net", "googlemail.com", "hotmail.com", "icloud.com", "live.com",
        "me.com", "msn.com", "outlook.com", "web.de", "yahoo.com", "ymail.com",
    }
)  # fmt: skip


class DkimSettings(BaseModel, extra="forbid"):
    """A DKIM key, ``[senders.<name>.dkim]``."""

    domain: str = Field(description="Signing domain, d= of the signature.")
    selector: str = Field(description="Selector, s= of the signature.")
    private_key_file: Path = Field(description="PEM file with an RSA or Ed25519 private key.")
    ed25519_selector: str = Field(
        "", description="Selector of a second signature, by an Ed25519 key beside the RSA key."
    )
    ed25519_private_key_file: Path | None = Field(None, description="PEM file with that Ed25519 private key.")

    @model_validator(mode="after")
    def _second_whole(self) -> Self:
        if bool(self.ed25519_selector) != (self.ed25519_private_key_file is not None):
            raise ValueError("set both of ed25519_selector and ed25519_private_key_file, or neither")
        return self

    def build(self, place: str) -> DkimConfig:
        """Return the signature's keys, read from their files."""
        second = self.ed25519_private_key_file
        return DkimConfig(
            self.domain,
            self.selector,
            read_secret(self.private_key_file, f"{place}.private_key_file"),
            self.ed25519_selector,
            read_secret(second, f"{place}.ed25519_private_key_file") if second is not None else b"",
        )


class SenderSettings(BaseModel, extra="forbid"):
    """Who a campaign writes as, ``[senders.<name>]``."""

    from_name: str = Field(description="Display name in From.")
    from_address: str = Field(description="Address in From.")
    reply_to: str = Field("", description="Address in Reply-To; empty for none.")
    bounce_domain: str = Field(description="Domain of the return path; its mail must reach the mailbox reader.")
    message_id_domain: str = Field(description="Domain in Message-ID.")
    relay: str = Field("", description="Name of the relay that takes the mail.")
    relays: tuple[str, ...] = Field((), description="Instead of relay: several; the next takes over when one is down.")
    stream: Literal["marketing", "transactional"] = Field(
        "marketing", description="transactional goes first and to people who unsubscribed from a topic as well."
    )
    unsubscribe_mailto: str = Field("", description="Address for unsubscribing by mail; empty for none.")
    dkim: DkimSettings | None = Field(None, description="Signature made by us; none where the relay signs.")

    @field_validator("from_address")
    @classmethod
    def _own_domain(cls, address: str) -> str:
        from senders.rendering.scripts import mixed_label  # brings tables that few commands need

        domain = address.rpartition("@")[2].lower()
        if domain in _MAILBOX_DOMAINS:
            raise ValueError(f"{domain} belongs to a mailbox provider, and others refuse it; use a domain of yours")
        if label := mixed_label(domain):
            raise ValueError(f"{label!r} mixes letters of several scripts, which mailbox providers refuse")
        return address

    @model_validator(mode="after")
    def _name_relays(self) -> Self:
        if bool(self.relay) == bool(self.relays):
            raise ValueError('name one relay = "…", or several in order: relays = ["…", "…"]')
        if len(set(self.relays)) < len(self.relays):
            raise ValueError("relays: one of them is named twice; name each once")
        self.relays = self.relays or (self.relay,)
        self.relay = self.relays[0]
        return self

    def build(self, name: str) -> SenderProfile:
        """Return the profile as rendering and delivery want it."""
        dkim = self.dkim.build(f"senders.{name}.dkim") if self.dkim is not None else None
        return SenderProfile(
            name=name,
            from_name=self.from_name,
            from_address=self.from_address,
            reply_to=self.reply_to,
            bounce_domain=self.bounce_domain,
            message_id_domain=self.message_id_domain,
            relay=self.relay,
            spare_relays=self.relays[1:],
            stream=self.stream,
            unsubscribe_mailto=self.unsubscribe_mailto,
            dkim=dkim,
        )


class DeliverySettings(LimitsSettings):
    """How the sender works, ``[delivery]``."""

    pairs: int = Field(1, description="Shards sent at once, each with a render child of its own.", ge=1, le=64)
    retry_minutes: tuple[Annotated[float, Field(gt=0, le=300)], ...] = Field(
        (5, 15, 30, 60), description="Pauses after a temporary refusal, 300 at most; the last repeats.", min_length=1
    )
    expire_hours: float = Field(24, description="Hours after which an unaccepted message is given up.", gt=0)
    transactional_expire_hours: float = Field(4, description="The same for transactional sends.", gt=0)
    resolve_mx: bool | None = Field(
        None, description="Ask the DNS who receives a domain's mail; unset: only where real sends are allowed."
    )
    metrics_port: int | None = Field(
        None, description="Port on which the sender shows its metrics to Prometheus; unset for none.", ge=1, le=65535
    )
    metrics_host: str = Field("127.0.0.1", description="Address the metrics listen on; they have no login.")


class BrakesSettings(BaseModel, extra="forbid"):
    """When a send stops by itself, ``[brakes]``."""

    after_results: int = Field(200, description="Results that a share needs before it can stop a send.", ge=1)
    refused_percent: float = Field(5, description="Messages refused for good, of a provider or of all.", gt=0, le=100)
    bounced_percent: float = Field(5, description="Accepted messages that came back as undeliverable.", gt=0, le=100)
    broken_percent: float = Field(10, description="Messages under which the line to the relay broke.", gt=0, le=100)
    complaints_warn_percent: float = Field(0.1, description="Complaints (spam button) that raise an alert.", gt=0)
    complaints_stop_percent: float = Field(0.3, description="Complaints that stop the send.", gt=0)
    sender_faults: int = Field(5, description="Refusals in a row because of us (SPF, DKIM, DMARC, login).", ge=1)

    def build(self) -> BrakesConfig:
        """Return the limits as shares."""
        return BrakesConfig(
            after_results=self.after_results,
            refused=self.refused_percent / 100,
            bounced=self.bounced_percent / 100,
            broken=self.broken_percent / 100,
            complaints_warn=self.complaints_warn_percent / 100,
            complaints_stop=self.complaints_stop_percent / 100,
            sender_faults=self.sender_faults,
        )


class DashboardsSettings(BaseModel, extra="forbid"):
    """The pages people read, ``[dashboards]``."""

    host: str = Field("127.0.0.1", description="Address the dashboards listen on; they have no login of their own.")
    port: int = Field(8050, description="Port the dashboards listen on.", ge=1, le=65535)
    base_url: str = Field("", description="Address of the dashboards as people see it; empty for host and port.")
    currency: str = Field("", description="Sign or code before amounts.", max_length=4)


class DagsterSettings(BaseModel, extra="forbid"):
    """The Dagster UI that ``mailrail dev`` serves, ``[dagster]``."""

    host: str = Field("127.0.0.1", description="Address the Dagster UI listens on; it has no login of its own.")
    port: int = Field(3000, description="Port the Dagster UI listens on.", ge=1, le=65535)
    base_url: str = Field("", description="Address of the Dagster UI as people see it; empty for host and port.")


class Settings(BaseSettings):
    """All settings of a project."""

    model_config = SettingsConfigDict(
        env_prefix="MAILRAIL_", env_nested_delimiter="__", env_file=".env", extra="ignore", toml_file="mailrail.toml"
    )

    project: Path = Field(default_factory=lambda: _find_project(), description="Folder of the project.")
    home: Path = Field(Path(".mailrail"), description="Folder of all state: warehouse, ledger, files, keys, reports.")
    ledger_url: SecretStr = Field(
        SecretStr(""),
        description="PostgreSQL server of the ledger, postgresql://…; empty for a file of this machine.",
    )
    environment: Literal["development", "production"] = Field(
        "development", description="Outside production only allow-listed recipients can get real mail."
    )
    allow_real_sends: bool = Field(False, description="Whether a relay beyond this machine may be used at all.")
    recipient_allow_list: list[str] = Field(
        default_factory=list, description="Addresses and @domains that may get real mail outside production."
    )
    seed_list: list[str] = Field(default_factory=list, description="Addresses that get test mails.")
    relays: dict[str, RelaySettings] = Field(default_factory=dict, description="Relays by name.")
    senders: dict[str, SenderSettings] = Field(default_factory=dict, description="Sender profiles by name.")
    providers: dict[str, ProviderSettings] = Field(default_factory=dict, description="Mailbox providers by name.")
    pages: PagesSettings = Field(PagesSettings(), description="The public pages.")
    topics: dict[str, TopicSettings] = Field(default_factory=dict, description="What people can have mail about.")
    forms: dict[str, FormSettings] = Field(default_factory=dict, description="Sign-up forms by name.")
    signups: SignupSettings = Field(SignupSettings(), description="How much mail strangers can make us send.")
    collector: CollectorSettings = Field(CollectorSettings(), description="The public HTTP end.")
    api: ApiSettings = Field(ApiSettings(), description="The API for other programs.")
    dashboards: DashboardsSettings = Field(DashboardsSettings(), description="The pages people read.")
    dagster: DagsterSettings = Field(DagsterSettings(), description="The Dagster UI.")
    delivery: DeliverySettings = Field(DeliverySettings(), description="How the sender works.")
    log: Literal["auto", "json", "text"] = Field(
        "auto", description="How standing processes log: auto is text on a terminal, JSON lines elsewhere."
    )
    outbox: OutboxSettings = Field(OutboxSettings(), description="How transactional mail is taken up.")
    mailbox: MailboxSettings = Field(MailboxSettings(), description="An IMAP folder with bounces and complaints.")
    soft_bounces: SoftBounceSettings = Field(SoftBounceSettings(), description="When an address is given up.")
    brakes: BrakesSettings = Field(BrakesSettings(), description="When a send stops by itself.")
    alerts: AlertsSettings = Field(AlertsSettings(), description="Who is told that a send was stopped.")
    tracking: TrackingSettings = Field(TrackingSettings(), description="Whose opens and clicks are followed.")
    web: WebSettings = Field(WebSettings(), description="Whom Mailrail itself may call over HTTP.")
    webhooks: dict[str, WebhookSettings] = Field(default_factory=dict, description="Providers that report to us.")
    outgoing: dict[str, OutgoingSettings] = Field(default_factory=dict, description="Programs told what happens.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put mailrail.toml of the project last."""
        toml = TomlConfigSettingsSource(settings_cls, _find_project() / "mailrail.toml")
        refuse_unknown(toml(), settings_cls.model_fields, _find_project() / "mailrail.toml")
        refuse_secrets(toml())
        return init_settings, env_settings, dotenv_settings, toml

    @model_validator(mode="after")
    def _resolve(self) -> Self:
        self.project = self.project.resolve()
        self.home = self.project / self.home  # one that is absolute stays as it is, here and below
        self._from_project(self.alerts, "webhook_secret_file")
        self._from_project(self.mailbox, "ca_file", "password_file")
        self._from_project(self.pages, "logo")
        for form in self.forms.values():
            self._from_project(form, "captcha_secret_file")
        for webhook in self.webhooks.values():
            self._from_project(webhook, "secret_file", "signing_key_file", "password_file")
        for hook in self.outgoing.values():
            self._from_project(hook, "secret_file")
        for relay in self.relays.values():
            self._from_project(relay, "folder", "ca_file", "password_file")
        for sender in self.senders.values():
            if sender.dkim is not None:
                self._from_project(sender.dkim, "private_key_file", "ed25519_private_key_file")
        return self

    def _from_project(self, section: BaseModel, *names: str) -> None:
        """Let relative paths begin at the project, from whatever folder a command is called."""
        for name in names:
            if (path := getattr(section, name)) is not None:
                setattr(section, name, self.project / path)

    @cached_property
    def profiles(self) -> dict[str, SenderProfile]:
        """Sender profiles by name, checked against the relays."""
        for name, sender in self.senders.items():
            for relay in sender.relays:
                self._check_relay(name, sender, relay)
        return {name: sender.build(name) for name, sender in self.senders.items()}

    @property
    def expire_hours(self) -> dict[str, float]:
        """Hours after which messages of each sender profile are given up, where a campaign does not say."""
        hours = {"marketing": self.delivery.expire_hours, "transactional": self.delivery.transactional_expire_hours}
        return {name: hours[sender.stream] for name, sender in self.senders.items()}

    def _check_relay(self, name: str, sender: SenderSettings, relay: str) -> None:
        if relay not in self.relays:
            known = ", ".join(sorted(self.relays)) or "none"
            raise ConfigError(f"senders.{name}.relay: {relay!r} is not a relay (known: {known}); add [relays.{relay}].")
        if sender.stream == "transactional" and self.relays[relay].connections < 2:
            raise ConfigError(
                f"relays.{relay}.connections: 1 is too few, since senders.{name} is transactional and keeps one for "
                "itself; set 2 or more."
            )

    def relay_configs(self) -> dict[str, RelayConfig]:
        """Relays by name; refuses one beyond this machine unless real sends are allowed.

        Raises:
            ConfigError: a relay could reach strangers and the settings do not allow it, or the clock is stepped.
        """
        relays = {name: relay.build(name) for name, relay in self.relays.items()}
        for relay in relays.values():
            if not relay.is_loopback:
                self._check_real(relay)
        return relays

    def _check_real(self, relay: RelayConfig) -> None:
        if not self.allow_real_sends:
            raise ConfigError(
                f"relays.{relay.name}: {relay.host} is not this machine and allow_real_sends is false; "
                "set allow_real_sends = true in mailrail.toml when you mean to mail people."
            )
        if self.environment != "production" and not self.recipient_allow_list:
            raise ConfigError(
                f"relays.{relay.name}: outside production real mail needs a recipient_allow_list; "
                'add recipient_allow_list = ["you@your-company.example"] or set environment = "production".'
            )
        if (self.home / "clock").exists():
            raise ConfigError(
                f"{self.home / 'clock'}: the clock of this home is stepped and allow_real_sends is true; "
                "use another MAILRAIL_HOME, or remove the clock file of the demo."
            )

    def resolves_mx(self) -> bool:
        """Whether the DNS is asked who receives a domain's mail: never by itself where no mail leaves this machine."""
        if self.delivery.resolve_mx is not None:
            return self.delivery.resolve_mx
        return self.allow_real_sends and not all(
            relay.transport != "smtp" or relay.host in _LOOPBACK for relay in self.relays.values()
        )

    def delivery_config(self) -> DeliveryConfig:
        """Return what the standing sender must know."""
        return DeliveryConfig(
            home=self.home,
            row_reader=ROW_READER,
            base_url=self.collector.base_url,
            relays=self.relay_configs(),
            senders=self.profiles,
            pairs=self.delivery.pairs,
            retry_seconds=tuple(minutes * 60 for minutes in self.delivery.retry_minutes),
            expire_seconds=self.delivery.expire_hours * 3600,
            transactional_expire_seconds=self.delivery.transactional_expire_hours * 3600,
            brakes=self.brakes.build(),
            alerts=self._alerts(),
            web=self.web_config(),
            metrics_host=self.delivery.metrics_host,
            metrics_port=self.delivery.metrics_port,
            limits=self.delivery.limits(),
            providers={name: provider.build() for name, provider in self.providers.items()},
            tracking=self.tracking.enabled,
        )

    def _alerts(self) -> AlertsConfig:
        from assets.warehouse.resources import is_allowed

        alerts = self.alerts.build(self.web_config())
        is_bound = self.environment != "production" and not all(
            relay.is_loopback for relay in self.relay_configs().values()
        )
        for address in alerts.mail_to if is_bound else ():
            if not is_allowed(address, tuple(self.recipient_allow_list)):
                raise ConfigError(
                    f"alerts.mail_to: {address} is not on recipient_allow_list and this is not production; add it."
                )
        return alerts

    def require_public_address(self) -> None:
        """Refuse a production whose links no mailbox provider would follow (RFC 8058 wants https).

        Raises:
            ConfigError: says which setting to change.
        """
        if self.environment == "production" and not self.collector.base_url.startswith("https://"):
            raise ConfigError(
                f"collector.base_url: {self.collector.base_url!r} is not https, and one-click unsubscribe needs it "
                "(RFC 8058); set the public https address of the collector."
            )

    def collector_config(self) -> CollectorConfig:
        """Return what the collector must know."""
        api = self.api.build(self.project / "assets" / "transactional")
        pages = self.pages.build(self.topics, self.project / "assets" / "words")
        signups = self.signups.build({name: form.build(name, read_secret) for name, form in self.forms.items()})
        webhooks = tuple(hook.build(name, self.collector.base_url) for name, hook in self.webhooks.items())
        parts = {"api": api, "pages": pages, "signups": signups, "tracking": self.tracking.enabled}
        return self.collector.build(self.home, ROW_READER, **parts, webhooks=webhooks, web=self.web.build())

    def web_config(self) -> WebConfig:
        """Return whom we may call with what alerts and outgoing webhooks tell."""
        return self.web.build(self.alerts.webhook_url, *(hook.url for hook in self.outgoing.values()))

    def outgoing_config(self) -> OutgoingConfig:
        """Return whom the process of outgoing webhooks tells."""
        web = self.web_config()
        hooks = tuple(hook.build(name, web) for name, hook in self.outgoing.items())
        return OutgoingConfig(self.home, ROW_READER, hooks, web)

    def dagster_url(self) -> str:
        """Return the address under which people see the Dagster UI.

        Raises:
            ConfigError: it would listen beyond this machine, where everybody could start a send.
        """
        place = self.dagster
        if place.host not in _LOOPBACK:
            raise ConfigError(
                f"dagster.host: {place.host} is beyond this machine, and the Dagster UI has no login; keep 127.0.0.1 "
                "and put a proxy with a login in front."
            )
        return (place.base_url or f"http://{place.host}:{place.port}").rstrip("/")

    def dashboards_url(self) -> str:
        """Return the address under which people see the dashboards.

        Raises:
            ConfigError: they would listen beyond this machine, where everybody could read them.
        """
        if self.dashboards.host not in _LOOPBACK:
            raise ConfigError(
                f"dashboards.host: {self.dashboards.host} is beyond this machine, and the dashboards have no login; "
                "keep 127.0.0.1 and put a proxy with a login in front."
            )
        return (self.dashboards.base_url or f"http://{self.dashboards.host}:{self.dashboards.port}").rstrip("/")

    def mailbox_config(self) -> MailboxConfig:
        """Return what the mailbox reader must know."""
        return self.mailbox.build(self.home)


def load_settings(**overrides: Any) -> Settings:
    """Read the settings.

    Raises:
        ConfigError: a setting is missing or wrong; names each with its value and where it was looked for.
    """
    try:
        settings = Settings(**overrides)
    except ValidationError as error:
        where = f"looked in the environment (MAILRAIL_…), .env and {_find_project() / 'mailrail.toml'}"
        raise ConfigError(f"settings: {in_words(error.errors())}; {where}.") from None
    except SettingsError as error:  # its cause holds the value, its words only the name
        raise ConfigError(f"settings: {error}, since it is not JSON; mend MAILRAIL_… of that name.") from None
    except ValueError as error:  # TOML that does not parse
        raise ConfigError(f"{_find_project() / 'mailrail.toml'}: {error}; mend the file.") from None
    choose_store(settings.ledger_url.get_secret_value())
    return settings


def make_home(settings: Settings) -> None:
    """Make the home folder, for its owner only: people's data lie in it. One that is there stays as it is."""
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)


def export_environment(settings: Settings) -> None:
    """Set what the libraries below us read from the environment: where state lives, and no telemetry."""
    make_home(settings)  # the folder that is named must not be made by whoever writes first, open to all
    os.environ.update(
        {
            "MAILRAIL_HOME": str(settings.home),
            "MAILRAIL_PROJECT": str(settings.project),
            "MAILRAIL_WAREHOUSE": str(settings.home / "warehouse.duckdb"),
            "DAGSTER_HOME": str(settings.home / "dagster"),
            "DO_NOT_TRACK": "1",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "GX_ANALYTICS_ENABLED": "false",
        }
    )
    # Whatever process of ours opens the ledger must open the same one, and a secret is no argument of a command.
    if url := settings.ledger_url.get_secret_value():
        os.environ["MAILRAIL_LEDGER_URL"] = url


def has_display() -> bool:
    """Whether a browser of this machine could show a page to the person who asks."""
    return sys.platform in {"darwin", "win32"} or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def child_environment(settings: Settings, **extra: str) -> dict[str, str]:
    """Return the environment for a process of ours."""
    export_environment(settings)
    return {**os.environ, "PYTHONUNBUFFERED": "1", **extra}


def _find_project() -> Path:
    given = os.environ.get("MAILRAIL_PROJECT")
    if given:
        return Path(given)
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / "mailrail.toml").exists()), CODE_ROOT)
