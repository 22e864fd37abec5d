"""What a call may say: the definitions that check it and that the OpenAPI document is made from.

Version 1 (CONTRACT: a change is a new field, never a new meaning). Add a field with its limits and a description;
whoever reads what is stored must know it too. What a call does belongs to ``events``, ``contacts``, ``mail`` and
``suppressions``.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from senders.collector.api.reading import MAX_NUMBER
from senders.tracking.addresses import AddressError, normalize_address, wire_address

ORDER_COMPLETED = "order_completed"
MAX_EVENTS = 500
MAX_EVENT_BYTES = 64 * 1024
MAX_CONTACTS = 1000
MAX_SUPPRESSIONS = 1000
MAX_LINES = 500
MAX_AMOUNT = 1_000_000_000_000

_TIME = re.compile(r"[1-9]\d{3}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _time(value: Any) -> datetime:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise ValueError("is no time with a zone as RFC 3339 writes it, such as 2026-11-03T09:00:00Z")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("is a time that does not exist") from None


def _whole(value: Any) -> Any:
    # JSON knows no difference between 2 and 2.0.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _address(form: Callable[[str], str]) -> Callable[[str], str]:
    def check(text: str) -> str:
        if "\ufffd" in text:
            raise ValueError("holds what was no UTF-8 before it was decoded")
        try:
            return form(text)
        except AddressError as error:
            raise ValueError(str(error).removeprefix("the address ")) from None

    return check


_EMAIL_SCHEMA = WithJsonSchema({"type": "string", "format": "email", "maxLength": 320})
# `reading` refuses it before; said here so that the document says it.
NO_NUL = r"^[^\x00]*$"
ANY_VALUE: dict[str, Any] = {"x-any-value": True}
"""Stands in the schemas for any JSON value; ``openapi`` puts `VALUE_SCHEMA` in its place."""
VALUE_SCHEMA: dict[str, Any] = {
    "description": "Any JSON value: texts, truths, numbers up to ±10^18, lists and objects of such; 16 levels at most.",
    "anyOf": [
        {"type": "string", "pattern": NO_NUL},
        {"type": "boolean"},
        {"type": "null"},
        {"type": "number", "minimum": -MAX_NUMBER, "maximum": MAX_NUMBER},
        {"type": "array", "items": ANY_VALUE},
        {"type": "object", "propertyNames": {"pattern": NO_NUL}, "additionalProperties": ANY_VALUE},
    ],
}

_TIME_SCHEMA = WithJsonSchema({"type": "string", "format": "date-time", "pattern": "^[1-9]"})
Time = Annotated[datetime, BeforeValidator(_time), _TIME_SCHEMA]
Email = Annotated[str, Field(max_length=320), AfterValidator(_address(normalize_address)), _EMAIL_SCHEMA]
Mailbox = Annotated[str, Field(max_length=320), AfterValidator(_address(wire_address)), _EMAIL_SCHEMA]
ContactId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
CallerId = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,128}$")]
Word = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=NO_NUL)]
Text = Annotated[str, StringConstraints(max_length=200, pattern=NO_NUL)]
LongText = Annotated[str, StringConstraints(max_length=2000, pattern=NO_NUL)]
Topic = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})?$")]
Whole = Annotated[int, BeforeValidator(_whole)]
Amount = Annotated[float, Field(ge=0, le=MAX_AMOUNT)]
FieldName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
Scalar = LongText | bool | Annotated[float, Field(ge=-MAX_NUMBER, le=MAX_NUMBER)] | None
Value = Annotated[Any, WithJsonSchema(ANY_VALUE)]

_UNSET: Any = None
"""The default of what need not be said and cannot be null; what was said is asked of ``model_fields_set``."""


def _one_person(schema: dict[str, Any]) -> None:
    schema["oneOf"] = [{"required": ["email"]}, {"required": ["contact_id"]}]


class Model(BaseModel):
    """What holds for everything a call says: nothing unknown, nothing converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, ser_json_inf_nan="strings")


class About(Model):
    """Whom something is about: an address, or the id by which we know it."""

    model_config = ConfigDict(json_schema_extra=_one_person)

    email: Email = Field(_UNSET, description="The person's address.")
    contact_id: ContactId = Field(
        _UNSET, description="Instead of email: the id that answers about contacts give, and the marts hold."
    )

    @model_validator(mode="after")
    def _is_one_person(self) -> Self:
        if (self.email is None) == (self.contact_id is None):
            raise ValueError("needs exactly one of email and contact_id")
        return self


