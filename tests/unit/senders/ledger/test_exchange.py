"""What is exchanged with other programs: dead letters, signed calls, changes of sends, calls of hooks."""

from datetime import timedelta

import pytest

from senders.event import Event, Kind
from senders.ledger import dead_letters, hook_calls, seen_calls
from senders.ledger.hook_calls import INBOUND, SENDS, Draft
from senders.ledger.rows import SendState


def events(ledger, *names):
    ledger.record(
        [Event(name.ljust(32, "0"), Kind.OPENED, ledger._clock.now(), address_hash=bytes(16)) for name in names]
    )


def page_of(ledger):
    def page(last):
        rows = ledger.inbound_after(last, 100)
        drafts = [Draft(row.event.event_id, "message.opened", "{}") for row in rows]
        return (rows[-1].inbound_id if rows else last), drafts

    return page


# ---- dead letters


def test_a_letter_is_kept_once_with_its_bytes(ledger):
    payload = bytes(range(256))
    assert ledger.bury("webhook:ses", "no JSON", payload, {"content-type": "text/plain"})
    assert ledger.bury("webhook:ses", "no JSON again", payload)
    assert ledger.bury("mailbox", "another source", payload)
    first, second = ledger.dead_letters()
    assert (first.payload, first.reason, first.headers, first.tries) == (
        payload,
        "no JSON",
        {"content-type": "text/plain"},
        0,
    )
    assert (second.source, second.is_waiting) == ("mailbox", True)
    assert ledger.dead_letter(first.id) == first
    assert ledger.dead_letter(99) is None
    assert ledger.waiting_letters() == (2, first.received_at)


def test_what_is_settled_gives_its_payload_up_and_is_forgotten_later(ledger, clock):
    for number in range(3):
        ledger.bury("mailbox", "odd", b"letter %d" % number)
    replayed, dropped, waiting = ledger.dead_letters()
    ledger.settle_letter(replayed.id)
    assert ledger.drop_letter(dropped.id)
    assert not ledger.drop_letter(dropped.id)
    assert not ledger.drop_letter(replayed.id)
    ledger.letter_failed(waiting.id, "still odd")
    assert [(one.id, one.tries, one.reason) for one in ledger.dead_letters()] == [(waiting.id, 1, "still odd")]
    settled = [one for one in ledger.dead_letters(only_waiting=False) if not one.is_waiting]
    assert [one.payload for one in settled] == [b"", b""]
    clock.moment += timedelta(days=31)
    ledger.bury("mailbox", "new", b"new")
    assert len(ledger.dead_letters(only_waiting=False)) == 2


def test_letters_take_no_more_room_than_their_source_has(ledger, monkeypatch):
    assert not ledger.bury("mailbox", "large", bytes(dead_letters.MAX_BYTES + 1))
    monkeypatch.setattr(dead_letters, "SOURCE_MOST_BYTES", 100)
    assert ledger.bury("mailbox", "odd", b"x" * 60)
    assert not ledger.bury("mailbox", "odd", b"y" * 60)
    assert ledger.bury("webhook:a", "odd", b"y" * 60)
    ledger.drop_letter(ledger.dead_letters()[0].id)
    assert ledger.bury("mailbox", "odd", b"y" * 60)
    monkeypatch.setattr(dead_letters, "SOURCE_MOST_LETTERS", 1)
    assert not ledger.bury("mailbox", "odd", b"z")


# ---- signed calls


def test_a_token_belongs_to_its_first_body_of_its_source(ledger, monkeypatch):
    told = [
        ("a", "t1", b"1"),
        ("a", "t1", b"1"),
        ("a", "t1", b"2"),
        ("b", "t1", b"2"),
        ("a", "t2", b"2"),
        ("a", "t1", b"1"),
    ]
    assert [ledger.is_first_body(*one) for one in told] == [True, True, False, True, True, True]
    monkeypatch.setattr(seen_calls, "KEEP_MICROS", -10_000_000)
    assert ledger.is_first_body("a", "t3", b"1")  # whatever is older is forgotten


# ---- changes of sends


@pytest.fixture
def opened(ledger, make_spec, allow):
    spec = make_spec(2, send_id="other.1")
    ledger.reserve_send(spec.send_id, spec.campaign)
    allow(spec)
    ledger.open_send(spec)
    return spec


