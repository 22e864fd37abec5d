"""Sends test mails of a campaign to a seed list, and says what the relay answered.

The guards of the settings hold as for a send. Add here what stands between the command line and the mail edge; what a
test mail holds belongs to ``assets.deliveries.seeding``.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from assets.deliveries.seeding import Seeding, prepare_tests
from orchestration.resources import build_mailrail
from orchestration.settings import Settings
from senders.config import RelayConfig
from senders.delivery.handover import Answer, hand_over
from senders.errors import GuardError, TransientError
from senders.transports.base import Ending

ACCEPTED, REFUSED, IN_DOUBT, NOT_SENT = "accepted", "refused", "in_doubt", "not_sent"
_ENDINGS = {Ending.LOST: IN_DOUBT, Ending.UNSENT: NOT_SENT, Ending.UNSUITED: NOT_SENT}


@dataclass(frozen=True, slots=True)
class SeedAnswer:
    """What became of one test mail."""

    address: str
    outcome: str
    reply: str


@dataclass(frozen=True, slots=True)
class SeedRun:
    """A test of a campaign. ``like`` is the person whose fields it carries, '' for a sample contact."""

    campaign: str
    subject: str
    like: str
    relay: str
    mails: tuple[SeedAnswer, ...]

    @property
    def is_complete(self) -> bool:
        """Whether the relay took every mail."""
        return all(mail.outcome == ACCEPTED for mail in self.mails)

    def as_json(self) -> dict[str, Any]:
        """Return the document of `mailrail test --json`."""
        return {
            "campaign": self.campaign,
            "subject": self.subject,
            "like": self.like,
            "relay": self.relay,
            "messages": [asdict(mail) for mail in self.mails],
        }


def send_test(settings: Settings, campaign: str, *, to: Sequence[str] = (), like: str | None = None) -> SeedRun:
    """Send a campaign's test mails, to the seed list unless addresses are given.

    Raises:
        ConfigError: there is no address, no campaign, or the settings do not allow the relay.
        GuardError: no address may be written to.
        TransientError: the relay cannot be reached.
    """
    mailrail = build_mailrail(settings)
    prepared = prepare_tests(mailrail, campaign, to or settings.seed_list, like=like)
    profile = prepared.draft.context.profile
    relay = settings.relay_configs()[profile.relay]
    parcels = [mail.parcel for mail in prepared.mails if mail.parcel is not None]
    if not parcels:
        reasons = "; ".join(f"{mail.address}: {mail.refusal}" for mail in prepared.mails)
        raise GuardError(f"nothing was sent: {reasons}")
    try:
        answers = asyncio.run(hand_over(relay, profile.message_id_domain, parcels))
    except TransientError as error:
        raise TransientError(_unreachable(relay, error)) from error
    told = tuple(_answers(prepared, {answer.seq: answer for answer in answers}))
    return SeedRun(campaign, prepared.subject, prepared.like, f"{relay.host}:{relay.port}", told)


def _answers(prepared: Seeding, answers: dict[int, Answer]) -> list[SeedAnswer]:
    found = []
    for mail in prepared.mails:
        if mail.parcel is None:
            found.append(SeedAnswer(mail.address, NOT_SENT, mail.refusal))
        else:
            answer = answers[mail.parcel.seq]
            found.append(SeedAnswer(mail.address, _outcome(answer), answer.text))
    return found


def _outcome(answer: Answer) -> str:
    return ACCEPTED if answer.is_accepted else _ENDINGS.get(answer.ending, REFUSED)


def _unreachable(relay: RelayConfig, error: TransientError) -> str:
    local = "start one with `mailrail sink`, or everything with `mailrail dev`"
    remedy = local if relay.is_loopback else f"check host, port and tls of [relays.{relay.name}]"
    return f"{error}; nothing was sent: {remedy}."
