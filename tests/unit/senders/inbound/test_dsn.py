import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from senders.inbound.classify import Failure
from senders.inbound.dsn import parse_dsn
from tests.benchmarks.returned_mail import found_by_us, labels, missed
from tests.fixtures.corpora import CORPORA, needs_corpora


def test_every_recipient_has_its_report(mails) -> None:
    raw = mails.dsn(
        "b@x.example",
        mails.block("a@example.com"),
        mails.block("b@example.com", status="4.4.1", reply="no answer", action="delayed"),
        mails.block("c@example.com", status="2.0.0", reply="250 ok", action="relayed"),
    )
    reports = parse_dsn(raw)
    assert [(r.recipient, r.action, r.failure) for r in reports] == [
        ("a@example.com", "failed", Failure.PERMANENT),
        ("b@example.com", "delayed", Failure.TRANSIENT),
        ("c@example.com", "relayed", None),
    ]
    assert (reports[0].status, reports[0].code) == ("5.1.1", 550)


def test_the_original_recipient_comes_first(mails) -> None:
    block = "Original-Recipient: rfc822;mira@example.com\n" + mails.block("forwarded@elsewhere.example")
    assert parse_dsn(mails.dsn("b@x.example", block))[0].recipient == "mira@example.com"


def test_a_missing_action_is_read_from_the_code(mails) -> None:
    block = "Final-Recipient: rfc822; a@example.com\nStatus: 4.2.0\n"
    assert parse_dsn(mails.dsn("b@x.example", block))[0].action == "delayed"


def test_the_internationalized_form_is_read(mails) -> None:
    raw = mails.dsn("b@x.example", mails.block("a@example.com"))
    raw = raw.replace(b"message/delivery-status", b"message/global-delivery-status")
    assert parse_dsn(raw)[0].recipient == "a@example.com"


def test_ordinary_mail_is_no_bounce() -> None:
    assert parse_dsn(b"From: a@example.com\nTo: b@x.example\nSubject: Hello\n\nUser unknown is a fine band name.") == []


def test_prose_without_a_code_never_costs_a_contact() -> None:
    raw = b"From: MAILER-DAEMON@x.example\nSubject: failure notice\n\nCould not deliver to\n<a@example.com>:\nhm\n"
    assert [(r.structured, r.failure) for r in parse_dsn(raw)] == [(False, Failure.TRANSIENT)]


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 500))
def test_a_damaged_report_never_fails(junk: bytes, place: int) -> None:
    raw = (
        b"From: MAILER-DAEMON@x\nContent-Type: multipart/report; report-type=delivery-status; boundary=q\n\n"
        b"--q\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nFinal-Recipient: rfc822; a@b.example\n"
        b"Action: failed\nStatus: 5.1.1\n\n--q--\n"
    )
    assert isinstance(parse_dsn(raw[:place] + junk + raw[place:]), list)


@needs_corpora
def test_kumomta_reports_are_understood() -> None:
    folder = CORPORA / "kumomta-dsn-arf" / "crates/kumo-log-types/data/rfc3464"
    found = {p.name: [(r.action, r.failure) for r in parse_dsn(p.read_bytes())] for p in sorted(folder.glob("*.eml"))}
    failed, delayed = ("failed", Failure.PERMANENT), ("delayed", Failure.TRANSIENT)
    assert found == {
        "1.eml": [("failed", Failure.TRANSIENT)],
        "2.eml": [failed, delayed, failed],
        "3.eml": [failed],
        "4.eml": [delayed],
        "5.eml": [("failed", Failure.TRANSIENT)],
        "6.eml": [failed],
        "obsolete_arrival_date.eml": [failed],
    }


@needs_corpora
def test_old_bounces_name_their_recipients() -> None:
    wrong = missed(found_by_us)
    assert len(wrong) <= 0.03 * len(labels()), wrong


@needs_corpora
@pytest.mark.parametrize("name", ["dsn_05", "dsn_08", "dsn_17"])
def test_a_delay_is_not_a_failure(name: str) -> None:
    reports = parse_dsn((CORPORA / "flufl-bounce" / "data" / f"{name}.txt").read_bytes())
    assert reports
    assert not any(report.is_failure for report in reports)


STATUS = (
    b"From: MAILER-DAEMON@mx.example\nSubject: failure notice\n"
    b"Content-Type: multipart/report; report-type=delivery-status; boundary=x\n\n"
    b"--x\nContent-Type: text/plain\n\n%s\n--x\nContent-Type: %s\n%s\n%s\n--x--\n"
)
FIELDS = b"Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; a@example.com\nAction: failed\nStatus: 5.1.1\n"


def reports(text: bytes = b"", kind: bytes = b"message/delivery-status", head: bytes = b"", body: bytes = FIELDS):
    return [(r.recipient, r.action, r.failure) for r in parse_dsn(STATUS % (text, kind, head, body))]


FAILED_A = ("a@example.com", "failed", Failure.PERMANENT)


def test_a_status_part_may_be_base64() -> None:
    encoded = base64.encodebytes(FIELDS)
    assert reports(head=b"Content-Transfer-Encoding: base64\n", body=encoded) == [FAILED_A]
    assert reports(head=b"Content-Transfer-Encoding: base64\n", body=encoded[:-9]) == [FAILED_A]


