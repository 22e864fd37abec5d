"""TLS and login: what is refused before a word of ours goes out, and that pipelining works over TLS."""

import asyncio
import base64
import logging
import socket
import ssl

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from lists import ListDesk, ListSource
from sending_sink import DROP, HANG, Sink, take_all

from senders.config import RelayConfig
from senders.errors import PermanentError, TransientError
from senders.transports.base import Ending
from senders.transports.smtp import SmtpTransport
from senders.transports.tls import tls_context

PASSWORD = "correct horse"
OPEN = ("STARTTLS", "AUTH PLAIN")  # what a sink offers before TLS
SECURE = ("PIPELINING", "AUTH CRAM-MD5 LOGIN PLAIN")


def relay(port, **changes):
    values = {"host": "127.0.0.1", "reply_timeout_seconds": 1.0, "end_timeout_seconds": 1.0, **changes}
    return RelayConfig("sink", port=port, **values)


async def send(config, count=3):
    source, desk, failure = ListSource(count), ListDesk(), None
    try:
        await SmtpTransport(config, helo="shop.example").run(source, desk)
    except (TransientError, PermanentError) as error:
        failure = error
    return source, desk, failure


def run(
    authority, certificate=None, script=take_all, *, count=3, features=OPEN, secure=SECURE, implicit=False, **changes
):
    """Send through a sink with TLS and login, and return what it saw."""

    async def go():
        context = (certificate or authority.issue()).served()
        sink = Sink(script, features=features, tls=context, implicit=implicit, secure_features=secure)
        values = {"username": "shop", "password": PASSWORD, "ca_file": authority.ca_file, **changes}
        config = relay(await sink.start(), tls="implicit" if implicit else "starttls", **values)
        source, desk, failure = await send(config, count)
        sink.stop()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0.01)
        return sink, source, desk, failure

    return asyncio.run(go())


def words(sink):
    return [command.split(" ")[0] for command in sink.commands]


@pytest.mark.parametrize("implicit", [False, True])
def test_messages_go_pipelined_over_tls_after_a_login(authority, implicit):
    sink, _, desk, failure = run(authority, implicit=implicit)
    assert failure is None
    assert desk.endings == dict.fromkeys((1, 2, 3), (Ending.ANSWERED, 250))
    assert sink.connections == 1
    before = ["EHLO"] if implicit else ["EHLO", "STARTTLS", "EHLO"]
    assert words(sink) == [*before, "AUTH", *["MAIL", "RCPT", "DATA"] * 3, "QUIT"]
    assert base64.b64decode(sink.commands[len(before)].split(" ")[2]) == b"\0shop\0correct horse"


def test_what_counts_is_offered_after_starttls(authority):
    """SENDING 2e: joined envelopes only where the last EHLO offers PIPELINING; likewise the login."""

    def refuse_recipient(phase, to):
        return "550 5.1.1 no" if phase == "rcpt" else take_all(phase, to)

    sink, *_ = run(
        authority, script=refuse_recipient, features=("STARTTLS", "PIPELINING"), secure=("AUTH PLAIN",), count=1
    )
    assert words(sink)[-3:] == ["RCPT", "RSET", "QUIT"]  # DATA was not said: nothing was joined
    sink, *_ = run(authority, script=refuse_recipient, features=("STARTTLS",), secure=SECURE, count=1)
    assert words(sink)[-4:] == ["RCPT", "DATA", "RSET", "QUIT"]


@pytest.mark.parametrize("features", [(), ("PIPELINING", "AUTH PLAIN LOGIN")])
def test_a_stripped_starttls_stops_before_the_login(authority, features):
    sink, source, desk, failure = run(authority, features=features)
    assert isinstance(failure, PermanentError)
    assert "offers no STARTTLS, so nothing was sent to it" in str(failure)
    assert words(sink) == ["EHLO"]
    assert (source.back, desk.offers) == ([(1, False)], [])


