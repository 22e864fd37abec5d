"""Consent as a source says it, in our words; and who said stop.

Add here how consent is read from a file. Consent given or withdrawn later comes through the ledger and is merged
by dbt.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from assets.ingestion.mapping import ANY_VALUE, ConsentRule
from senders.clock import format_time
from senders.event import Event, Kind, derive_event_id

if TYPE_CHECKING:
    import polars as pl

UNSUBSCRIBED = "unsubscribed"
DETAIL = "imported"


def consent_of(rule: ConsentRule, text: "pl.Expr", opt_out: "pl.Expr") -> "pl.Expr":
    """Return ``granted``, ``denied``, ``unsubscribed``; the default where blank, null where the value is not listed.

    Args:
        rule: how the words are read.
        text: the words of the consent column.
        opt_out: the words of the column of those who said stop, which goes before the other.
    """
    import polars as pl

    word = text.str.to_lowercase()
    said_stop = opt_out.str.to_lowercase().is_in(_folded(rule.opt_out))
    if ANY_VALUE in rule.opt_out:
        said_stop = opt_out.is_not_null()
    states = [
        pl.when(said_stop).then(pl.lit(UNSUBSCRIBED)),
        pl.when(text.is_null()).then(pl.lit(rule.default)),
    ]
    for name in ("granted", "denied", UNSUBSCRIBED):
        states.append(pl.when(word.is_in(_folded(getattr(rule, name)))).then(pl.lit(name)))
    return pl.coalesce(states)


def _folded(words: tuple[str, ...]) -> list[str]:
    return [word.strip().lower() for word in words]


def suppression_events(source: str, load_id: str, suppressions: "pl.DataFrame", *, now: datetime) -> Iterator[Event]:
    """Yield one event per contact whom a source brings in as unsubscribed; the same one at every load.

    ``suppressions`` has ``contact_id`` and ``at``, which is null where the source does not say when.
    """
    for contact_id, at in suppressions.select("contact_id", "at").iter_rows():
        yield Event(
            event_id=derive_event_id("import", source, contact_id),
            kind=Kind.SUPPRESSED,
            occurred_at=now if at is None else min(at.replace(tzinfo=now.tzinfo), now),
            address_hash=bytes.fromhex(contact_id),
            detail=DETAIL,
            body={"source": source, "load_id": load_id, "loaded_at": format_time(now)},
        )
