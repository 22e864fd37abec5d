"""Mail that somebody waits for, asked for and followed from the command line.

Add here what stands between a command and the outbox. What a request must be belongs to ``assets.outbox``, where it
stands to ``senders.ledger.outbox``.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from assets.outbox.definition import letter_folder, letter_folders, load_letter, read_definition
from assets.outbox.running import Round, take_all
from assets.outbox.values import ValueFault, example_values, fit_values
from assets.warehouse.resources import Mailrail
from orchestration.processes import run_to_end
from orchestration.resources import build_mailrail
from orchestration.settings import Settings
from orchestration.steering import status_row
from senders.clock import format_time
from senders.errors import ConfigError
from senders.ledger.outbox import MailRequest, MailRow, MailState
from senders.ledger.store import Ledger
from senders.tracking.addresses import AddressError, hash_address, mask_address, normalize_address


def send_waiting(settings: Settings) -> Round:
    """Take every request that waits into a send, and deliver: by the sender that runs, or by one for the purpose."""
    mailrail = build_mailrail(settings)
    settings.delivery_config()  # refuses an unsafe relay before anything is opened
    done = take_all(mailrail, settings.outbox.build())
    with Ledger.open(settings.home) as ledger:
        if ledger.mail_backlog() and not ledger.alive("sender"):  # also what another outbox opened before it was killed
            run_to_end(settings, "sender", "--once")
        ledger.finish_mail()
    return done


def ask_for_mail(
    mailrail: Mailrail,
    ledger: Ledger,
    template: str,
    address: str,
    values: Mapping[str, Any],
    *,
    request_id: str = "",
    language: str = "",
    expires_at: datetime | None = None,
) -> tuple[str, bool]:
    """Ask for one mail, checked before it is asked for; return its request id and whether it is new.

    Raises:
        ConfigError: the template, the address or a value cannot be used.
    """
    folder = letter_folder(mailrail.project, template)
    if folder is None:
        known = ", ".join(one.name for one in letter_folders(mailrail.project)) or "none"
        raise ConfigError(f"there is no template {template!r} in assets/transactional; known: {known}.")
    try:
        fit_values(load_letter(folder, mailrail.streams).definition, values)
        normal = normalize_address(address)
    except (ValueFault, AddressError) as error:
        raise ConfigError(f"{template}: {error}.") from None
    request = MailRequest(
        request_id=request_id or f"cli-{secrets.token_hex(8)}",
        template=template,
        email=address,
        address_hash=hash_address(normal, mailrail.keyring().address_key),
        fields=values,
        language=language,
        expires_at=expires_at,
    )
    return request.request_id, ledger.request_mail(request)


def example_fields(mailrail: Mailrail, template: str) -> dict[str, Any]:
    """Return the examples that a template's definition gives; none where there is no such template."""
    folder = letter_folder(mailrail.project, template)
    definition = read_definition(folder, mailrail.streams)[0] if folder else None
    return example_values(definition) if definition else {}


def mail_status(ledger: Ledger, request_id: str) -> dict[str, Any]:
    """Return what became of a request: where it stands, and once it is taken what became of its message.

    Raises:
        ConfigError: there is none of that id.
    """
    row = ledger.mail(request_id)
    if row is None:
        raise ConfigError(f"there is no request {request_id!r}; see: mailrail mail list")
    return {**as_row(row), **_message(ledger, row)}


def as_row(row: MailRow) -> dict[str, Any]:
    """Return a request as `mailrail mail list --json` prints it; its address is masked."""
    return {
        "request_id": row.request.request_id,
        "template": row.request.template,
        "language": row.request.language,
        "address": mask_address(row.request.email) if row.request.email else "",
        "state": str(row.state),
        "reason": row.reason,
        "requested_at": format_time(row.requested_at),
        "expires_at": format_time(row.request.expires_at) if row.request.expires_at else None,
    }


def _message(ledger: Ledger, row: MailRow) -> dict[str, Any]:
    send = ledger.send_of(row)
    if row.state is not MailState.TAKEN or send is None:
        return {"send_id": None, "message": None, "reply": "", "changed_at": None}
    message = ledger.message(row.send_no, row.seq)
    attempts = ledger.attempts(row.send_no, row.seq)
    last = attempts[-1] if attempts else None
    return {
        "send_id": send.send_id,
        "seq": row.seq,
        "message": str(message.state) if message else None,
        "reply": f"{last.code or ''} {last.reply}".strip() if last else "",
        "changed_at": format_time(message.changed_at) if message else None,
    }


def is_awaited(settings: Settings, identity: str) -> bool:
    """Whether a send is one of the outbox's, which no campaign stands behind."""
    with Ledger.open(settings.home) as ledger:
        send = ledger.send(identity)
        return send is not None and send.is_answer


def resume_awaited(settings: Settings, identities: Sequence[str]) -> list[dict[str, Any]]:
    """Go on with sends of the outbox that run, and return their rows."""
    with Ledger.open(settings.home) as ledger:
        if not ledger.alive("sender"):
            settings.delivery_config()
            run_to_end(settings, "sender", "--once")
        ledger.finish_mail()
        return [status_row(ledger, identity) for identity in identities]
