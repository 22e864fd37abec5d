"""Header lines: nothing gets past the gate, and everything reads back as it was meant."""

import dataclasses
import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from senders.config import SenderProfile
from senders.errors import RenderError
from senders.rendering import headers
from tests.fixtures.corpora import needs_corpora

PRINTABLE = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=200)
BOMB = "=?utf-8?q?Bob=0D=0ABcc:_evil@x.test?="


def parsed(text: str) -> EmailMessage:
    raw = text.encode("ascii") + b"\r\nbody\r\n"
    return cast(EmailMessage, email.message_from_bytes(raw, policy=email.policy.default))


@pytest.mark.parametrize("character", ["\r", "\n", "\0", "\x0b", "\x0c", "\x7f", "\x85", "\u2028", "\u2029", "\ud800"])
def test_the_gate_refuses_what_could_begin_a_line(character: str) -> None:
    value = f"a{character}Bcc: eve@example.com"
    for make in (
        lambda: headers.header("X", value),
        lambda: headers.text_header("Subject", value),
        lambda: headers.mailbox_header("From", value, "a@b.example"),
        lambda: headers.mailbox_header("From", "A", f"a@b.example{character}"),
    ):
        with pytest.raises(RenderError, match="header"):
            make()


@given(PRINTABLE)
def test_subjects_read_back_and_keep_to_the_limits(text: str) -> None:
    made = headers.text_header("Subject", text)
    message = parsed(made)
    assert message.keys() == ["Subject"]
    assert str(message["Subject"]) == " ".join(text.split())
    for line in made.removesuffix("\r\n").split("\r\n"):
        assert len(line) <= 78
        for word in line.split():
            if word.startswith("=?"):
                assert len(word) <= 75
                word.encode("ascii")


def test_long_plain_subjects_are_folded_at_spaces() -> None:
    text = " ".join(["word"] * 40)
    made = headers.text_header("Subject", text)
    assert "=?" not in made
    assert made.count("\r\n") > 2
    assert str(parsed(made)["Subject"]) == text


def test_encoded_words_are_cut_between_characters() -> None:
    for text in ("日本語のとても長い件名です。" * 8, "Grüße " * 30, "👩‍🚀" * 30):
        words = headers.encode_words(text, first=60)
        assert len(words[0]) <= 60
        assert all(len(word) <= 75 for word in words)
        decoded = [str(parsed(f"Subject: {word}\r\n")["Subject"]) for word in words]
        assert "".join(decoded).replace(" ", "") == text.replace(" ", "")


def test_what_looks_like_an_encoded_word_is_only_text() -> None:
    made = headers.text_header("Subject", BOMB)
    message = parsed(made)
    assert message.keys() == ["Subject"]
    assert str(message["Subject"]) == BOMB
    assert "\r\nBcc" not in made


@pytest.mark.parametrize(
    ("first", "last", "shown"),
    [
        ("Ann", "Lee", "Ann Lee"),
        ("Zoë", "Müller-Lüdenscheidt", "Zoë Müller-Lüdenscheidt"),
        ("J. R.", "O'Neill", "J. R. O'Neill"),
        ("Анна", None, "Анна"),
        (None, None, ""),
        (BOMB, "Lee", ""),
        ("Ann\r\nBcc: eve@example.com", "Lee", ""),
        ("ann@evil.example", "", ""),
        ('Ann" <eve@example.com>', "Lee", ""),
        ("A" * 70, "B", ""),
        ("An\u2028n", "Lee", ""),
        ("12345", "", ""),
        ("WIN www.evil.example/x", "now!", ""),
        (7, 8, ""),
    ],
)
def test_the_name_is_shown_only_where_it_is_one(first: object, last: object, shown: str) -> None:
    message = parsed(headers.recipient_header(first, last, "ann@example.com"))
    assert message.keys() == ["To"]
    (address,) = message["To"].addresses
    assert (address.display_name, address.addr_spec) == (shown, "ann@example.com")


@given(first=st.text(max_size=60), last=st.text(max_size=60))
def test_no_name_makes_a_header_or_another_recipient(first: str, last: str) -> None:
    made = headers.recipient_header(first, last, "ann@example.com")
    message = parsed(made)
    assert message.keys() == ["To"]
    assert [address.addr_spec for address in message["To"].addresses] == ["ann@example.com"]
    assert all(len(line) <= 78 for line in made.split("\r\n"))


