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
