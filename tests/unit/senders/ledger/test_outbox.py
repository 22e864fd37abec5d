"""Mail that somebody waits for: each request in exactly one send, on both stores."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from senders.config import TRANSACTIONAL
from senders.failpoints import arm, disarm
from senders.ledger.lease import claim, release
from senders.ledger.outbox import MailRequest, MailState
from senders.ledger.owner import this_owner
from senders.ledger.rows import Approval, SendState, ShardSpec, to_micros
from senders.ledger.store import Ledger
from senders.message import State
from tests.unit.senders.ledger.conftest import NOW, address_hash


def request(number, **changes):
    values = {
        "request_id": f"r{number}",
        "template": "order_thanks",
        "email": f"p{number}@contact.example",
        "address_hash": address_hash(number),
        "fields": {"order_no": f"N-{number}", "lines": [{"name": "Boots", "quantity": 2}]},
        "language": "de",
        **changes,
    }
    return MailRequest(**values)


@pytest.fixture
def take(ledger, make_spec):
    """Open a send of some rows."""

    def take_it(row_ids, send_id="order_thanks.1", of=ledger):
        of.reserve_send(send_id, "order_thanks")
        hashes = [address_hash(row_id) for row_id in row_ids]
        spec = replace(
            make_spec(len(row_ids), send_id=send_id, campaign="order_thanks", stream=TRANSACTIONAL),
            shards=[ShardSpec(0, "shard-0000.parquet", 1, len(row_ids), hashes)],
        )
        allowed = Approval(send_id, spec.audience_hash, spec.content_hash, len(row_ids), "template", NOW, "asked for")
        return of.open_mail(spec, allowed, row_ids)

    return take_it


def test_a_request_comes_back_as_it_was_asked(ledger):
    asked = request(1, expires_at=NOW + timedelta(hours=1))
    assert ledger.request_mail(asked)
    row = ledger.mail("r1")
    assert (row.request, row.state, row.send_no) == (asked, MailState.WAITING, 0)
    assert row.requested_at == NOW
    assert "contact.example" not in repr(row)


def test_the_same_request_twice_is_one_mail_with_the_first_values(ledger):
    assert ledger.request_mail(request(1))
    assert not ledger.request_mail(request(1, fields={"order_no": "another"}))
    assert ledger.mail("r1").request.fields["order_no"] == "N-1"
    assert ledger.mail_counts()[MailState.WAITING] == 1


def test_a_taken_request_names_its_message_and_keeps_no_personal_data(ledger, take):
    for number in (1, 2, 3):
        ledger.request_mail(request(number))
    assert take([1, 3])
    row = ledger.mail("r3")
    send = ledger.send("order_thanks.1")
    assert (row.state, row.send_no, row.seq) == (MailState.TAKEN, send.send_no, 2)
    assert (row.request.email, row.request.fields) == ("", {})
    assert ledger.mail_of(send.send_no, 2) == row
    assert ledger.send_of(row) == send
    assert ledger.mail("r2").state is MailState.WAITING
    assert ledger.counts(send.send_no)[State.QUEUED] == 2
    assert ledger.approval(send.send_id, send.audience_hash, send.content_hash).road == "asked for"


def test_a_request_is_taken_into_one_send_only_and_nothing_of_the_other_is_left(ledger, take):
    for number in (1, 2):
        ledger.request_mail(request(number))
    assert take([1])
    assert not take([1, 2], "order_thanks.2")
    assert ledger.send("order_thanks.2") is None
    assert ledger.mail("r2").state is MailState.WAITING
    assert ledger.mail_backlog() == 1
    assert take([2], "order_thanks.2")


def test_two_processes_that_take_the_same_requests_at_once_make_one_send(ledger, take, tmp_path, clock):
    numbers = list(range(1, 31))
    for number in numbers:
        ledger.request_mail(request(number))
    came = threading.Barrier(4)
    won = []

    def try_it(name):
        with Ledger.open(tmp_path, busy_timeout_seconds=5, clock=clock) as own:
            came.wait()
            if take(numbers, f"order_thanks.{name}", own):
                won.append(name)

    threads = [threading.Thread(target=try_it, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert [send.send_id for send in ledger.sends()] == [f"order_thanks.{won[0]}"]
    assert ledger.mail_counts()[MailState.TAKEN] == 30


@pytest.mark.parametrize("failpoint", ["outbox.taken", "hold.back"])
def test_what_fails_within_the_transaction_leaves_every_request_waiting(ledger, take, failpoint, monkeypatch):
    ledger.request_mail(request(1))

    def fail(*_):
        raise OSError(5, "disk", failpoint)

    with monkeypatch.context() as broken:
        if failpoint == "hold.back":
            broken.setattr("senders.ledger.outbox.hold_back", fail)
        else:
            arm(f"{failpoint}:1:EIO")
        with pytest.raises(OSError, match=failpoint):
            take([1])
    disarm()
    assert ledger.mail("r1").state is MailState.WAITING
    assert ledger.send("order_thanks.1") is None
    assert take([1])


def test_refused_ones_say_why_block_nobody_and_can_be_tried_again(ledger):
    for number in (1, 2):
        ledger.request_mail(request(number))
    ledger.refuse_mail({1: "field total is missing"})
    assert [row.request.request_id for row in ledger.waiting_mail("order_thanks", 10)] == ["r2"]
    (refused,) = ledger.refused_mail(10)
    assert (refused.request.request_id, refused.reason) == ("r1", "field total is missing")
    assert ledger.retry_mail("r2") == 0
    assert ledger.retry_mail("r1") == 1
    assert ledger.mail("r1").state is MailState.WAITING
    assert ledger.mail("r1").request.fields["order_no"] == "N-1"


def test_a_refused_request_is_emptied_in_time_and_then_cannot_be_tried_again(ledger):
    ledger.request_mail(request(1))
    ledger.refuse_mail({1: "no"})
    assert ledger.forget_mail(NOW) == 0
    assert ledger.forget_mail(NOW + timedelta(days=1)) == 1
    assert ledger.mail("r1").request.email == ""
    assert ledger.retry_mail() == 0


def test_a_request_whose_time_is_over_is_refused(ledger, clock):
    ledger.request_mail(request(1, expires_at=NOW + timedelta(minutes=5)))
    ledger.request_mail(request(2))
    assert ledger.refuse_expired_mail() == 0
    clock.moment = NOW + timedelta(minutes=5)
    assert ledger.refuse_expired_mail() == 1
    assert "expired" in ledger.mail("r1").reason
    assert ledger.mail("r2").state is MailState.WAITING


def test_templates_are_listed_by_who_waits_longest_and_what_they_wait_for_is_said(ledger):
    ledger.request_mail(request(1, template="b"))
    ledger.request_mail(request(2, template="a"))
    assert ledger.waiting_templates() == ["b", "a"]
    assert ledger.oldest_waiting().request.template == "b"
    ledger.hold_mail("b", "the template cannot be used")
    assert ledger.mail("r1").reason == "the template cannot be used"
    assert ledger.mail("r2").reason == ""


def test_a_send_is_in_the_backlog_until_somebody_begins_it_and_finishes_when_nothing_is_open(ledger, take):
    ledger.request_mail(request(1))
    take([1])
    assert ledger.mail_backlog() == 1
    me = str(this_owner())
    with ledger._database.write() as connection:
        lease = claim(connection, me, 10, to_micros(NOW), stream=TRANSACTIONAL)
    assert ledger.mail_backlog() == 0
    assert ledger.finish_mail() == 0
    with ledger._database.write() as connection:
        connection.execute("update messages set state = 'accepted' where send_no = ?", (lease.send_no,))
        release(connection, lease, to_micros(NOW))
    assert ledger.finish_mail() == 1
    assert ledger.send("order_thanks.1").state is SendState.FINISHED
    assert ledger.finish_mail() == 0


def test_a_paused_send_is_named_and_days_add_up(ledger, take):
    for number in (1, 2, 3):
        ledger.request_mail(request(number))
    take([1, 2])
    take([3], "order_thanks.2")
    assert ledger.paused_mail("order_thanks") is None
    ledger.set_send_state("order_thanks.2", SendState.PAUSED, "relay refuses us")
    assert ledger.paused_mail("order_thanks").send_id == "order_thanks.2"
    (day,) = ledger.mail_days(7)
    assert (day.template, day.day, day.counts[State.QUEUED]) == ("order_thanks", NOW.date(), 3)
