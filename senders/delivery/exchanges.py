"""Which hosts take the mail of a domain, from the DNS, and so which provider its recipients belong to.

Looked up once a week for domains with many recipients; whatever fails falls back to the domain itself. Add here what
is read from MX records; which host belongs to whom stands in ``mailboxes``.
"""

import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.resolver

from senders.delivery.mailboxes import provider_of_domain, provider_of_host, registrable

logger = logging.getLogger(__name__)

# Below this many recipients a domain gets no look-up: its group needs no limits of its own.
LEAST_RECIPIENTS = 20
NULL_MX = ""  # RFC 7505: the domain takes no mail

_KEEP_SECONDS = 7 * 86_400
_LOOKUP_SECONDS = 2.0
_ALL_SECONDS = 20.0
_THREADS = 16
_CACHE_FILE = "exchanges.json"

Resolve = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Routes:
    """Providers by domain, and the domains that say that they take no mail (null MX)."""

    providers: Mapping[str, str]
    refusing: frozenset[str] = frozenset()


def find_routes(domains: Mapping[str, int], *, home: Path | None = None, resolve: Resolve | None = None) -> Routes:
    """Return who receives the mail of each domain.

    Args:
        domains: how many recipients each domain has.
        home: folder that keeps answers for a week; None for none.
        resolve: answers with the best host of a domain, `NULL_MX`, or None where nobody knows; None to ask nobody, so
            that providers are told by their domains alone.
    """
    providers = {domain: provider_of_domain(domain) for domain in domains}
    unknown = [domain for domain, count in domains.items() if not providers[domain] and count >= LEAST_RECIPIENTS]
    hosts = _hosts(unknown, home, resolve) if resolve is not None else {}
    for domain, name in providers.items():
        host = hosts.get(domain)
        providers[domain] = name or (provider_of_host(host) if host else registrable(domain))
    return Routes(providers, frozenset(domain for domain, host in hosts.items() if host == NULL_MX))


def resolve_exchange(domain: str) -> str | None:
    """Return the best mail host of a domain from the DNS; itself where it has no MX (RFC 5321 5.1)."""
    try:
        answer = dns.resolver.resolve(domain, "MX", lifetime=_LOOKUP_SECONDS)
        records = sorted((record.preference, record.exchange.to_text(omit_final_dot=True)) for record in answer)
    except dns.resolver.NoAnswer:
        return domain
    except (dns.exception.DNSException, OSError):
        return None
    host: str = records[0][1].lower()
    if host in {"", ".", "@"}:
        return NULL_MX if len(records) == 1 else None
    return host


def _hosts(domains: Iterable[str], home: Path | None, resolve: Resolve) -> dict[str, str]:
    """Return the best host of each domain that is known or answers in time."""
    kept = _read_cache(home)
    wanted = [domain for domain in domains if domain not in kept]
    fresh = {domain: (host, time.time()) for domain, host in _ask_all(wanted, resolve).items()}
    if fresh and home is not None:
        _write_cache(home, kept | fresh)
    found = kept | fresh
    return {domain: found[domain][0] for domain in domains if domain in found}


def _ask_all(domains: list[str], resolve: Resolve) -> dict[str, str]:
    pool = ThreadPoolExecutor(_THREADS, "exchanges")
    asked = {pool.submit(resolve, domain): domain for domain in domains}
    done, late = wait(asked, timeout=_ALL_SECONDS)
    pool.shutdown(wait=False, cancel_futures=True)
    answers = {asked[future]: future.result() for future in done}
    found = {domain: host for domain, host in answers.items() if host is not None}
    if silent := len(late) + len(answers) - len(found):
        logger.warning("%d of %d domains have no answer in the DNS; each counts for itself", silent, len(domains))
    return found


def _read_cache(home: Path | None) -> dict[str, tuple[str, float]]:
    if home is None:
        return {}
    try:
        kept = json.loads((home / _CACHE_FILE).read_text(encoding="utf-8"))
        limit = time.time() - _KEEP_SECONDS
        return {domain: (str(host), float(at)) for domain, (host, at) in kept.items() if at > limit}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # it is only kept answers; they are asked for again


def _write_cache(home: Path, kept: Mapping[str, tuple[str, float]]) -> None:
    fresh = home / f"{_CACHE_FILE}.{os.getpid()}"
    fresh.write_text(json.dumps(kept, indent=0), encoding="utf-8")
    fresh.replace(home / _CACHE_FILE)
