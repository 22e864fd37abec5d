"""The settings of HTTP beside the collector: whom Mailrail may call, who reports to it, whom it tells.

``settings`` puts them into its tree; add a setting here, with a description. What is done with them stands in
``senders.web``, ``senders.inbound.webhooks`` and ``senders.outgoing``.
"""

import base64
import re
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator

from orchestration.secret_files import secret_text
from senders.errors import ConfigError, WebRefusedError
from senders.http_config import HookConfig, WebConfig, WebhookConfig
from senders.inbound.webhooks.standard import WORDS
from senders.outgoing.payloads import ALL_TYPES
from senders.web.guard import is_host, is_own_host, read_url
from senders.web.signatures import decode_secret

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}")
_SECRET = re.compile(r"[A-Za-z0-9_-]{22,200}")
_SIGNED = frozenset({"sendgrid", "mailgun", "mandrill", "resend", "standard"})
_BY_LOGIN = frozenset({"brevo", "mailjet", "postmark", "sparkpost"})


class WebSettings(BaseModel, extra="forbid"):
    """Whom Mailrail itself may call over HTTP, ``[web]``: alerts, outgoing webhooks, certificates of providers."""

    own_hosts: tuple[str, ...] = Field(
        (), description="Hosts of your own network, host or host:port; only they may have a private address or no TLS."
    )
    ports: tuple[int, ...] = Field((443, 8443), description="Ports that all others may be called on.")

    @field_validator("own_hosts")
    @classmethod
    def _are_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if not is_host(host):
                raise ValueError(f"{host!r} is no host or host:port, as in hooks.internal:8080")
        return hosts

    def build(self, *named: str) -> WebConfig:
        """Return whom we may call; ``named`` are addresses of other settings, of which this machine's are our own."""
        places = [urlsplit(address) for address in named if address]
        local = [place.netloc.rpartition("@")[2] for place in places if place.hostname in _LOOPBACK]
        return WebConfig((*self.own_hosts, *local), self.ports)


class WebhookSettings(BaseModel, extra="forbid"):
    """A provider that reports to the collector, ``[webhooks.<name>]``."""

    provider: Literal[
        "amazon_ses", "brevo", "mailgun", "mailjet", "mandrill", "postmark", "resend", "sendgrid", "sparkpost",
        "standard",
    ] = Field(
        description="Whose reports they are; standard is any sender that signs by Standard Webhooks."
    )  # fmt: skip
    secret: SecretStr = Field(
        SecretStr(""), description="Last part of the address it posts to, 22 letters or more; by the environment only."
    )
    secret_file: Path | None = Field(None, description="File that holds it.")
    signing_key: SecretStr = Field(
        SecretStr(""), description="Key of its signature, as the provider shows it; by the environment only."
    )
    signing_key_file: Path | None = Field(None, description="File that holds it; while it is replaced, one key a line.")
    user: str = Field("", description="Login name of a provider that signs nothing.")
    password: SecretStr = Field(SecretStr(""), description="Its password; by the environment only.")
    password_file: Path | None = Field(None, description="File that holds the password.")
    topics: tuple[str, ...] = Field((), description="ARNs of the Amazon SNS topics that are listened to.")
    events: dict[str, str] = Field(
        default_factory=dict, description=f"What each type of a standard sender means: {', '.join(WORDS)}."
    )
    max_age_minutes: float = Field(
        5,
        description="How old a signed time may be, or how far ahead; more where calls are repeated for hours.",
        gt=0,
        le=1440,
    )

    def build(self, name: str, base_url: str) -> WebhookConfig:
        """Return the webhook as the collector wants it.

        Raises:
            ConfigError: something without which nothing could be verified is missing or wrong.
        """
        place = f"webhooks.{name}"
        if not _NAME.fullmatch(name):
            raise ConfigError(f"{place}: the name stands in an address; use small letters, digits, - and _.")
        secret = secret_text(self.secret, self.secret_file, f"{place}.secret")
        if not _SECRET.fullmatch(secret):
            raise ConfigError(f"{place}.secret: it needs 22 or more of A-Z a-z 0-9 - _; make one: openssl rand -hex 16")
        keys = tuple(secret_text(self.signing_key, self.signing_key_file, f"{place}.signing_key").split())
        self._check(place, keys)
        return WebhookConfig(
            name=name,
            provider=self.provider,
            secret=secret,
            signing_keys=keys,
            user=self.user,
            password=secret_text(self.password, self.password_file, f"{place}.password"),
            topics=self.topics,
            events=dict(self.events),
            max_age_seconds=self.max_age_minutes * 60,
            url=f"{base_url.rstrip('/')}/w/{name}/{secret}",
        )

    def _check(self, place: str, keys: tuple[str, ...]) -> None:
        if self.provider in _SIGNED and not keys:
            raise ConfigError(f"{place}.signing_key: {self.provider} signs its calls; set signing_key_file.")
        if self.provider in _BY_LOGIN:
            password = secret_text(self.password, self.password_file, f"{place}.password")
            if not self.user or not password:
                raise ConfigError(
                    f"{place}: {self.provider} signs nothing; set user and password_file, and tell it both."
                )
        if self.provider == "amazon_ses" and not self.topics:
            raise ConfigError(f"{place}.topics: name the ARN of each Amazon SNS topic that may report.")
        if self.provider == "standard" and not self.events:
            raise ConfigError(f"{place}.events: say what each type of the sender means, one of {', '.join(WORDS)}.")
        for word in self.events.values():
            if word not in WORDS:
                raise ConfigError(f"{place}.events: {word!r} is none of {', '.join(WORDS)}.")
        for key in keys:
            _check_key(self.provider, key, place)