class Reported(About):
    """What every event has."""

    id: CallerId = Field(
        description="Yours, the same at every try: one event per account of keys and id, the first counts."
    )
    occurred_at: Time = Field(
        _UNSET, description="When it happened; the time of the call where not said, or ahead of it."
    )


class CustomEvent(Reported):
    """Something that happened in your shop or your product."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.]{0,63}$")] = Field(
        description="What happened, as in `order_completed`, `product_viewed`.",
        json_schema_extra={"not": {"const": ORDER_COMPLETED}},
    )
    properties: dict[str, Value] = Field(
        {},
        description="What else is to be known of it; 64 KB at most.",
        json_schema_extra={"propertyNames": {"pattern": NO_NUL}},
    )


class OrderLine(Model):
    """One line of an order."""

    product_id: Word = Field(description="Your id of the product, as in the source of products.")
    quantity: Whole = Field(1, ge=1, le=1_000_000, description="How many.")
    amount: Amount = Field(description="What the line costs in all, in the order's currency.")


class Order(Model):
    """What is known of an order; more than is listed here may be said."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={"propertyNames": {"pattern": NO_NUL}, "additionalProperties": ANY_VALUE},
    )

    order_id: Word = Field(description="Your id of the order, as in the source of orders.")
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = Field(description="ISO 4217, such as EUR.")
    total: Amount = Field(description="What was paid in all.")
    lines: list[OrderLine] = Field([], max_length=MAX_LINES, description="What was bought.")


class OrderCompleted(Reported):
    """An order was placed; it stands in the marts after the next tick."""

    name: Annotated[str, StringConstraints(pattern=f"^{ORDER_COMPLETED}$")] = Field(
        description="Says that this is an order.", json_schema_extra={"const": ORDER_COMPLETED}
    )
    properties: Order = Field(description="The order.")


class Consent(Model):
    """The person's yes to mail, as you state it; kept as proof and never undoing an unsubscribe."""

    at: Time = Field(description="When it was given.")
    source: Word = Field(description="Where: the form, the shop, the till.")
    topics: list[Topic] = Field([], max_length=20, description="What for; everything where not said.")
    wording: LongText = Field("", description="What the person agreed to.")


class ContactFields(Model):
    """What is written of a contact: what is not said stays as it is, an empty text takes away."""

    source_key: Text = Field(_UNSET, description="Your id of the person.")
    first_name: Text = Field(_UNSET, description="First name.")
    last_name: Text = Field(_UNSET, description="Last name.")
    country: Text = Field(_UNSET, description="Country, best as ISO 3166 code.")
    city: Text = Field(_UNSET, description="City.")
    locale: Text = Field(_UNSET, description="Language, with or without country, such as de or de-AT.")
    tracking_consent: bool = Field(_UNSET, description="Whether opens and clicks may be kept for this person.")
    created_at: Time = Field(_UNSET, description="Since when you know the person.")
    updated_at: Time = Field(_UNSET, description="When this was true; the time of the call where not said.")
    attributes: dict[FieldName, Scalar] = Field(
        _UNSET, max_length=50, description="Fields of your own: texts, numbers and truths."
    )
    consent: Consent = Field(_UNSET, description="The person's yes to mail.")


class Contact(ContactFields):
    """A contact."""

    email: Email = Field(description="The person's address, by which the contact is known.")


class Mail(Model):
    """One mail that somebody waits for, such as a receipt."""

    template: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")] = Field(
        description="Name of its template: a folder of assets/transactional."
    )
    to: Mailbox = Field(description="Who gets it.")
    fields: dict[FieldName, Value] = Field({}, description="What the template reads; 64 KB at most.")
    language: Language = Field(_UNSET, description="Language of the template; its own where not said.")
    expires_at: Time = Field(_UNSET, description="After this it is not sent any more.")


class Suppressing(Model):
    """Why an address must not be written to."""

    scope: Topic = Field(_UNSET, description="The topic; everything where not said.")
    reason: Word = Field(description="Why, for those who ask later.")


class Suppression(About, Suppressing):
    """An address that must not be written to, from the moment of the answer."""
