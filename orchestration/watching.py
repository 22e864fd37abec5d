"""What a person who watches a send is told: how far each mailbox provider is, how fast, and what holds it up.

Add here what can be read from the ledger while senders work. How it looks belongs to ``cli.bars``, what a reason means
to the part that stops for it.
"""

import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from senders.delivery.slowdown import Standing
from senders.ledger.progress import UNKNOWN, Counts, group_providers, sum_counts
from senders.ledger.rows import SendRow, SendState
from senders.ledger.store import Ledger

LOOK_SECONDS = 0.5
_NOTES_MOST = 3
_STARTING_SECONDS = 5.0
_WINDOW_SECONDS = 10.0
_EXACT_SECONDS = 10.0
_DAY_SECONDS = 86_400
# Up to here counting all messages costs less than being a second behind.
EXACT_MOST = 5_000


@dataclass(frozen=True, slots=True)
class ProviderStand:
    """One mailbox provider: its counts, and messages a second that ended within the last ten seconds."""

    name: str
    counts: Counts
    rate: float

    @property
    def seconds_left(self) -> float | None:
        """When what is not put off will have ended at this rate; None where nothing moves."""
        return self.counts.moving / self.rate if self.rate > 0 and self.counts.moving else None


@dataclass(frozen=True, slots=True)
class Stand:
    """A send as it is at this moment. ``notes`` say what holds it up, each with its remedy where there is one."""

    send_id: str
    state: SendState
    whole: ProviderStand
    providers: tuple[ProviderStand, ...]
    notes: tuple[str, ...] = ()


class Watch:
    """Looks at one send again and again."""

    def __init__(self, ledger: Ledger, send_id: str) -> None:
        self._ledger = ledger
        self._send_id = send_id
        self._began = time.monotonic()
        self._samples: deque[tuple[float, dict[str, int]]] = deque()
        self._counted: dict[str, Counts] = {}
        self._counted_at = 0.0
        self._counted_state: SendState | None = None

    def look(self, *, is_last: bool = False) -> Stand | None:
        """Return how the send stands, None before it is open; the last look counts every message."""
        send = self._ledger.send(self._send_id)
        if send is None:
            return None
        now = time.monotonic()
        counts = self._counts(send, now, is_last)
        self._remember(now, counts, is_running=send.state is SendState.RUNNING)
        whole = self._stand("all", counts, counts)
        return Stand(
            send_id=send.send_id,
            state=send.state,
            whole=whole,
            providers=tuple(self._stand(name, names, counts) for name, names in group_providers(counts).items()),
            notes=self._notes(send, counts, whole.counts),
        )

    def _stand(self, name: str, names: Iterable[str], counts: Mapping[str, Counts]) -> ProviderStand:
        return ProviderStand(name, sum_counts(counts[each] for each in names), self._rate(names))

    def _counts(self, send: SendRow, now: float, is_last: bool) -> Mapping[str, Counts]:
        """Read the progress rows; count messages where nobody writes these, or where there are few."""
        is_large = send.audience_rows > EXACT_MOST
        is_told = send.state is SendState.RUNNING and self._ledger.alive("sender")
        if is_large and is_told and not is_last:
            return self._ledger.progress(send.send_no)
        is_old = now - self._counted_at > (_EXACT_SECONDS if is_large else 0)
        if is_last or is_old or send.state is not self._counted_state:
            self._counted = self._ledger.exact_progress(send.send_no)
            self._counted_at, self._counted_state = now, send.state
        return self._counted

    def _remember(self, now: float, counts: Mapping[str, Counts], *, is_running: bool) -> None:
        if not is_running:
            self._samples.clear()  # what does not run has no rate and no end
        self._samples.append((now, {name: each.settled for name, each in counts.items()}))
        while now - self._samples[0][0] > _WINDOW_SECONDS and len(self._samples) > 2:
            self._samples.popleft()

    def _rate(self, names: Iterable[str]) -> float:
        (began, first), (ended, last) = self._samples[0], self._samples[-1]
        settled = sum(last.get(name, 0) - first.get(name, 0) for name in names)
        return max(0.0, settled / (ended - began)) if ended > began else 0.0

    def _notes(self, send: SendRow, counts: Mapping[str, Counts], whole: Counts) -> tuple[str, ...]:
        if send.state is SendState.PAUSED:
            return (f"paused: {send.reason or 'by a person'} → mailrail resume {send.send_id}",)
        if send.state is SendState.CANCELLED:
            return (f"cancelled: {send.reason or 'by a person'}",)
        if send.state is not SendState.RUNNING or not whole.waiting:
            return ()
        if not self._ledger.alive("sender"):
            if time.monotonic() - self._began < _STARTING_SECONDS:
                return ()  # one that was just started has not spoken yet
            return (f"messages wait and no sender is running → mailrail resume {send.send_id}",)
        troubles = self._troubles(send)
        held = [] if troubles else self._held(send, whole)
        return (*troubles, *held, *self._slowed(counts), *self._put_off(send, whole))

    def _troubles(self, send: SendRow) -> list[str]:
        return [
            f"relay {trouble.relay} {'is left alone for a while' if trouble.is_down else 'does not let us in'}: "
            f"{trouble.reason}"
            for trouble in self._ledger.relay_troubles(send.send_no)
        ]

    def _held(self, send: SendRow, whole: Counts) -> list[str]:
        """Say until when a limit holds all that is left; a relay that is away has said so itself."""
        until = self._ledger.rests_until(send.send_no) / 1000
        if not whole.moving or until <= time.time():
            return []
        return [
            f"a limit, the warm-up or the roll-out holds the rest until {_clock(until)}; see the limits of its relay"
        ]

    def _slowed(self, counts: Mapping[str, Counts]) -> list[str]:
        """Say which providers of this send hold us back: each where they are few, else how many and how much."""
        now = time.time_ns() // 1_000
        shut: list[str] = []
        slow: dict[str, float] = {}
        for row in self._ledger.standings():
            name, standing = row.provider or "", Standing(row.factor, row.since, row.until, row.stage)
            if name not in counts or not counts[name].waiting:
                continue
            if standing.shut_seconds(now):
                shut.append(f"{name or UNKNOWN} takes nothing until {_clock(row.until / 1_000_000)}")
            elif (share := standing.share(now)) < 1:
                slow[name or UNKNOWN] = share
        if len(slow) > _NOTES_MOST:
            span = f"{min(slow.values()):.0%} to {max(slow.values()):.0%}"
            said = [f"{len(slow)} mailbox providers take {span} of our pace, more each clean minute"]
        else:
            said = [f"{name} takes {share:.0%} of our pace, 5 % more each clean minute" for name, share in slow.items()]
        return [*shut[:_NOTES_MOST], *said]

    def _put_off(self, send: SendRow, whole: Counts) -> list[str]:
        if whole.moving or not whole.deferred:
            return []
        due = self._ledger.next_due(send.send_no) / 1000
        return [f"all that is left was deferred by its mailbox provider; the next try is at {_clock(due)}"]


def _clock(seconds: float) -> str:
    is_near = seconds - time.time() < _DAY_SECONDS / 2
    return time.strftime("%H:%M:%S" if is_near else "%d %b %H:%M", time.localtime(seconds))
