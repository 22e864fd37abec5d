"""An older copy of the ledger is put back: what it forgot is neither lost nor sent twice."""

import asyncio

import pytest

from assets.outbox.config import OutboxConfig
from assets.outbox.running import Outbox, take_all
from senders.errors import GuardError
from senders.ledger.database import open_database
from senders.ledger.lease import claim
from senders.ledger.outbox import MailState
from senders.ledger.owner import this_owner
from senders.ledger.restoring import restore
from senders.ledger.rows import SendState, to_micros
from senders.ledger.transitions import Offer
from senders.ledger.writer import LedgerWriter
from senders.message import State

CONFIG = OutboxConfig()


def copy_of(home):
    return {path.name: path.read_bytes() for path in (home / "ledger").glob("ledger.sqlite*")}


def put_back(home, copy):
    for path in (home / "ledger").glob("ledger.sqlite*"):
        path.unlink()
    for name, content in copy.items():
        (home / "ledger" / name).write_bytes(content)


def reconcile(outgoing):
    database = open_database(outgoing.mailrail.home)
    assert restore(database, database.folder, to_micros(outgoing.clock.now())) is not None
    database.close()


async def _offer_first(outgoing):
    """Begin the offer of the first message, as a sender does, so that the journal knows of it."""
    writer = LedgerWriter(outgoing.mailrail.home, outgoing.mailrail.clock)
    writer.start()
    lease = await writer.call(lambda connection, now: claim(connection, str(this_owner()), 10, now))
    with outgoing.mailrail.open_ledger() as ledger:
        message = ledger.message(lease.send_no, 1)
    await writer.offer(Offer(lease, 1, message.address_hash, "sink"))
    await writer.close()
    return lease.send_no


def test_what_was_taken_since_is_taken_again_and_what_was_offered_is_in_doubt(outgoing):
    outgoing.ask(outgoing.request("a"), outgoing.request("b"))
    copy = copy_of(outgoing.mailrail.home)
    outgoing.ask(outgoing.request("later"))
    take_all(outgoing.mailrail, CONFIG)
    send_no = asyncio.run(_offer_first(outgoing))
    put_back(outgoing.mailrail.home, copy)

    with outgoing.mailrail.open_ledger() as ledger:
        outbox = Outbox(outgoing.mailrail, ledger, CONFIG)
        with pytest.raises(GuardError, match="mailrail reconcile"):
            outbox.look()
        assert ledger.mail("a").state is MailState.WAITING
    reconcile(outgoing)
    done = take_all(outgoing.mailrail, CONFIG)

    assert (done.opened, done.taken) == (0, 0)
    with outgoing.mailrail.open_ledger() as ledger:
        (send,) = ledger.sends()
        assert (send.send_no, send.audience_rows) == (send_no, 3)
        assert ledger.counts(send_no)[State.IN_DOUBT] == 1
        assert ledger.counts(send_no)[State.QUEUED] == 2
        assert {ledger.mail(name).send_no for name in ("a", "b", "later")} == {send_no}
        assert not ledger.request_mail(outgoing.request("later"))


def test_a_send_that_cannot_be_opened_again_gives_its_requests_up(outgoing):
    outgoing.ask(outgoing.request("a"))
    copy = copy_of(outgoing.mailrail.home)
    take_all(outgoing.mailrail, CONFIG)
    with outgoing.mailrail.open_ledger() as ledger:
        (send,) = ledger.sends()
        ledger.set_send_state(send.send_id, SendState.CANCELLED, "by a person")
    put_back(outgoing.mailrail.home, copy)
    reconcile(outgoing)
    assert take_all(outgoing.mailrail, CONFIG).taken == 0
    with outgoing.mailrail.open_ledger() as ledger:
        row = ledger.mail("a")
        assert row.state is MailState.REFUSED
        assert "cannot be opened again" in row.reason
        assert ledger.sends() == []
