"""The one query that judges everybody in a campaign's segments: a recipient, or out for exactly one reason.

Plan, freeze and explain all run it, so that they cannot disagree. Add a condition here when ``exclusions`` gains a
reason; who asks and what is done with the answer do not belong here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import duckdb
import pyarrow as pa

from assets.audiences import wishes
from assets.audiences.exclusions import SUPPRESSIONS, Reason
from assets.audiences.fields import CONTACT_COLUMNS
from assets.audiences.holdout import holdout_condition
from assets.audiences.models import CampaignDefinition
from assets.audiences.predicates import compile_predicate
from senders.errors import ConfigError

if TYPE_CHECKING:
    from senders.ledger.rows import Suppression

JUDGED = "judged"
_NEWEST = "newest_suppressions"
# The normal form that the door lets in (senders.tracking.addresses); asked again, since marts can be changed.
_ADDRESS = r"[A-Za-z0-9.!#$%&''*+/=?^_`{|}~-]+@([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9][a-z0-9-]*[a-z0-9]"
_SUPPRESSION_SCHEMA = pa.schema(
    [
        ("contact_id", pa.string()),
        ("reason", pa.string()),
        ("suppressed_at", pa.timestamp("us")),
        ("event_id", pa.string()),
    ]
)


class WishLog(wishes.PreferenceLog, Protocol):
    """What judging needs of the ledger: what the published copy may not have yet."""

    def suppressions(self) -> Iterable["Suppression"]:
        """Yield all suppressions."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """A campaign at a moment: what the query must know.

    ``fields`` are the columns of dim_contacts to carry along, ``required`` those without which nobody is mailed,
    ``allowed`` the only addresses and ``@domains`` that may be mailed, or None for no such limit. Without
    ``tracking_needs_consent`` everybody is tracked who did not say no.
    """

    campaign: str
    definition: CampaignDefinition
    as_of: datetime
    fields: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    allowed: tuple[str, ...] | None = None
    tracking_needs_consent: bool = True

    @property
    def as_of_naive(self) -> datetime:
        """The moment as the warehouse writes it: UTC without zone."""
        return self.as_of.astimezone(UTC).replace(tzinfo=None)


def judge(connection: duckdb.DuckDBPyConnection, request: Request, ledger: WishLog | None = None) -> None:
    """Judge everybody into the temporary table ``judged``, one row per person in the segments.

    Columns: contact_id, address, tracking, variant, the fields, reason (null for recipients), detail, event_id,
    suppressed_at: the event behind the reason and its time, where a person's own word is.

    Raises:
        ConfigError: a segment is not in the published copy, or an earlier version made the copy.
    """
    require_segments(connection, request.definition.segments)
    _require_marts(connection)
    connection.register(_NEWEST, _newest(ledger, request.definition.topic))
    connection.register(wishes.NEWEST_CHOICES, wishes.newest_choices(ledger))
    try:
        connection.execute(f"create or replace temp table {JUDGED} as {_query(request)}", _parameters(request))
    finally:
        connection.unregister(_NEWEST)
        connection.unregister(wishes.NEWEST_CHOICES)


def _require_marts(connection: duckdb.DuckDBPyConnection) -> None:
    """Refuse a copy that an earlier version made, whose marts lack what is asked for here.

    Raises:
        ConfigError: says what to do.
    """
    ((present,),) = connection.execute(
        "select count(*) from duckdb_columns() where schema_name = 'marts' and (table_name, column_name) in"
        " (('fct_consents', 'voided_at'), ('dim_preferences', 'value'), ('dim_suppressions', 'is_firm'))"
    ).fetchall()
    if present < 3:
        raise ConfigError("the published copy was made by an earlier version of the models; run `mailrail refresh`.")


def require_segments(connection: duckdb.DuckDBPyConnection, names: Iterable[str]) -> None:
    """Refuse segments that the published copy does not hold.

    Raises:
        ConfigError: names the first one and what to do.
    """
    rows = connection.execute("select table_name from duckdb_tables() where schema_name = 'segments'").fetchall()
    present = {name for (name,) in rows}
    for name in names:
        if name not in present:
            raise ConfigError(
                f"segment {name} is not in the published copy: it was never built, or its last build failed; "
                "run `mailrail check`, then `mailrail refresh`."
            )


def published_version(connection: duckdb.DuckDBPyConnection) -> str:
    """Return the version of the copy that a connection reads: its file is named by it."""
    query = "select path from duckdb_databases() where database_name = current_database() and path is not null"
    rows = connection.execute(query).fetchall()
    return Path(rows[0][0]).stem if rows else ""


def _newest(ledger: WishLog | None, topic: str) -> pa.Table:
    """Return the ledger's suppressions: the mart is their history and may be a build behind."""
    found = [row for row in ledger.suppressions() if row.holds_for(topic)] if ledger is not None else []
    columns: list[list[Any]] = [
        [row.address_hash.hex() for row in found],
        [row.reason for row in found],
        [row.at.astimezone(UTC).replace(tzinfo=None) for row in found],
        [row.event_id for row in found],
    ]
    return pa.table(columns, schema=_SUPPRESSION_SCHEMA)


