"""The mails that servers send back, as they come: delivery status (RFC 3464) and feedback reports (RFC 5965).

Add a form of returned mail here that real servers write. Who gets one belongs to ``habits``; reading them is
``senders.inbound``'s, which knows nothing of this module.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path

_DIAGNOSTICS = {
    "5.1.1": "550 5.1.1 <{recipient}>: Recipient address rejected: User unknown in virtual mailbox table",
    "4.4.7": "451 4.4.7 <{recipient}>: Delivery time expired; the receiving server did not answer",
}

_DSN = """\
Return-Path: <>
Delivered-To: {return_path}
From: Mail Delivery System <mailer-daemon@mx.{domain}>
To: {return_path}
Subject: Undelivered Mail Returned to Sender
Date: {date}
Message-ID: <{identity}@mx.{domain}>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="=_{identity}"

--=_{identity}
Content-Type: text/plain; charset=us-ascii

This is the mail system at mx.{domain}.

Your message could not be delivered to {recipient}.
It said: {diagnostic}

--=_{identity}
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.{domain}
Arrival-Date: {date}

Final-Recipient: rfc822; {recipient}
Original-Recipient: rfc822;{recipient}
Action: failed
Status: {status}
Remote-MTA: dns; store.{domain}
Diagnostic-Code: smtp; {diagnostic}

--=_{identity}
Content-Type: text/rfc822-headers

{head}

--=_{identity}--
"""

_REPORT = """\
Return-Path: <feedback@{domain}>
Delivered-To: {to}
From: Feedback loop <feedback@{domain}>
To: {to}
Subject: Email feedback report
Date: {date}
Message-ID: <{identity}@{domain}>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="=_{identity}"

--=_{identity}
Content-Type: text/plain; charset=us-ascii

This is an email abuse report for a message received on {date}.

--=_{identity}
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: ExampleLoop/1.2
Version: 1
Original-Mail-From: <{return_path}>
Original-Rcpt-To: <{recipient}>
Arrival-Date: {date}
Source-IP: 127.0.0.1
Reported-Domain: {reported}

--=_{identity}
Content-Type: message/rfc822

{head}

(the text was removed by the reporter)

--=_{identity}--
"""


@dataclass(frozen=True, slots=True)
class Sent:
    """The message that a returned mail speaks of. ``head`` is its header block as received."""

    recipient: str
    return_path: str
    head: bytes


def bounce_mail(sent: Sent, status: str, at: datetime) -> bytes:
    """Return the delivery status mail of the recipient's server, to the message's return path."""
    values = _values(sent, at)
    # Some servers shout: a return path must survive that.
    shout = int(values["identity"][:2], 16) < 32
    values["return_path"] = _shouted(sent.return_path) if shout else sent.return_path
    diagnostic = _DIAGNOSTICS[status].format(recipient=sent.recipient)
    return _assembled(_DSN.format(status=status, diagnostic=diagnostic, **values), sent.head)


def complaint_mail(sent: Sent, at: datetime) -> bytes:
    """Return the feedback report of the recipient's provider, to the address registered for such."""
    reported = sent.return_path.rpartition("@")[2]
    values = _values(sent, at)
    return _assembled(_REPORT.format(to=f"complaints@{reported}", reported=reported, **values), sent.head)


def put_mail(maildir: Path, name: str, content: bytes) -> None:
    """Deliver a mail into a Maildir: written aside, then renamed, so that no reader sees half of one."""
    for folder in ("tmp", "new", "cur"):
        (maildir / folder).mkdir(parents=True, exist_ok=True)
    fresh = maildir / "tmp" / name
    fresh.write_bytes(content)
    fresh.replace(maildir / "new" / name)


def _values(sent: Sent, at: datetime) -> dict[str, str]:
    identity = hashlib.blake2b(f"{sent.recipient} {sent.return_path}".encode(), digest_size=12).hexdigest()
    return {
        "recipient": sent.recipient,
        "return_path": sent.return_path,
        "domain": sent.recipient.rpartition("@")[2],
        "date": format_datetime(at),
        "identity": identity,
        "head": "{head}",
    }


def _shouted(address: str) -> str:
    local, _, domain = address.rpartition("@")
    return f"{local.upper()}@{domain}"


def _assembled(text: str, head: bytes) -> bytes:
    before, _, after = text.replace("\n", "\r\n").partition("{head}")
    return before.encode() + head + after.encode()
