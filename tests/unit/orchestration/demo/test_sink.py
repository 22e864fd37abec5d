import asyncio
import json
import smtplib
import socket
from pathlib import Path

import pytest

from orchestration.demo.fate import NO_SHARES, Fate, Shares, fate
from orchestration.demo.mailstore import MailReader, MailStore, read_lines
from orchestration.demo.sink import Behaviour, Fault, Sink, SinkConfig, run_sink
from senders.errors import ConfigError

SEND = "spring_sale.20261103T0900Z"
PLAIN = Behaviour(shares=NO_SHARES)


def message(number: int = 1, body: str = "Hello") -> bytes:
    head = f"From: a@shop.example\r\nMessage-ID: <{number}@shop.example>\r\nMailrail-Send: {SEND}\r\n\r\n"
    return (head + body + "\r\n").encode()


def talk(config: SinkConfig, speak) -> list[dict]:
    """Run a sink, speak to it from a thread, and return its log."""

    async def run() -> None:
        async with Sink(config) as sink:
            await asyncio.to_thread(speak, sink.port)

    asyncio.run(run())
    return list(read_lines(config.folder / "log.jsonl"))


def config(tmp_path: Path, behaviour: Behaviour = PLAIN) -> SinkConfig:
    return SinkConfig("127.0.0.1", 0, tmp_path / "sink", behaviour)


def deliver(port: int, recipient: str, raw: bytes) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=5) as client:
        client.sendmail("b+1.1.x@bounce.example", [recipient], raw)


def test_keeps_what_smtplib_sends(tmp_path: Path) -> None:
    (tmp_path / "clock").write_text("2026-04-14T08:00:00Z")
    raw = message(body="first\r\n.\r\n..dots\r\nlast")
    log = talk(config(tmp_path), lambda port: deliver(port, "Anna@gmail.example", raw))
    assert log == [
        {
            "at": "2026-04-14T08:00:00Z",
            "send_id": SEND,
            "recipient": "anna@gmail.example",
            "message_id": "1@shop.example",
            "bytes": len(raw),
        }
    ]
    with MailReader(tmp_path / "sink", SEND) as reader:
        [stored] = reader.messages
        assert stored.return_path == "b+1.1.x@bounce.example"
        assert reader.raw(stored) == raw


def test_answers_pipelined_commands_in_order_and_logs_before_it_answers(tmp_path: Path) -> None:
    log = tmp_path / "sink" / "log.jsonl"

    def speak(port: int) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
            file = line.makefile("rb")
            assert file.readline().startswith(b"220")
            line.sendall(b"EHLO x\r\n")
            features = [file.readline() for _ in range(6)]
            assert b"250-PIPELINING\r\n" in features
            envelope = b"MAIL FROM:<> SMTPUTF8\r\nRCPT TO:<%s>\r\nDATA\r\n"
            line.sendall(envelope % b"always-delivered@a.example")
            assert [file.readline()[:3] for _ in range(3)] == [b"250", b"250", b"354"]
            for number in range(2, 6):
                # The mark travels with the next envelope.
                line.sendall(message(number) + b".\r\n" + envelope % "jürgen@a.example".encode())
                assert [file.readline()[:3] for _ in range(4)] == [b"250", b"250", b"250", b"354"]
                assert len(log.read_bytes().splitlines()) == number - 1
            line.sendall(b".\r\nQUIT\r\n")
            assert [file.readline()[:3] for _ in range(2)] == [b"250", b"221"]
            assert file.readline() == b""

    assert len(talk(config(tmp_path), speak)) == 5


def test_refuses_and_greylists_by_address(tmp_path: Path) -> None:
    def speak(port: int) -> None:
        with smtplib.SMTP("127.0.0.1", port, timeout=5) as client:
            client.ehlo()
            client.mail("a@b.example")
            assert client.rcpt("unknown-user.7@a.example")[0] == 550
            assert client.rcpt("mailbox-full@a.example") == (552, b"5.2.2 Mailbox is full")
            assert client.rcpt("greylisted@a.example")[0] == 451
            assert client.rcpt("greylisted@a.example")[0] == 250
            assert client.docmd("DATA")[0] == 354
            client.close()

    assert talk(config(tmp_path), speak) == []


