import asyncio

import pytest

from senders.errors import GuardError, SenderError
from senders.ledger.journal import SendJournal
from senders.ledger.lease import claim
from senders.ledger.owner import this_owner
from senders.ledger.transitions import Offer, Outcome, Verdict
from senders.ledger.writer import LedgerWriter
from senders.message import State


def with_writer(home, clock, work, **options):
    async def go():
        writer = LedgerWriter(home, clock, **options)
        try:
            writer.start()
            return await work(writer)
        finally:
            await writer.close()

    return asyncio.run(go())


async def take(writer):
    return await writer.call(lambda connection, now: claim(connection, str(this_owner()), 10.0, now))


def wish(lease, seq):
    return Offer(lease, seq, seq.to_bytes(16, "big"))


def journal_lines(home):
    return (home / "ledger" / "journal.log").read_text().splitlines()


def test_offers_of_one_moment_share_a_transaction(tmp_path, ledger, open_send, clock):
    send_no = open_send(50, shard_rows=50)

    async def work(writer):
        lease = await take(writer)
        return await asyncio.gather(*(writer.offer(wish(lease, seq)) for seq in range(1, 41)))

    assert set(with_writer(tmp_path, clock, work, group_wait_seconds=0.05)) == {Verdict.GO}
    assert ledger.counts(send_no)[State.OFFERED] == 40
    assert journal_lines(tmp_path)[1:] == ["1 1", "1 2 1:1-40"]


def test_an_answer_means_that_others_see_it(tmp_path, ledger, open_send, clock):
    send_no = open_send(5)

    async def work(writer):
        lease = await take(writer)
        await writer.offer(wish(lease, 1))
        offered = ledger.message(send_no, 1).state
        writer.result(Outcome(lease, 1, State.ACCEPTED, offered=True))
        await writer.offer(wish(lease, 2))
        return offered, ledger.message(send_no, 1).state

    assert with_writer(tmp_path, clock, work) == (State.OFFERED, State.ACCEPTED)


def test_each_message_of_a_group_gets_its_own_answer(tmp_path, ledger, open_send, clock):
    from senders.event import Event, Kind

    open_send(5)
    ledger.record([Event("e" * 32, Kind.UNSUBSCRIBED, clock.now(), address_hash=(2).to_bytes(16, "big"))])

    async def work(writer):
        lease = await take(writer)
        return await asyncio.gather(*(writer.offer(wish(lease, seq)) for seq in (1, 2, 1, 3)))

    assert with_writer(tmp_path, clock, work) == [Verdict.GO, Verdict.SUPPRESSED, Verdict.CLOSED, Verdict.GO]


def test_results_are_written_before_the_writer_closes(tmp_path, ledger, open_send, clock):
    send_no = open_send(5)

    async def work(writer):
        lease = await take(writer)
        await writer.offer(wish(lease, 1))
        writer.result(Outcome(lease, 1, State.REFUSED, offered=True, code=550))

    with_writer(tmp_path, clock, work)
    assert ledger.message(send_no, 1).state is State.REFUSED


def test_a_failing_piece_of_work_undoes_itself_only(tmp_path, ledger, open_send, clock):
    open_send(5)

    def fail(connection, now):
        connection.execute("update sends set reason = 'half done'")
        raise GuardError("no")

    async def work(writer):
        lease = await take(writer)
        failing, going = writer.call(fail), writer.offer(wish(lease, 1))
        with pytest.raises(GuardError):
            await failing
        return await going

    assert with_writer(tmp_path, clock, work) is Verdict.GO
    assert ledger.send("news.1").reason == ""


def test_a_writer_that_does_not_know_what_it_wrote_stops(tmp_path, ledger, open_send, clock):
    open_send(5)

    def explode(connection, now):
        raise ZeroDivisionError

    async def work(writer):
        lease = await take(writer)
        for future in (writer.call(explode), writer.offer(wish(lease, 1))):
            with pytest.raises(SenderError, match="has stopped"):
                await future
        with pytest.raises(SenderError, match="has stopped"):
            await writer.offer(wish(lease, 2))

    with_writer(tmp_path, clock, work)


def test_the_journal_is_compared_before_anything_is_written(tmp_path, ledger, open_send, clock):
    open_send(5)
    journal = SendJournal(tmp_path / "ledger")
    journal.append(8, 100)
    journal.close()
    with pytest.raises(GuardError, match="older copy"):
        with_writer(tmp_path, clock, take)
