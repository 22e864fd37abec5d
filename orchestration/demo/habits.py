"""What the simulated people, proxies, scanners and servers do with a message, and when.

A pure function of the message, the address and the seed: `plan_recipient`. Add a habit here with the log word
it counts as; doing it belongs to ``recipients``. Rules that keep people and machines apart (RELIABILITY M1-M3):
a person clicks at most once per step of the clock, and never in the step in which a scanner sweeps.
"""

import random
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from orchestration.demo.fate import Fate, draw, fate
from orchestration.demo.received import Received

BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile",
    "Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Thunderbird/115.12.0",
)
IMAGE_PROXY = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
PRIVACY_PROXY = "Mozilla/5.0"
SCANNERS = (
    "Mozilla/5.0 (compatible; GateScanner/3.2; +https://gate.example/scanner)",
    "Mozilla/5.0 (compatible; MailGuard-Bot/1.4)",
    "python-requests/2.32.3",
)
_ALIVE = 0.45
SWEEP = 3  # so many links at once cannot be a person

# The times after the send at which the clock stops: at once, every half hour of a day, every two hours to three days.
STOPS = (
    timedelta(minutes=1),
    *(timedelta(minutes=30 * step) for step in range(1, 49)),
    *(timedelta(hours=24 + 2 * step) for step in range(1, 25)),
)
_FIRST_HUMAN_STOP = 1  # the first belongs to machines, which come with the delivery
_FIRST_STOP_AFTER_SCAN = 3


class Deed(StrEnum):
    """How an action is done."""

    GET = "get"
    HEAD = "head"
    ONE_CLICK = "one_click"
    PAGE = "page"
    RETURN_MAIL = "return_mail"
    COMPLAINT_MAIL = "complaint_mail"
    ORDER = "order"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing somebody does. ``did`` is the word of the log, '' where the log has none for it."""

    offset: timedelta
    recipient: str
    did: str
    deed: Deed
    detail: str = ""
    path: str = ""
    user_agent: str = ""
    number: int = 0  # the message's place in the sink's index of this send

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what tells this action from every other one of the send."""
        return self.recipient, self.did, self.detail


def is_active(address: str, seed: int, send_id: str) -> bool:
    """Whether a recipient does anything; cheap, so that only their messages need be read."""
    return (
        not fate(address).is_read
        or _is_behind_proxy(address, seed)
        or _has_scanner(address, seed)
        or _is_alive(address, seed, send_id)
    )


def plan_recipient(message: Received, address: str, *, seed: int, send_id: str, number: int = 0) -> list[Action]:
    """Return what one recipient, and the machines before him, do with a message."""
    told = fate(address)
    if not told.is_read:
        return _returned(told, address, random.Random(_key(address, seed, send_id)), number)
    if not is_active(address, seed, send_id):
        return []
    return _Plan(message, address, seed, send_id, number).made()