def _parameters(request: Request) -> dict[str, Any]:
    definition = request.definition
    parameters: dict[str, Any] = {"topic": definition.topic, "as_of": request.as_of_naive}
    if definition.frequency_cap is not None:
        parameters["since"] = request.as_of_naive - timedelta(days=definition.frequency_cap.days)
    if definition.holdout > 0:
        parameters["campaign"] = request.campaign
    if request.allowed is not None:
        parameters["allowed"] = [entry.lower() for entry in request.allowed]
    return parameters


def _query(request: Request) -> str:
    audience = request.definition.audience
    return f"""
with members as ({" union ".join(f"select contact_id from segments.{name}" for name in audience.include)}),
excluded as ({_excluded(audience.exclude)}),
revived as ({wishes.revived()}),
suppressed as ({_suppressed()}),
consented as ({wishes.consents()}),
chosen as ({wishes.choices()}),
lately as ({wishes.lately()}),
capped as ({_capped(request)}),
asked as ({_asked(request)}),
answered as (select *, {_reason(request)} as reason from asked),
explained as (select *, {_word()} as word from answered)
select
    contact_id, address, tracking, variant{"".join(f", {name}" for name in request.fields)}, reason,
    {_detail(request)} as detail,
    word.event_id as event_id,
    word.at as suppressed_at
from explained
"""  # noqa: S608 - names come from enums and checked models, values are parameters


def _asked(request: Request) -> str:
    """One row per member of the segments with all that its answer hangs on."""
    where, condition = "true", request.definition.audience.where
    if condition is not None:
        where = compile_predicate(condition, as_of=request.as_of_naive)
    fields = "".join(f", {_field(name)} as {name}" for name in request.fields)
    return f"""
    select
        members.contact_id,
        contacts.email as address,
        {wishes.may_be_tracked(needs_consent=request.tracking_needs_consent)} as tracking,
        '' as variant,
        excluded.segment,
        suppressed.reason as suppression,
        suppressed.suppressed_at as suppression_at,
        suppressed.event_id as suppression_event,
        consented.said,
        consented.consent_ended_at,
        chosen.chosen_topic,
        chosen.chosen_pause,
        chosen.chosen_frequency,
        lately.last_sent_at,
        {_missing(request.required)} as missing,
        capped.messages
        {fields}
    from members
    left join marts.dim_contacts as contacts on members.contact_id = contacts.contact_id
    left join excluded on members.contact_id = excluded.contact_id
    left join suppressed on members.contact_id = suppressed.contact_id
    left join consented on members.contact_id = consented.contact_id
    left join chosen on members.contact_id = chosen.contact_id
    left join lately on members.contact_id = lately.contact_id
    left join capped on members.contact_id = capped.contact_id
    where {where}"""  # noqa: S608


def _reason(request: Request) -> str:
    """The first reason that holds; null for recipients."""
    return f"""
        case
            when segment is not null then '{Reason.EXCLUDED_SEGMENT}'
            when suppression is not null then suppression
            when chosen_topic.value = 'no' then '{Reason.DECLINED_TOPIC}'
            when said is distinct from 'granted' and address is not null then '{Reason.NO_CONSENT}'
            when {wishes.paused_until()} > $as_of then '{Reason.PAUSED}'
            when not ({_can_be_written_to()}) then '{Reason.INVALID_ADDRESS}'
            when not ({_is_allowed(request)}) then '{Reason.NOT_ALLOW_LISTED}'
            when missing is not null then '{Reason.MISSING_FIELD}'
            when {wishes.is_too_soon()} then '{Reason.PREFERRED_FREQUENCY}'
            when messages is not null then '{Reason.FREQUENCY_CAP}'
            when {holdout_condition("contact_id", request.definition.holdout, "campaign")} then '{Reason.HOLDOUT}'
        end"""