def test_each_change_of_a_send_is_one_line(ledger, opened):
    ledger.open_send(opened)
    for state in ("paused", "paused", "running", "running", "paused", "cancelled"):
        ledger.set_send_state("other.1", state, f"to {state}")
    ledger.finish_send(ledger.send("other.1").send_no)
    changes = [one for one in ledger.send_changes_after(0, 100) if one.send_id == "other.1"]
    assert [one.state for one in changes] == ["opened", "paused", "running", "paused", "cancelled"]
    assert [one.reason for one in changes] == ["", "to paused", "to running", "to paused", "to cancelled"]
    assert (changes[0].recipients, changes[0].stream, changes[0].is_rehearsal) == (2, "marketing", False)
    assert ledger.send_changes_after(changes[1].id, 1)[0].state == "running"
    with pytest.raises(Exception, match="cancelled"):
        ledger.set_send_state("other.1", SendState.RUNNING)


# ---- calls of hooks


def test_a_page_is_drafted_once_and_only_from_the_beginning_of_the_hook(ledger):
    events(ledger, "a")
    ledger.begin_hook("shop")
    events(ledger, "b", "c")
    ledger.begin_hook("shop")  # changes nothing
    assert ledger.draft_calls("shop", INBOUND, page_of(ledger)) > 0
    assert ledger.draft_calls("shop", INBOUND, page_of(ledger)) == 0
    assert [call.call_id[0] for call in ledger.calls("shop", "waiting")] == ["b", "c"]
    assert ledger.draft_calls("shop", SENDS, lambda last: (last, [])) == 0


def test_of_two_that_read_one_page_only_one_makes_its_calls(ledger):
    ledger.begin_hook("shop")
    events(ledger, "a")

    def slow(last):
        found = page_of(ledger)(last)
        ledger.draft_calls("shop", INBOUND, page_of(ledger))  # somebody else is quicker
        return found

    assert ledger.draft_calls("shop", INBOUND, slow) == 0
    assert len(ledger.calls("shop", "waiting")) == 1


def test_a_taken_call_is_held_and_those_behind_wait(ledger):
    ledger.begin_hook("shop")
    events(ledger, "a", "b")
    ledger.draft_calls("shop", INBOUND, page_of(ledger))
    first = ledger.take_call("shop", 60)
    assert first.call_id.startswith("a")
    assert ledger.take_call("shop", 60) is None
    ledger.delay_call(first, 60, "422", is_refused=True)
    second = ledger.take_call("shop", 60)
    assert second.call_id.startswith("b")
    ledger.delay_call(second, 60, "503", is_refused=False)
    assert ledger.take_call("shop", 60) is None
    ledger.delay_call(first, 0, "422", is_refused=True)
    assert ledger.take_call("shop", 60).call_id.startswith("a")


def test_what_was_delivered_is_counted_and_gone_what_failed_is_listed_for_a_month(ledger, monkeypatch):
    ledger.begin_hook("shop")
    events(ledger, "a", "b", "c")
    ledger.draft_calls("shop", INBOUND, page_of(ledger))
    first = ledger.take_call("shop", 60)
    for _ in range(2):  # a process that was held up says it a second time
        ledger.call_delivered(first)
    ledger.call_failed(ledger.take_call("shop", 60), "gone")
    state = ledger.hook_state("shop")
    assert (state.delivered, state.waiting, state.failed) == (1, 1, 1)
    assert [call.answer for call in ledger.calls("shop", "failed")] == ["gone"]
    monkeypatch.setattr(hook_calls, "KEEP_MICROS", -1)
    ledger.call_failed(ledger.take_call("shop", 60), "gone too")
    assert ledger.hook_state("shop").failed == 0
    assert ledger.hook_state("nobody").delivered == 0


# ---- messages by their recipient


def test_messages_are_found_by_send_and_recipient(ledger, open_send):
    open_send(10)
    hashes = [number.to_bytes(16, "big") for number in (3, 7, 99)]
    found = ledger.messages_to("news.1", hashes * 300)
    assert {message.seq for message in found.values()} == {3, 7}
    assert set(found) == set(hashes[:2])
    assert ledger.messages_to("news.2", hashes) == {}
    assert ledger.messages_to("news.1", hashes, only_doubts=True) == {}
