"""The way to the preference page for who has no mail of ours at hand: a fresh link, by mail, to the address itself.

Only who reads the mailbox gets in, and the page says the same whether we know the address or not (T6). As with a form,
a forged post does what typing the address here does: one mail, within the quotas. Add here what belongs to asking for
the link; what it opens belongs to `preferences`.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property, partial
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from senders.collector import answers, signup_pages
from senders.collector.answers import Posted, UnreadableFormError, read_email, read_form
from senders.collector.form_markup import FormView
from senders.collector.limits import mail_quotas
from senders.collector.look import Look
from senders.collector.routes import Collector, read_body
from senders.collector.signup import MAX_FORM_BYTES, client_of
from senders.collector.writes import Writes
from senders.forms import FormConfig
from senders.ledger.connection import Connection
from senders.ledger.outbox import MailRequest, request_mail
from senders.ledger.quotas import Quota, forget_quotas, take
from senders.ledger.rows import to_micros
from senders.ledger.wishes import allow_asked_for
from senders.tracking.addresses import hash_address
from senders.tracking.grants import sign_grant
from senders.tracking.keys import Keyring

TEMPLATE = "preference_link"
HOURS = 24
_AGAIN = 422
_FORM = FormConfig("preferences", title={}, wording={}, wording_version="")


class PreferenceLink:
    """Asking for the link, at the collector of one home folder."""

    def __init__(self, collector: Collector, writes: Writes) -> None:
        self._collector = collector
        self._limits = collector.config.signups.limits
        self._writes = writes

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [Route(path, self.ask, methods=["GET", "HEAD", "POST"]) for path in ("/p", "/p/")]

    async def ask(self, request: Request) -> Response:
        """Show the form; on POST mail the link, and say the same to everybody."""
        if request.method != "POST":
            return self._collector.page(signup_pages.link_page(FormView(_FORM, self._collector.look(request))))
        body = await read_body(request, max_bytes=MAX_FORM_BYTES)
        problems: dict[str, str] = {}
        try:
            posted = read_form(body, request.headers.get("content-type", ""))
        except UnreadableFormError:
            posted = Posted()
        email = read_email(posted, problems)
        look = self._collector.look(request, language=posted.first(answers.LANGUAGE))
        if problems:
            view = FormView(_FORM, look, posted=posted, problems=problems)
            return self._collector.page(signup_pages.link_page(view), _AGAIN)
        now = self._collector.now()
        quotas = mail_quotas(self._limits, email, client_of(request).ip, self._keyring.address_key)
        await self._writes.run(partial(_ask, mail=self._mail(email, look, now), quotas=quotas, now=to_micros(now)))
        return self._collector.page(signup_pages.link_sent_page(look))

    def _mail(self, email: str, look: Look, now: datetime) -> MailRequest:
        address_hash, expires_at = hash_address(email, self._keyring.address_key), now + timedelta(hours=HOURS)
        grant = sign_grant(self._keyring, address_hash, expires_at)
        return MailRequest(
            request_id=uuid.uuid4().hex,
            template=TEMPLATE,
            email=email,
            address_hash=address_hash,
            fields={"preferences_url": f"{self._collector.config.base_url.rstrip('/')}/p/{grant}", "hours": HOURS},
            language=look.words.language,
            expires_at=expires_at,
        )

    @cached_property
    def _keyring(self) -> Keyring:
        return Keyring.open(self._collector.config.home / "keys")


def _ask(connection: Connection, _: Path, *, mail: MailRequest, quotas: Sequence[Quota], now: int) -> None:
    """Ask for the mail where the quotas allow; whether we know the address is judged where the mail is made."""
    if take(connection, quotas, mail.address_hash, now):
        request_mail(connection, mail, now)
        allow_asked_for(connection, mail.address_hash, mail.request_id, now)
    forget_quotas(connection, now)
