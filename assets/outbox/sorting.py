"""Sorts waiting requests: what can be sent, in batches, and what is refused and why.

A request is judged by itself, so that a wrong one never holds others up. Add a reason here; what a value must be stands
in ``values``, what the ledger decides at the offer (suppressions) in ``senders``.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from assets.outbox.batch import Batch, Fit
from assets.outbox.definition import Letter
from assets.outbox.values import ValueFault, fit_values
from assets.warehouse.published import connect_published
from assets.warehouse.resources import Mailrail, is_allowed
from senders.errors import ConfigError
from senders.ledger.outbox import MailRow
from senders.tracking.addresses import AddressError, hash_address, normalize_address, wire_address

_HOUR = timedelta(hours=1)


class Refusal(Exception):  # noqa: N818 - a decision, not a fault of ours
    """Why a request gets no mail, as a person reads it; holds neither the address nor a value."""


@dataclass(slots=True)
class Sorted:
    """Batches to open, and reasons by row id."""

    batches: list[Batch] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)


def sort_requests(
    mailrail: Mailrail,
    letter: Letter,
    rows: Iterable[MailRow],
    address_key: bytes,
    strangers: Collection[bytes] = frozenset(),
) -> Sorted:
    """Judge the requests with one template, and put those that can be sent into batches.

    ``strangers`` are the address hashes of people whom this template must not reach.
    Requests whose own time ends before that of the send's messages go together by the minute in which it ends.
    """
    now = mailrail.clock.now()
    usual_end = now + _HOUR * mailrail.expire_hours.get(letter.definition.sender, 0)
    groups: dict[tuple[str, datetime | None], list[Fit]] = defaultdict(list)
    found = Sorted()
    for row in rows:
        try:
            if row.request.address_hash in strangers:
                raise Refusal("nothing is known of the address, and the template is for people whom we know")
            fit = _fit(mailrail, letter, row, address_key)
        except Refusal as refusal:
            found.refused[row.row_id] = str(refusal)
            continue
        key = letter.language_for(row.request.language), _end(row.request.expires_at, now, usual_end)
        groups[key].append(fit)
    found.batches = [Batch(letter, language, fits, end) for (language, end), fits in groups.items()]
    return found


def known_contacts(published: Path, address_hashes: Collection[bytes]) -> frozenset[bytes]:
    """Return those who are contacts in the published copy; nobody where nothing was published yet."""
    if not address_hashes:
        return frozenset()
    query = "select contact_id from marts.dim_contacts where list_contains($asked, contact_id)"
    try:
        with connect_published(published) as connection:
            rows = connection.execute(query, {"asked": [each.hex() for each in address_hashes]}).fetchall()
    except ConfigError:
        return frozenset()
    return frozenset(bytes.fromhex(contact_id) for (contact_id,) in rows)


def _fit(mailrail: Mailrail, letter: Letter, row: MailRow, address_key: bytes) -> Fit:
    request = row.request
    try:
        address, normal = wire_address(request.email), normalize_address(request.email)
    except AddressError as error:
        raise Refusal(str(error)) from None
    if hash_address(normal, address_key) != request.address_hash:
        raise Refusal("the hash of the address is not made with this home's address key")
    if not is_allowed(normal, mailrail.allowed_recipients.get(letter.definition.sender, ())):
        raise Refusal("the address is not on recipient_allow_list, and this is not production")
    try:
        return Fit(row, address, fit_values(letter.definition, request.fields))
    except ValueFault as fault:
        raise Refusal(str(fault)) from None


def _end(expires_at: datetime | None, now: datetime, usual_end: datetime) -> datetime | None:
    if expires_at is None or expires_at >= usual_end:
        return None
    by_the_minute = expires_at.replace(second=0, microsecond=0)
    return by_the_minute if by_the_minute > now else expires_at