def test_a_status_part_may_bear_another_type() -> None:
    assert reports(kind=b"text/plain; name=details.txt") == [FAILED_A]
    assert reports(kind=b"application/octet-stream") == [FAILED_A]


def test_fields_may_stand_in_the_text_with_a_margin() -> None:
    raw = b"From: MAILER-DAEMON@mx.example\nSubject: failure notice\n\nIt failed.\n\n" + FIELDS.replace(
        b"\n", b"\n    "
    )
    assert [(r.recipient, r.action, r.failure) for r in parse_dsn(raw)] == [FAILED_A]


def test_recipients_in_one_block_are_told_apart() -> None:
    body = (
        b"Final-Recipient: rfc822; a@example.com\nAction: failed\nStatus: 5.1.1\n"
        b"Final-Recipient: rfc822; b@example.com\nAction: delayed\nStatus: 4.4.1\n"
    )
    assert reports(body=body) == [FAILED_A, ("b@example.com", "delayed", Failure.TRANSIENT)]


def test_empty_lines_within_a_block_do_not_break_it() -> None:
    body = FIELDS.replace(b"a@example.com\n", b"a@example.com\n\n").replace(b"failed\n", b"failed\n\n")
    assert reports(body=body) == [FAILED_A]


def test_several_reports_in_one_mail_are_all_read() -> None:
    second = FIELDS.replace(b"a@", b"b@")
    body = FIELDS + b"\n--x\nContent-Type: message/delivery-status\n\n" + second + b"\n--x\n\n" + b"\n" + FIELDS
    assert reports(body=body) == [FAILED_A, ("b@example.com", "failed", Failure.PERMANENT)]


def test_a_report_cut_off_in_the_middle_is_read_as_far_as_it_goes() -> None:
    whole = STATUS % (b"", b"message/delivery-status", b"", FIELDS)
    cut = whole[: whole.index(b"Status: 5.1.1")]
    assert [(r.recipient, r.action) for r in parse_dsn(cut)] == [("a@example.com", "failed")]


@pytest.mark.parametrize(
    ("field", "address"),
    [
        (b"rfc822; <a@example.com>", "a@example.com"),
        (b"RFC822;a@example.com (Anna)", "a@example.com"),
        (b"a@example.com", "a@example.com"),
        (b"smtp; a@example.com", "a@example.com"),
        (b"x400; c=us;a= ;p=x;dda:SMTP=a@example.com;", "a@example.com"),
        (b"utf-8; \\x{FC}nal@example.com", "ünal@example.com"),
        (b'rfc822; "a b"@example.com', '"a b"@example.com'),
        (b"rfc822; local-part-only", ""),
    ],
)
def test_an_address_is_read_in_any_form(field: bytes, address: str) -> None:
    assert reports(body=FIELDS.replace(b"rfc822; a@example.com", field))[0][0] == address


def test_an_empty_original_recipient_gives_way_to_the_final_one() -> None:
    body = FIELDS.replace(b"Final-Recipient", b"Original-Recipient: rfc822;\nFinal-Recipient")
    assert reports(body=body) == [FAILED_A]


@pytest.mark.parametrize(
    ("action", "expected"),
    [(b"Failure", "failed"), (b"DELAYED", "delayed"), (b"expanded (to list)", "expanded"), (b"success", "delivered")],
)
def test_actions_are_read_in_the_words_of_all(action: bytes, expected: str) -> None:
    assert reports(body=FIELDS.replace(b"Action: failed", b"Action: " + action))[0][1] == expected


def test_where_the_report_says_nothing_the_text_for_people_does() -> None:
    body = FIELDS.replace(b"5.1.1", b"5.0.0")
    text = b"Could not be delivered to:\n\n<a@example.com>: mailbox is full\n"
    assert reports(text=text, body=body) == [("a@example.com", "failed", Failure.TRANSIENT)]


@pytest.mark.parametrize("name", [b"rfc822; |/usr/bin/deliver", b"LOCAL; <>", b"rfc822;"])
def test_whom_a_report_does_not_name_the_text_may(name: bytes) -> None:
    text = b"Could not be delivered to:\n\n<a@example.com>: unknown user\n"
    assert reports(text=text, body=FIELDS.replace(b"rfc822; a@example.com", name)) == [FAILED_A]
    assert reports(body=FIELDS.replace(b"rfc822; a@example.com", name))[0][0] == ""


def test_a_mail_that_sieve_rejected_came_back() -> None:
    raw = (
        b"From: Mail Delivery Subsystem <postmaster@mx.example>\nSubject: Rejected: offer\n"
        b"Content-Type: multipart/report; report-type=disposition-notification; boundary=x\n\n"
        b"--x\nContent-Type: text/plain\n\nYour message to <a@example.com> was automatically rejected:\nQuota full\n"
        b"--x\nContent-Type: message/disposition-notification\n\nFinal-Recipient: rfc822; a@example.com\n"
        b"Disposition: automatic-action/MDN-sent-automatically; deleted\n\n--x--\n"
    )
    assert [(r.recipient, r.failure) for r in parse_dsn(raw)] == [("a@example.com", Failure.TRANSIENT)]
