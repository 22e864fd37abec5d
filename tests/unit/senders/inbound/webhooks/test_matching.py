"""A report touches the recipient of the message that it proves to be about, and nobody else."""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from senders.event import Kind
from senders.inbound.classify import Failure
from senders.inbound.webhooks.matching import Matcher
from senders.inbound.webhooks.provider import Report, Said
from senders.message import State
from senders.tracking.addresses import hash_address
from senders.tracking.keys import Keyring
from senders.tracking.tokens import TokenReader, send_tokens

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
ADDRESS, OTHER = "mira@example.com", "jonas@example.com"


@dataclass
class Message:
    send_no: int
    seq: int
    state: State
    address_hash: bytes


@dataclass
class Send:
    send_no: int
    topic: str


@dataclass
class MemoryLedger:
    messages: dict[tuple[int, int], Message] = field(default_factory=dict)
    searches: int = 0

    def message(self, send_no, seq):
        return self.messages.get((send_no, seq))

    def messages_to(self, send_id, address_hashes, *, only_doubts=False):
        self.searches += 1
        found = self.messages.values() if send_id == "news.7" else []
        return {one.address_hash: one for one in found if one.address_hash in address_hashes}

    def send_numbered(self, send_no):
        return {7: Send(7, "offers")}.get(send_no)


@pytest.fixture
def keyring(tmp_path):
    return Keyring.open(tmp_path / "keys")


@pytest.fixture
def tokens(keyring):
    return send_tokens(keyring, 7)


@pytest.fixture
def ledger(keyring):
    def hashed(address):
        return hash_address(address, keyring.address_key)

    return MemoryLedger(
        {(7, 1): Message(7, 1, State.ACCEPTED, hashed(ADDRESS)), (7, 2): Message(7, 2, State.IN_DOUBT, hashed(OTHER))}
    )


@pytest.fixture
def matcher(keyring, ledger):
    return Matcher("webhook:ses", TokenReader(keyring), keyring.address_key, ledger, NOW)


def bounce(**changes) -> Report:
    return Report(Said.BOUNCED, event_id="e1", recipient=ADDRESS, failure=Failure.PERMANENT, code="5.1.1", **changes)


def event_of(matcher: Matcher, report: Report):
    """Return the one event of a report, or None."""
    return next(iter(matcher.events([report])), None)


def ways(tokens):
    return {
        "return path": {"return_path": tokens.return_path(1, "bounce.shop.example")},
        "return path in capitals": {"return_path": f"<{tokens.return_path(1, 'bounce.shop.example').upper()}>"},
        "message id": {"message_ids": ("", f"<{tokens.message_id(1, 'shop.example')}>")},
        "send and recipient": {"send_id": "news.7"},
    }


@pytest.mark.parametrize("way", ["return path", "return path in capitals", "message id", "send and recipient"])
def test_a_report_that_proves_its_message_touches_its_recipient(matcher, tokens, ledger, way):
    event = event_of(matcher, bounce(**ways(tokens)[way]))
    assert (event.kind, event.send_no, event.seq, event.failure) == (Kind.BOUNCED, 7, 1, "permanent")
    assert event.address_hash == ledger.messages[7, 1].address_hash
    assert event.suppresses


@pytest.mark.parametrize("way", ["return path", "message id", "send and recipient"])
@pytest.mark.parametrize("recipient", [OTHER, "nobody@example.com", "", "no address", "mira@example.com.evil.example"])
def test_the_recipient_must_be_the_one_of_the_message(matcher, tokens, ledger, way, recipient):
    event = event_of(matcher, replace(bounce(**ways(tokens)[way]), recipient=recipient))
    if way == "send and recipient" and recipient == OTHER:
        assert event.seq == 2  # the send alone proves nothing, with its recipient it names their message
    else:
        assert (event.address_hash, event.send_no, event.seq) == (b"", 0, 0)
        assert event.detail.startswith("unmatched")


def test_what_is_not_signed_by_us_proves_nothing(matcher, tokens, tmp_path):
    forged = send_tokens(Keyring.open(tmp_path / "other"), 7)
    for report in (
        bounce(),
        bounce(return_path=forged.return_path(1, "bounce.shop.example")),
        bounce(message_ids=(forged.message_id(1, "shop.example"), "<1@b>", "")),
        bounce(send_id="news.8"),
        bounce(return_path=tokens.return_path(1, "x").replace(".1.", ".2.")),
    ):
        event = event_of(matcher, report)
        assert event.address_hash == b""
        assert event.send_no == 0