def test_commands_out_of_order_are_refused(tmp_path: Path) -> None:
    def speak(port: int) -> None:
        with smtplib.SMTP("127.0.0.1", port, timeout=5) as client:
            assert client.docmd("RCPT", "TO:<a@b.example>")[0] == 503
            assert client.docmd("DATA")[0] == 554
            assert client.docmd("MAIL", "FROM:nobody")[0] == 501
            assert client.docmd("MAIL", "FROM:<a@b.example> SIZE=99999999999")[0] == 552
            assert client.docmd("XFOO")[0] == 500
            assert client.noop()[0] == 250
            client.sock.sendall(b"x" * 10_000)
            assert client.getreply()[0] == 500

    talk(config(tmp_path), speak)


@pytest.mark.parametrize(
    ("fault", "kept"), [(Fault.DROP_BEFORE_MARK, 1), (Fault.DROP_AFTER_ACCEPT, 2), (Fault.HANG, 2)]
)
def test_fails_once_on_purpose(tmp_path: Path, fault: Fault, kept: int) -> None:
    def speak(port: int) -> None:
        broken = (smtplib.SMTPServerDisconnected, TimeoutError, ConnectionError)
        with pytest.raises(broken), smtplib.SMTP("127.0.0.1", port, timeout=0.5) as client:
            client.sendmail("a@b.example", ["x@y.example"], message(body="x" * 200_000))
        deliver(port, "x@y.example", message(2))

    log = talk(config(tmp_path, Behaviour(NO_SHARES, {"x@y.example": fault})), speak)
    assert len(log) == kept


def test_a_port_in_use_is_named_with_its_remedy(tmp_path: Path) -> None:
    async def run() -> None:
        async with Sink(config(tmp_path)) as sink:
            await run_sink(SinkConfig("127.0.0.1", sink.port, tmp_path / "other"))

    with pytest.raises(ConfigError, match=r"port \d+ on 127.0.0.1 is in use; stop .* --port"):
        asyncio.run(run())


def test_a_full_disk_is_told_and_leaves_nothing_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = MailStore(tmp_path / "sink")
    store.add("r@b.example", ["a@b.example"], message(1))
    before = {path.name: path.read_bytes() for path in (tmp_path / "sink").iterdir()}

    def refuse(content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store._files[2], "append", refuse)
    with pytest.raises(OSError, match="No space left"):
        store.add("r@b.example", ["a@b.example"], message(2))
    store.close()
    assert {path.name: path.read_bytes() for path in (tmp_path / "sink").iterdir()} == before


def test_a_torn_last_line_is_dropped_at_the_next_start(tmp_path: Path) -> None:
    folder = tmp_path / "sink"
    store = MailStore(folder)
    store.add("r@b.example", ["a@b.example"], message(1))
    store.close()
    whole = (folder / "log.jsonl").read_bytes()
    (folder / "log.jsonl").write_bytes(whole + b'{"at": "20')
    MailStore(folder).close()
    assert (folder / "log.jsonl").read_bytes() == whole
    assert json.loads(whole)["recipient"] == "a@b.example"


def test_fates_are_stable_and_near_their_shares() -> None:
    addresses = [f"person{number}@gmail.example" for number in range(20_000)]
    fates = [fate(address) for address in addresses]
    assert fates == [fate(address.upper()) for address in addresses]
    for told in list(Fate)[1:]:
        share = getattr(Shares(), told.value) / 100
        assert fates.count(told) / len(fates) == pytest.approx(share, rel=0.35), told
    assert fate("x.unknown-user@a.example", NO_SHARES) is Fate.UNKNOWN_USER
    assert fate("x@bounces-later.example") is Fate.BOUNCES_LATER
    assert not Fate.BOUNCES_LATER.is_read
    assert Fate.GREYLISTED.is_read
