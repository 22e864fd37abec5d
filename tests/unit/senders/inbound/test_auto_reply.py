import ast
from pathlib import Path

import pytest

import senders.inbound
from senders.inbound.auto_reply import is_auto_reply
from senders.inbound.mime import parse_mail

AWAY = [
    "Out of office: Re: offer",
    "Automatic reply: offer",
    "Autoreply: offer",
    "Vacation response",
    "On annual leave until Monday",
    "Abwesenheitsnotiz: Angebot",
    "Automatische Antwort: Angebot",
    "Réponse automatique : Offre",
    "Absence du bureau",
    "Respuesta automática: Oferta",
    "Fuera de la oficina",
    "Risposta automatica: Offerta",
    "Fuori sede",
    "Resposta automática: Oferta",
    "Automatisch antwoord: Aanbieding",
    "Autosvar: Erbjudande",
    "Frånvaromeddelande",
    "Automaattinen vastaus",
    "Automatyczna odpowiedź: Oferta",
    "Automatická odpověď",
    "Автоответ: предложение",
    "Otomatik yanıt: teklif",
    "自動返信: お知らせ",
    "不在のお知らせ",
    "自动回复: 通知",
    "부재 중 자동 회신",
]
CHALLENGES = [
    "Please confirm your message to anna@example.com",
    "Your email requires verification verify#x1",
    "Sender requires confirmation",
]


@pytest.mark.parametrize("subject", AWAY + CHALLENGES)
def test_a_note_is_told_by_its_subject_in_many_tongues(interpreter, tokens, subject: str) -> None:
    raw = (
        f"From: Anna <anna@example.com>\nReturn-Path: <>\nTo: {tokens.return_path(1, 'b.example')}\n"
        f"Subject: {subject}\nContent-Type: text/plain; charset=utf-8\n\n"
        "My old mailbox mira@example.com is disabled and your message could not be delivered. 550 5.1.1 user unknown\n"
    ).encode()
    assert is_auto_reply(parse_mail(raw))
    assert interpreter.interpret(raw) == []


@pytest.mark.parametrize(
    "field",
    [
        "Auto-Submitted: auto-replied (vacation)",
        "Auto-Submitted: auto-notified; owner-email=x@example.com",
        "X-Autoreply: yes",
        "X-Auto-Reply-From: anna@example.com\nX-AutoReply-From: anna@example.com",
        "X-Autorespond: away",
        "Precedence: auto_reply",
        "X-Boxbe-Challenge: 1",
    ],
)
def test_a_note_is_told_by_its_fields(field: str) -> None:
    assert is_auto_reply(parse_mail(f"From: anna@example.com\nSubject: offer\n{field}\n\naway".encode()))


@pytest.mark.parametrize(
    "head",
    [
        "From: MAILER-DAEMON@mx.example\nAuto-Submitted: auto-generated (failure)\nSubject: Returned mail",
        "From: Mail Delivery System <Mailer-Daemon@mx.example>\nAuto-Submitted: auto-replied\nSubject: Undeliverable",
        "From: Mail Delivery Subsystem <x@mx.example>\nAuto-Submitted: auto-replied\nSubject: Delivery failure",
        "From: x@mx.example\nAuto-Submitted: auto-replied\nX-Failed-Recipients: a@b.example\nSubject: failed",
        "From: postmaster@mx.example\nX-Auto-Response-Suppress: All\nSubject: Undeliverable: Last days of the holiday",
        "From: anna@example.com\nAuto-Submitted: no\nSubject: Re: offer",
    ],
)
def test_what_servers_write_under_their_own_name_is_none(head: str) -> None:
    assert not is_auto_reply(parse_mail(f"{head}\n\ntext".encode()))


def test_a_receipt_that_a_person_read_the_mail_is_no_bounce(interpreter, tokens) -> None:
    raw = (
        f"From: anna@example.com\nTo: {tokens.return_path(1, 'b.example')}\nSubject: Not read: offer\n"
        "Content-Type: multipart/report; report-type=disposition-notification; boundary=x\n\n"
        "--x\nContent-Type: text/plain\n\nYour message to mira@example.com was deleted without being read.\n"
        "--x\nContent-Type: message/disposition-notification\n\nFinal-Recipient: rfc822;mira@example.com\n"
        "Disposition: manual-action/MDN-sent-manually; deleted\n\n--x--\n"
    )
    assert interpreter.interpret(raw.encode()) == []


def test_nothing_that_is_read_is_ever_answered() -> None:
    """M9: no module of this package can write a mail; so two Mailrails can send each other nothing."""
    writers = {"smtplib", "aiosmtplib", "senders.transports.smtp", "senders.rendering", "senders.delivery"}
    for path in Path(senders.inbound.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        assert not {name for name in names for writer in writers if name == writer or name.startswith(f"{writer}.")}
