"""C10, by enumeration: no order of the steps of two senders breaks a promise, for two recipients here.

Promised: G1 to G4. Tried: each state that two senders, a relay that loses replies, a kill and an unsubscribe can reach
is visited once, over the ledger's own code. It would break if two steps were safe in one order only. Three recipients
are gone through by `make proof-long`.
"""

from senders.ledger import lease as leases
from tests.proof.interleavings import Bounds, Explorer


def test_no_order_of_steps_breaks_a_promise():
    explorer = Explorer(Bounds(recipients=2, claims=2))
    explorer.explore()
    assert explorer.states > 500
    assert explorer.ends > 5


def test_the_enumeration_finds_a_ledger_that_forgets_to_doubt(monkeypatch):
    """An enumeration that cannot fail proves nothing: what a dead sender had offered is queued again here."""

    def forget(connection, send_no, first, last, below_epoch, now_micros):
        connection.execute("update messages set state = 'queued' where state = 'offered' and epoch < ?", (below_epoch,))

    monkeypatch.setattr(leases, "_doubt_open_offers", forget)
    try:
        Explorer(Bounds(recipients=2, claims=2)).explore()
    except AssertionError as error:
        assert "G1" in str(error)  # noqa: PT017 - the message is what is looked at
    else:
        raise AssertionError("nothing was found")
