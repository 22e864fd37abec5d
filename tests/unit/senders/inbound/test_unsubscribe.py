from datetime import UTC, datetime

from senders.event import Kind
from senders.inbound.unsubscribe import unsubscribe_event
from senders.tracking.tokens import Claims, Purpose

NOW = datetime(2026, 11, 3, tzinfo=UTC)


def test_every_road_gives_the_same_event() -> None:
    claims = Claims(Purpose.UNSUBSCRIBE, 7, 1, address_hash=bytes(16), topic="offers")
    page = unsubscribe_event(claims, bytes(16), "offers", at=NOW, road="page")
    click = unsubscribe_event(claims, bytes(16), "offers", at=NOW, road="one-click")
    assert page.event_id == click.event_id
    assert (page.kind, page.scope, page.detail, page.suppresses) == (Kind.UNSUBSCRIBED, "offers", "page", True)


def test_another_topic_or_message_is_another_event() -> None:
    claims = Claims(Purpose.UNSUBSCRIBE, 7, 1)
    ids = {
        unsubscribe_event(claims, bytes(16), "offers", at=NOW, road="").event_id,
        unsubscribe_event(claims, bytes(16), "", at=NOW, road="").event_id,
        unsubscribe_event(Claims(Purpose.UNSUBSCRIBE, 7, 2), bytes(16), "offers", at=NOW, road="").event_id,
    }
    assert len(ids) == 3