@needs_corpora
def test_no_hostile_name_of_the_corpus_does_either(blns: list[str]) -> None:
    for text in blns:
        message = parsed(headers.recipient_header(text, text, "ann@example.com"))
        assert message.keys() == ["To"]
        assert [address.addr_spec for address in message["To"].addresses] == ["ann@example.com"]


@given(PRINTABLE)
def test_senders_names_read_back(name: str) -> None:
    message = parsed(headers.mailbox_header("From", name, "hello@acme.example"))
    assert message.keys() == ["From"]
    (address,) = message["From"].addresses
    assert address.addr_spec == "hello@acme.example"
    # The standard library's reader leaves a space between two encoded words of a name (RFC 2047 6.2 says none).
    assert address.display_name.replace(" ", "") == "".join(name.split())


def test_addresses_that_are_none_are_refused() -> None:
    with pytest.raises(RenderError, match="not one that mail carries"):
        headers.mailbox_header("To", "", "ann@example.com>, <eve@example.com")


@pytest.mark.parametrize("length", [40, 200, 900])
def test_the_way_out_is_one_unfolded_line(length: int) -> None:
    url = "https://mail.acme.example/u/"
    token = "x" * (length - len(url))
    made = headers.ListUnsubscribe(url, "").lines(token)
    assert made == f"List-Unsubscribe: <{url}{token}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"


def test_a_way_out_longer_than_a_line_is_refused() -> None:
    with pytest.raises(RenderError, match="998"):
        headers.ListUnsubscribe("https://mail.acme.example/u/", "").lines("x" * 960)


def test_the_web_address_comes_before_the_mail_address() -> None:
    made = headers.ListUnsubscribe("https://a.example/u/", "leave@b.example").lines("t0k")
    expected = "List-Unsubscribe: <https://a.example/u/t0k>, <mailto:leave@b.example?subject=unsubscribe%20t0k>\r\n"
    assert made.startswith(expected)


@pytest.mark.parametrize(
    "url", ["https://a.example/ x", "https://a.example/>", "https://a.example/,b", "https://ä.example/u/", "a\x00b"]
)
def test_unsubscribe_addresses_that_would_break_the_list(url: str) -> None:
    with pytest.raises(RenderError, match="List-Unsubscribe"):
        headers.ListUnsubscribe(url, "")


def test_lines_longer_than_the_standard_allows_are_refused() -> None:
    with pytest.raises(RenderError, match="998"):
        headers.header("X", "x" * 1000)
    with pytest.raises(RenderError, match="ASCII"):
        headers.header("X", "é")


def test_the_headers_of_a_send(profile: SenderProfile) -> None:
    made = headers.campaign_headers(profile, send_id="s.1", campaign="Spring: sale", topic="News & more")
    assert made == (
        "List-Id: <news-more.news.acme.example>\r\nMailrail-Send: s.1\r\n"
        "Feedback-ID: Spring-sale:News-more:mailrail:shop-mail\r\nPrecedence: bulk\r\n"
    )


def test_mail_that_somebody_waits_for_is_not_called_bulk(profile: SenderProfile) -> None:
    awaited = dataclasses.replace(profile, stream="transactional")
    assert "Precedence" not in headers.campaign_headers(awaited, send_id="s.1", campaign="receipt", topic="orders")


def test_the_date() -> None:
    assert headers.date_header(datetime(2026, 11, 3, 9, 0, 1, 5, tzinfo=UTC)) == (
        "Date: Tue, 03 Nov 2026 09:00:01 +0000\r\n"
    )


@pytest.mark.parametrize(
    ("campaign", "topic", "sender", "made"),
    [
        ("spring_sale", "news", "newsletter", "spring_sale:news:mailrail:newsletter"),
        ("spring", "news", "shop", "spring:news:mailrail:shop-mail"),
        ("news", "news", "mailrail", "news:topic-news:mailrail:sender-mailrail"),
        ("a:b", "c\u2028d", "a-very-long-name-of-a-sender", "a-b:c-d:mailrail:a-very-long-nam"),
    ],
)
def test_feedback_ids_are_as_gmail_wants_them(campaign: str, topic: str, sender: str, made: str) -> None:
    assert headers.feedback_id(campaign, topic, sender) == made
    parts = made.split(":")
    assert len(set(parts)) == 4
    assert 5 <= len(parts[-1]) <= 15
