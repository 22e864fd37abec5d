import json
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from senders.inbound.classify import Failure
from senders.inbound.dsn import parse_dsn
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
def test_most_old_bounces_name_their_recipients() -> None:
    folder = CORPORA / "flufl-bounce"
    expected: dict[str, set[str]] = defaultdict(set)
    for entry in json.loads((folder / "expected.json").read_text()):
        expected[entry["file"]] |= {address.lower() for address in entry["addresses"]}
    right = sum(
        {report.recipient.lower() for report in parse_dsn((folder / "data" / name).read_bytes())} == addresses
        for name, addresses in expected.items()
    )
    assert right >= 0.9 * len(expected), f"{right} of {len(expected)}"


@needs_corpora
@pytest.mark.parametrize("name", ["dsn_05", "dsn_08", "dsn_17"])
def test_a_delay_is_not_a_failure(name: str) -> None:
    reports = parse_dsn((CORPORA / "flufl-bounce" / "data" / f"{name}.txt").read_bytes())
    assert reports
    assert not any(report.is_failure for report in reports)
