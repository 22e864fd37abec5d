"""What the answers hold, for the OpenAPI document; a test holds the answers to it.

Version 1 (CONTRACT: a change is a new field, never a new meaning). Add a field here and where the answer is made.
"""

from pydantic import BaseModel, ConfigDict, Field


class Answer(BaseModel):
    """What holds for every answer."""

    model_config = ConfigDict(extra="forbid")


class TakenEvent(Answer):
    """An event that is recorded."""

    id: str = Field(description="Yours.")
    event_id: str = Field(description="The id under which it stands in the raw events and in the marts.")


class TakenEvents(Answer):
    """Events that are durable; the same answer for a repeat."""

    accepted: int
    events: list[TakenEvent]


class TakenContact(Answer):
    """A contact that is written."""

    contact_id: str = Field(description="The id by which the marts know it: a keyed hash of the address.")


class TakenContacts(Answer):
    """Contacts that are durable, in the order of the call."""

    accepted: int
    contacts: list[TakenContact]


class TakenMail(Answer):
    """A mail that will be sent once."""

    id: str
    url: str = Field(description="Says what became of it.")


class MailAnswer(Answer):
    """What became of a mail."""

    id: str
    template: str
    state: str = Field(
        description="waiting; refused, with the reason; else that of its message: queued, offered, accepted, deferred, "
        "refused, suppressed, expired, cancelled, in_doubt."
    )
    reason: str = Field(description="Why it was refused, or what it waits for.")
    reply: str = Field(description="What the relay said last, with its code.")
    requested_at: str
    changed_at: str
    send_no: int = Field(description="With seq, the message; 0 while it waits.")
    seq: int


class SuppressionAnswer(Answer):
    """An address that must not be written to."""

    contact_id: str
    scope: str = Field(description="The topic; empty for everything.")
    reason: str
    at: str
    event_id: str
    lifted: list[str] = Field(description="Topics that one of everything leaves out, since the person took them back.")


class TakenSuppressions(Answer):
    """Suppressions in force."""

    accepted: int
    suppressions: list["TakenSuppression"]


class TakenSuppression(Answer):
    """A suppression in force."""

    contact_id: str
    scope: str


class SuppressionPage(Answer):
    """Suppressions, by address and scope."""

    suppressions: list[SuppressionAnswer]
    next: str | None = Field(description="Give it as after for the next page; null at the end.")


class PersonSuppressions(Answer):
    """All suppressions of one address."""

    contact_id: str
    suppressions: list[SuppressionAnswer]


class RawEvent(Answer):
    """One thing that came back, as it was recorded; it never changes."""

    id: int = Field(description="Its place in the order of all; a smaller one never appears later.")
    event_id: str
    kind: str = Field(description="What happened, past tense; a later version may know more kinds.")
    occurred_at: str
    received_at: str
    contact_id: str = Field(description="Empty where nobody is known.")
    send_no: int
    seq: int
    scope: str
    link_no: int
    url: str
    user_agent: str
    ip: str
    method: str
    failure: str
    code: str
    detail: str
    body: dict[str, object]


class EventPage(Answer):
    """Raw events, oldest first."""

    events: list[RawEvent]
    next_after: int = Field(description="Give it as after for the next page, also later when there may be more.")
    has_more: bool


class MistakeAnswer(Answer):
    """One value that cannot be used."""

    path: str = Field(description="JSON pointer (RFC 6901) into the body, or the name of a header or parameter.")
    value: str = Field(description="The beginning of what was sent.")
    message: str
    remedy: str


class ProblemAnswer(Answer):
    """Problem details (RFC 9457)."""

    type: str = Field(description="urn:mailrail:problem:… for programs.")
    title: str
    status: int
    detail: str
    errors: list[MistakeAnswer] = Field(default_factory=list, description="The values that cannot be used, 20 at most.")
