"""The rows of the ledger as frozen values: what callers give and what they get back.

Add a class when a method of the ledger answers with something new. How a row is stored belongs to
``schema``; times are aware datetimes in UTC here and microseconds in the tables.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from senders.config import MARKETING
from senders.event import Event
from senders.message import State

# How the topics of the outbox's sends begin; no campaign's topic has a dot.
ANSWERS = "transactional."

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SendState(StrEnum):
    """Where a send stands; messages are offered only while it is running."""

    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FINISHED = "finished"

    @property
    def is_over(self) -> bool:
        """Whether nothing will happen any more."""
        return self in {SendState.FINISHED, SendState.CANCELLED}


@dataclass(frozen=True, slots=True)
class ShardSpec:
    """One file of the frozen audience: a range of sequence numbers and one 16-byte hash for each of them.

    ``address_hashes`` is a sequence in the order of the file, or a function that returns such an iterator;
    ``providers`` likewise names who receives each recipient's mail, and may be empty where nobody knows.
    """

    shard: int
    file: str
    first_seq: int
    last_seq: int
    address_hashes: Iterable[bytes] | Callable[[], Iterable[bytes]] = field(repr=False)
    providers: Iterable[str] | Callable[[], Iterable[str]] = field(default=(), repr=False)

    @property
    def rows(self) -> int:
        """How many recipients the shard holds."""
        return self.last_seq - self.first_seq + 1


@dataclass(frozen=True, slots=True)
class LinkRow:
    """One link of a send's template."""

    link_no: int
    url: str
    label: str
    role: str = "content"


@dataclass(frozen=True, slots=True)
class SendSpec:
    """All that the ledger must know to open a send.

    ``alone_since`` is the moment after which no other send of the campaign may have been opened. ``is_rehearsal``
    says that no relay of it mails anybody.
    """

    send_id: str
    campaign: str
    topic: str
    scheduled_at: datetime
    sender: str
    folder: str
    audience_rows: int
    audience_hash: str
    content_hash: str
    shards: list[ShardSpec]
    links: list[LinkRow] = field(default_factory=list)
    too_late_after: datetime | None = None
    expires_at: datetime | None = None
    stream: str = MARKETING
    per_hour: int | None = None
    alone_since: datetime | None = None
    is_rehearsal: bool = False


@dataclass(frozen=True, slots=True)
class SendRow:
    """One send as it stands."""

    send_no: int
    send_id: str
    campaign: str
    topic: str
    scheduled_at: datetime
    sender: str
    folder: str
    audience_rows: int
    audience_hash: str
    content_hash: str
    state: SendState
    reason: str
    too_late_after: datetime | None
    expires_at: datetime | None
    opened_at: datetime
    first_offered_at: datetime | None
    finished_at: datetime | None
    stream: str
    per_hour: int | None
    is_rehearsal: bool = False

    @property
    def is_answer(self) -> bool:
        """Whether it answers requests of the outbox, with no campaign behind it."""
        return self.topic.startswith(ANSWERS)


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody, or a campaign's own standing rule, allowed one audience and one content to go out."""

    send_id: str
    audience_hash: str
    content_hash: str
    recipients: int
    approved_by: str
    approved_at: datetime
    road: str
    voided_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class MessageRow:
    """One recipient of one send as it stands."""

    send_no: int
    seq: int
    state: State
    tries: int
    epoch: int
    address_hash: bytes
    changed_at: datetime
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One change of a message's state, with the relay's words where it spoke.

    ``class_`` says whose doing it was: '' the relay about this recipient, ``address`` the relay about an address that
    does not exist (which suppresses it), ``mailbox`` about one that can't take mail now, ``local`` ours, ``sender`` the
    relay about us, ``content`` the relay about the text, ``rate`` the relay about speed, ``connection`` a broken line,
    ``suppressed``, ``expired`` and ``cancelled`` as they say.
    """

    attempt_id: int
    send_no: int
    seq: int
    tries: int
    state: State
    at: datetime
    relay: str
    connection: str
    code: int
    enhanced_code: str
    reply: str
    class_: str
    sequence: int


@dataclass(frozen=True, slots=True)
class Doubt:
    """A message whose end mark may have been written and whose reply is not known."""

    send_no: int
    seq: int
    tries: int
    address_hash: bytes
    since: datetime
    relay: str
    connection: str
    reply: str


@dataclass(frozen=True, slots=True)
class Suppression:
    """An address that must not be written to: everywhere where ``scope`` is '', else about that topic.

    ``lifted`` are topics for which one of everything does not hold, since the person took them back after it.
    """

    address_hash: bytes
    scope: str
    reason: str
    at: datetime
    event_id: str
    sequence: int
    lifted: frozenset[str] = frozenset()

    def holds_for(self, topic: str) -> bool:
        """Whether it keeps mail about a topic from this address."""
        return self.scope in ("", topic) and topic not in self.lifted


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person chose last under one name, and by which event."""

    value: str
    at: datetime
    event_id: str


@dataclass(frozen=True, slots=True)
class Preference:
    """What one person chose last under one name."""

    address_hash: bytes
    name: str
    value: str
    at: datetime
    event_id: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ledger knows of a person's wishes: the newest choices by name, and suppressions by scope."""

    choices: dict[str, Choice] = field(default_factory=dict)
    suppressions: tuple[Suppression, ...] = ()

    def choice(self, name: str) -> str:
        """Return what was chosen last under a name, '' for nothing."""
        found = self.choices.get(name)
        return found.value if found else ""

    def suppression(self, topic: str) -> Suppression | None:
        """Return what keeps mail about a topic away, one of everything first; None where nothing does."""
        return next((one for one in self.suppressions if one.holds_for(topic)), None)


@dataclass(frozen=True, slots=True)
class InboundRow:
    """One event that came back, in the order in which it became durable."""

    inbound_id: int
    event: Event
    received_at: datetime
    sequence: int


def to_micros(moment: datetime) -> int:
    """Return microseconds since 1970 for the tables.

    Raises:
        ValueError: the moment has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"ledger: {moment} has no time zone; give it in UTC")
    return (moment - _EPOCH) // timedelta(microseconds=1)


def to_optional_micros(moment: datetime | None) -> int | None:
    """Return `to_micros`, or None for None."""
    return None if moment is None else to_micros(moment)


def from_micros(micros: int) -> datetime:
    """Return the time of a table's microseconds, in UTC."""
    return _EPOCH + timedelta(microseconds=micros)


def from_optional_micros(micros: int | None) -> datetime | None:
    """Return `from_micros`, or None for None."""
    return None if micros is None else from_micros(micros)
