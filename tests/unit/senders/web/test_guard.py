"""No address leads inside: not by its form, not by its name, not by a name that changes its answer."""

import asyncio
import re
import socket

import pytest

from senders.errors import WebError, WebRefusedError
from senders.http_config import WebConfig
from senders.web.guard import choose_target, is_own_host, is_public, read_url, resolve
from tests.fixtures.corpora import CORPORA, needs_corpora

ANY_PORT = WebConfig(ports=tuple(range(1, 65536)))

INSIDE = [
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.8.8.8", "169.254.169.254", "169.254.0.1",
    "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1",
    "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "168.63.129.16",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::8.8.8.8", "64:ff9b:1::a00:1", "100::1", "2001::1", "2001:0:53aa:64c:0:5efe:7f00:1", "2001:db8::1",
    "2002:7f00:1::", "2002:a9fe:a9fe::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%lo",
    "fec0::1", "ff02::1", "ff0e::1",
]  # fmt: skip
OUTSIDE = [
    "1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.32.0.1", "192.167.1.1", "2606:4700::1111", "2a00::1",
]  # fmt: skip
THIS_MACHINE = [
    "127.0.0.1", "127.1", "127.0.1", "0", "2130706433", "0x7f000001", "0177.0.0.1", "017700000001", "0x7f.1",
    "localhost", "localhost.", "LOCALHOST", "[::1]", "[0000::1]", "[::]", "[::ffff:127.0.0.1]",
    "[0:0:0:0:0:ffff:7f00:1]", "3232235777", "2852039166", "0xa9fea9fe", "169.254.43518",
]  # fmt: skip
AMBIGUOUS = [
    "", "https://", "https:///x", "//host/x", "ftp://host/", "file:///etc/passwd", "gopher://host/", "https:/host",
    "https:host", "https://a b/", "https://host/\r\nX: y", "https://host\\@inside/", "https://user@host/",
    "https://user:pass@host/", "https://@host/", "https://host:99999/", "https://host:0/", "https://host:x/",
    "https://ⓔxample.com/", "https://\uff11\uff12\uff17.0.0.1/", "https://ho{st}/", "https://[::1/",
    "https://-x.example/", "https://x.example/\x00", "HTTPS:x", "jar:https://host!/", "https://host\t/",
    " https://host/", "https://host/ ",
]  # fmt: skip


def fixed(*addresses: str):
    """Return a resolver that answers with these, whatever is asked."""

    async def answer(host: str, port: int) -> list[str]:
        return list(addresses)

    return answer


def choose(url: str, config: WebConfig = ANY_PORT, resolver=resolve):
    return asyncio.run(choose_target(url, config, resolver))


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_none_of_the_public(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(WebRefusedError, match="no public address"):
        choose("https://innocent.example/", resolver=fixed(address))
    with pytest.raises(WebRefusedError):  # one among good ones is enough
        choose("https://innocent.example/", resolver=fixed("1.1.1.1", address))


@pytest.mark.parametrize("address", OUTSIDE)
def test_the_public_internet_may_be_called(address: str) -> None:
    assert is_public(address)
    target = choose("https://hooks.example/x?y=1#z", resolver=fixed(address))
    assert (target.addresses, target.path, target.host_field) == ((address,), "/x?y=1", "hooks.example")


@pytest.mark.parametrize("host", THIS_MACHINE)
def test_this_machine_under_all_its_names(host: str) -> None:
    for scheme in ("https", "http"):
        with pytest.raises(WebError):
            choose(f"{scheme}://{host}/")


@pytest.mark.parametrize("url", AMBIGUOUS)
def test_an_address_that_two_could_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(WebRefusedError):
        read_url(url)
    with pytest.raises(WebRefusedError):
        choose(url, resolver=fixed("1.1.1.1"))


def test_only_https_and_only_the_ports_of_the_settings() -> None:
    config = WebConfig(ports=(443, 8443))
    for url in (
        "http://hooks.example/",
        "https://hooks.example:22/",
        "https://hooks.example:80/",
        "https://hooks.example:6379/",
    ):
        with pytest.raises(WebRefusedError):
            choose(url, config, fixed("1.1.1.1"))
    assert choose("https://hooks.example:8443/", config, fixed("1.1.1.1")).host_field == "hooks.example:8443"


def test_a_host_of_ones_own_is_named_exactly() -> None:
    config = WebConfig(own_hosts=("hooks.internal", "127.0.0.1:8080", "::1", "[fd00::1]:99", "Big.Internal"))
    own = [
        ("hooks.internal", 1), ("127.0.0.1", 8080), ("::1", 5), ("fd00::1", 99), ("big.internal", 80),
        ("BIG.internal", 80),
    ]  # fmt: skip
    other = [
        ("x.hooks.internal", 1), ("127.0.0.1", 8081), ("fd00::1", 98), ("hooks.internal.evil.example", 1), ("", 80),
    ]  # fmt: skip
    assert [is_own_host(*place, config) for place in own] == [True] * 6
    assert [is_own_host(*place, config) for place in other] == [False] * 5
    assert choose("http://hooks.internal:9/", config, fixed("10.0.0.9")).addresses == ("10.0.0.9",)


def test_a_name_that_leads_nowhere_is_said() -> None:
    with pytest.raises(WebError, match="not known"):
        choose("https://nowhere.invalid/")
    with pytest.raises(WebError, match="no address"):
        choose("https://hooks.example/", resolver=fixed())


@needs_corpora
def test_no_address_of_the_corpus_leads_inside() -> None:
    """Each address as it stands, and as https on its own port; names that need the DNS get an inside answer."""
    text = (CORPORA / "payloads-all-the-things" / "Server Side Request Forgery" / "README.md").read_text()
    found = set(re.findall(r"[a-z]+:[^\s`)\"'|]+", text))
    assert len(found) > 90
    tried = found | {re.sub(r"^[a-z]+:/*", "https://", url) for url in found}

    async def hostile(host: str, port: int) -> list[str]:
        try:
            numbers = socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST, type=socket.SOCK_STREAM)
        except OSError:
            return ["169.254.169.254"]
        return [str(address[0]) for *_, address in numbers if not is_public(str(address[0]))] or ["10.0.0.1"]

    for url in tried:
        with pytest.raises(WebRefusedError):
            choose(url, resolver=hostile)
