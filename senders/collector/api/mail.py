"""Transactional mail: a request becomes a row, and that row one message.

Whether the address may be written to is decided at the moment of sending, by the same rules as for every message. How a
request becomes a message belongs to ``assets.outbox``.
"""

import uuid
from pathlib import Path
from typing import Any

from senders.clock import format_time
from senders.collector.api.checking import check, check_size
from senders.collector.api.door import Door, Incoming, Written
from senders.collector.api.models import MAX_EVENT_BYTES, Mail
from senders.collector.api.problems import Mistake, Problem, invalid, shown
from senders.ledger.outbox import MailRequest, MailRow, MailState
from senders.ledger.store import Ledger
from senders.tracking.addresses import normalize_address

PATH = "/api/v1/mail"


def request_mail(door: Door, call: Incoming) -> Written:
    """Ask for a mail."""
    mail = check(Mail, call.value)
    check_size(mail.fields, "/fields", MAX_EVENT_BYTES)
    _check_template(door.config.templates, mail.template)
    request = MailRequest(
        request_id=uuid.uuid4().hex,
        template=mail.template,
        email=mail.to,
        address_hash=door.hash_of(normalize_address(mail.to)),
        fields=mail.fields,
        language=mail.language or "",
        expires_at=mail.expires_at,
    )
    return Written(202, {"id": request.request_id, "url": f"{PATH}/{request.request_id}"}, mail=request)


def read_mail(door: Door, call: Incoming, ledger: Ledger) -> dict[str, Any]:
    """Return what became of a mail.

    Raises:
        Problem: no mail has this id (404).
    """
    row = ledger.mail(call.path["id"])
    if row is None:
        raise Problem(
            404, "unknown-mail", "There is no such mail", "no mail has this id; take it from the answer of POST /mail"
        )
    return {
        "id": row.request.request_id,
        "template": row.request.template,
        "state": row.state.value,
        "reason": row.reason,
        "reply": "",
        "requested_at": format_time(row.requested_at),
        "changed_at": format_time(row.requested_at),
        "send_no": row.send_no,
        "seq": row.seq,
        **_of_message(row, ledger),
    }


def _of_message(row: MailRow, ledger: Ledger) -> dict[str, str]:
    """Return where the message of a request stands, which is more than that it was taken."""
    message = ledger.message(row.send_no, row.seq) if row.state is MailState.TAKEN else None
    if message is None:
        return {}
    last = ledger.attempts(row.send_no, row.seq)[-1:]
    return {
        "state": message.state.value,
        "reply": f"{last[0].code or ''} {last[0].reply}".strip() if last else "",
        "changed_at": format_time(message.changed_at),
    }


def _check_template(folder: Path | None, name: str) -> None:
    """Refuse a template that is not there: the caller can mend a slip of the pen, and nobody else would see it."""
    if folder is None or (folder / name).is_dir():
        return
    known = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    remedy = f"there are: {', '.join(known)}" if known else f"make its folder {name} below assets/transactional"
    raise invalid([Mistake("/template", "is no template that is here", remedy, shown(name))])