@pytest.mark.parametrize(
    ("said", "family"),
    [
        ("454 4.7.0 TLS not available", TransientError),
        ("502 5.5.1 no", PermanentError),
        (DROP, TransientError),
        (HANG, TransientError),
        ("220 go!drop", TransientError),
        ("220 go\r\n250 2.0.0 injected", PermanentError),  # no TLS follows: a wire that only pretends
    ],
)
def test_a_starttls_that_fails_stops_before_the_login(authority, said, family):
    def script(phase, to):
        return said if phase == "starttls" else take_all(phase, to)

    sink, source, desk, failure = run(authority, script=script)
    assert type(failure) is family
    assert "AUTH" not in words(sink)
    assert (source.back, desk.offers) == ([(1, False)], [])


def test_words_injected_before_tls_are_not_taken_for_the_relays(authority):
    """CVE-2021-38371 and its kin: plaintext after the reply to STARTTLS must not count within TLS (RFC 3207 4.2)."""

    async def go():
        context = authority.issue().served()
        seen = []

        async def serve(reader, writer):
            writer.write(b"220 relay\r\n")
            seen.append(await reader.readline())
            writer.write(b"250-relay\r\n250 STARTTLS\r\n")
            seen.append(await reader.readline())
            writer.write(b"220 go\r\n250-relay\r\n250-PIPELINING\r\n250 AUTH PLAIN\r\n")
            await writer.drain()
            await writer.start_tls(context)
            seen.append(await reader.readline())
            writer.write(b"250-relay\r\n250 HELP\r\n")
            seen.append(await reader.readline())

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        values = {"username": "shop", "password": PASSWORD, "ca_file": authority.ca_file}
        _, desk, failure = await send(relay(port, tls="starttls", **values))
        server.close()
        return seen, desk, failure

    seen, desk, failure = asyncio.run(go())
    assert isinstance(failure, PermanentError)  # the injected AUTH PLAIN was not believed
    assert not any(b"AUTH" in line for line in seen)
    assert desk.offers == []


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"days": (-3, -1)}, "expired"),
        ({"days": (1, 3)}, "not yet valid"),
        ({"host": "other.example"}, "not valid for '127.0.0.1'"),
        ({"self_signed": True}, "self-signed"),
    ],
)
def test_bad_certificates_are_refused(authority, bad, reason, implicit):
    certificate = authority.issue("bad", **bad)
    sink, source, desk, failure = run(authority, certificate, implicit=implicit)
    assert isinstance(failure, PermanentError)
    assert reason in str(failure)
    assert "AUTH" not in words(sink)
    assert (source.back, desk.offers) == ([(1, False)], [])


def test_a_private_authority_counts_only_where_it_is_named(authority):
    *_, failure = run(authority, ca_file=None)
    assert isinstance(failure, PermanentError)
    assert "unable to get local issuer certificate" in str(failure)
    assert tls_context(None).cert_store_stats() != tls_context(authority.ca_file).cert_store_stats()


def test_old_tls_is_not_spoken(authority):
    async def go():
        context = authority.issue().served()
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        sink = Sink(tls=context, implicit=True)
        config = relay(await sink.start(), tls="implicit", ca_file=authority.ca_file)
        found = await send(config)
        sink.stop()
        return sink, found[2]

    sink, failure = asyncio.run(go())
    assert isinstance(failure, TransientError | PermanentError)  # by how the relay ends the handshake
    assert sink.commands == []
    assert tls_context(None).minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    ("offered", "auth", "said"),
    [
        ("CRAM-MD5 LOGIN PLAIN", "", ["AUTH PLAIN AHNob3AAY29ycmVjdCBob3JzZQ=="]),
        ("CRAM-MD5 LOGIN", "", ["AUTH LOGIN c2hvcA==", "Y29ycmVjdCBob3JzZQ=="]),
        ("LOGIN PLAIN", "login", ["AUTH LOGIN c2hvcA==", "Y29ycmVjdCBob3JzZQ=="]),
    ],
)
def test_the_login_is_plain_or_login(authority, offered, auth, said):
    sink, _, desk, failure = run(authority, secure=(f"AUTH {offered}",), auth=auth)
    assert failure is None
    assert sink.commands[3 : 3 + len(said)] == said
    assert len(desk.endings) == 3


