import re
import tomllib

import pytest

from senders.inbound.classify import Failure, classify, effective_status, find_enhanced, find_smtp_code, judge
from tests.fixtures.corpora import CORPORA, needs_corpora

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
    assert find_smtp_code("554: delivery error") == 554
    assert find_smtp_code("[2001:250:1::1]:25") == 0


PROVIDERS = [
    # Gmail
    ("550 5.2.1 The user you are trying to contact is receiving mail at a rate that", Failure.TRANSIENT, "mailbox"),
    ("550 5.2.1 The email account that you tried to reach is inactive", Failure.PERMANENT, "address"),
    ("452 4.2.2 The recipient's inbox is out of storage space", Failure.TRANSIENT, "mailbox"),
    ("550 5.7.1 Messages missing a valid address in From: header are not accepted", Failure.POLICY, "sender"),
    ("421 4.7.28 unusual rate of mail from your SPF domain", Failure.POLICY, "rate"),
    ("550 5.7.1 likely unsolicited mail", Failure.BLOCK, "reputation"),
    ("552 5.2.3 Your message exceeded the message size limits", Failure.POLICY, "content"),
    # Yahoo, AOL
    ("554 delivery error: dd This user doesn't have a yahoo.com account (x) [0]", Failure.PERMANENT, "address"),
    ("421 4.7.0 [TSS04] Messages temporarily deferred due to unexpected volume", Failure.POLICY, "rate"),
    ("553 5.7.1 [BL21] Connections will not be accepted", Failure.BLOCK, "reputation"),
    ("554 5.7.5 Permanent Error Evaluating DMARC Policy", Failure.POLICY, "sender"),
    ("554 5.2.1 : AOL will not accept delivery of this message.", Failure.BLOCK, "reputation"),
    # Microsoft
    ("550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302).", Failure.PERMANENT, "address"),
    ("550 5.7.1 part of their network is on our block list (S3150).", Failure.BLOCK, "reputation"),
    ("550 5.7.515 Access denied, sending domain does not meet the required level", Failure.POLICY, "sender"),
    ("550 5.7.509 Access denied, sending domain does not pass DMARC verification", Failure.POLICY, "sender"),
    ("451 4.7.650 The mail server has been temporarily rate limited", Failure.POLICY, "rate"),
    ("550 5.7.606 Access denied, banned sending IP", Failure.BLOCK, "reputation"),
    ("550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup", Failure.BLOCK, "reputation"),
    ("554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException", Failure.TRANSIENT, "mailbox"),
    # Apple
    ("550 5.1.1 unknown or illegal alias: x", Failure.PERMANENT, "address"),
    ("554 5.7.1 [CS01] Message rejected due to local policy.", Failure.BLOCK, "reputation"),
    ("554 5.7.1 Your message was rejected due to shop.example's DMARC policy.", Failure.POLICY, "sender"),
    # Others
    ("550 Message was not accepted -- invalid mailbox.", Failure.PERMANENT, "address"),
    ("550 Requested action not taken: mailbox unavailable", Failure.PERMANENT, "address"),
    ("554 5.7.1 <x>: Relay access denied", Failure.POLICY, "sender"),
    ("530 5.7.0 Must issue a STARTTLS command first", Failure.POLICY, "sender"),
    ("550 mailbox unavailable; invalid DNS MX or A/AAAA resource record", Failure.POLICY, "sender"),
    ("550 5.7.1 TLS required by recipient", Failure.POLICY, "sender"),
    ("450 4.1.1 user unknown", Failure.TRANSIENT, "address"),
    ("550 5.4.5 Daily user sending limit exceeded", Failure.POLICY, "rate"),
    ("550 host mx.example [195.1.8.3] or [5.1.8.3] said: no such user", Failure.PERMANENT, "address"),
    ("450 4.7.1 Greylisted, try again later", Failure.TRANSIENT, ""),
    ("550 5.1.1 user unknown (host mx.spamhaus-filtered.example)", Failure.PERMANENT, "address"),
]


@pytest.mark.parametrize(("reply", "failure", "fault"), PROVIDERS)
def test_what_providers_mean(reply: str, failure: Failure, fault: str) -> None:
    enhanced = find_enhanced(reply)
    assert judge(enhanced, reply) == (failure, fault)


SENTENCES = {
    "InvalidRecipient": Failure.PERMANENT,
    "BadDomain": Failure.PERMANENT,
    "InactiveMailbox": Failure.PERMANENT,
    "QuotaIssues": Failure.TRANSIENT,
    "TransientFailure": Failure.TRANSIENT,
    "AuthenticationFailed": Failure.POLICY,
    "SpamBlock": Failure.BLOCK,
    "SpamContent": Failure.BLOCK,
}


@needs_corpora
def test_sentences_that_others_collected_are_told_alike() -> None:
    file = CORPORA / "kumomta-dsn-arf/assets/community/bounces.toml"
    rules = tomllib.loads(file.read_text(encoding="utf-8"))["rules"]
    told = {
        text: (expected, judge("", text)[0])
        for name, expected in SENTENCES.items()
        for pattern in rules[name]
        if (text := re.sub(r"\\(.)", r"\1", pattern.strip("^$").replace(".+", " x ").replace(".*", " x ")))
    }
    wrong = {text: found for text, found in told.items() if found[0] is not found[1]}
    assert len(wrong) <= 0.03 * len(told), wrong
    assert not [text for text, (expected, found) in wrong.items() if expected is Failure.POLICY], "never the contact's"
