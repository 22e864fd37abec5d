import pytest

from senders.event import Kind
from senders.inbound.interpret import Interpreter, is_auto_reply, without_addresses
from senders.inbound.mime import parse_mail
from senders.tracking.tokens import SendTokens

ADDRESS = "mira@example.com"


def test_a_signed_hard_bounce_suppresses_its_own_recipient(interpreter, tokens, address_hash, mails) -> None:
    raw = mails.dsn(tokens.return_path(1, "b.example"), mails.block(ADDRESS, reply=f"550 5.1.1 <{ADDRESS}> unknown"))
    (event,) = interpreter.interpret(raw)
    assert (event.kind, event.failure, event.send_no, event.seq) == (Kind.BOUNCED, "permanent", 7, 1)
    assert event.address_hash == address_hash
    assert event.suppresses
    assert event.code == "5.1.1"
    assert ADDRESS not in event.detail


def test_a_forged_bounce_touches_nobody(interpreter: Interpreter, tokens: SendTokens, mails) -> None:
    forged = tokens.return_path(1, "b.example").replace("b+7.1.", "b+7.2.")
    for to in (forged, "postmaster@shop.example", ADDRESS):
        (event,) = interpreter.interpret(mails.dsn(to, mails.block(ADDRESS)))
        assert event.address_hash == b""
        assert not event.suppresses
        assert (event.send_no, event.seq) == (0, 0)


@pytest.mark.parametrize("code", ["5.7.26", "5.7.515", "5.7.1", "5.2.2"])
def test_only_a_dead_address_is_suppressed(interpreter, tokens, mails, code: str) -> None:
    raw = mails.dsn(tokens.return_path(1, "b.example"), mails.block(ADDRESS, status=code, reply=f"550 {code} no"))
    (event,) = interpreter.interpret(raw)
    assert event.address_hash
    assert not event.suppresses


def test_delays_and_deliveries_tell_nothing_final(interpreter, tokens, mails) -> None:
    to = tokens.return_path(1, "b.example")
    for action, status in (("delayed", "4.4.1"), ("delivered", "2.0.0"), ("expanded", "2.0.0")):
        assert interpreter.interpret(mails.dsn(to, mails.block(ADDRESS, action=action, status=status, reply=""))) == []


def test_an_expanded_list_counts_only_when_we_are_named_or_all_fail(interpreter, tokens, mails) -> None:
    to = tokens.return_path(1, "b.example")
    other, gone = mails.block("member@list.example"), mails.block("gone@list.example")
    fine = mails.block("fine@list.example", action="delivered", status="2.0.0", reply="250 ok")
    assert interpreter.interpret(mails.dsn(to, other, fine)) == []
    assert len(interpreter.interpret(mails.dsn(to, other, gone))) == 1
    named = mails.block(ADDRESS, status="4.4.7", reply="expired")
    (event,) = interpreter.interpret(mails.dsn(to, other, named))
    assert event.failure == "transient"


def test_the_same_bounce_is_one_event(interpreter, tokens, mails) -> None:
    to = tokens.return_path(1, "b.example")
    first = interpreter.interpret(mails.dsn(to, mails.block(ADDRESS)))
    again = interpreter.interpret(mails.dsn(to, mails.block(ADDRESS, reply="550 5.1.1 other words")))
    assert first[0].event_id == again[0].event_id


def test_a_complaint_counts_and_a_rescue_does_not(interpreter, tokens, address_hash, mails) -> None:
    original = f"Return-Path: <{tokens.return_path(1, 'b.example')}>\nSubject: x"
    (event,) = interpreter.interpret(mails.arf("abuse", original))
    assert (event.kind, event.scope, event.address_hash) == (Kind.COMPLAINED, "", address_hash)
    for kind in ("not-spam", "auth-failure", "virus", "other"):
        assert interpreter.interpret(mails.arf(kind, original)) == []
    assert interpreter.interpret(mails.arf("abuse", "From: shop@shop.example\nSubject: x")) == []


def test_an_opt_out_is_an_unsubscribe_from_the_topic(interpreter, tokens, address_hash, mails) -> None:
    original = f"Return-Path: <{tokens.return_path(1, 'b.example')}>\nSubject: x"
    (event,) = interpreter.interpret(mails.arf("opt-out", original))
    assert (event.kind, event.scope) == (Kind.UNSUBSCRIBED, "offers")
    token = tokens.unsubscribe(1, address_hash, "offers")
    (by_mail,) = interpreter.interpret(f"From: {ADDRESS}\nSubject: unsubscribe {token}\n\n".encode())
    assert by_mail.event_id == event.event_id