@pytest.mark.parametrize(
    ("offered", "auth", "words_of_it"),
    [
        ((), "", "offers no login"),
        (("AUTH CRAM-MD5",), "", "offers CRAM-MD5, we log in by PLAIN or LOGIN"),
        (("AUTH PLAIN",), "login", "offers PLAIN, we log in by LOGIN"),
    ],
)
def test_no_other_login_is_tried(authority, offered, auth, words_of_it):
    sink, source, _, failure = run(authority, secure=offered, auth=auth)
    assert isinstance(failure, PermanentError)
    assert words_of_it in str(failure)
    assert "AUTH" not in words(sink)
    assert source.back == [(1, False)]


@pytest.mark.parametrize(
    ("said", "family"),
    [
        ("535 5.7.8 bad password", PermanentError),
        ("454 4.7.0 later", TransientError),
        ("421 4.3.2 closing!drop", TransientError),
        ("534 5.7.9 mechanism too weak", PermanentError),
        (DROP, TransientError),
        (HANG, TransientError),
        ("\udcff\x00\x1b[31m", TransientError),
    ],
)
def test_a_login_that_fails_is_tried_once_and_tells_no_secret(authority, said, family, caplog):
    def script(phase, to):
        return said if phase == "auth" else take_all(phase, to)

    with caplog.at_level(logging.DEBUG):
        sink, source, desk, failure = run(authority, script=script)
    assert type(failure) is family
    assert words(sink).count("AUTH") == 1
    assert (source.back, desk.offers) == ([(1, False)], [])
    secret = base64.b64encode(b"\0shop\0correct horse").decode()
    for text in (str(failure), repr(failure), caplog.text):
        assert PASSWORD not in text
        assert secret not in text
    str(failure).encode()  # half characters and controls of a relay reach neither log nor ledger
    assert str(failure).isprintable()


def test_a_password_is_masked_where_settings_are_shown():
    assert PASSWORD not in repr(relay(25, username="shop", password=PASSWORD))


class Inbox:
    """A stranger's server (aiosmtpd) with STARTTLS and AUTH both required."""

    def __init__(self):
        self.envelopes = []

    async def handle_DATA(self, server, session, envelope):
        self.envelopes.append((session.ssl is not None, session.authenticated, envelope.rcpt_tos))
        return "250 2.0.0 kept"


@pytest.mark.parametrize("auth", ["", "plain", "login"])
def test_a_strangers_server_takes_tls_and_login(authority, auth):
    def authenticate(server, session, envelope, mechanism, data):
        return AuthResult(success=(data.login, data.password) == (b"shop", PASSWORD.encode()), handled=False)

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    inbox = Inbox()
    controller = Controller(
        inbox,
        hostname="127.0.0.1",
        port=port,
        tls_context=authority.issue().served(),
        require_starttls=True,
        auth_required=True,
        authenticator=authenticate,
    )
    controller.start()
    try:
        values = {"username": "shop", "ca_file": authority.ca_file, "auth": auth}
        good = asyncio.run(send(relay(port, password=PASSWORD, **values)))
        bad = asyncio.run(send(relay(port, password="wrong", **values)))
    finally:
        controller.stop()
    assert good[1].endings == dict.fromkeys((1, 2, 3), (Ending.ANSWERED, 250))
    assert inbox.envelopes == [(True, True, [f"user{seq}@mail.example"]) for seq in (1, 2, 3)]
    assert (type(bad[2]), bad[2].code) == (PermanentError, 535)
