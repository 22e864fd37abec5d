"""How fast this process may go: permits from the ledger, connections per provider, the quiet start.

One pacer serves all runs of a sender process. Limits that all senders share are drawn from the ledger in slices; what a
provider's replies do to us stands in ``slowdown``. Add here what holds a message back for a while; what is taken
instead is decided by ``parcels`` and ``planning``.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from senders.config import DeliveryConfig, LimitsConfig, ProviderConfig, RelayConfig
from senders.delivery.lanes import Berth, Lane
from senders.delivery.slowdown import Standing, note_reply, read_standings
from senders.ledger.connection import Connection
from senders.ledger.rates import SECOND, SLICE_SECONDS, DailyCap, Draw, Limit, Rate, Window, draw
from senders.ledger.rows import SendRow
from senders.ledger.writer import LedgerWriter

DEFAULT_PROVIDER = "default"
RATE_CLASS, SENDER_CLASS = "rate", "sender"
_POLICY = "4.7."
# A wait is asked about again after this long at most: the clock may be set, and other senders learn as well.
ASK_SECONDS_MOST = 60.0
_QUIET_SECONDS = 600.0
_PURSE_SECONDS = 3600.0
_RAMP_LEAST = 0.1
# Asked again when one of ours is done; those of other runs are not heard of.
_FULL_SECONDS = 0.25
_RAMP_STEP_SECONDS = 0.1


@dataclass(slots=True)
class Purse:
    """Permits that were drawn and not spent, for the messages that share all their limits."""

    permits: int = 0
    good_until: float = 0.0
    asked_at: float = 0.0
    next_at: float = 0.0
    is_asking: bool = False
    waiting: dict[int, Lane] = field(default_factory=dict)

    def wait(self, now: float) -> float:
        """Return how long it is not worth asking the ledger again."""
        return self.next_at - now if self.asked_at <= now < self.next_at else 0.0


class Pacer:
    """The pace of one sender process; belongs to one event loop, ``now`` gives seconds of real time."""

    def __init__(self, config: DeliveryConfig, writer: LedgerWriter, now: Callable[[], float] = time.time) -> None:
        self._config = config
        self._writer = writer
        self.now = now
        self.version = 0
        self._names: dict[int, str] = {}
        self._standings: dict[tuple[str, int], Standing] = {}
        self._purses: dict[tuple[str, int, int], Purse] = {}
        self._begun: dict[str, float] = {}
        self._used: dict[str, float] = {}
        # Connections that carry something, by relay and provider, and by relay.
        self._busy: Counter[tuple[str, int]] = Counter()
        self._busy_all: Counter[str] = Counter()

    async def learn(self) -> None:
        """Read what the ledger knows: names of providers, and how we stand with them."""
        self._names, read = await self._writer.call(self._read)
        # What was heard while the ledger was read stands there only next time.
        fresh = {place: own for place, own in self._standings.items() if own.since > read.get(place, Standing()).since}
        now = self.micros()
        self._standings = {place: own for place, own in (read | fresh).items() if not own.is_calm(now)}
        # Sends come and go: a purse that nobody has drawn for in a while is of one that is over.
        oldest = self.now() - _PURSE_SECONDS
        self._purses = {key: one for key, one in self._purses.items() if one.is_asking or one.asked_at >= oldest}
        self.version += 1

    def _read(self, connection: Connection, _: int) -> tuple[dict[int, str], dict[tuple[str, int], Standing]]:
        now = self.micros()
        names = dict(connection.execute("select provider, name from providers").fetchall())
        return names, read_standings(connection, now)

    def heard(self, relay: str, provider: int, class_: str, enhanced: str) -> None:
        """Be told of a relay's reply: one about speed slows a provider down, here at once and for all senders."""
        if class_ != RATE_CLASS and (class_ == SENDER_CLASS or not enhanced.startswith(_POLICY)):
            return
        now = self.micros()
        standing = self._standings.get((relay, provider), Standing())
        slower = standing.after(enhanced, now)
        if slower == standing:
            return
        self._standings[relay, provider] = slower
        self.version += 1
        self._writer.call(lambda connection, _: note_reply(connection, relay, provider, enhanced, now))

    def micros(self) -> int:
        """Return now as the ledger's table of rates counts it."""
        return int(self.now() * SECOND)

    def standing(self, relay: str, provider: int) -> Standing:
        """Return how we stand with a provider."""
        return self._standings.get((relay, provider), Standing())

    def provider(self, provider: int) -> ProviderConfig | None:
        """Return the settings for a provider; None for recipients whose provider nobody knows."""
        if not provider:
            return None
        providers = self._config.providers
        return providers.get(self._names.get(provider, ""), providers.get(DEFAULT_PROVIDER, ProviderConfig()))

    def is_free(self, relay: RelayConfig, send: SendRow) -> bool:
        """Whether nothing at all holds a send's messages back on a relay."""
        return (
            send.per_hour is None
            and relay.is_loopback
            and not relay.ramp
            and not relay.warm_up
            and not self._config.providers
            and relay.limits == self._config.limits == LimitsConfig()
            and not any(name == relay.name for name, _ in self._standings)
        )

    def load(self, berth: Berth, provider: int) -> None:
        """Count what a connection comes to carry; called before the parcel is in its berth."""
        self._busy[berth.relay, provider] += provider not in berth.carried
        self._busy_all[berth.relay] += not berth.carried

    def unload(self, berth: Berth, provider: int) -> None:
        """Count what a connection does not carry any more; called after the parcel left its berth."""
        self._busy[berth.relay, provider] -= provider not in berth.carried
        self._busy_all[berth.relay] -= not berth.carried

    def is_full(self, relay: RelayConfig, provider: int) -> bool:
        """Whether as many connections as may carry a provider's mail do so."""
        most, settings = relay.connections, self.provider(provider)
        if settings is not None and settings.connections is not None:
            most = min(most, settings.connections)
        elif settings is not None and not relay.is_loopback:
            most = max(1, most // 2)
        standing = self._standings.get((relay.name, provider))
        if standing is not None:
            most = standing.connections(most, self.micros())
        return self._busy[relay.name, provider] >= most

    def is_ramping(self, relay: RelayConfig) -> bool:
        """Whether one more busy connection would be too many so soon after the begin."""
        return bool(relay.ramp) and self._busy_all[relay.name] >= math.ceil(relay.connections * self.ramp(relay))

    def ramp(self, relay: RelayConfig) -> float:
        """Return which part of full pace a relay takes now: it rises from the first message after a rest."""
        if not relay.ramp:
            return 1.0
        now = self.now()
        if not 0 <= now - self._used.get(relay.name, -math.inf) < _QUIET_SECONDS:
            self._begun[relay.name] = now
        return min(1.0, max(_RAMP_LEAST, (now - self._begun[relay.name]) / relay.ramp))

    def use(self, relay: RelayConfig) -> None:
        """Note that a message goes to a relay: as long as some do, it is not resting."""
        self._used[relay.name] = self.now()

    def limits(self, relay: RelayConfig, provider: int, send: SendRow) -> tuple[Limit, ...]:
        """Return every limit on a message, at today's and this minute's pace."""
        found = _limits("all", self._config.limits, 1.0)
        found += _limits(f"relay:{relay.name}", relay.limits, self.ramp(relay))
        if relay.warm_up and relay.warm_up_start is not None:
            found.append(DailyCap(f"warm_up:{relay.name}", relay.warm_up, relay.warm_up_start.isoformat()))
        if (settings := self.provider(provider)) is not None:
            share = self.standing(relay.name, provider).share(self.micros())
            found += _limits(f"provider:{provider}:{relay.name}", settings.limits, share)
        if send.per_hour is not None:
            found.append(Rate(f"send:{send.send_no}", send.per_hour / 3600))
        return tuple(found)

    def purse(self, relay: RelayConfig, provider: int, send: SendRow) -> Purse:
        """Return the permits that a message would take one from."""
        settings = self.provider(provider)
        own = provider if settings is not None and settings.limits != LimitsConfig() else 0
        return self._purses.setdefault((relay.name, own, send.send_no if send.per_hour is not None else 0), Purse())

    def ask(self, purse: Purse, limits: tuple[Limit, ...], wanted: int) -> None:
        """Ask the ledger for a slice of permits; those who wait in the purse are woken by the answer."""
        purse.is_asking = True
        now = self.micros()
        count = max(1, min(wanted, *(limit.slice for limit in limits)))
        future = self._writer.call(lambda connection, _: draw(connection, limits, count, now))
        future.add_done_callback(lambda done: self._fill(purse, done))

    def _fill(self, purse: Purse, done: "asyncio.Future[Draw]") -> None:
        purse.is_asking = False
        purse.asked_at = self.now()
        if done.cancelled() or done.exception() is not None:
            purse.next_at = purse.asked_at + 1.0  # the run ends by the same failure
        else:
            found = done.result()
            purse.permits = found.count
            # Permits that nobody took soon are lost: spent later, they would add to those of a later time.
            purse.good_until = purse.asked_at + SLICE_SECONDS
            purse.next_at = min(found.next_at / SECOND, purse.asked_at + ASK_SECONDS_MOST) if not found.count else 0.0
        waiting, purse.waiting = purse.waiting, {}
        for lane in waiting.values():
            lane.ask()


class Throttle:
    """The gate of one run, whose messages all belong to one send."""

    def __init__(self, pacer: Pacer, relays: Mapping[str, RelayConfig], relay: str, send: SendRow) -> None:
        self._pacer = pacer
        self._relays = relays
        self._relay = relays[relay]
        self._send = send
        self._version = -1
        self._free: dict[str, bool] = {}

    def admit(self, berth: Berth, lane: Lane, *, is_paid: bool, wanted: int) -> float:
        """Return 0 when the next parcel of a lane may go now; else after how many seconds to ask again."""
        seconds = 0.0
        if not self._is_free(berth.relay):
            seconds = self._wait(self._relays[berth.relay], berth, lane, is_paid, wanted)
        if seconds <= 0.0:
            self._pacer.load(berth, lane.provider)
        return seconds

    def settled(self, berth: Berth, provider: int) -> None:
        """Be told that an admitted parcel is not on the wire any more."""
        self._pacer.unload(berth, provider)

    def heard(self, relay: str, provider: int, class_: str, enhanced: str) -> None:
        """Be told of a relay's reply."""
        self._pacer.heard(relay, provider, class_, enhanced)

    def pace(self, provider: int) -> float | None:
        """Return how many of a provider's messages may go in a second over the preferred relay."""
        if self._is_free(self._relay.name):
            return None
        limits = self._pacer.limits(self._relay, provider, self._send)
        return min((limit.per_second for limit in limits if isinstance(limit, Rate)), default=None)

    def shut_seconds(self, provider: int) -> float:
        """Return for how long none of a provider's messages can go over the preferred relay."""
        if self._is_free(self._relay.name):
            return 0.0
        shut = self._pacer.standing(self._relay.name, provider).shut_seconds(self._pacer.micros())
        purse = self._pacer.purse(self._relay, provider, self._send)
        return max(shut, purse.wait(self._pacer.now()))

    def _is_free(self, relay: str) -> bool:
        """Whether nothing holds messages back on a relay, which is looked at again when something was learned."""
        if self._version != self._pacer.version:
            self._free.clear()
            self._version = self._pacer.version
        if relay not in self._free:
            self._free[relay] = self._pacer.is_free(self._relays[relay], self._send)
        return self._free[relay]

    def _wait(self, relay: RelayConfig, berth: Berth, lane: Lane, is_paid: bool, wanted: int) -> float:
        pacer, provider = self._pacer, lane.provider
        if shut := pacer.standing(relay.name, provider).shut_seconds(pacer.micros()):
            return shut
        if provider not in berth.carried and pacer.is_full(relay, provider):
            return _FULL_SECONDS
        if not berth.carried and pacer.is_ramping(relay):
            return _RAMP_STEP_SECONDS
        seconds = 0.0 if is_paid else self._take(relay, lane, wanted)
        if seconds <= 0.0:
            pacer.use(relay)
        return seconds

    def _take(self, relay: RelayConfig, lane: Lane, wanted: int) -> float:
        """Take a permit, or see to it that there will be one."""
        purse = self._pacer.purse(relay, lane.provider, self._send)
        now = self._pacer.now()
        if purse.permits and now < purse.good_until:
            purse.permits -= 1
            return 0.0
        if not purse.is_asking:
            if wait := purse.wait(now):
                return wait
            limits = self._pacer.limits(relay, lane.provider, self._send)
            if not limits:
                return 0.0
            self._pacer.ask(purse, limits, wanted)
        purse.waiting[id(lane)] = lane
        return ASK_SECONDS_MOST


def _limits(bucket: str, settings: LimitsConfig, share: float) -> list[Limit]:
    found: list[Limit] = []
    if settings.per_second is not None:
        # No share makes it slower than one in a second: what is that slow needs no quiet start.
        found.append(Rate(f"{bucket}:second", max(settings.per_second * share, min(settings.per_second, 1.0))))
    windows = (
        ("minute", settings.per_minute, 60.0),
        ("hour", settings.per_hour, 3600.0),
        ("day", settings.per_day, 86400.0),
    )
    return found + [Window(f"{bucket}:{name}", most, seconds) for name, most, seconds in windows if most is not None]
