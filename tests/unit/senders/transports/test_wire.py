"""Lines: stuffing, commands that can't be injected into, replies cut and matched by order."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from senders.errors import RenderError
from senders.transports.base import Reply
from senders.transports.wire import ConnectionLost, Wire, mail_command, rcpt_command, stuff


class Line:
    def __init__(self):
        self.aborted = False

    def abort(self):
        self.aborted = True


def in_loop(work):
    async def go():
        return await work(Wire(Line()))

    return asyncio.run(go())


@settings(deadline=None)
@given(st.lists(st.binary().map(lambda line: line.replace(b"\r", b"").replace(b"\n", b""))))
def test_stuffed_bodies_never_hold_the_end_mark_and_can_be_undone(lines):
    raw = b"\r\n".join(lines) + b"\r\n"
    stuffed = stuff(raw)
    assert b"\r\n.\r\n" not in b"\r\n" + stuffed
    assert stuffed.endswith(b"\r\n")
    undone = [line[1:] if line.startswith(b".") else line for line in stuffed.split(b"\r\n")]
    assert b"\r\n".join(undone) == raw


@pytest.mark.parametrize("raw", [b"a\nb\r\n", b"a\rb\r\n", b"a\r\n.\n.\r\n", b"x\r\r\n"])
def test_bare_line_ends_are_refused(raw):
    with pytest.raises(RenderError):
        stuff(raw)


@settings(deadline=None)
@given(st.text(alphabet=st.characters(max_codepoint=0x2030)))
def test_whatever_the_address_a_command_is_one_line_with_one_path(address):
    for make in (mail_command, rcpt_command):
        try:
            command = make(address, smtputf8=True)
        except RenderError:
            continue
        assert command.count(b"\r\n") == 1
        assert command.endswith(b"\r\n")
        assert command.count(b"<") == command.count(b">") == 1


def test_replies_come_in_order_whatever_the_pieces():
    async def work(wire):
        first, second = wire.expect(2), wire.expect(1)
        for piece in (b"250-a\r", b"\n250 b\r\n55", b"0 5.1.1 no\r\n354 ", b"go\r\n"):
            wire.data_received(piece)
        return await first, await second

    first, second = in_loop(work)
    assert first == [Reply(250, "", "a b"), Reply(550, "5.1.1", "5.1.1 no")]
    assert second == [Reply(354, "", "go")]


def test_a_lost_line_fails_all_who_wait_and_all_who_come():
    async def work(wire):
        waiting = wire.expect(1)
        wire.connection_lost(None)
        for future in (waiting, wire.expect(1)):
            with pytest.raises(ConnectionLost):
                await wire.answer(future, 1.0)

    in_loop(work)


def test_a_reply_without_end_breaks_the_line():
    async def work(wire):
        wire.data_received(b"2" * 5000)
        return wire.transport.aborted

    assert in_loop(work)


def test_a_reply_that_is_none_is_code_zero():
    async def work(wire):
        future = wire.expect(1)
        wire.data_received(b"hello\r\n")
        return await future

    assert in_loop(work)[0].code == 0
