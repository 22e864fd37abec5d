import asyncio

import pytest

from senders.collector.lookups import Lookups, Tokens
from senders.errors import LedgerBusy, TokenError
from senders.tracking.tokens import Purpose


def test_links_and_sends_are_asked_for_once(world) -> None:
    opened = []

    def open_ledger():
        opened.append(1)
        return world.ledger

    lookups = Lookups(open_ledger)

    async def run() -> None:
        number = world.tokens.send_no
        assert await lookups.link_url(number, 1) == await lookups.link_url(number, 1) != ""
        assert await lookups.link_url(number, 99) == ""
        assert await lookups.link_url(4711, 1) == ""
        send = await lookups.send(number)
        assert send is not None
        assert send.topic == "offers"
        assert await lookups.send(4711) is None

    asyncio.run(run())
    lookups.close()
    assert opened == [1]


def test_the_courtesy_never_spoils_an_answer() -> None:
    def away():
        raise LedgerBusy("locked")

    lookups = Lookups(away)
    asyncio.run(lookups.wait_for_open_offer(bytes(16)))
    lookups.close()


def test_the_courtesy_ends(monkeypatch) -> None:
    class Stuck:
        def has_open_offer(self, address_hash: bytes) -> bool:
            return True

    monkeypatch.setattr("senders.collector.lookups.COURTESY_SECONDS", 0.15)
    lookups = Lookups(Stuck)
    asyncio.run(lookups.wait_for_open_offer(bytes(16)))
    lookups.close()


def test_foreign_tokens_are_refused_even_without_keys(tmp_path) -> None:
    with pytest.raises(TokenError):
        Tokens(tmp_path).read("x", Purpose.OPEN)