@pytest.mark.parametrize(
    "field",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated",
        "X-Autoreply: yes",
        "Precedence: auto_reply",
    ],
)
def test_vacation_notes_change_nothing(interpreter, tokens, field: str) -> None:
    raw = (
        f"From: Postmaster <postmaster@example.com>\nReturn-Path: <>\n{field}\n"
        f"To: {tokens.return_path(1, 'b.example')}\n"
        f"Subject: Undeliverable: away\n\n<{ADDRESS}>: user unknown, 550 5.1.1 permanent error, could not be delivered"
    )
    assert interpreter.interpret(raw.encode()) == []


@pytest.mark.parametrize("field", ["Auto-Submitted: auto-generated", "Precedence: auto_reply"])
def test_a_providers_own_unsubscribe_button_counts_though_it_is_automatic(
    interpreter, tokens, address_hash, field: str
) -> None:
    token = tokens.unsubscribe(1, address_hash, "offers")
    (event,) = interpreter.interpret(f"From: {ADDRESS}\n{field}\nSubject: unsubscribe {token}\n\n".encode())
    assert (event.kind, event.scope) == (Kind.UNSUBSCRIBED, "offers")


def test_a_vacation_note_that_quotes_our_link_takes_nobody_off(interpreter, tokens, address_hash) -> None:
    token = tokens.unsubscribe(1, address_hash, "offers")
    raw = f"From: {ADDRESS}\nAuto-Submitted: auto-replied\nSubject: away\n\n> unsubscribe: {token}\n"
    assert interpreter.interpret(raw.encode()) == []


def test_a_report_marked_automatic_is_still_a_bounce(interpreter, tokens, mails) -> None:
    to = tokens.return_path(1, "b.example")
    raw = mails.dsn(to, mails.block(ADDRESS), headers="Auto-Submitted: auto-replied\n")
    assert len(interpreter.interpret(raw)) == 1
    assert not is_auto_reply(parse_mail(b"Auto-Submitted: no\n\n"))


def test_an_unknown_message_is_a_hint(interpreter, tokens, mails) -> None:
    (event,) = interpreter.interpret(mails.dsn(tokens.return_path(99, "b.example"), mails.block(ADDRESS)))
    assert not event.suppresses


def test_words_of_strangers_are_harmless() -> None:
    assert without_addresses("550 <a@example.com>\r\n\x1b[31m no\0") == "550 <[address]> [31m no"


NAMELESS = "I could not deliver your message. The mailbox of this person is full.\n"


def test_a_bounce_that_names_nobody_is_told_by_the_address_it_came_to(interpreter, tokens, address_hash) -> None:
    raw = f"From: MAILER-DAEMON@mx.example\nTo: {tokens.return_path(1, 'b.example')}\nSubject: Mail Error\n\n{NAMELESS}"
    (event,) = interpreter.interpret(raw.encode())
    assert (event.kind, event.failure, event.address_hash) == (Kind.BOUNCED, "transient", address_hash)
    assert not event.suppresses


def test_a_persons_letter_to_that_address_tells_nothing(interpreter, tokens) -> None:
    raw = f"From: anna@example.com\nTo: {tokens.return_path(1, 'b.example')}\nSubject: Mail Error\n\n{NAMELESS}"
    assert interpreter.interpret(raw.encode()) == []


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure", "virus", "other", "dmarc"])
def test_what_is_no_complaint_touches_nobody(interpreter, tokens, mails, kind: str) -> None:
    original = f"Return-Path: <{tokens.return_path(1, 'b.example')}>\nSubject: x"
    assert interpreter.interpret(mails.arf(kind, original)) == []


@pytest.mark.parametrize("kind", ["abuse", "fraud", "opt-out"])
def test_a_complaint_about_a_message_that_we_did_not_send_touches_nobody(interpreter, mails, kind: str) -> None:
    forged = "Return-Path: <b+7.1.aaaaaaaaaaaaaaaa@b.example>\nList-Unsubscribe: <https://x.example/u/" + "A" * 60 + ">"
    fields = f"Original-Rcpt-To: {ADDRESS}\nOriginal-Mail-From: <b+7.1.aaaaaaaaaaaaaaaa@b.example>\n"
    assert interpreter.interpret(mails.arf(kind, f"{forged}\nTo: {ADDRESS}\nSubject: x", fields=fields)) == []