def _check_key(provider: str, key: str, place: str) -> None:
    try:
        if provider in {"resend", "standard"}:
            decode_secret(key)
        elif provider == "sendgrid":
            from cryptography.hazmat.primitives.serialization import load_der_public_key  # few commands need it

            load_der_public_key(base64.b64decode(key, validate=True))
    except ValueError:
        wanted = "the verification key that SendGrid shows" if provider == "sendgrid" else "a secret like whsec_…"
        raise ConfigError(f"{place}.signing_key: it is not {wanted}; copy it once more.") from None


class OutgoingSettings(BaseModel, extra="forbid"):
    """A program that is told what happens, ``[outgoing.<name>]``."""

    url: str = Field(description="Address that gets the POSTs; https, this machine, or a host of web.own_hosts.")
    secret: SecretStr = Field(
        SecretStr(""), description="Signs the POSTs (Standard Webhooks, whsec_…); by the environment only."
    )
    secret_file: Path | None = Field(None, description="File that holds the secret.")
    kinds: tuple[str, ...] = Field(description="What it is told: types such as contact.unsubscribed or send.finished.")
    with_address: bool = Field(False, description="Whether mail addresses are told as well, beside contact_id.")

    @model_validator(mode="after")
    def _known_kinds(self) -> Self:
        if unknown := [kind for kind in self.kinds if kind not in ALL_TYPES]:
            raise ValueError(f"kinds: {unknown[0]!r} is none of {', '.join(sorted(ALL_TYPES))}")
        if not self.kinds:
            raise ValueError(f"kinds: name what is told, of {', '.join(sorted(ALL_TYPES))}")
        return self

    def build(self, name: str, web: WebConfig) -> HookConfig:
        """Return the hook as its process wants it.

        Raises:
            ConfigError: its address may not be called, or its secret is none.
        """
        place = f"outgoing.{name}"
        require_callable(self.url, web, f"{place}.url")
        text = secret_text(self.secret, self.secret_file, f"{place}.secret")
        try:
            secret = decode_secret(text)
        except ValueError as error:
            raise ConfigError(
                f"{place}.secret: {error}; set secret_file. Make one: "
                "python -c \"import base64, os; print('whsec_' + base64.b64encode(os.urandom(24)).decode())\""
            ) from None
        return HookConfig(name, self.url, secret, frozenset(self.kinds), self.with_address)


def require_callable(address: str, web: WebConfig, setting: str) -> None:
    """Refuse an address that could never be called, or would show to all what it is told.

    Raises:
        ConfigError: names the setting.
    """
    try:
        url = read_url(address)
    except WebRefusedError as error:
        raise ConfigError(f"{setting}: {error}; set an https address.") from None
    port = url.port or (443 if url.scheme == "https" else 80)
    if is_own_host(url.hostname or "", port, web):
        return
    if url.scheme != "https":
        raise ConfigError(
            f"{setting}: {url.scheme}://{url.hostname} is neither https nor this machine, and it is told about your "
            "mail; set an https address, or name the host in web.own_hosts."
        )
    if port not in web.ports:
        raise ConfigError(f"{setting}: port {port} is none of web.ports; add it there, or use 443.")
