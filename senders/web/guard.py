"""Which addresses may be called over HTTP: none of this machine, of a private network, or of a cloud's own (T11).

An address of the web may come from a setting, from a provider's message or from a redirect, and its name may lead
anywhere; so it is resolved once, every address it has is judged, and the connection goes to what was judged. Add a
network here when addresses of it must not be reached; how a call is made belongs to ``client``.
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from senders.errors import WebError, WebRefusedError
from senders.http_config import WebConfig

# IANA's special-purpose registries (RFC 6890 and its updates), and addresses that clouds answer on inside.
_REFUSED_V4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
            "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16",
            "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
            "168.63.129.16/32",
        ),
    )
)  # fmt: skip
# Everything global stands in 2000::/3; within it: Teredo and other tunnels, 6to4, documentation.
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_REFUSED_V6 = tuple(
    map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"))
)
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?\.?", re.IGNORECASE)
_PORTS = {"https": 443, "http": 80}

Resolver = Callable[[str, int], Awaitable[list[str]]]


@dataclass(frozen=True, slots=True)
class Target:
    """Where one call goes: the parts of its address, and the network addresses that were judged."""

    url: SplitResult
    host: str
    port: int
    addresses: tuple[str, ...]

    @property
    def is_tls(self) -> bool:
        """Whether the line is encrypted."""
        return self.url.scheme == "https"

    @property
    def path(self) -> str:
        """The request's target: path and query, never the fragment."""
        return (self.url.path or "/") + (f"?{self.url.query}" if self.url.query else "")

    @property
    def host_field(self) -> str:
        """The field ``Host``: without a port where it is the scheme's own."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == _PORTS[self.url.scheme] else f"{name}:{self.port}"


async def choose_target(text: str, config: WebConfig, resolve: Resolver) -> Target:
    """Return where an address leads, if it may be called.

    Raises:
        WebRefusedError: it may not.
        WebError: its name is not known.
    """
    url = read_url(text)
    host, port = (url.hostname or "").rstrip("."), url.port or _PORTS[url.scheme]
    is_own = is_own_host(host, port, config)
    if not is_own:
        _require_public(url, host, port, config)
    addresses = await resolve(host, port)
    if not addresses:
        raise WebError(f"{host}: its name leads to no address")
    if not is_own:
        for address in addresses:
            if not is_public(address):
                raise WebRefusedError(
                    f"{host} leads to {address}, which is no public address; name the host in web.own_hosts if it is "
                    "one of your own"
                )
    return Target(url, host, port, tuple(addresses))


def read_url(text: str) -> SplitResult:
    """Take an address apart; whatever two parsers could read in two ways is refused.

    Raises:
        WebRefusedError: it is no plain http or https address.
    """
    if not text.isascii() or any(character <= " " or character in '\\\x7f"<>^`{|}' for character in text):
        raise WebRefusedError("an address holds characters that no address has")
    try:
        url = urlsplit(text)
        host, port = url.hostname or "", url.port
    except ValueError:
        raise WebRefusedError("an address cannot be read") from None
    if url.scheme not in _PORTS or not text.lower().startswith(f"{url.scheme}://") or not host or port == 0:
        raise WebRefusedError("an address is none of http or https with a host")
    if "@" in url.netloc:
        raise WebRefusedError(f"an address of {host} holds a name or password; use a header or a signature")
    if not _HOST.fullmatch(host) and not _is_literal(host):
        raise WebRefusedError("an address names a host that cannot exist")
    return url


def is_own_host(host: str, port: int, config: WebConfig) -> bool:
    """Whether the settings name a host as one of one's own network."""
    return any(name == host.lower() and own_port in {None, port} for name, own_port in map(_own, config.own_hosts))


def is_host(entry: str) -> bool:
    """Whether a text is ``host`` or ``host:port``, as the settings name hosts of one's own."""
    try:
        name, _ = _own(entry)
    except ValueError:
        return False
    return not any(mark in entry for mark in "/?#@") and (bool(_HOST.fullmatch(name)) or _is_literal(name))


def _own(entry: str) -> tuple[str, int | None]:
    place = urlsplit(f"//[{entry}]" if ":" in entry and _is_literal(entry) else f"//{entry}")
    return place.hostname or "", place.port


def is_public(address: str) -> bool:
    """Whether a network address belongs to the public internet, and embeds no other address."""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv4Address):
        return not any(parsed in network for network in _REFUSED_V4)
    return parsed in _GLOBAL_V6 and not any(parsed in network for network in _REFUSED_V6)


async def resolve(host: str, port: int) -> list[str]:
    """Return the network addresses of a host, once each, in the system's order.

    Raises:
        WebError: the name is not known.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise WebError(f"{host}: its name is not known") from None
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _require_public(url: SplitResult, host: str, port: int, config: WebConfig) -> None:
    if url.scheme != "https":
        raise WebRefusedError(f"{host}: only https is used beyond your own network; see web.own_hosts")
    if port not in config.ports:
        raise WebRefusedError(f"{host}: port {port} is none of web.ports ({', '.join(map(str, config.ports))})")


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
