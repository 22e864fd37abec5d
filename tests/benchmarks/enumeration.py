"""How much the time of an answer tells about an address: whether it is known, or must not be written to (T6).

A collector answers over HTTP, one call after another; calls about known and unknown addresses alternate, so that
whatever else the machine does falls on both. The value is the greatest difference of medians among the pairs.
"""

import http.client
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter
from urllib.parse import urlencode

from senders.event import Event, Kind, derive_event_id
from senders.ledger.store import Ledger
from senders.tracking.addresses import hash_address
from senders.tracking.keys import Keyring
from tests.benchmarks.measure import Benchmark, Measured
from tests.fixtures.collectors import serving

_CALLS = 2_000
_FORM = """
from senders.forms import FormConfig, SignupConfig, SignupLimits
form = FormConfig("news", {"": "News"}, {"": "I agree."}, "1")
given["signups"] = SignupConfig({"news": form}, SignupLimits(per_minute=10**6, per_domain=10**6, per_network=10**6))
"""
_KNOWN, _BOUNCED, _UNKNOWN = "known", "bounced", "unknown"
_PAIRS = (("/s/news", _KNOWN), ("/s/news", _BOUNCED), ("/p/", _KNOWN), ("/p/", _BOUNCED))
_HEADERS = {"Content-Type": "application/x-www-form-urlencoded"}


def _email(path: str, kind: str, number: int) -> str:
    return f"{kind}.{path.strip('/').replace('/', '.')}.{number}@d{number % 50}.example"


def _make_people(home: Path, *, is_quick: bool) -> None:
    """Record who is subscribed and whose mailbox is gone; a quick measurement asks as often."""
    count = _CALLS // (2 * len(_PAIRS))
    key, now = Keyring.open(home / "keys").address_key, datetime.now(UTC)
    kinds = {_KNOWN: Kind.SUBSCRIBED, _BOUNCED: Kind.BOUNCED}
    with Ledger.open(home) as ledger:
        for path, kind in _PAIRS:
            emails = [_email(path, kind, number) for number in range(count)]
            ledger.record(
                [
                    Event(
                        derive_event_id(email),
                        kinds[kind],
                        now,
                        address_hash=hash_address(email, key),
                        failure="permanent" if kind == _BOUNCED else "",
                    )
                    for email in emails
                ]
            )


def _milliseconds(connection: http.client.HTTPConnection, path: str, email: str) -> float:
    started = perf_counter()
    connection.request("POST", path, urlencode({"email": email}), _HEADERS)
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{path} answered {answer.status}")
    return (perf_counter() - started) * 1000


def _measure(folder: Path) -> Measured:
    count = _CALLS // (2 * len(_PAIRS))
    differences: dict[str, float] = {}
    with serving(folder, before=_FORM) as served:
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
        for warm in range(20):
            _milliseconds(connection, "/s/news", f"warm{warm}@warm.example")
        for turn, (path, kind) in enumerate(_PAIRS):
            times: dict[str, list[float]] = {kind: [], _UNKNOWN: []}
            for number in range(count):
                for one in (kind, _UNKNOWN):
                    email = _email(path, one, number + turn * count if one == _UNKNOWN else number)
                    times[one].append(_milliseconds(connection, path, email))
            differences[f"{path} {kind}"] = abs(median(times[kind]) - median(times[_UNKNOWN]))
    said = ", ".join(f"{name} {value:.2f}" for name, value in differences.items())
    return Measured(max(differences.values()), f"medians against unknown addresses, {_CALLS:,} calls: {said}")


BENCHMARKS = (Benchmark("return.enumeration_ms", "ms", "<= 5", _measure, prepare=_make_people),)
