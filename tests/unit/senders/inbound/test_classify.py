import pytest

from senders.inbound.classify import Failure, classify, effective_status, find_enhanced, find_smtp_code

TABLE = [
    ("5.1.1", "550 5.1.1 <x@example.com>: user unknown", Failure.PERMANENT),
    ("5.1.2", "", Failure.PERMANENT),
    ("5.1.10", "556 5.1.10 null mx", Failure.PERMANENT),
    ("5.2.1", "550 5.2.1 The email account that you tried to reach is disabled", Failure.PERMANENT),
    ("5.4.4", "Host or domain name not found", Failure.PERMANENT),
    ("5.0.0", "550 5.4.1 Recipient address rejected: Access denied", Failure.PERMANENT),
    ("5.0.0", "", Failure.PERMANENT),
    ("", "550 no such user here", Failure.PERMANENT),
    ("5.7.1", "550 5.7.1 recipient address rejected: user unknown", Failure.PERMANENT),
    ("5.2.2", "552 5.2.2 mailbox full", Failure.TRANSIENT),
    ("5.0.0", "552 rejected: over quota", Failure.TRANSIENT),
    ("4.4.7", "delivery time expired", Failure.TRANSIENT),
    ("4.0.0", "426 connection timed out", Failure.TRANSIENT),
    ("", "421 try again later", Failure.TRANSIENT),
    ("5.7.1", "550 5.7.1 likely unsolicited mail, blocked", Failure.BLOCK),
    ("", "554 Service unavailable; Client host blocked using zen.spamhaus.org", Failure.BLOCK),
    ("", "554 refused", Failure.BLOCK),
    ("5.3.4", "552 message too large", Failure.POLICY),
    ("5.5.4", "501 syntax error in parameters", Failure.POLICY),
    ("5.6.0", "", Failure.POLICY),
    ("5.1.8", "bad sender's system address", Failure.POLICY),
]

SENDER_FAULTS = [
    "4.7.23",
    "5.7.25",
    "5.7.26",
    "4.7.27",
    "5.7.27",
    "4.7.28",
    "4.7.29",
    "5.7.29",
    "4.7.30",
    "5.7.30",
    "4.7.31",
    "4.7.32",
    "5.7.515",
    "5.7.15",
]


@pytest.mark.parametrize(("status", "reply", "expected"), TABLE)
def test_a_reply_is_told_by_code_then_words_then_number(status: str, reply: str, expected: Failure) -> None:
    assert classify(status, reply) is expected


@pytest.mark.parametrize("code", SENDER_FAULTS)
def test_what_providers_say_of_the_sender_never_bounces_the_contact(code: str) -> None:
    assert classify(code, f"550 {code} user unknown or so") is Failure.POLICY
    assert classify("5.0.0", f"550-{code} This mail has been blocked\n550 {code} because") is Failure.POLICY


def test_the_quoted_code_wins_over_a_status_that_says_nothing() -> None:
    assert effective_status("5.0.0 (undefined)", "smtp; 550 5.4.1 denied") == "5.4.1"
    assert effective_status("5.1.1", "550 5.7.1 other") == "5.1.1"
    assert effective_status("", "nothing") == ""


def test_codes_are_not_found_in_addresses_and_sizes() -> None:
    assert find_enhanced("host mx[192.0.2.5] 5.1.2.3") == ""
    assert find_smtp_code("size 552 bytes") == 0
    assert find_smtp_code("said: 550-5.1.1 no") == 550
