"""One contact and everything that happened with it, in words, for the terminal and the contact page.

The queries are ``contact``, those of ``contact_…`` and ``timeline``. Add a kind of happening here together with its
branch of the query and its words; colours and layout belong to whoever shows it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import duckdb
import polars as pl

from dashboards.formats import masked, plain, title
from dashboards.glossary import OUTCOMES, REASONS, RULES, WAITING, term
from dashboards.reader import Row, read_frame

COLUMNS: Mapping[str, pl.DataType] = {
    "at": pl.Datetime("us"),
    "kind": pl.String(),
    "title": pl.String(),
    "detail": pl.String(),
    "send_id": pl.String(),
    "is_machine": pl.Boolean(),
    "amount": pl.Float64(),
}
_CHANGES = {
    "imported": "Unsubscribed in a source",
    "consent_granted": "Consent granted",
    "consent_denied": "Consent denied",
}
_FAILURES = {
    "permanent": "Bounced for good",
    "transient": "Bounced for now",
    "block": "Refused by the mailbox provider",
    "policy": "Refused by the mailbox provider's policy",
}


class UnknownContactError(LookupError):
    """The marts know no such contact."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """One contact as it stands, and what happened with it, oldest first.

    ``contact`` holds the columns of the query of that name and the rows of three others: ``suppressions``, ``consents``
    and ``choices``. ``happenings`` has the columns of ``COLUMNS``; ``title`` and ``detail`` are plain text on one line.
    """

    contact: Row
    happenings: pl.DataFrame


class Words(NamedTuple):
    """How a happening is told."""

    title: str
    detail: str


def read_timeline(connection: duckdb.DuckDBPyConnection, contact_id: str) -> Timeline:
    """Read one contact from the marts.

    Args:
        connection: an open published copy.
        contact_id: the keyed hash of the address, 32 hexadecimal digits.

    Raises:
        UnknownContactError: the marts do not know the contact.
    """
    contacts = read_frame(connection, "contact", contact_id=contact_id).to_dicts()
    if not contacts:
        raise UnknownContactError(f"no contact {contact_id} in the marts")
    more = {
        name: read_frame(connection, f"contact_{name}", contact_id=contact_id).to_dicts()
        for name in ("suppressions", "consents", "choices")
    }
    rows = read_frame(connection, "timeline", contact_id=contact_id).to_dicts()
    told = [{**row, **tell(row)._asdict()} for row in rows]
    happenings = pl.DataFrame([{name: row[name] for name in COLUMNS} for row in told], schema=dict(COLUMNS))
    return Timeline({**contacts[0], **more}, happenings)


def tell(row: Row) -> Words:
    """Return a row of the query in words; text from outside loses its control characters here."""
    kind, code = row["kind"], row["code"] or ""
    words = _TOLD[kind](row, code) if kind in _TOLD else Words(title(kind), "")
    return Words(plain(words.title), masked(words.detail))


def _message(row: Row, state: str) -> Words:
    outcome = term({**OUTCOMES, **WAITING}, state)
    return Words(f"{_campaign(row)}: {outcome.name.lower()}", row["note"] or outcome.meaning)


def _opened(row: Row, rule: str) -> Words:
    return Words(f"Opened {_campaign(row)}", _by(rule))


def _clicked(row: Row, rule: str) -> Words:
    return Words(f"Clicked “{row['subject'] or 'a link'}”", _by(rule) or row["note"] or "")


def _viewed(row: Row, rule: str) -> Words:
    return Words(f"Viewed {_campaign(row)} in the browser", _by(rule))


def _unsubscribed(row: Row, _: str) -> Words:
    scope = row["subject"] or "everything"
    return Words(f"Unsubscribed from {scope}", f"after {_campaign(row)}" if row["campaign"] else "")


def _bounced(row: Row, failure: str) -> Words:
    return Words(f"{_FAILURES.get(failure, 'Bounced')}: {_campaign(row)}", row["note"] or "")


def _soft_bounced(row: Row, _: str) -> Words:
    return Words(f"Given up after soft bounces, the last of {_campaign(row)}", row["note"] or "")


def _complained(row: Row, _: str) -> Words:
    return Words(f"Complained about {_campaign(row)}", row["note"] or "")


def _subscription(row: Row, change: str) -> Words:
    name = _CHANGES.get(change) or change.replace("_", " ").capitalize() or "Subscription changed"
    scope = f" for {row['subject']}" if row["subject"] else ""
    source = row["note"] or ""
    return Words(name + scope, "" if source in ("", "mail") else f"source {source}")


def _exclusion(row: Row, reason: str) -> Words:
    words = term(REASONS, reason)
    detail = " · ".join(part for part in (row["note"], words.meaning) if part)
    return Words(f"Left out of {_campaign(row)}: {words.name.lower()}", detail)


def _order(row: Row, _: str) -> Words:
    pieces = row["note"] or "0"
    parts = [f"{pieces} piece{'' if pieces == '1' else 's'}", row["code"] or ""]
    parts += [f"after a click in {_campaign(row)}"] if row["campaign"] else []
    return Words(f"Ordered {row['subject']}", " · ".join(part for part in parts if part))


_TOLD = {
    "message": _message,
    "opened": _opened,
    "clicked": _clicked,
    "viewed": _viewed,
    "unsubscribed": _unsubscribed,
    "bounced": _bounced,
    "soft_bounced": _soft_bounced,
    "complained": _complained,
    "subscription": _subscription,
    "exclusion": _exclusion,
    "order": _order,
}


def _campaign(row: Row) -> str:
    return title(row["campaign"]) if row["campaign"] else "a message"


def _by(rule: str) -> str:
    """Say which machine it was; '' for a person."""
    if not rule:
        return ""
    words = term(RULES, rule)
    return f"{words.name}: {words.meaning}" if words.meaning else words.name
