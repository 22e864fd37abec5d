import json
import threading
import time

import dns.resolver
import pytest

from senders.delivery import exchanges
from senders.delivery.exchanges import NULL_MX, find_routes, resolve_exchange

HOSTS = {"firm.example": "aspmx.l.google.com", "own.example": "mx2.own.example", "no.example": NULL_MX}


class FakeResolver:
    def __init__(self, hosts=HOSTS):
        self.hosts = hosts
        self.asked = []

    def __call__(self, domain):
        self.asked.append(domain)
        return self.hosts.get(domain)


def test_without_a_resolver_domains_tell():
    routes = find_routes({"gmail.com": 5, "mail.firm.example": 900})
    assert routes.providers == {"gmail.com": "google", "mail.firm.example": "firm.example"}
    assert not routes.refusing


def test_only_unknown_domains_with_enough_recipients_are_asked(tmp_path):
    resolver = FakeResolver()
    routes = find_routes({"gmail.com": 10**6, "firm.example": 20, "own.example": 19}, home=tmp_path, resolve=resolver)
    assert resolver.asked == ["firm.example"]
    assert routes.providers == {"gmail.com": "google", "firm.example": "google", "own.example": "own.example"}


def test_a_domain_without_an_answer_counts_for_itself(tmp_path):
    resolver = FakeResolver()
    routes = find_routes({"silent.example": 50}, home=tmp_path, resolve=resolver)
    assert routes.providers == {"silent.example": "silent.example"}
    find_routes({"silent.example": 50}, home=tmp_path, resolve=resolver)
    assert resolver.asked == ["silent.example"] * 2  # silence is not kept


def test_null_mx_is_reported(tmp_path):
    routes = find_routes({"no.example": 50, "own.example": 50}, home=tmp_path, resolve=FakeResolver())
    assert routes.refusing == {"no.example"}
    assert routes.providers["own.example"] == "own.example"


def test_answers_are_kept_for_a_week(tmp_path, monkeypatch):
    resolver = FakeResolver()
    for _ in range(2):
        routes = find_routes({"firm.example": 50, "no.example": 50}, home=tmp_path, resolve=resolver)
    assert sorted(resolver.asked) == ["firm.example", "no.example"]
    assert routes.refusing == {"no.example"}
    later = time.time() + 8 * 86_400
    monkeypatch.setattr(exchanges.time, "time", lambda: later)
    find_routes({"firm.example": 50}, home=tmp_path, resolve=resolver)
    assert resolver.asked.count("firm.example") == 2


@pytest.mark.parametrize("kept", ["", "{", "[1]", '{"firm.example": 3}', '{"firm.example": ["x", "y"]}'])
def test_a_damaged_cache_is_asked_for_again(tmp_path, kept):
    (tmp_path / "exchanges.json").write_text(kept)
    resolver = FakeResolver()
    assert find_routes({"firm.example": 50}, home=tmp_path, resolve=resolver).providers["firm.example"] == "google"
    assert json.loads((tmp_path / "exchanges.json").read_text())["firm.example"][0] == "aspmx.l.google.com"


def test_a_resolver_that_hangs_does_not_hold_the_send_up(tmp_path, monkeypatch):
    monkeypatch.setattr(exchanges, "_ALL_SECONDS", 0.1)
    release = threading.Event()

    def hang(domain):
        release.wait(5)

    began = time.monotonic()
    routes = find_routes({"slow.example": 50}, home=tmp_path, resolve=hang)
    release.set()
    assert time.monotonic() - began < 2
    assert routes.providers == {"slow.example": "slow.example"}


class Record:
    def __init__(self, preference, host):
        self.preference = preference
        self.exchange = self
        self.host = host

    def to_text(self, omit_final_dot):
        return self.host


@pytest.mark.parametrize(
    ("answer", "host"),
    [
        ([Record(20, "b.example"), Record(10, "A.example")], "a.example"),
        ([Record(0, ".")], NULL_MX),
        ([Record(0, "."), Record(10, "a.example")], None),  # RFC 7505 3: a null MX stands alone
        (dns.resolver.NoAnswer(), "firm.example"),
        (dns.resolver.NXDOMAIN(), None),
        (dns.resolver.LifetimeTimeout(timeout=2, errors=[]), None),
        (OSError("no network"), None),
    ],
)
def test_what_the_dns_says(monkeypatch, answer, host):
    def resolve(domain, kind, lifetime):
        assert (domain, kind) == ("firm.example", "MX")
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(exchanges.dns.resolver, "resolve", resolve)
    assert resolve_exchange("firm.example") == host
