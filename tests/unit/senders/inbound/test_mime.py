import pytest

from senders.inbound.mime import decode_words, parse_blocks, parse_mail

REPORT = (
    b"Subject: x\nContent-Type: multipart/report; report-type=Delivery-Status; boundary=b\n\n"
    b"--b\nContent-Type: text/plain; charset=no-such-thing\n\nna\xefve\n"
    b"--b\nContent-Type:\n message/delivery-status\nContent-Transfer-Encoding: base64\n\n"
    b"UmVwb3J0aW5nLU1UQTogZG5zOyBhCgpBY3Rpb246IGZhaWxlZAo=\n--b--\n"
)


def test_message_parts_are_decoded_text() -> None:
    mail = parse_mail(REPORT)
    part = mail.part("message/delivery-status")
    assert mail.report_type == "delivery-status"
    assert part is not None
    assert [block.pairs for block in parse_blocks(part.text)] == [[("reporting-mta", "dns; a")], [("action", "failed")]]


def test_an_unknown_charset_is_read_all_the_same() -> None:
    assert "ve" in parse_mail(REPORT).text


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0\0\0",
        b"\xff" * 1000,
        b"From \n\n",
        b"Content-Type: multipart/report\n\nno boundary",
        b"Content-Type: multipart/mixed; boundary=\n\n--\n",
        b"Content-Type: multipart/report; boundary=b\n\n--b\n--b\n--b--",
        b'Content-Type: text/plain; charset="=?utf-8?q?=80?="\nSubject: =?x?q?\x80?=\n\nx',
        b"To: \x80\x81@\x82\nContent-Transfer-Encoding: base64\n\n%%%%",
        b"Content-Type: message/rfc822\n\nContent-Type: message/rfc822\n\n" * 300,
    ],
)
def test_no_bytes_make_it_fail(raw: bytes) -> None:
    mail = parse_mail(raw)
    assert isinstance(mail.text, str)
    assert isinstance(mail.original, str)


def test_a_field_is_unfolded_and_decoded() -> None:
    mail = parse_mail(b"X-A: one\r\n two\r\nSubject: =?utf-8?B?w6k=?=\r\n\r\n")
    assert mail.fields.get("x-a") == "one two"
    assert decode_words(mail.fields.get("subject")) == "é"