class _Plan:
    """The actions of one recipient in the making."""

    def __init__(self, message: Received, address: str, seed: int, send_id: str, number: int) -> None:
        self.message = message
        self.address = address
        self.seed = seed
        self.number = number
        self.rng = random.Random(_key(address, seed, send_id))
        self.is_alive = _is_alive(address, seed, send_id)
        # Some people like us more than others, and stay so from campaign to campaign.
        self.warmth = 0.5 + draw(address, seed, "warmth")
        self.actions: list[Action] = []

    def made(self) -> list[Action]:
        first_stop = _FIRST_HUMAN_STOP
        if _has_scanner(self.address, self.seed):
            self._scan()
            first_stop = _FIRST_STOP_AFTER_SCAN
        is_behind_proxy = _is_behind_proxy(self.address, self.seed)
        if is_behind_proxy and self.message.pixel:
            self._add(0, "machine_open", Deed.GET, self.message.pixel, PRIVACY_PROXY, "privacy proxy")
        if self.is_alive:
            self._live(first_stop, is_behind_proxy=is_behind_proxy)
        return self.actions

    def _live(self, first_stop: int, *, is_behind_proxy: bool) -> None:
        """Let a person read, click, buy, and perhaps have enough."""
        stop = max(first_stop, _stop_after(self.rng.lognormvariate(1.4, 1.3)))
        does_open = self.rng.random() < 0.85 * self.warmth
        agent = self._agent()
        if does_open and not is_behind_proxy:
            stop = self._open(stop, agent)
        # Behind the proxy nobody sees these people open; their clicks are seen.
        if does_open and self.rng.random() < 0.1 * self.warmth and self.message.clicks:
            stop = self._click(stop, BROWSERS[self.rng.randrange(len(BROWSERS))])
        self._have_enough(stop, agent)

    def _open(self, stop: int, agent: str) -> int:
        """Open once, or again another day; a message without a pixel is opened unseen."""
        times = self.rng.choices((1, 2, 3), (76, 18, 6))[0]
        for count, at in zip(range(1, times + 1), self._stops(stop, widest=14), strict=False):
            if self.message.pixel:
                self._add(at, "open", Deed.GET, self.message.pixel, agent, f"open {count}")
        return stop

    def _click(self, stop: int, agent: str) -> int:
        """Click one to three different links, each at another stop of the clock; some buy after the first."""
        links = list(self.message.clicks)
        # The first links are the buttons one sees.
        wanted = min(self.rng.choices((1, 2, 3), (74, 20, 6))[0], len(links))
        chosen = [links.pop(int(len(links) * self.rng.random() ** 1.8)) for _ in range(wanted)]
        first = last = stop
        for path, at in zip(chosen, self._stops(stop, widest=3), strict=False):
            self._add(at, "click", Deed.GET, path, agent, f"link {self.message.clicks.index(path) + 1}")
            last = at
        if self.rng.random() < 0.3:
            bought = min(last + self.rng.randint(1, 20), len(STOPS) - 1)
            if bought > first:
                self._add(bought, "buy", Deed.ORDER, "", "", "order")
        return last

    def _have_enough(self, stop: int, agent: str) -> None:
        """Let few unsubscribe, by the button of their mailbox or by our page, and fewer complain."""
        place = self.rng.random() * _ALIVE  # of all recipients, as only so many are alive
        if place < 0.006 and self.message.one_click:
            provider = "Mailbox unsubscribe service"
            self._add(stop, "unsubscribe", Deed.ONE_CLICK, self.message.one_click, provider, "one-click")
        elif 0.006 <= place < 0.008 and self.message.unsubscribe_page:
            self._add(stop, "unsubscribe", Deed.PAGE, self.message.unsubscribe_page, agent, "page")
        elif 0.008 <= place < 0.0092:
            self._add(stop, "complain", Deed.COMPLAINT_MAIL, "", "", "abuse")

    def _scan(self) -> None:
        """Fetch everything in one sweep; nobody is unsubscribed by a GET."""
        kind = draw(self.address.rpartition("@")[2], self.seed, "scanner")
        looks_human = kind < 0.5 and len(self.message.clicks) >= SWEEP
        agent = BROWSERS[0] if looks_human else SCANNERS[int(kind * 1000) % len(SCANNERS)]
        # Some gateways look with HEAD when they are busy; never with both, each link once.
        deed = Deed.HEAD if not looks_human and self.rng.random() < 0.25 else Deed.GET
        stop = 0 if self.rng.random() < 0.85 else 1
        for number, path in enumerate(self.message.clicks, start=1):
            self._add(stop, "machine_click", deed, path, agent, f"link {number}")
        if self.message.pixel:
            self._add(stop, "machine_open", Deed.GET, self.message.pixel, agent, "scanner")
        for path in dict.fromkeys((*self.message.others, self.message.one_click)):
            if path:
                self._add(stop, "", deed, path, agent, path)

    def _stops(self, first: int, *, widest: int) -> Iterator[int]:
        """Yield rising stops of the clock, from the first on, until time is up."""
        while first < len(STOPS):
            yield first
            first += self.rng.randint(1, widest)

    def _agent(self) -> str:
        if self.address.endswith("@gmail.example"):
            return IMAGE_PROXY
        return BROWSERS[int(draw(self.address, self.seed, "agent") * len(BROWSERS))]

    def _add(self, stop: int, did: str, deed: Deed, path: str, agent: str, detail: str) -> None:
        self.actions.append(Action(STOPS[stop], self.address, did, deed, detail, path, agent, self.number))


def _returned(told: Fate, address: str, rng: random.Random, number: int) -> list[Action]:
    """Return the bounce mail of a server that had accepted; the others refused at once and say no more."""
    if told is Fate.BOUNCES_LATER:
        detail = "5.1.1"
    elif told is Fate.EXPIRES_LATER:
        detail = "4.4.7"
    else:
        return []
    stop = rng.randint(0, 6) if detail == "5.1.1" else rng.randint(40, len(STOPS) - 2)
    return [Action(STOPS[stop], address, "bounce", Deed.RETURN_MAIL, detail, number=number)]


def _is_alive(address: str, seed: int, send_id: str) -> bool:
    """Whether a person looks at this message at all."""
    return draw(address, seed, send_id, "alive") < _ALIVE


def _has_scanner(address: str, seed: int) -> bool:
    """Whether the recipient's company lets a gateway look at all links first."""
    domain = address.rpartition("@")[2]
    return domain.startswith("corp-") and draw(domain, seed, "gateway") < 0.5


def _is_behind_proxy(address: str, seed: int) -> bool:
    """Whether a privacy proxy fetches all images at delivery, read or not."""
    share = 0.9 if address.endswith("@icloud.example") else 0.0 if "@corp-" in address else 0.03
    return draw(address, seed, "proxy") < share


def _stop_after(hours: float) -> int:
    return min(bisect_left(STOPS, timedelta(hours=hours)), len(STOPS) - 1)


def _key(*parts: object) -> int:
    return int(draw(*parts) * 2**53)
