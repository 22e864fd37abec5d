"""Bodies: whatever goes in is read back by the standard library."""

import email
import email.policy
from email.message import EmailMessage
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from senders.rendering import mime

LINES = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r"), max_size=1500)


def whole(text: tuple[bytes, bytes], html: tuple[bytes, bytes]) -> EmailMessage:
    raw = mime.alternative(b"From: a@b.example\r\n", b"=_b1", text, html)
    assert b"\0" not in raw
    assert raw.replace(b"\r\n", b"").count(b"\r") == raw.replace(b"\r\n", b"").count(b"\n") == 0
    assert raw.isascii()
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert not any(line.startswith(b"From ") for line in raw.split(b"\r\n"))
    message = cast(EmailMessage, email.message_from_bytes(raw, policy=email.policy.default))
    assert not message.defects
    assert [part.get_content_type() for part in message.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    return message


def contents(message: EmailMessage) -> list[str]:
    return [part.get_content().replace("\r\n", "\n") for part in message.iter_parts()]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("plain\n", mime.SEVEN_BIT),
        ("", mime.SEVEN_BIT),
        ("Grüße\n", mime.QUOTED_PRINTABLE),
        ("x" * 990 + "\n", mime.SEVEN_BIT),
        ("x" * 991 + "\n", mime.QUOTED_PRINTABLE),
        ("a\n" + "x" * 1500, mime.QUOTED_PRINTABLE),
        (("x" * 800 + "\n") * 5, mime.SEVEN_BIT),
        ("From me\n", mime.QUOTED_PRINTABLE),
        ("Dear\nFrom me\n", mime.QUOTED_PRINTABLE),
        ("a\0b\n", mime.QUOTED_PRINTABLE),
        (".\n..\n", mime.SEVEN_BIT),
    ],
)
def test_texts_choose_their_encoding_and_read_back(text: str, encoding: bytes) -> None:
    part = mime.text_part(text)
    assert part[1] == encoding
    assert contents(whole(part, mime.quoted_printable("<p>")))[0].rstrip("\n") == text.rstrip("\n")


def test_html_that_is_not_7bit_is_quoted() -> None:
    html = "<style>a:before{content:'→'}</style>"
    part = mime.quoted_printable(html)
    assert part[1] == mime.QUOTED_PRINTABLE
    assert contents(whole(mime.text_part("x"), part))[1].strip() == html


@pytest.mark.parametrize(
    ("body", "travels"),
    [
        (b"<p>\r\nFrom me</p>\r\n", False),
        (b"From me\r\n", False),
        (b"<p>" + b"x" * 2000 + b"</p>", False),
        (b"<p>\r\n From me</p>\r\n", True),
    ],
)
def test_what_relays_leave_alone_travels_as_it_is(body: bytes, travels: bool) -> None:
    assert mime.seven_bit(body) == ((body, mime.SEVEN_BIT) if travels else None)


@given(LINES)
def test_any_text_reads_back(text: str) -> None:
    read = contents(whole(mime.text_part(text), mime.quoted_printable("x")))[0]
    assert read.rstrip("\n") == text.rstrip("\n")


@given(LINES)
def test_any_html_reads_back_as_utf8_too(html: str) -> None:
    read = contents(whole(mime.text_part("x"), mime.quoted_printable(html)))[1]
    assert read.rstrip("\n") == html.rstrip("\n")


@given(st.binary(max_size=5000))
def test_short_lines_are_recognised(body: bytes) -> None:
    long = body.replace(b"\r", b"").replace(b"\0", b"x" * 300).replace(b"\n", b"\r\n")
    assert mime._has_short_lines(long) is (max(map(len, long.split(b"\r\n"))) <= mime.MAX_BODY_LINE)
