"""Events: what happened in a shop or a product is recorded once, and everything that came back can be read.

`report_events` writes, `read_events` reads the raw record in the order of its ids. What an event means is decided in
dbt; add nothing of it here but what must be right at the door.
"""

from itertools import accumulate
from typing import Any

from senders.clock import format_time
from senders.collector.api.checking import check, check_each, check_size, one_or_many
from senders.collector.api.door import Door, Incoming, Written, as_json, not_after
from senders.collector.api.models import MAX_EVENT_BYTES, MAX_EVENTS, ORDER_COMPLETED, CustomEvent, OrderCompleted
from senders.collector.api.paging import MAX_PAGE_LENGTH, page_size, whole_number
from senders.event import Event, Kind, derive_event_id
from senders.ledger.rows import InboundRow
from senders.ledger.store import Ledger


def report_events(door: Door, call: Incoming) -> Written:
    """Record one event or many, each once by account and id."""
    events = check_each(one_or_many(call.value, "events", MAX_EVENTS), lambda path, one: _event(door, call, path, one))
    taken = [{"id": event.detail, "event_id": event.event_id} for event in events]
    return Written(202, {"accepted": len(taken), "events": taken}, tuple(events))


def read_events(door: Door, call: Incoming, ledger: Ledger) -> dict[str, Any]:
    """Return raw events after an id."""
    after, limit = whole_number(call.query, "after"), page_size(call.query)
    rows = ledger.inbound_after(after, limit + 1)
    page = _fitting(list(map(_raw, rows[:limit])))
    return {
        "events": page,
        "next_after": page[-1]["id"] if page else after,
        "has_more": len(rows) > len(page),
    }


def _fitting(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return as many of the first events as fit into an answer, and at least one."""
    sizes = accumulate(len(as_json(event)) for event in events)
    return events[: max(1, sum(size <= MAX_PAGE_LENGTH for size in sizes))]


def _event(door: Door, call: Incoming, path: str, value: Any) -> Event:
    """Return the event of one item of a body; its ``detail`` is the caller's id."""
    check_size(value, path, MAX_EVENT_BYTES)
    is_order = isinstance(value, dict) and value.get("name") == ORDER_COMPLETED
    said = check(OrderCompleted, value, path) if is_order else check(CustomEvent, value, path)
    account = call.caller.name
    properties = said.model_dump(mode="json", include={"properties"})
    body = {"name": said.name, "email": said.email or "", **properties, "key": account}
    return Event(
        event_id=derive_event_id(Kind.REPORTED, account, said.id),
        kind=Kind.REPORTED,
        occurred_at=not_after(said.occurred_at, call.now),
        address_hash=door.address_hash(said),
        ip=call.ip,
        method=call.method,
        detail=said.id,
        body=body,
    )


def _raw(row: InboundRow) -> dict[str, Any]:
    event = row.event
    return {
        "id": row.inbound_id,
        "event_id": event.event_id,
        "kind": event.kind.value,
        "occurred_at": format_time(event.occurred_at),
        "received_at": format_time(row.received_at),
        "contact_id": event.address_hash.hex(),
        "send_no": event.send_no,
        "seq": event.seq,
        "scope": event.scope,
        "link_no": event.link_no,
        "url": event.url,
        "user_agent": event.user_agent,
        "ip": event.ip,
        "method": event.method,
        "failure": event.failure,
        "code": event.code,
        "detail": event.detail,
        "body": event.body,
    }
