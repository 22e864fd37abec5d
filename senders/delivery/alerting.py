"""Tells people about alerts, by mail and by webhook, at least once, and never in the way of sending.

Add a way here when people ask for one. What an alert says is written where its brake closes; an alert that is not told
yet stands in the ledger, so that a sender that dies in between only delays it.
"""

import asyncio
import json
import logging
import time
from email.message import EmailMessage
from email.utils import format_datetime, formataddr

from senders.clock import format_time
from senders.config import SenderProfile
from senders.delivery.context import Context
from senders.delivery.handover import hand_over
from senders.errors import RenderError, TransportError, WebError
from senders.ledger.alerts import AlertRow, mark_told, take_alerts
from senders.transports.base import Parcel
from senders.transports.kinds import mails_people
from senders.transports.wire import stuff
from senders.web.client import WebClient
from senders.web.signatures import signed_headers

logger = logging.getLogger(__name__)

_POLL_SECONDS = 1.0
_MAIL_SECONDS = 60.0
_POST_SECONDS = 10.0


class Alerting:
    """The alerts of one sender process."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._config = context.config.alerts
        self._web = WebClient(context.config.web, timeout_seconds=_POST_SECONDS)
        self._at_work = asyncio.Lock()

    async def run(self) -> None:
        """Tell what is to be told, until cancelled; whatever fails is tried again."""
        while self._has_ways:
            await self.tell_due()
            await asyncio.sleep(min(_POLL_SECONDS, self._context.tuning.alert_pauses[0]))

    async def tell_due(self) -> None:
        """Tell every alert that is due by each way that has not told it yet."""
        if not self._has_ways:
            return
        async with self._at_work:
            for alert in await self._take():
                mailed, posted = await asyncio.gather(self._mail(alert), self._post(alert))
                await self._remember(alert.id, mailed=mailed, posted=posted)

    async def _take(self) -> list[AlertRow]:
        return await self._context.writer.call(
            lambda connection, _: take_alerts(
                connection,
                by_mail=bool(self._config.mail_to),
                by_post=bool(self._config.webhook_url),
                pauses=self._context.tuning.alert_pauses,
            )
        )

    @property
    def _has_ways(self) -> bool:
        return bool(self._config.mail_to or self._config.webhook_url)

    async def _remember(self, alert_id: int, *, mailed: bool, posted: bool) -> None:
        await self._context.writer.call(
            lambda connection, _: mark_told(connection, alert_id, mailed=mailed, posted=posted)
        )

    async def _mail(self, alert: AlertRow) -> bool:
        """Mail an alert, by the first relay that takes it; say whether somebody got it.

        A relay that mails nobody would take it as well, and nobody would know.
        """
        profile = self._profile(alert)
        if alert.mailed or not self._config.mail_to or profile is None:
            return False
        others = [name for name in self._context.config.relays if name not in profile.pool]
        for name in (*profile.pool, *others):
            if not mails_people(self._context.config.relays[name]):
                continue
            try:
                async with asyncio.timeout(_MAIL_SECONDS):
                    parcels = self._parcels(alert, profile)
                    answers = await hand_over(self._context.config.relays[name], profile.message_id_domain, parcels)
            except (TransportError, RenderError, TimeoutError, OSError) as error:
                logger.warning("alert %d could not be mailed by relay %s: %s", alert.id, name, error)
                continue
            if any(answer.is_accepted for answer in answers):
                return True
            logger.warning("alert %d was not taken by relay %s: %s", alert.id, name, answers[0].reply.code)
        return False

    def _profile(self, alert: AlertRow) -> SenderProfile | None:
        """Return who writes: the send's own profile while the settings hold it."""
        senders = self._context.config.senders
        return senders.get(alert.sender) or next(iter(senders.values()), None)

    def _parcels(self, alert: AlertRow, profile: SenderProfile) -> list[Parcel]:
        sign = self._context.sign(profile)
        found = []
        for number, recipient in enumerate(self._config.mail_to):
            raw = compose(alert, profile, recipient)
            found.append(Parcel(number, profile.from_address, recipient, stuff(sign(raw) if sign else raw)))
        return found

    async def _post(self, alert: AlertRow) -> bool:
        """Post an alert to the webhook; say whether it was taken."""
        if alert.posted or not self._config.webhook_url:
            return False
        headers, body = signed(alert, self._config.webhook_secret)
        try:
            answer = await self._web.post(self._config.webhook_url, headers, body)
        except WebError as error:
            logger.warning("alert %d could not be posted: %s", alert.id, error)
            return False
        if not answer.is_good:
            logger.warning("alert %d: the webhook answered %d", alert.id, answer.status)
        return answer.is_good


def compose(alert: AlertRow, profile: SenderProfile, recipient: str) -> bytes:
    """Return an alert as a mail; the same again gets the same Message-ID, so that a mailbox may tell."""
    mail = EmailMessage()
    mail["From"] = formataddr((f"Mailrail ({profile.from_name})", profile.from_address))
    mail["To"] = recipient
    mail["Subject"] = f"{alert.send_id} {'was stopped' if alert.stops else 'needs a look'}"
    mail["Date"] = format_datetime(alert.at)
    mail["Message-ID"] = f"<alert.{alert.id}.{alert.send_id}@{profile.message_id_domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no vacation notes in return
    remedy = (
        f"Look: mailrail status {alert.send_id}\nGo on: mailrail resume {alert.send_id}\n"
        f"Give up what waits: mailrail cancel {alert.send_id}\n"
    )
    mail.set_content(f"{alert.text}\n\nNow it is {alert.send_state}.\n\n{remedy}")
    return mail.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def signed(alert: AlertRow, secret: bytes) -> tuple[dict[str, str], bytes]:
    """Return headers and body of a webhook's POST in the form of Standard Webhooks 1.0."""
    body = json.dumps(
        {
            "type": "send.stopped" if alert.stops else "send.warned",
            "timestamp": format_time(alert.at),
            "data": {
                "send_id": alert.send_id,
                "campaign": alert.campaign,
                "brake": alert.kind,
                "text": alert.text,
                "state": alert.send_state,
            },
        },
        ensure_ascii=False,
    ).encode()
    return signed_headers(secret, f"alert_{alert.id}", int(time.time()), body), body