def test_a_bounce_is_one_by_whatever_road_and_how_often_it_comes(matcher, tokens):
    by_path, by_id = bounce(**ways(tokens)["return path"]), bounce(**ways(tokens)["message id"])
    assert event_of(matcher, by_path).event_id == event_of(matcher, replace(by_id, event_id="e2")).event_id


def test_a_batch_is_searched_for_once(matcher, tokens, ledger):
    signed = [bounce(**ways(tokens)["message id"])]
    named = [replace(bounce(send_id="news.7"), recipient=address) for address in (ADDRESS, OTHER, "x@example.com")]
    events = matcher.events([*signed, *named, *named])
    assert [event.seq for event in events] == [1, 2, 0]
    assert ledger.searches == 1


def test_hints_are_told_apart_by_the_providers_own_id(matcher):
    first, again, other = (event_of(matcher, replace(bounce(), event_id=name)) for name in ("a", "a", "b"))
    assert first.event_id == again.event_id != other.event_id
    unnamed = [event_of(matcher, replace(bounce(item={"n": n}), event_id="")) for n in (1, 1, 2)]
    assert unnamed[0].event_id == unnamed[1].event_id != unnamed[2].event_id


def test_complaints_and_unsubscribes(matcher, tokens, ledger):
    facts = ways(tokens)["message id"] | {"recipient": ADDRESS}
    complaint = event_of(matcher, Report(Said.COMPLAINED, **facts))
    assert (complaint.kind, complaint.failure, complaint.suppresses) == (Kind.COMPLAINED, "", True)
    everywhere, topic = (
        event_of(matcher, Report(Said.UNSUBSCRIBED, is_everywhere=is_all, **facts)) for is_all in (True, False)
    )
    assert (everywhere.kind, everywhere.scope, topic.scope) == (Kind.UNSUBSCRIBED, "", "offers")
    assert everywhere.address_hash == topic.address_hash == ledger.messages[7, 1].address_hash


def test_a_delivery_is_news_only_where_it_settles_a_doubt(matcher, tokens):
    settled = Report(Said.DELIVERED, recipient=ADDRESS, message_ids=(tokens.message_id(1, "x"),))
    doubted = Report(Said.DELIVERED, recipient=OTHER, message_ids=(tokens.message_id(2, "x"),))
    assert event_of(matcher, settled) is None
    event = event_of(matcher, doubted)
    assert (event.kind, event.seq, event.suppresses) == (Kind.DELIVERED, 2, False)
    assert event_of(matcher, Report(Said.DELIVERED, recipient=ADDRESS)) is None


@pytest.mark.parametrize("said", [Said.OPENED, Said.CLICKED, Said.DEFERRED, Said.NOTHING])
def test_what_we_track_ourselves_or_what_is_no_end_is_no_event(matcher, tokens, said):
    assert event_of(matcher, Report(said, recipient=ADDRESS, message_ids=(tokens.message_id(1, "x"),))) is None


def test_the_report_is_kept_without_people_but_with_our_own_names(matcher, tokens):
    path, name = tokens.return_path(1, "bounce.shop.example"), tokens.message_id(1, "shop.example")
    item = {
        "to": [ADDRESS, "Jo <jo@x.example>"],
        ADDRESS: 1,
        "mail": {"source": path, "id": f"<{name}>", "text": f"550 <{ADDRESS}> unknown"},
        "deep": json.loads("[" * 60 + f'"{ADDRESS}"' + "]" * 60),
    }
    event = event_of(matcher, bounce(return_path=path, item=item, detail=f"550 <{ADDRESS}> unknown"))
    kept = json.dumps(event.body) + event.detail
    assert "mira" not in kept
    assert "jo@" not in kept
    assert path in kept
    assert name in kept
    assert event.body["raw"]["mail"]["text"] == "550 <[address]> unknown"
    long = event_of(matcher, bounce(item={"text": "x" * 40_000}))
    assert "raw" not in long.body


def test_the_time_is_the_providers_while_that_is_believable(matcher):
    hour = timedelta(hours=1)
    times = [NOW - hour, NOW + hour, NOW - 40 * 24 * hour, None]
    assert [event_of(matcher, bounce(occurred_at=at)).occurred_at for at in times] == [NOW - hour, NOW, NOW, NOW]
