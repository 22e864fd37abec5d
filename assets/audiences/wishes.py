"""What people consented to and chose, as parts of the judging query, and the ledger's newest choices beside the marts'.

Add a part here when people can choose something new that an audience must heed. Which reason goes before which belongs
to ``exclusions``, the query as a whole to ``judging``; `$topic` and `$as_of` are its parameters.
"""

from collections.abc import Iterable
from datetime import UTC
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

if TYPE_CHECKING:
    from senders.ledger.rows import Preference

NEWEST_CHOICES = "newest_choices"
FREQUENCIES = {"weekly": 7, "monthly": 30}  # at most one marketing message in so many days
_CHOICE_SCHEMA = pa.schema(
    [
        ("contact_id", pa.string()),
        ("name", pa.string()),
        ("value", pa.string()),
        ("preferred_at", pa.timestamp("us")),
        ("event_id", pa.string()),
    ]
)


class PreferenceLog(Protocol):
    """What judging needs of the ledger: choices that the published copy may not have yet."""

    def preferences(self) -> Iterable["Preference"]:
        """Yield the newest choice of each name of everybody."""
        ...


def newest_choices(ledger: PreferenceLog | None) -> pa.Table:
    """Return the ledger's choices: the mart may be a build behind."""
    found = list(ledger.preferences()) if ledger is not None else []
    columns: list[list[Any]] = [
        [row.address_hash.hex() for row in found],
        [row.name for row in found],
        [row.value for row in found],
        [row.at.astimezone(UTC).replace(tzinfo=None) for row in found],
        [row.event_id for row in found],
    ]
    return pa.table(columns, schema=_CHOICE_SCHEMA)


def consents() -> str:
    """One row per person who said something that counts for the topic: the newest, at the same time the denial.

    Columns: contact_id, said, consent_ended_at. An expired or voided grant says nothing; ``consent_ended_at`` is when
    the last of those ended.
    """
    counts = "voided_at is null and (expires_at is null or expires_at > $as_of)"
    return f"""
    select
        contact_id,
        arg_max(
            consent, {{'at': coalesce(stated_at, timestamp '1970-01-01'), 'denies': consent = 'denied'}}
        ) filter (where {counts}) as said,
        max(least(voided_at, expires_at)) filter (where not ({counts})) as consent_ended_at
    from marts.fct_consents
    where topic in ('', $topic)
    group by contact_id"""  # noqa: S608


def revived() -> str:
    """Who came back to the topic by a confirmed consent after an unsubscribe from everything."""
    return (
        "select distinct contact_id from marts.fct_consents"
        " where is_confirmed and voided_at is null and topic = $topic and topic <> ''"
    )


def choices() -> str:
    """One row per person who chose anything that matters for the topic, each choice with its time and event."""
    named = {
        "chosen_topic": "'topic:' || $topic",
        "chosen_pause": "'pause_until'",
        "chosen_frequency": "'frequency'",
        "chosen_tracking": "'tracking'",
        "chosen_language": "'language'",
    }
    columns = ", ".join(
        f"any_value({{'value': value, 'at': preferred_at, 'event_id': event_id}})"
        f" filter (where name = {name}) as {alias}"
        for alias, name in named.items()
    )
    return f"""
    select contact_id, {columns}
    from (
        select contact_id, name, value, preferred_at, event_id
        from (
            select contact_id, name, value, preferred_at, event_id from marts.dim_preferences
            union all
            select contact_id, name, value, preferred_at, event_id from {NEWEST_CHOICES}
        )
        where name in ({", ".join(named.values())})
        qualify row_number() over (partition by contact_id, name order by preferred_at desc, event_id desc) = 1
    )
    group by contact_id"""  # noqa: S608


def lately() -> str:
    """When people who want mail seldom got their last marketing message."""
    wanted = ", ".join(f"'{name}'" for name in FREQUENCIES)
    return f"""
    select messages.contact_id, max(messages.sent_at) as last_sent_at
    from marts.fct_messages as messages
    inner join chosen on messages.contact_id = chosen.contact_id
    where
        messages.was_accepted and messages.stream = 'marketing' and messages.sent_at <= $as_of
        and chosen.chosen_frequency.value in ({wanted})
    group by messages.contact_id"""  # noqa: S608


def paused_until() -> str:
    """The day before which a person wants nothing; null for none, and for what is no date."""
    return "try_cast(chosen_pause.value as date)"


def is_too_soon() -> str:
    """Whether the last message is too near for how often a person wants mail."""
    whens = " ".join(
        f"when '{name}' then last_sent_at > $as_of - interval {days} day" for name, days in FREQUENCIES.items()
    )
    return f"coalesce(case chosen_frequency.value {whens} end, false)"


def may_be_tracked(*, needs_consent: bool) -> str:
    """Whether opens and clicks of a person may be followed.

    A no stands until the person says yes later; a yes gives way to a source's later no. Where nobody said anything it
    is no, unless the law of the place asks for notice only.
    """
    said = (
        "case chosen.chosen_tracking.value when 'no' then false when 'yes' then"
        " coalesce(chosen.chosen_tracking.at >= contacts.tracking_consent_at, true)"
        " or contacts.tracking_consent is true else contacts.tracking_consent end"
    )
    return f"coalesce({said}, {'false' if needs_consent else 'true'})"
