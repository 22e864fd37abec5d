from senders.inbound.arf import parse_feedback
from senders.inbound.mime import parse_mail
from senders.inbound.origin import find_bounced, find_complained, find_unsubscribed
from senders.tracking.keys import Keyring
from senders.tracking.tokens import SendTokens, TokenReader


def test_a_bounce_is_found_by_the_address_it_came_to(keyring: Keyring, tokens: SendTokens, mails) -> None:
    reader = TokenReader(keyring)
    path = tokens.return_path(1, "bounce.example")
    for to in (path, f"<{path.upper()}>", f'"x" <{path}>'):
        claims = find_bounced(parse_mail(mails.dsn(to, mails.block("a@example.com"))), reader)
        assert claims is not None
        assert (claims.send_no, claims.seq) == (7, 1)
    delivered = parse_mail(mails.dsn("all@x.example", mails.block("a@b.example"), headers=f"Delivered-To: {path}\n"))
    assert find_bounced(delivered, reader) is not None


def test_an_altered_return_path_is_nobodys(keyring: Keyring, tokens: SendTokens, mails) -> None:
    path = tokens.return_path(1, "bounce.example").replace("b+7.1.", "b+7.2.")
    assert find_bounced(parse_mail(mails.dsn(path, mails.block("a@b.example"))), TokenReader(keyring)) is None


def test_a_bounce_is_not_found_by_a_link_in_its_body(keyring: Keyring, tokens: SendTokens, mails) -> None:
    original = f"Subject: x\n\nhttps://x.example/c/{tokens.click(1, 1)}"
    raw = mails.dsn("b@x.example", mails.block("a@b.example"), original=original)
    assert find_bounced(parse_mail(raw), TokenReader(keyring)) is None


def test_a_complaint_is_found_by_each_road(keyring: Keyring, tokens: SendTokens, mails) -> None:
    path, click = tokens.return_path(1, "bounce.example"), tokens.click(1, 1)
    token = tokens.unsubscribe(1, bytes(16), "offers")
    broken = f"https://x.example/c/{click[:20]}=\n{click[20:]}"
    for original, fields in (
        ("Subject: x", f"Original-Mail-From: <{path}>\n"),
        (f"Return-Path: <{path}>\nSubject: x", ""),
        (f"List-Unsubscribe: <https://x.example/u/{token}>,\n <mailto:u@x.example>", ""),
        (f"Subject: x\n\n{broken}", ""),
    ):
        mail = parse_mail(mails.arf("abuse", original, fields=fields))
        feedback = parse_feedback(mail)
        assert feedback is not None
        claims = find_complained(mail, feedback, TokenReader(keyring))
        assert claims is not None
        assert (claims.send_no, claims.seq) == (7, 1)


def test_a_mail_to_the_unsubscribe_address_is_found_by_its_token(keyring: Keyring, tokens: SendTokens) -> None:
    token = tokens.unsubscribe(1, bytes(16), "offers")
    claims = find_unsubscribed(parse_mail(f"Subject: unsubscribe {token}\n\n".encode()), TokenReader(keyring))
    assert claims is not None
    assert claims.topic == "offers"
    other = f"Subject: unsubscribe {tokens.view(1)}\n\n".encode()
    assert find_unsubscribed(parse_mail(other), TokenReader(keyring)) is None
