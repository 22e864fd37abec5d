"""Every call of the API, once: routes and the OpenAPI document are both made from this table.

Add a call here with the scope it needs. What it does stands in the module of its subject.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from senders.collector.api import answers, models
from senders.collector.api.contacts import write_contact, write_contacts
from senders.collector.api.door import Door, Incoming, Written
from senders.collector.api.events import read_events, report_events
from senders.collector.api.mail import read_mail, request_mail
from senders.collector.api.suppressions import NO_REMOVAL, read_person, read_suppressions, suppress, suppress_one
from senders.ledger.store import Ledger

Write = Callable[[Door, Incoming], Written]
Read = Callable[[Door, Incoming, Ledger], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """One method of one path; ``status`` is that of success, ``query`` names its parameters in ``openapi``.

    ``may_be_missing`` says that the path may name nothing (404).
    """

    method: str
    path: str
    name: str
    scope: str
    summary: str
    text: str
    answer: type[BaseModel]
    status: int = 200
    query: tuple[str, ...] = ()
    may_be_missing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(_Call):
    """A call that changes nothing."""

    method: str = "GET"
    read: Read


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing(_Call):
    """A call that stores something.

    ``body`` are the models of which the body is one; with ``many`` it may also be a list of them under that name, of
    ``most`` at most.
    """

    write: Write
    body: tuple[type[BaseModel], ...]
    many: str = ""
    most: int = 0


Operation = Reading | Writing

OPERATIONS: tuple[Operation, ...] = (
    Writing(
        method="POST",
        path="/events",
        name="reportEvents",
        scope="events:write",
        summary="Report what happened",
        text=(
            'One event, or up to 500 as `{"events": […]}`; 64 KB each, 1 MB in all. All are recorded, or none. An '
            "event with an id that was reported before, by a key of the same name, is one event and answered the same."
        ),
        answer=answers.TakenEvents,
        status=202,
        write=report_events,
        body=(models.OrderCompleted, models.CustomEvent),
        many="events",
        most=models.MAX_EVENTS,
    ),
    Reading(
        path="/events",
        name="readEvents",
        scope="events:read",
        summary="Read everything that came back",
        text=(
            "Raw events in the order in which they became durable: opens, clicks, unsubscribes, bounces, complaints, "
            "sign-ups, consents, preferences, reported events, written contacts. They never change."
        ),
        answer=answers.EventPage,
        read=read_events,
        query=("after_id", "limit"),
    ),
    Writing(
        method="POST",
        path="/contacts",
        name="writeContacts",
        scope="contacts:write",
        summary="Write contacts",
        text=(
            'One contact, or up to 1,000 as `{"contacts": […]}`. All are written, or none. A consent is recorded '
            "as you state it, and never undoes an unsubscribe, a bounce or a complaint."
        ),
        answer=answers.TakenContacts,
        status=202,
        write=write_contacts,
        body=(models.Contact,),
        many="contacts",
        most=models.MAX_CONTACTS,
    ),
    Writing(
        method="PUT",
        path="/contacts/{email}",
        name="writeContact",
        scope="contacts:write",
        summary="Write one contact",
        text="What is not said stays as it is. Proxies may log a path: POST /contacts keeps addresses out of them.",
        answer=answers.TakenContact,
        status=202,
        write=write_contact,
        body=(models.ContactFields,),
    ),
    Writing(
        method="POST",
        path="/mail",
        name="requestMail",
        scope="mail:send",
        summary="Send a mail that somebody waits for",
        text=(
            "The answer comes when the request is durable. Send an Idempotency-Key: it makes a repeat after a lost "
            "answer harmless. Whether the address may be written to is decided when the mail is sent."
        ),
        answer=answers.TakenMail,
        status=202,
        write=request_mail,
        body=(models.Mail,),
    ),
    Reading(
        path="/mail/{id}",
        name="readMail",
        scope="mail:send",
        summary="What became of a mail",
        text="The state of the request, then that of its message.",
        answer=answers.MailAnswer,
        read=read_mail,
        may_be_missing=True,
    ),
    Reading(
        path="/suppressions",
        name="readSuppressions",
        scope="suppressions:read",
        summary="Who must not be written to",
        text="All suppressions, in pages.",
        answer=answers.SuppressionPage,
        read=read_suppressions,
        query=("after_cursor", "limit"),
    ),
    Writing(
        method="POST",
        path="/suppressions",
        name="suppress",
        scope="suppressions:write",
        summary="Suppress addresses",
        text=(
            'One, or up to 1,000 as `{"suppressions": […]}`; in force from the moment of the answer, for '
            f"sends that run too. There is no call that removes one: {NO_REMOVAL}."
        ),
        answer=answers.TakenSuppressions,
        write=suppress,
        body=(models.Suppression,),
        many="suppressions",
        most=models.MAX_SUPPRESSIONS,
    ),
    Reading(
        path="/suppressions/{email}",
        name="readSuppression",
        scope="suppressions:read",
        summary="Whether an address may be written to",
        text="The suppressions of one address; an empty list where there is none.",
        answer=answers.PersonSuppressions,
        read=read_person,
    ),
    Writing(
        method="PUT",
        path="/suppressions/{email}",
        name="suppressOne",
        scope="suppressions:write",
        summary="Suppress one address",
        text="In force from the moment of the answer.",
        answer=answers.TakenSuppression,
        write=suppress_one,
        body=(models.Suppressing,),
    ),
)


def by_path() -> dict[str, dict[str, Operation]]:
    """Return the operations of each path, by method."""
    found: dict[str, dict[str, Operation]] = {}
    for operation in OPERATIONS:
        found.setdefault(operation.path, {})[operation.method] = operation
    return found
