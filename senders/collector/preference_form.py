"""What a preference page asks, what was answered, and the events that follow.

Plain functions of what is known of a person's wishes: the page shows `questions_of`, and a save records `events_of`.
Only what differs from what is known becomes an event, and its id says what it changed, so that the same form sent
twice is recorded once. Add a question here together with its part of `preference_page`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from senders.event import Event, Kind, derive_event_id
from senders.ledger.choices import FREQUENCIES, FREQUENCY, LANGUAGE, PAUSE, TOPIC, TRACKING
from senders.ledger.rows import Standing
from senders.ledger.wishes import CONFIRMED, UNSUBSCRIBED
from senders.tracking.tokens import Claims

YES, NO, KEEP = "yes", "no", ""
TOPIC_FIELD = "topic."
SEEN_FIELD = "seen"
MAX_TOPICS = 100
SOURCE = "preferences"


@dataclass(frozen=True, slots=True)
class Questions:
    """What stands on the page now. ``topics`` holds yes, no, or '' where nobody knows; ``pause`` a day to come.

    ``mark`` is that of the standing, which the page sends back.
    """

    topics: Mapping[str, str]
    frequency: str
    pause: date | None
    tracking: str
    language: str
    has_left: bool
    is_stopped: bool
    mark: str


@dataclass(frozen=True, slots=True)
class Answers:
    """What was sent, as far as it is an answer; None and absent topics are left as they are."""

    topics: Mapping[str, str]
    frequency: str | None = None
    pause: str | None = None
    tracking: str | None = None
    language: str | None = None
    wants_nothing: bool = False


def questions_of(standing: Standing, topics: Sequence[str], today: date) -> Questions:
    """Return what a person has chosen, of the topics in their order."""
    everything = next((one for one in standing.suppressions if one.scope == ""), None)
    pause = standing.choice(PAUSE)
    until = date.fromisoformat(pause) if pause else None
    return Questions(
        topics={topic: _state(standing, topic) for topic in topics},
        frequency=standing.choice(FREQUENCY) or FREQUENCIES[0],
        pause=until if until and until > today else None,
        tracking=standing.choice(TRACKING),
        language=standing.choice(LANGUAGE),
        has_left=everything is not None and everything.reason == UNSUBSCRIBED,
        is_stopped=everything is not None and everything.reason != UNSUBSCRIBED,
        mark=mark_of(standing),
    )


def mark_of(standing: Standing) -> str:
    """Return what tells a standing from every other, so that a save says which one was seen."""
    choices = (f"{name} {choice.event_id}" for name, choice in sorted(standing.choices.items()))
    refusals = (f"{one.scope} {one.event_id} {sorted(one.lifted)}" for one in standing.suppressions)
    return derive_event_id(*choices, "", *refusals)


def topics_of(known: Sequence[str], standing: Standing, topic: str) -> list[str]:
    """Return the topics of the page: those of the settings, that of the mail, and those the person once chose."""
    chosen = (name.removeprefix(TOPIC) for name in standing.choices if name.startswith(TOPIC))
    found = dict.fromkeys((*known, topic, *chosen, *(one.scope for one in standing.suppressions)))
    return [name for name in found if name][:MAX_TOPICS]


def answers_of(
    form: Mapping[str, str], topics: Sequence[str], languages: Sequence[str], pauses: Sequence[int], today: date
) -> Answers:
    """Return what a form says; whatever is no answer to a question is passed over."""
    pause = form.get("pause", "")
    days = int(pause) if pause.isascii() and pause.isdigit() and len(pause) < 4 else 0
    until = (today + timedelta(days=days)).isoformat() if days in pauses else None
    return Answers(
        topics={topic: form[field] for topic in topics if form.get(field := TOPIC_FIELD + topic) in (YES, NO)},
        frequency=_one_of(form.get("frequency"), FREQUENCIES),
        pause="" if pause == "none" else until,
        tracking=_one_of(form.get("tracking"), (YES, NO)),
        language=_one_of(form.get("language"), languages),
        wants_nothing=form.get("action") == "everything",
    )


def events_of(
    answers: Answers, standing: Standing, claims: Claims, at: datetime, wording: Mapping[str, str], language: str
) -> list[Event]:
    """Return what a form changes, as events of one moment.

    Args:
        answers: what was sent.
        standing: what is known.
        claims: whose page it is, and by which message.
        at: the business time.
        wording: what the page said about each topic.
        language: in which language.
    """
    maker = _Maker(standing, claims, at)
    if answers.wants_nothing:
        return list(maker.leave())
    events: list[Event] = []
    for topic, wish in answers.topics.items():
        said = {"wording": wording.get(topic, ""), "language": language}
        events += maker.subscribe(topic, said) if wish == YES else maker.unsubscribe(topic)
    for name, value in (
        (FREQUENCY, answers.frequency),
        (PAUSE, answers.pause),
        (TRACKING, answers.tracking),
        (LANGUAGE, answers.language),
    ):
        if value is not None:
            events += maker.prefer(name, value)
    return events


def agrees(event: Event) -> bool:
    """Whether an event is a yes: to a topic, or to being measured."""
    return event.kind is Kind.SUBSCRIBED or (event.kind is Kind.PREFERRED and event.body["value"] == YES)


def pause_events(standing: Standing, claims: Claims, at: datetime, days: int) -> list[Event]:
    """Return the pause that was asked for on the unsubscribe page; none where one as long or longer stands already."""
    until = (at.date() + timedelta(days=days)).isoformat()
    if standing.choice(PAUSE) >= until:  # as text, which orders such days
        return []
    return list(_Maker(standing, claims, at).prefer(PAUSE, until))


def _state(standing: Standing, topic: str) -> str:
    if standing.suppression(topic) is not None:
        return NO
    return standing.choice(TOPIC + topic)


def _one_of(value: str | None, known: Sequence[str]) -> str | None:
    return value if value is not None and value in known else None


# What holds where nothing was chosen: choosing it then changes nothing.
_USUAL = {FREQUENCY: FREQUENCIES[0], PAUSE: ""}


class _Maker:
    """Makes the events of one save; the id of each names what it changes, so that a repeat is the same."""

    def __init__(self, standing: Standing, claims: Claims, at: datetime) -> None:
        self._standing = standing
        self._claims = claims
        self._at = at

    def leave(self) -> Iterator[Event]:
        everything = next((one for one in self._standing.suppressions if one.scope == ""), None)
        if everything is None or (everything.reason == UNSUBSCRIBED and everything.lifted):
            mark = everything.event_id + "".join(sorted(everything.lifted)) if everything else ""
            yield self._event(Kind.UNSUBSCRIBED, "", mark)

    def unsubscribe(self, topic: str) -> Iterator[Event]:
        if self._standing.suppression(topic) is None:
            yield self._event(Kind.UNSUBSCRIBED, topic, self._mark(TOPIC + topic))
            yield from self.prefer(TOPIC + topic, NO)

    def subscribe(self, topic: str, said: Mapping[str, str]) -> Iterator[Event]:
        suppression = self._standing.suppression(topic)
        can_lift = suppression is not None and suppression.reason == UNSUBSCRIBED
        if self._standing.choice(TOPIC + topic) != YES or can_lift:
            mark = self._mark(TOPIC + topic) + (suppression.event_id if suppression else "")
            body = {"email": "", "source": SOURCE, "basis": CONFIRMED, "fields": {}, **said}
            yield self._event(Kind.SUBSCRIBED, topic, mark, **body)
            yield from self.prefer(TOPIC + topic, YES)

    def prefer(self, name: str, value: str) -> Iterator[Event]:
        known = self._standing.choices.get(name)
        if value != (known.value if known else _USUAL.get(name)):
            yield self._event(Kind.PREFERRED, "", self._mark(name), name=name, value=value)

    def _mark(self, name: str) -> str:
        known = self._standing.choices.get(name)
        return known.event_id if known else ""

    def _event(self, kind: Kind, scope: str, mark: str, **body: Any) -> Event:
        told = body.get("name", "") + "=" + body.get("value", "") if kind is Kind.PREFERRED else ""
        return Event(
            event_id=derive_event_id(SOURCE, kind, self._claims.address_hash, scope, told, mark),
            kind=kind,
            occurred_at=self._at,
            send_no=self._claims.send_no,
            seq=self._claims.seq,
            address_hash=self._claims.address_hash,
            scope=scope,
            detail=SOURCE,
            body=body,
        )
