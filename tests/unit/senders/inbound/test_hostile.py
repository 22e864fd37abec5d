"""No mail makes the parsers fail, or keeps them busy: what strangers send is read within a bounded time."""

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from senders.inbound.arf import parse_feedback
from senders.inbound.auto_reply import is_auto_reply
from senders.inbound.classify import judge
from senders.inbound.dsn import parse_dsn
from senders.inbound.mime import parse_mail
from senders.inbound.prose import guess_nameless
from tests.fixtures.corpora import CORPORA, needs_corpora

MEGABYTE = 1 << 20
HEAD = b"From: MAILER-DAEMON@mx.example\r\nTo: b@x.example\r\nSubject: failure notice\r\n"
FOLDERS = (
    "flufl-bounce/data",
    "kumomta-dsn-arf/crates/kumo-log-types/data",
    "mime-dovecot-stalwart/resources/eml",
    "parsedmarc-samples/samples",
)


def read(raw: bytes) -> None:
    mail = parse_mail(raw)
    parse_feedback(mail)
    is_auto_reply(mail)
    for report in parse_dsn(mail):
        assert len(report.diagnostic) <= 500
        assert "\n" not in report.recipient
    guess_nameless(mail)


def fill(unit: bytes) -> bytes:
    return (unit * (MEGABYTE // len(unit) + 1))[:MEGABYTE]


UNITS = [
    b" ", b"\n", b"<", b"@", b"a@b.c ", b"((((", b"=?utf-8?q?", b"550 ", b"user ", b"the following ", b"<script>",
    b"a: b\n", b"exceeded quota ", b"b+7.1.",
]  # fmt: skip
PLACES = {
    "body": HEAD + b"\r\n%s",
    "field": HEAD + b"X-Failed-Recipients: %s\r\n\r\nfailed",
    "subject": b"From: MAILER-DAEMON@mx.example\r\nSubject: %s\r\n\r\nuser unknown",
    "sender": b"From: %s\r\nSubject: failure notice\r\n\r\nuser unknown a@b.example",
    "content_type": HEAD + b'Content-Type: multipart/report; boundary="%s\r\n\r\nuser unknown',
    "html": HEAD + b"Content-Type: text/html\r\n\r\n%s",
    "status": HEAD + b"Content-Type: message/delivery-status\r\n\r\n%s",
    "diagnostic": HEAD
    + b"Content-Type: message/delivery-status\r\n\r\nX: y\r\n\r\nFinal-Recipient: rfc822; a@b.example\r\n"
    b"Action: failed\r\nDiagnostic-Code: smtp; %s",
    "feedback": HEAD + b"Content-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nUser-Agent: %s",
}


@pytest.mark.parametrize("place", PLACES)
def test_a_megabyte_of_anything_is_read_within_a_second(place: str, interpreter) -> None:
    slow = {}
    for unit in UNITS:
        raw = PLACES[place] % fill(unit)
        began = time.process_time()
        interpreter.interpret(raw)
        if (took := time.process_time() - began) > 1:
            slow[unit] = took
    assert slow == {}


@pytest.mark.parametrize(
    "raw",
    [
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(4000))
        + b"\n" * 800_000,
        b"".join(b"Content-Type: multipart/digest; boundary=b%d\n\n--b%d\n\n" % (n, n) for n in range(4000)),
        b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\n" * 200_000,
        b"Content-Type: text/plain; " + b"".join(b'a%d="b;' % n for n in range(100_000)),
        b"Content-Type: text/plain; charset=punycode\n\n" + b"a-" * 500_000,
        b"Content-Type: text/plain; charset=\xff\nContent-Transfer-Encoding: base64\n\n====",
        b"Content-Transfer-Encoding: x-uuencode\n\nbegin 666 x\n" + b"M" * 100_000,
        b"Subject: =?idna?b?" + b"YWFh" * 300 + b"?=\nFrom: MAILER-DAEMON@x\n\nuser unknown",
        b"From: MAILER-DAEMON@x\n" + b"".join(b"To: a%d@b.example\n" % n for n in range(50_000)) + b"\nuser unknown",
        HEAD + b"\n" + b"".join(b"<a%d@b.example>: 550 5.1.1 user unknown\n" % n for n in range(30_000)),
        HEAD
        + b"Content-Type: message/delivery-status\n\n"
        + b"Final-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.1.1\n\n" * 15_000,
        HEAD
        + b"Content-Type: message/delivery-status\n\n"
        + b"Final-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.1.1\n" * 15_000,
    ],
    ids=range(12),
)  # fmt: skip
def test_a_mail_made_to_be_slow_is_read_within_a_second(raw: bytes) -> None:
    began = time.process_time()
    read(raw)
    assert time.process_time() - began < 1


def test_halves_of_letters_are_read() -> None:
    kind = b"Content-Type: text/plain; charset=utf-7\n\n"
    read(HEAD + kind + b"<a@b.example>:\nuser unknown +2AA-")
    read(HEAD + b"Content-Type: message/rfc822; charset=utf-7\n\nSubject: +2AA-\n\nuser unknown +2AA-")


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=3000))
def test_random_bytes_are_read(raw: bytes) -> None:
    read(raw)


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=300), st.text(max_size=300))
def test_any_reply_is_told(status: str, reply: str) -> None:
    judge(status, reply)


def corpus() -> list[Path]:
    return sorted(
        path for folder in FOLDERS for path in (CORPORA / folder).rglob("*") if path.suffix in {".eml", ".txt"}
    )


@needs_corpora
def test_no_message_of_the_corpora_makes_it_fail() -> None:
    assert len(corpus()) > 150
    for path in corpus():
        read(path.read_bytes())


@needs_corpora
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_damaged_messages_of_the_corpora_are_read(data: st.DataObject) -> None:
    raw = data.draw(st.sampled_from(corpus())).read_bytes()
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(raw)))
        gone = data.draw(st.integers(0, 200))
        raw = raw[:place] + data.draw(st.binary(max_size=40)) + raw[place + gone :]
    read(raw[: data.draw(st.integers(0, len(raw)))] if data.draw(st.booleans()) else raw)
