from senders.inbound.mime import parse_mail
from senders.inbound.text import above_copy, parse_plain_bounce

QMAIL = b"""From: MAILER-DAEMON@mail.example
To: b@x.example
Subject: failure notice

Hi. This is the qmail-send program at mail.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<anna@example.com>:
192.0.2.1 does not like recipient.
Remote host said: 550 5.1.1 user unknown

--- Below this line is a copy of the message.

To: other@example.com
"""


def test_the_recipient_and_what_is_said_of_it() -> None:
    found = parse_plain_bounce(parse_mail(QMAIL))
    assert found is not None
    assert found.recipients == ["anna@example.com"]
    assert "550 5.1.1 user unknown" in found.named[0].reason
    assert found.says_permanent
    assert not found.is_delay


def test_the_copy_of_our_message_is_not_read() -> None:
    assert "other@example.com" not in above_copy(parse_mail(QMAIL).text)


def test_a_warning_is_a_delay() -> None:
    raw = (
        b"From: Mail Delivery System <Mailer-Daemon@m.example>\nSubject: Warning: message delayed 24 hours\n\n"
        b"A message that you sent has not yet been delivered to\n  anna@example.com\nwill continue trying"
    )
    found = parse_plain_bounce(parse_mail(raw))
    assert found is not None
    assert found.is_delay


def test_exim_names_who_failed_in_a_field() -> None:
    raw = b"X-Failed-Recipients: a@example.com, b@example.com\nFrom: x@m.example\n\nfailed"
    found = parse_plain_bounce(parse_mail(raw))
    assert found is not None
    assert found.recipients == ["a@example.com", "b@example.com"]


def test_a_page_of_html_is_read_by_its_words() -> None:
    raw = (
        b"From: MAILER-DAEMON@m.example\nSubject: failure notice\nContent-Type: text/html\n\n"
        b"<p>Unable to deliver to<br>&lt;anna@example.com&gt;:<br>no such user</p>"
    )
    found = parse_plain_bounce(parse_mail(raw))
    assert found is not None
    assert found.recipients == ["anna@example.com"]


def test_people_are_not_bounces() -> None:
    raw = b"From: anna@example.com\nSubject: Re: your offer\n\nMy account does not exist any more, user unknown!"
    assert parse_plain_bounce(parse_mail(raw)) is None