def _word() -> str:
    """The event behind a reason that is a person's own word, with its time."""
    return f"""
        case reason
            when suppression then {{'event_id': suppression_event, 'at': suppression_at}}
            when '{Reason.DECLINED_TOPIC}' then {{'event_id': chosen_topic.event_id, 'at': chosen_topic.at}}
            when '{Reason.PAUSED}' then {{'event_id': chosen_pause.event_id, 'at': chosen_pause.at}}
            when '{Reason.PREFERRED_FREQUENCY}'
                then {{'event_id': chosen_frequency.event_id, 'at': chosen_frequency.at}}
        end"""


def _detail(request: Request) -> str:
    """What exactly, beside the reason."""
    return f"""
    case reason
        when '{Reason.EXCLUDED_SEGMENT}' then segment
        when '{Reason.NO_CONSENT}' then case
            when said is null and consent_ended_at is not null
                then 'consent ended ' || strftime(consent_ended_at, '%Y-%m-%d')
            else 'consent ' || coalesce(said, 'unknown')
        end
        when '{Reason.PAUSED}' then 'until ' || chosen_pause.value
        when '{Reason.INVALID_ADDRESS}' then case when address is null then 'not in dim_contacts' end
        when '{Reason.MISSING_FIELD}' then missing
        when '{Reason.PREFERRED_FREQUENCY}'
            then chosen_frequency.value || ', last message ' || strftime(last_sent_at, '%Y-%m-%d')
        when '{Reason.FREQUENCY_CAP}' then {_cap_detail(request)}
    end"""


def _field(name: str) -> str:
    if name == "locale":  # the mart has the choice too, a build later
        return "coalesce(nullif(chosen.chosen_language.value, ''), contacts.locale)"
    return f"cast(contacts.{name} as bigint)" if CONTACT_COLUMNS[name] == "integer" else f"contacts.{name}"


def _excluded(segments: list[str]) -> str:
    if not segments:
        return "select null as contact_id, null as segment where false"
    parts = " union all ".join(f"select contact_id, '{name}' as segment from segments.{name}" for name in segments)  # noqa: S608
    return f"select contact_id, min(segment) as segment from ({parts}) group by contact_id"  # noqa: S608


def _suppressed() -> str:
    """One row per suppressed person: the reason that comes first, then the earliest."""
    known = ", ".join(f"'{reason}'" for reason in SUPPRESSIONS)
    rank = " ".join(f"when '{reason}' then {place}" for place, reason in enumerate(SUPPRESSIONS))
    return f"""
    select contact_id, reason, suppressed_at, event_id
    from (
        select
            contact_id,
            case when reason in ({known}) then reason else '{Reason.IMPORTED}' end as reason,
            suppressed_at,
            event_id
        from (
            select contact_id, reason, suppressed_at, event_id
            from marts.dim_suppressions
            where scope in ('', $topic) and not (
                scope = '' and not is_firm and contact_id in (select contact_id from revived)
            )
            union all
            select contact_id, reason, suppressed_at, event_id from {_NEWEST}
        )
    )
    qualify row_number() over (
        partition by contact_id order by case reason {rank} end, suppressed_at nulls last, event_id
    ) = 1"""  # noqa: S608


def _capped(request: Request) -> str:
    cap = request.definition.frequency_cap
    if cap is None:
        return "select null as contact_id, null as messages where false"
    counted = (
        "select contact_id, count(*) as messages from marts.fct_messages"
        " where was_accepted and stream = 'marketing' and sent_at > $since and sent_at <= $as_of group by contact_id"
    )
    return f"{counted} having count(*) >= {cap.messages}"


def _missing(required: tuple[str, ...]) -> str:
    if not required:
        return "cast(null as varchar)"
    whens = " ".join(
        f"when nullif(trim(cast({_field(name)} as varchar)), '') is null then '{name}'" for name in required
    )
    return f"case {whens} end"


def _cap_detail(request: Request) -> str:
    cap = request.definition.frequency_cap
    return "null" if cap is None else f"messages || ' in {cap.days} days, at most {cap.messages}'"


def _can_be_written_to() -> str:
    return (
        "address is not null and length(address) <= 254"
        f" and regexp_full_match(address, '{_ADDRESS}') and regexp_full_match(contact_id, '[0-9a-f]{{32}}')"
    )


def _is_allowed(request: Request) -> str:
    if request.allowed is None:
        return "true"
    return "list_contains($allowed, address) or list_contains($allowed, '@' || split_part(address, '@', 2))"
