"""The settings of a Mailrail project, typed; the only reader of the environment.

Add a setting here, with a description, when a person must be able to change it; the README's table lists
them all. What a part does with its settings does not belong here: each part gets a frozen config value.

Precedence: command line, environment (``MAILRAIL_…``, nested by ``__``), ``.env``, ``mailrail.toml``, defaults.
"""

import os
import sys
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from senders.config import (
    CollectorConfig,
    DeliveryConfig,
    DkimConfig,
    MailboxConfig,
    RelayConfig,
    SenderProfile,
)
from senders.errors import ConfigError

ROW_READER = "assets.deliveries.batches:read_rows"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
CODE_ROOT = Path(__file__).resolve().parents[1]


class RelaySettings(BaseModel, extra="forbid"):
    """One SMTP relay, ``[relays.<name>]``."""

    host: str = Field(description="Host name of the relay.")
    port: int = Field(587, description="Port: 465 for implicit TLS, 587 for STARTTLS.", ge=1, le=65535)
    tls: Literal["implicit", "starttls", "none"] = Field("starttls", description="How the line is secured.")
    username: str = Field("", description="Login name; empty for none.")
    password: SecretStr = Field(SecretStr(""), description="Password; better by environment or password_file.")
    password_file: Path | None = Field(None, description="File that holds the password.")
    connections: int = Field(20, description="Connections kept open at once.", ge=1, le=500)
    messages_per_connection: int = Field(1000, description="Messages before a connection is renewed.", ge=1)

    def build(self, name: str) -> RelayConfig:
        """Return the relay as the sender wants it."""
        secret = self.password.get_secret_value()
        if self.password_file is not None:
            secret = _read_secret(self.password_file, f"relays.{name}.password_file").decode().strip()
        relay = RelayConfig(
            name=name,
            host=self.host,
            port=self.port,
            tls=self.tls,
            username=self.username,
            password=secret,
            connections=self.connections,
            messages_per_connection=self.messages_per_connection,
        )
        if relay.tls == "none" and not relay.is_loopback:
            raise ConfigError(
                f"relays.{name}: tls = none is for loopback only, and {relay.host!r} is not; set starttls or implicit."
            )
        return relay


class DkimSettings(BaseModel, extra="forbid"):
    """A DKIM key, ``[senders.<name>.dkim]``."""

    domain: str = Field(description="Signing domain, d= of the signature.")
    selector: str = Field(description="Selector, s= of the signature.")
    private_key_file: Path = Field(description="PEM file with an RSA or Ed25519 private key.")


class SenderSettings(BaseModel, extra="forbid"):
    """Who a campaign writes as, ``[senders.<name>]``."""

    from_name: str = Field(description="Display name in From.")
    from_address: str = Field(description="Address in From.")
    reply_to: str = Field("", description="Address in Reply-To; empty for none.")
    bounce_domain: str = Field(description="Domain of the return path; its mail must reach the mailbox reader.")
    message_id_domain: str = Field(description="Domain in Message-ID.")
    relay: str = Field(description="Name of the relay that takes the mail.")
    unsubscribe_mailto: str = Field("", description="Address for unsubscribing by mail; empty for none.")
    dkim: DkimSettings | None = Field(None, description="Signature made by us; none where the relay signs.")

    def build(self, name: str) -> SenderProfile:
        """Return the profile as rendering and delivery want it."""
        dkim = None
        if self.dkim is not None:
            pem = _read_secret(self.dkim.private_key_file, f"senders.{name}.dkim.private_key_file")
            dkim = DkimConfig(self.dkim.domain, self.dkim.selector, pem)
        return SenderProfile(
            name=name,
            from_name=self.from_name,
            from_address=self.from_address,
            reply_to=self.reply_to,
            bounce_domain=self.bounce_domain,
            message_id_domain=self.message_id_domain,
            relay=self.relay,
            unsubscribe_mailto=self.unsubscribe_mailto,
            dkim=dkim,
        )


class CollectorSettings(BaseModel, extra="forbid"):
    """The public HTTP end, ``[collector]``."""

    host: str = Field("127.0.0.1", description="Address the collector listens on.")
    port: int = Field(8025, description="Port the collector listens on.", ge=1, le=65535)
    base_url: str = Field("http://127.0.0.1:8025", description="Address of the collector as recipients see it.")


class DeliverySettings(BaseModel, extra="forbid"):
    """How the sender works, ``[delivery]``."""

    pairs: int = Field(1, description="Shards sent at once, each with a render child of its own.", ge=1, le=64)
    retry_minutes: tuple[float, ...] = Field(
        (5, 15, 30, 60), description="Pauses after a temporary refusal; the last repeats.", min_length=1
    )
    expire_hours: float = Field(24, description="Hours after which an unaccepted message is given up.", gt=0)


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
    environment: Literal["development", "production"] = Field(
        "development", description="Outside production only allow-listed recipients can get real mail."
    )
    allow_real_sends: bool = Field(False, description="Whether a relay beyond this machine may be used at all.")
    recipient_allow_list: list[str] = Field(
        default_factory=list, description="Addresses and @domains that may get real mail outside production."
    )
    seed_list: list[str] = Field(default_factory=list, description="Addresses that get test mails.")
    relays: dict[str, RelaySettings] = Field(default_factory=dict, description="SMTP relays by name.")
    senders: dict[str, SenderSettings] = Field(default_factory=dict, description="Sender profiles by name.")
    collector: CollectorSettings = Field(CollectorSettings(), description="The public HTTP end.")
    dashboards: DashboardsSettings = Field(DashboardsSettings(), description="The pages people read.")
    dagster: DagsterSettings = Field(DagsterSettings(), description="The Dagster UI.")
    delivery: DeliverySettings = Field(DeliverySettings(), description="How the sender works.")

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
        return init_settings, env_settings, dotenv_settings, toml

    @model_validator(mode="after")
    def _resolve(self) -> Self:
        self.project = self.project.resolve()
        self.home = self.home if self.home.is_absolute() else self.project / self.home
        return self

    @cached_property
    def profiles(self) -> dict[str, SenderProfile]:
        """Sender profiles by name, checked against the relays."""
        for name, sender in self.senders.items():
            if sender.relay not in self.relays:
                known = ", ".join(sorted(self.relays)) or "none"
                raise ConfigError(
                    f"senders.{name}.relay: {sender.relay!r} is not a relay (known: {known}); add "
                    f"[relays.{sender.relay}]."
                )
        return {name: sender.build(name) for name, sender in self.senders.items()}

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
        )

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
        return CollectorConfig(
            home=self.home,
            base_url=self.collector.base_url,
            host=self.collector.host,
            port=self.collector.port,
            row_reader=ROW_READER,
        )

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
        return MailboxConfig(home=self.home, maildir=self.home / "mailbox")


def load_settings(**overrides: Any) -> Settings:
    """Read the settings.

    Raises:
        ConfigError: a setting is missing or wrong; names each with its value and where it was looked for.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        lines = [
            f"{'.'.join(map(str, item['loc']))}: {item['msg']} (got {item.get('input')!r})" for item in error.errors()
        ]
        where = f"looked in the environment (MAILRAIL_…), .env and {_find_project() / 'mailrail.toml'}"
        raise ConfigError("settings: " + "; ".join(lines) + f"; {where}.") from None
    except ValueError as error:  # TOML that does not parse
        raise ConfigError(f"{_find_project() / 'mailrail.toml'}: {error}; mend the file.") from None


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


def _read_secret(path: Path, setting: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{setting}: cannot read {path} ({error.strerror}); check the path and its mode.") from None
