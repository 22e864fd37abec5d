import pytest

from senders.inbound.arf import FeedbackType, parse_feedback
from tests.fixtures.corpora import CORPORA, needs_corpora

ORIGINAL = "From: shop@shop.example\nMailrail-Send: spring.20261103T0900Z\nSubject: offer"


@pytest.mark.parametrize(
    ("written", "kind", "is_complaint"),
    [
        ("abuse", FeedbackType.ABUSE, True),
        ("Abuse", FeedbackType.ABUSE, True),
        ("fraud", FeedbackType.FRAUD, True),
        ("not-spam", FeedbackType.NOT_SPAM, False),
        ("opt-out", FeedbackType.OPT_OUT, False),
        ("opt-out-list", FeedbackType.OPT_OUT, False),
        ("auth-failure", FeedbackType.AUTH_FAILURE, False),
        ("virus", FeedbackType.VIRUS, False),
        ("something-new", FeedbackType.OTHER, False),
    ],
)
def test_kinds_are_told_apart(mails, written: str, kind: FeedbackType, is_complaint: bool) -> None:
    feedback = parse_feedback(mails.arf(written, ORIGINAL))
    assert feedback is not None
    assert feedback.kind is kind
    assert feedback.kind.is_complaint is is_complaint


def test_fields_and_the_original_are_read(mails) -> None:
    fields = "Original-Mail-From: <b+7.1.x@bounce.example>\nOriginal-Rcpt-To: <mira@example.com>\n"
    feedback = parse_feedback(mails.arf("abuse", ORIGINAL, fields=fields))
    assert feedback is not None
    assert feedback.mail_from == "b+7.1.x@bounce.example"
    assert feedback.recipients == ["mira@example.com"]
    assert feedback.original.get("mailrail-send") == "spring.20261103T0900Z"
    assert (feedback.user_agent, feedback.version) == ("Arf/1.0", "1")


def test_other_mail_is_no_feedback(mails) -> None:
    assert parse_feedback(mails.dsn("b@x.example", mails.block("a@example.com"))) is None
    assert parse_feedback(b"Subject: hello\n\nabuse") is None
    assert parse_feedback(mails.arf("", ORIGINAL)) is None


@needs_corpora
def test_kumomta_reports_are_understood() -> None:
    folder = CORPORA / "kumomta-dsn-arf" / "crates/kumo-log-types/data/rfc5965"
    found = [parse_feedback(path.read_bytes()) for path in sorted(folder.glob("*.eml"))]
    assert [feedback.kind if feedback else None for feedback in found] == [FeedbackType.ABUSE] * 4
    assert [feedback.recipients[:1] for feedback in found if feedback] == [
        [],
        ["user@example.com"],
        ["user@example.com"],
        ["cb4a01a48251d4765f489076aa81e2a4@comcast.net"],
    ]


def test_a_report_of_another_type_is_read() -> None:
    raw = (
        b"Content-Type: multipart/report; report-type=feedback-report; boundary=x\n\n"
        b"--x\nContent-Type: text/plain\n\nFeedback-Type: abuse\nUser-Agent: Old/1\nVersion: 0.1\n\n--x--\n"
    )
    feedback = parse_feedback(raw)
    assert feedback is not None
    assert (feedback.kind, feedback.user_agent) == (FeedbackType.ABUSE, "Old/1")


def test_our_message_alone_with_the_complainers_name_is_a_complaint() -> None:
    raw = (
        b"From: staff@mail.example\nSubject: complaint about message from 192.0.2.1\n"
        b"Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: message/rfc822\n\n"
        b"X-HmXmrOriginalRecipient: mira@example.com\nReturn-Path: <b+7.1.x@b.example>\n\nhello\n--x--\n"
    )
    feedback = parse_feedback(raw)
    assert feedback is not None
    assert (feedback.kind, feedback.recipients) == (FeedbackType.ABUSE, ["mira@example.com"])
    assert feedback.original.get("return-path") == "<b+7.1.x@b.example>"


def test_who_complained_is_read_from_our_message_where_the_report_does_not_say(mails) -> None:
    named = parse_feedback(mails.arf("abuse", "To: Mira <mira@example.com>\nSubject: x"))
    assert named is not None
    assert named.recipients == ["mira@example.com"]
    told = parse_feedback(mails.arf("abuse", "To: list@example.com\n", fields="Original-Rcpt-To: mira@example.com\n"))
    assert told is not None
    assert told.recipients == ["mira@example.com"]
