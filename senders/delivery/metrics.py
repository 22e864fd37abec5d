"""What a sender process tells Prometheus: counters and gauges without addresses, tokens or a person's domain.

A metric is added here and fed from where the thing happens. The number of series stays bounded: a provider has a label
of its own only if it is known by name (``mailboxes``), all others share one.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from senders.delivery.mailboxes import KNOWN
from senders.errors import ConfigError
from senders.ledger.progress import Counts
from senders.message import State

OTHERS = "others"
_COMMIT_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """The metrics of one sender process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._messages = Counter(
            "mailrail_messages",
            "Messages by the state they came to and their mailbox provider.",
            ("state", "provider"),
            registry=self.registry,
        )
        self._replies = Counter(
            "mailrail_replies",
            "Ends of tries by the relay's reply (2xx, 4xx, 5xx, none) and whose doing it was.",
            ("reply", "class"),
            registry=self.registry,
        )
        self.offers_in_flight = Gauge(
            "mailrail_offers_in_flight", "Messages whose offer has begun and has no reply yet.", registry=self.registry
        )
        self._connections = Gauge(
            "mailrail_connections_open", "Connections in use, by relay.", ("relay",), registry=self.registry
        )
        self._relay_up = Gauge(
            "mailrail_relay_up", "1 while the relay works, 0 while it is given up.", ("relay",), registry=self.registry
        )
        self._sends = Gauge(
            "mailrail_send_messages",
            "Messages of each send that is not over, by where they are; of the whole ledger, so take it of one sender.",
            ("send_id", "state"),
            registry=self.registry,
        )
        self._shown: set[tuple[str, str]] = set()
        self._children: dict[tuple[str, str], Counter] = {}
        self._known_up: dict[str, bool] = {}
        self._commits = Histogram(
            "mailrail_ledger_commit_seconds",
            "Time of one group commit of the ledger.",
            buckets=_COMMIT_BUCKETS,
            registry=self.registry,
        )
        self._depth = Gauge(
            "mailrail_ledger_queue", "Offers and results that wait for the ledger's writer.", registry=self.registry
        )
        self._lag = Gauge(
            "mailrail_due_lag_seconds",
            "How long the oldest shard with due messages has waited for a sender.",
            registry=self.registry,
        )

    def message(self, state: State, provider: str) -> None:
        """Count a message that came to a state."""
        key = (state.value, provider if provider in KNOWN else OTHERS)
        self._child(self._messages, key).inc()

    def reply(self, code: int, class_: str) -> None:
        """Count the end of a try; ``code`` is 0 where no reply came, ``class_`` is that of ``AttemptRow``."""
        self._child(self._replies, (f"{code // 100}xx" if code else "none", class_ or "recipient")).inc()

    def _child(self, counter: Counter, key: tuple[str, str]) -> Counter:
        """Return a counter with its labels; the library's own look-up costs more than all else here."""
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = counter.labels(*key)
        return child

    @contextlib.contextmanager
    def connection(self, relay: str) -> Iterator[None]:
        """Count a connection to a relay while the body runs."""
        gauge = self._connections.labels(relay)
        gauge.inc()
        try:
            yield
        finally:
            gauge.dec()

    def relay(self, relay: str, *, is_up: bool) -> None:
        """Say whether a relay works."""
        if self._known_up.get(relay) is not is_up:
            self._known_up[relay] = is_up
            self._relay_up.labels(relay).set(is_up)

    def sends(self, counts: Mapping[str, Counts]) -> None:
        """Say how far each send is that is not over; those that were shown before and are over are taken away."""
        fresh = {
            (send_id, state): number
            for send_id, one in counts.items()
            for state, number in {"queued": one.moving, **asdict(one)}.items()
            if state != "total"
        }
        for key in self._shown - fresh.keys():
            self._sends.remove(*key)
        for key, number in fresh.items():
            self._sends.labels(*key).set(number)
        self._shown = set(fresh)

    def commit(self, seconds: float) -> None:
        """Note how long a group commit took."""
        self._commits.observe(seconds)

    def lag(self, seconds: float) -> None:
        """Note how long due messages have waited."""
        self._lag.set(seconds)

    def watch_queue(self, depth: Callable[[], int]) -> None:
        """Ask for the depth of the ledger's queue whenever somebody looks."""
        self._depth.set_function(lambda: float(depth()))


@contextlib.contextmanager
def served(metrics: Metrics, host: str, port: int | None) -> Iterator[None]:
    """Show metrics over HTTP while the body runs; nothing is opened where the port is None.

    Raises:
        ConfigError: somebody else listens on that port.
    """
    if port is None:
        yield
        return
    try:
        server, thread = start_http_server(port, host, metrics.registry)
    except OSError as error:
        raise ConfigError(
            f"delivery.metrics_port: {host}:{port} cannot be opened ({error.strerror}); stop what uses it, or set "
            "another MAILRAIL_DELIVERY__METRICS_PORT."
        ) from None
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
