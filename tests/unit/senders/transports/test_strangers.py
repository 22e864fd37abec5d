"""Relays that we did not write: Debian's Postfix, delivering a whole send, and its smtp-sink with faults."""

import asyncio
import os
import subprocess
from collections import Counter
from dataclasses import replace
from email import message_from_bytes

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from lists import ListDesk, ListSource
from real_postfix import COMMAND, SMTP_SINK, free_port, running_postfix, wait_for_port
from sending_world import PROFILE, address, open_send, settings, tuning

from senders.config import DkimConfig, RelayConfig
from senders.delivery.context import Tuning
from senders.delivery.sender import run_sender
from senders.errors import TransientError
from senders.ledger.store import Ledger
from senders.message import State
from senders.transports.base import Ending
from senders.transports.smtp import SmtpTransport

COUNT = 200
_USER = ("-u", "nobody") if os.geteuid() == 0 else ()  # it refuses to run as root
needs_postfix = pytest.mark.skipif(COMMAND is None or os.geteuid() != 0, reason="Debian's Postfix, or root, is absent")
needs_sink = pytest.mark.skipif(SMTP_SINK is None, reason="Postfix's smtp-sink is absent")


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(65537, 2048)


def pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def record(key):
    """Return the look-up of our public key, as the DNS would answer it."""
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    value = b"v=DKIM1; k=rsa; p=" + b"".join(public.splitlines()[1:-1])
    return lambda _name, timeout=5: value


@needs_postfix
def test_a_send_through_postfix_arrives_once_per_address_with_its_headers(home, authority, key):
    send_no = open_send(home, COUNT)
    profile = replace(PROFILE, dkim=DkimConfig("shop.example", "s1", pem(key)))
    with running_postfix(authority.issue("postfix")) as postfix:
        relay = RelayConfig("sink", "127.0.0.1", postfix.port, ca_file=authority.ca_file, connections=5)
        config = replace(settings(home, postfix.port), relays={"sink": relay}, senders={"shop": profile})
        builder: Tuning = replace(tuning(), builder="signed_world:signed_builder")
        asyncio.run(run_sender(config, once=True, tuning=builder))
        delivered = postfix.wait_for(COUNT)
    with Ledger.open(home) as ledger:
        assert {state: count for state, count in ledger.counts(send_no).items() if count} == {State.ACCEPTED: COUNT}
        assert "queued as" in ledger.attempts(send_no, 1)[0].reply
    messages = [message_from_bytes(raw) for raw in delivered]
    to = Counter(message["Delivered-To"] for message in messages)
    assert to == {address(seq): 1 for seq in range(1, COUNT + 1)}
    for raw, message in zip(delivered, messages, strict=True):
        seq = int(message["Message-ID"].split("@")[0][1:])
        assert (message["To"], message["Return-Path"]) == (address(seq), f"<b+{seq}@bounce.example>")
        assert message["List-Unsubscribe"] == f"<https://shop.example/u/{seq}>, <mailto:u+{seq}@shop.example>"
        assert message.get_payload().splitlines() == [
            ".a line that begins with a dot",
            "..and one with two",
            f"Hello {seq}",
        ]
        if seq % 20 == 0:
            assert dkim.verify(raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"), dnsfunc=record(key))


async def send(port, count):
    relay = RelayConfig("sink", "127.0.0.1", port, tls="none", reply_timeout_seconds=5.0, end_timeout_seconds=5.0)
    source, desk, failures = ListSource(count), ListDesk(), []
    try:
        await SmtpTransport(relay, helo="shop.example").run(source, desk)
    except TransientError as error:
        failures.append(str(error))
    return source, desk, failures


def through_sink(*options, count=4):
    port = free_port()
    sink = subprocess.Popen([SMTP_SINK, *_USER, *options, f"127.0.0.1:{port}", "100"])
    try:
        wait_for_port(port)
        return asyncio.run(send(port, count))
    finally:
        sink.kill()
        sink.wait()


@needs_sink
def test_smtp_sink_takes_everything():
    _, desk, failures = through_sink()
    assert desk.endings == dict.fromkeys((1, 2, 3, 4), (Ending.ANSWERED, 250))
    assert failures == []


@needs_sink
def test_smtp_sink_takes_everything_slowly():
    _, desk, _ = through_sink("-w", "1", count=2)  # a second before each reply to a mark
    assert desk.endings == dict.fromkeys((1, 2), (Ending.ANSWERED, 250))


@needs_sink
@pytest.mark.parametrize(
    ("option", "command", "ending"),
    [
        ("-r", "mail", (Ending.REFUSED, 450)),
        ("-r", "rcpt", (Ending.REFUSED, 450)),
        ("-r", "data", (Ending.REFUSED, 450)),
        ("-r", ".", (Ending.ANSWERED, 450)),
        ("-f", "mail", (Ending.REFUSED, 500)),
        ("-f", "rcpt", (Ending.REFUSED, 500)),
        ("-f", "data", (Ending.REFUSED, 500)),
        ("-f", ".", (Ending.ANSWERED, 500)),
    ],
)
def test_smtp_sink_refuses_each_command(option, command, ending):
    _, desk, _ = through_sink(option, command)
    assert desk.endings
    assert set(desk.endings.values()) == {ending}


@needs_sink
@pytest.mark.parametrize("option", ["-q", "-Q"])
@pytest.mark.parametrize("command", ["mail", "rcpt", "data", "."])
def test_smtp_sink_breaks_the_line_at_each_command(option, command):
    """-q closes without a word, -Q says 421 first: doubt only where a mark had no answer."""
    source, desk, failures = through_sink(option, command, count=1)
    if command == ".":
        assert desk.endings == {1: (Ending.LOST, 0) if option == "-q" else (Ending.ANSWERED, 421)}
    else:
        assert (desk.endings, source.back) == ({}, [(1, True)])
        assert desk.offers == []
        assert failures
