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


class SuppressionLog(Protocol):
    """What judging needs of the ledger: suppressions that the published copy may not have yet."""

    def suppressions(self) -> Iterable["Suppression"]:
        """Yield all suppressions."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """A campaign at a moment: what the query must know.

    ``fields`` are the columns of dim_contacts to carry along, ``required`` those without which nobody is mailed,
    ``allowed`` the only addresses and ``@domains`` that may be mailed, or None for no such limit.
    """

    campaign: str
    definition: CampaignDefinition
    as_of: datetime
    fields: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    allowed: tuple[str, ...] | None = None

    @property
    def as_of_naive(self) -> datetime:
        """The moment as the warehouse writes it: UTC without zone."""
        return self.as_of.astimezone(UTC).replace(tzinfo=None)


def judge(connection: duckdb.DuckDBPyConnection, request: Request, ledger: SuppressionLog | None = None) -> None:
    """Judge everybody into the temporary table ``judged``, one row per person in the segments.

    Columns: contact_id, address, tracking, variant, the fields, reason (null for recipients), detail, event_id,
    suppressed_at.

    Raises:
        ConfigError: a segment is not in the published copy.
    """
    require_segments(connection, request.definition.segments)
    connection.register(_NEWEST, _newest(ledger, request.definition.topic))
    try:
        connection.execute(f"create or replace temp table {JUDGED} as {_query(request)}", _parameters(request))
    finally:
        connection.unregister(_NEWEST)


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


def _newest(ledger: SuppressionLog | None, topic: str) -> pa.Table:
    """Return the ledger's suppressions: the mart is their history and may be a build behind."""
    found = [row for row in ledger.suppressions() if row.scope in ("", topic)] if ledger is not None else []
    columns: list[list[Any]] = [
        [row.address_hash.hex() for row in found],
        [row.reason for row in found],
        [row.at.astimezone(UTC).replace(tzinfo=None) for row in found],
        [row.event_id for row in found],
    ]
    return pa.table(columns, schema=_SUPPRESSION_SCHEMA)


def _parameters(request: Request) -> dict[str, Any]:
    definition = request.definition
    parameters: dict[str, Any] = {"topic": definition.topic}
    if definition.frequency_cap is not None:
        parameters["as_of"] = request.as_of_naive
        parameters["since"] = request.as_of_naive - timedelta(days=definition.frequency_cap.days)
    if definition.holdout > 0:
        parameters["campaign"] = request.campaign
    if request.allowed is not None:
        parameters["allowed"] = [entry.lower() for entry in request.allowed]
    return parameters


def _query(request: Request) -> str:
    audience = request.definition.audience
    where = "true"
    if audience.where is not None:
        where = compile_predicate(audience.where, as_of=request.as_of_naive)
    fields = "".join(f", {_field(name)} as {name}" for name in request.fields)
    return f"""
with members as ({" union ".join(f"select contact_id from segments.{name}" for name in audience.include)}),
excluded as ({_excluded(audience.exclude)}),
suppressed as ({_suppressed()}),
capped as ({_capped(request)}),
asked as (
    select
        members.contact_id,
        contacts.email as address,
        contacts.tracking_consent is distinct from false as tracking,
        '' as variant,
        excluded.segment,
        suppressed.reason as suppression,
        suppressed.suppressed_at,
        suppressed.event_id,
        contacts.consent,
        {_missing(request.required)} as missing,
        capped.messages
        {fields}
    from members
    left join marts.dim_contacts as contacts on members.contact_id = contacts.contact_id
    left join excluded on members.contact_id = excluded.contact_id
    left join suppressed on members.contact_id = suppressed.contact_id
    left join capped on members.contact_id = capped.contact_id
    where {where}
),
answered as (
    select
        *,
        case
            when segment is not null then '{Reason.EXCLUDED_SEGMENT}'
            when suppression is not null then suppression
            when consent is distinct from 'granted' and address is not null then '{Reason.NO_CONSENT}'
            when not ({_can_be_written_to()}) then '{Reason.INVALID_ADDRESS}'
            when not ({_is_allowed(request)}) then '{Reason.NOT_ALLOW_LISTED}'
            when missing is not null then '{Reason.MISSING_FIELD}'
            when messages is not null then '{Reason.FREQUENCY_CAP}'
            when {holdout_condition("contact_id", request.definition.holdout, "campaign")} then '{Reason.HOLDOUT}'
        end as reason
    from asked
)
select
    contact_id, address, tracking, variant{"".join(f", {name}" for name in request.fields)}, reason,
    case reason
        when '{Reason.EXCLUDED_SEGMENT}' then segment
        when '{Reason.NO_CONSENT}' then 'consent ' || coalesce(consent, 'unknown')
        when '{Reason.INVALID_ADDRESS}' then case when address is null then 'not in dim_contacts' end
        when '{Reason.MISSING_FIELD}' then missing
        when '{Reason.FREQUENCY_CAP}' then {_cap_detail(request)}
    end as detail,
    case when reason = suppression then event_id end as event_id,
    case when reason = suppression then suppressed_at end as suppressed_at
from answered
"""  # noqa: S608 - names come from enums and checked models, values are parameters


def _field(name: str) -> str:
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
            from marts.dim_suppressions where scope in ('', $topic)
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
        " where was_accepted and sent_at > $since and sent_at <= $as_of group by contact_id"
    )
    return f"{counted} having count(*) >= {cap.messages}"


def _missing(required: tuple[str, ...]) -> str:
    if not required:
        return "cast(null as varchar)"
    whens = " ".join(
        f"when nullif(trim(cast(contacts.{name} as varchar)), '') is null then '{name}'" for name in required
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
