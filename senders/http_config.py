"""What must be told about HTTP: whom we may call, who may report to us, whom we tell; as frozen values.

``orchestration.hooks`` reads the settings and builds these. Secrets are masked in ``repr``. How a call is made belongs
to ``web``, what a provider says to ``inbound.webhooks``, what we say to ``outgoing``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

NO_EVENTS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class WebConfig:
    """Whom we may call over HTTP.

    ``own_hosts`` are hosts of one's own network, as ``host`` or ``host:port``: they alone may have a private address,
    any port, and no TLS. ``ports`` are those of everybody else.
    """

    own_hosts: tuple[str, ...] = ()
    ports: tuple[int, ...] = (443, 8443)


@dataclass(frozen=True, slots=True)
class WebhookConfig:
    """One provider that reports to us, ``[webhooks.<name>]``.

    ``secret`` is the last part of the address it posts to, ``url`` that address in full. ``signing_keys`` verify its
    signature: the present one and those that are being replaced. ``topics`` are the ARNs of Amazon SNS that we listen
    to. ``events`` says what the types of a ``standard`` sender mean. ``max_age_seconds`` is how old a signed time may
    be, or how far ahead.
    """

    name: str
    provider: str
    secret: str = field(repr=False)
    signing_keys: tuple[str, ...] = field(default=(), repr=False)
    user: str = ""
    password: str = field(default="", repr=False)
    topics: tuple[str, ...] = ()
    events: Mapping[str, str] = field(default_factory=dict)
    max_age_seconds: float = 300.0
    url: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class HookConfig:
    """One program that we tell what happened, ``[outgoing.<name>]``; ``kinds`` are the types it gets.

    ``url`` may be a secret itself, as the addresses that chat services give out are.
    """

    name: str
    url: str = field(repr=False)
    secret: bytes = field(repr=False)
    kinds: frozenset[str] = frozenset()
    with_address: bool = False


@dataclass(frozen=True, slots=True)
class OutgoingConfig:
    """How the process that tells them works; ``row_reader`` reads addresses, as the render child does."""

    home: Path
    row_reader: str
    hooks: tuple[HookConfig, ...]
    web: WebConfig = field(default_factory=WebConfig)
    poll_seconds: float = 1.0
