"""What a campaign's ``defs.yaml`` may say, as the model that Dagster, the command line and the checks share.

Add a field here, with its description: that text is the author's documentation. Finding mistakes in files
belongs to ``definition``, deciding about people to ``plan``.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from assets.audiences.fields import FIELD_COLUMNS
from assets.audiences.predicates import check_predicate
from assets.audiences.suggestions import suggest

_SEGMENT = re.compile(r"seg_[a-z0-9_]+")
_TOPIC = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_CRON = re.compile(r"(?:[\d*/,\-]+\s+){4}[\d*/,\-A-Za-z]+")


def _segment(name: str) -> str:
    if not _SEGMENT.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of a segment model; segments are called seg_… in dbt")
    return name


SegmentName = Annotated[str, AfterValidator(_segment)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Audience(_Strict):
    """Whom a campaign is for."""

    include: list[SegmentName] = Field(min_length=1, description="Segments whose members get it; each person once.")
    exclude: list[SegmentName] = Field(default_factory=list, description="Segments whose members do not.")
    where: str | None = Field(
        None,
        description="A condition on columns of dim_contacts that narrows it further: country = 'DE' and orders > 0",
    )

    @field_validator("where")
    @classmethod
    def _check_where(cls, value: str | None) -> str | None:
        refusals = check_predicate(value) if value is not None else []
        if refusals:
            first = refusals[0]
            raise ValueError(f"[{first.line}:{first.column}] {first.message} {first.remedy}")
        return value


class Schedule(_Strict):
    """When a campaign goes out by itself: once, or again and again."""

    at: datetime | None = Field(None, description="One time, with its zone: 2026-11-03T09:00:00Z")
    cron: str | None = Field(None, description="Repeating, as five cron fields: 0 9 * * 2")
    timezone: str = Field("UTC", description="Time zone of cron, such as Europe/Berlin.")

    @field_validator("timezone")
    @classmethod
    def _check_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{value!r} is not a time zone; write one such as Europe/Berlin") from None
        return value

    @field_validator("cron")
    @classmethod
    def _check_cron(cls, value: str | None) -> str | None:
        if value is not None and not _CRON.fullmatch(value.strip()):
            raise ValueError(f"{value!r} is not cron; write minute hour day month weekday, such as 0 9 * * 2")
        return value

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if (self.at is None) == (self.cron is None):
            raise ValueError("a schedule needs either at or cron")
        if self.at is not None and self.at.tzinfo is None:
            raise ValueError(f"at: {self.at.isoformat()} has no time zone; add Z for UTC")
        return self

    def as_cron(self) -> str:
        """Return the cron line that fires at the set time; `is_due` says whether it is the right year."""
        if self.cron is not None:
            return self.cron
        local = self._at().astimezone(ZoneInfo(self.timezone))
        return f"{local.minute} {local.hour} {local.day} {local.month} *"

    def is_due(self, moment: datetime) -> bool:
        """Whether the schedule means this very minute."""
        if self.cron is not None:
            return True
        return moment.astimezone(UTC).replace(second=0, microsecond=0) == self._at().replace(second=0, microsecond=0)

    def _at(self) -> datetime:
        if self.at is None:
            raise ValueError("the schedule repeats; it has no single time")
        return self.at.astimezone(UTC)


class FrequencyCap(_Strict):
    """How many messages of all campaigns together one person may get."""

    messages: int = Field(ge=1, description="At most so many messages…")
    days: int = Field(ge=1, le=365, description="…within so many days before the send.")


class CampaignDefinition(_Strict):
    """A campaign: who gets it, what it says, who signs it, when it goes out."""

    title: str = Field(min_length=1, description="What people call it.")
    topic: str = Field(description="What it is about; unsubscribing from the topic stops it: offers")
    sender: str = Field(description="A sender profile of mailrail.toml.")
    audience: Audience = Field(description="Whom it is for.")
    fields: list[str] | None = Field(
        None, description="Columns of dim_contacts that the template may use; without it those it does use."
    )
    schedule: Schedule | None = Field(None, description="When it goes out by itself; without it a person sends it.")
    approval: Literal["by_person", "automatic"] = Field(
        "by_person", description="automatic: its own schedule may send it without a person, to at most at_most people."
    )
    at_most: int | None = Field(None, ge=1, description="Most recipients that approval: automatic covers.")
    frequency_cap: FrequencyCap | None = Field(None, description="Leaves out who got enough lately.")
    holdout: float = Field(0.0, ge=0, lt=1, description="Share that gets nothing, to measure what the campaign brings.")
    late_after_minutes: int = Field(120, ge=1, description="A schedule that fires later than this needs a person.")
    expire_hours: float | None = Field(
        None, gt=0, le=168, description="How long a deferred message is tried; without it as [delivery] says."
    )
    rollout_percent_per_hour: float | None = Field(
        None, gt=0, le=100, description="Share of the recipients that is mailed in an hour; unset for all at once."
    )
    owners: list[str] = Field(
        default_factory=list, description="Who answers for it, as Dagster wants it: team:marketing"
    )

    @field_validator("topic")
    @classmethod
    def _check_topic(cls, value: str) -> str:
        if not _TOPIC.fullmatch(value):
            raise ValueError(f"{value!r} is not a topic; use small letters, digits, - and _, such as offers")
        return value

    @field_validator("owners")
    @classmethod
    def _check_owners(cls, value: list[str]) -> list[str]:
        for owner in value:
            if not owner.startswith("team:") and "@" not in owner:
                raise ValueError(f"{owner!r} is neither an address nor a team; write team:{owner}")
        return value

    @field_validator("fields")
    @classmethod
    def _check_fields(cls, value: list[str] | None) -> list[str] | None:
        for name in value or ():
            if name not in FIELD_COLUMNS:
                raise ValueError(f"dim_contacts has no column {name!r} for templates. {suggest(name, FIELD_COLUMNS)}")
        return value

    @model_validator(mode="after")
    def _check_approval(self) -> Self:
        if self.approval == "automatic" and self.at_most is None:
            raise ValueError("approval: automatic needs at_most, the most recipients it may ever mail by itself")
        if self.approval == "automatic" and self.schedule is None:
            raise ValueError("approval: automatic needs a schedule; it covers the campaign's own schedule only")
        return self

    @property
    def segments(self) -> tuple[str, ...]:
        """All segments that it names."""
        return (*self.audience.include, *self.audience.exclude)
