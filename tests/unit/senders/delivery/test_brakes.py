"""Brakes close on refusals, returned mail and complaints; a person's word lets a send go on and counts anew."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sending_sink import Sink, SinkThread, take_all
from sending_world import open_send, settings, tuning

from senders.config import BrakesConfig
from senders.delivery.brakes import Brakes, Group, judge
from senders.delivery.sender import run_sender
from senders.event import Event, Kind
from senders.ledger.lease import claim
from senders.ledger.rows import SendState, to_micros
from senders.ledger.store import Ledger
from senders.ledger.transitions import Offer, Outcome, Verdict, offer, open_gate, settle
from senders.message import State

LIMITS = BrakesConfig()


class Played:
    """A send whose outcomes are written straight into the ledger, and the brakes that look at it."""

    def __init__(self, home, count, **changes):
        self.send_no = open_send(home, count, **changes)
        self.ledger = Ledger.open(home)
        self.brakes = Brakes(LIMITS)
        self.events = 0
        with self.writing() as connection:
            self.lease = claim(connection, "test", 60.0, self.now)

    now = to_micros(datetime.now(UTC))

    def writing(self):
        return self.ledger._database.write()

    def settle(self, seqs, state, *, code=250, enhanced="2.0.0", class_=""):
        with self.writing() as connection:
            gate = open_gate(connection, self.lease, self.now)
            for seq in seqs:
                wish = Offer(self.lease, seq, self.ledger.message(self.send_no, seq).address_hash)
                self.events += 1
                assert offer(connection, wish, gate, self.sequence(connection), self.now) is Verdict.GO
                settle(
                    connection,
                    Outcome(self.lease, seq, state, True, "sink", "1", code, enhanced, "", class_),
                    self.now,
                )

    @staticmethod
    def sequence(connection):
        connection.execute("update counters set value = value + 1 where name = 'sequence'")
        return connection.execute("select value from counters where name = 'sequence'").fetchone()[0]

    def refuse(self, seqs, class_="address", enhanced="5.1.1"):
        self.settle(seqs, State.REFUSED, code=550, enhanced=enhanced, class_=class_)

    def comes_back(self, kind, seqs):
        events = []
        for seq in seqs:
            self.events += 1
            failure = "permanent" if kind is Kind.BOUNCED else ""
            event_id = f"{self.events:032x}"
            events.append(Event(event_id, kind, datetime.now(UTC), send_no=self.send_no, seq=seq, failure=failure))
        self.ledger.record(events)

    def look(self):
        with self.writing() as connection:
            assert self.brakes.look(connection, self.now) is False
        return self.ledger.send("news.1")

    def resume(self):
        self.ledger.set_send_state("news.1", "running")


def test_refusals_stop_a_send_with_numbers_and_a_hint(home):
    played = Played(home, 1000)
    played.settle(range(1, 190), State.ACCEPTED)
    played.refuse(range(190, 200))
    assert played.look().state is SendState.RUNNING  # 199 results are too few
    played.refuse([200])
    send = played.look()
    assert send.state is SendState.PAUSED
    assert "refused 11 of 200 messages (5.5%, the limit is 5%) for good, most often with 5.1.1" in send.reason
    assert "do not exist" in send.reason
    (alert,) = played.ledger.alerts(played.send_no)
    assert (alert.kind, alert.stops, alert.text) == ("refused", True, send.reason)


def test_one_provider_stops_a_send_that_is_fine_as_a_whole(home):
    played = Played(home, 4000, providers=("google", "yahoo", "yahoo", "yahoo"))
    google = [seq for seq in range(1, 1601) if seq % 4 == 0]
    others = [seq for seq in range(1, 1601) if seq % 4]
    played.settle(others, State.ACCEPTED)
    played.refuse(google[:25], class_="content", enhanced="5.7.1")
    played.settle(google[25:], State.ACCEPTED)
    send = played.look()
    assert send.reason.startswith("google refused 25 of 400 messages (6.2%")
    assert "what is in them" in send.reason


def test_what_was_resumed_is_not_stopped_again_for_the_same_refusals(home):
    played = Played(home, 1000)
    played.settle(range(1, 201), State.ACCEPTED)
    played.refuse(range(201, 251))
    assert played.look().state is SendState.PAUSED
    played.resume()
    assert played.look().state is SendState.RUNNING
    played.refuse(range(251, 451))
    assert played.look().state is SendState.PAUSED
    assert "refused 200 of 200 messages" in played.ledger.send("news.1").reason
    # Another process, that never saw the first stop, begins to count where the resume was.
    played.resume()
    played.brakes = Brakes(LIMITS)
    assert played.look().state is SendState.RUNNING
    assert len(played.ledger.alerts(played.send_no)) == 2


def test_complaints_warn_once_then_stop(home):
    played = Played(home, 3000)
    played.settle(range(1, 2001), State.ACCEPTED)
    played.comes_back(Kind.COMPLAINED, [1])
    assert played.look().state is SendState.RUNNING
    assert played.ledger.alerts(played.send_no) == []
    played.comes_back(Kind.COMPLAINED, [1, 2])  # the same person twice, and another one
    played.look()
    assert played.look().state is SendState.RUNNING
    (warned,) = played.ledger.alerts(played.send_no)
    assert (warned.kind, warned.stops) == ("complaints_rise", False)
    assert "2 of 2,000 recipients" in warned.text
    assert "0.10%" in warned.text
    played.comes_back(Kind.COMPLAINED, [3, 4, 5, 6])
    send = played.look()
    assert send.state is SendState.PAUSED
    assert "6 of 2,000 recipients" in send.reason
    assert "spam" in send.reason


def test_a_complaint_about_mail_from_before_the_resume_does_not_stop_again(home):
    played = Played(home, 3000)
    played.settle(range(1, 1001), State.ACCEPTED)
    played.comes_back(Kind.COMPLAINED, range(1, 11))
    assert played.look().state is SendState.PAUSED
    played.resume()
    played.settle(range(1001, 1301), State.ACCEPTED)
    played.comes_back(Kind.COMPLAINED, range(11, 21))
    assert played.look().state is SendState.RUNNING
    played.comes_back(Kind.COMPLAINED, [1001, 1002])
    assert played.look().state is SendState.PAUSED


def test_returned_mail_stops_and_a_refusal_is_not_counted_twice(home):
    played = Played(home, 1000)
    played.settle(range(1, 212), State.ACCEPTED)
    played.refuse(range(212, 221))  # each leaves a bounce of its own in the ledger
    played.comes_back(Kind.BOUNCED, range(1, 11))
    assert played.look().state is SendState.RUNNING
    played.comes_back(Kind.BOUNCED, [11])
    send = played.look()
    assert send.state is SendState.PAUSED
    assert send.reason.startswith("11 of 211 messages (5.2%, the limit is 5%) that were accepted came back")


def test_a_line_that_keeps_breaking_stops(home):
    played = Played(home, 1000)
    played.settle(range(1, 181), State.ACCEPTED)
    played.settle(range(181, 202), State.IN_DOUBT, code=0, enhanced="", class_="connection")
    send = played.look()
    assert send.state is SendState.PAUSED
    assert "broke under 21 of 201 messages" in send.reason


def test_the_silence_of_providers_that_report_nothing_is_no_praise():
    """P19: 3 complaints of 1,000 at yahoo are 0.3 %, however many google took and said nothing about."""
    groups = {"yahoo": Group(accepted=1000, complained=3), "google": Group(accepted=100_000)}
    finding = judge(groups, LIMITS)
    assert finding is not None
    assert finding.stops
    assert "at yahoo" in finding.text
    assert judge({"google": Group(accepted=100_000)}, LIMITS) is None


def test_small_providers_that_report_count_together():
    groups = {f"isp{number}": Group(accepted=100, complained=1) for number in range(5)}
    finding = judge(groups | {"google": Group(accepted=100_000)}, LIMITS)
    assert finding is not None
    assert "5 of 500 recipients at providers that report it" in finding.text


@pytest.mark.parametrize(
    "group",
    [
        Group(accepted=199, complained=50),
        Group(accepted=190, refused=9),
        Group(accepted=950, refused=50),
        Group(accepted=1000, complained=1),
        Group(accepted=1000, bounced=50),
    ],
)
def test_what_is_too_little_or_within_the_limit_stops_nothing(group):
    finding = judge({"yahoo": group}, LIMITS)
    assert finding is None or not finding.stops


def test_a_sender_at_work_stops_by_itself(home):
    send_no = open_send(home, 2000)

    def script(phase, recipient):
        bad = phase == "rcpt" and recipient.startswith(("user1", "user5"))
        return "550 5.1.1 <someone@mail.example> unknown" if bad else take_all(phase, recipient)

    with SinkThread(Sink(script)) as sink:
        config = replace(settings(home, sink.port), brakes=replace(LIMITS, sender_faults=5))
        asyncio.run(run_sender(config, once=True, tuning=tuning(brake_seconds=0.02)))
    with Ledger.open(home) as ledger:
        send = ledger.send("news.1")
        assert send.state is SendState.PAUSED
        assert "5.1.1" in send.reason
        assert "@" not in send.reason
        assert ledger.counts(send_no)[State.QUEUED] > 0
