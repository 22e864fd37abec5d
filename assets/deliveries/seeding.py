"""Makes the test mails of a campaign: one message for each address of a seed list.

Rendered with the code that sends, marked as a test, for a sample contact unless a real one is named. Nothing becomes a
send: the tokens are good for nothing, and the ledger is only asked who must not be written to. Handing them over
belongs to ``senders.delivery.handover``.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from assets.deliveries.drafts import Draft, read_draft, recipient_rows, sample_rows
from assets.warehouse.resources import Mailrail, is_allowed
from senders.errors import ConfigError, RenderError
from senders.message import Unrenderable
from senders.rendering.dkim import Signer
from senders.rendering.renderer import Renderer
from senders.tracking.addresses import AddressError, hash_address, normalize_address, wire_address
from senders.transports.base import Parcel
from senders.transports.wire import stuff

if TYPE_CHECKING:
    from senders.ledger.store import Ledger

MARK = "[Test] "
MOST = 20
_SEQ_MOST = 2**32 - 1


@dataclass(frozen=True, slots=True)
class SeedMail:
    """One test mail: a parcel for the relay, or the reason why its address gets none."""

    address: str
    parcel: Parcel | None = None
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Seeding:
    """The test mails of a campaign; ``like`` says whose fields they carry."""

    draft: Draft
    subject: str
    like: str
    mails: tuple[SeedMail, ...]


def prepare_tests(mailrail: Mailrail, campaign: str, seeds: Sequence[str], *, like: str | None = None) -> Seeding:
    """Render a campaign for every seed address.

    Args:
        mailrail: the project.
        campaign: the campaign's name.
        seeds: the addresses that get the test mail.
        like: a recipient of the campaign whose fields the mails carry; a sample contact without it.

    Raises:
        ConfigError: there is no campaign, no address, or too many; an address cannot be written to.
        TemplateError: the template is wrong.
        RenderError: the message cannot be made.
    """
    addresses = _addresses(seeds)
    draft = read_draft(mailrail, campaign, kind="test")
    draft = replace(draft, template=replace(draft.template, subject=MARK + draft.template.subject))
    row = _row(mailrail, draft, like)
    renderer, sign = Renderer(draft.template, draft.context), _signing(draft)
    key = mailrail.keyring().address_key
    with mailrail.open_ledger() as ledger:
        guard = _Guard(
            ledger, key, draft.definition.topic, mailrail.allowed_recipients.get(draft.definition.sender, ())
        )
        refusals = {address: guard.refusal(address) for address in addresses}
    mails = [
        SeedMail(address, refusal=refusal)
        if refusal
        else SeedMail(address, _parcel(renderer, sign, _addressed(row, address, key)))
        for address, refusal in refusals.items()
    ]
    subject = renderer.render(_addressed(row, addresses[0], key)).subject
    return Seeding(draft, subject, like or "", tuple(mails))


def _addresses(seeds: Sequence[str]) -> list[str]:
    if not seeds:
        raise ConfigError(
            'there is no seed list; add seed_list = ["you@your-company.example"] to mailrail.toml, or give --to.'
        )
    found: dict[str, str] = {}
    for seed in seeds:
        try:
            found.setdefault(normalize_address(seed), wire_address(seed))
        except AddressError as error:
            raise ConfigError(f"{seed!r} is no address that can be written to: {error}.") from None
    if len(found) > MOST:
        raise ConfigError(f"{len(found)} addresses; a test goes to at most {MOST}, more is a send.")
    return list(found.values())


def _row(mailrail: Mailrail, draft: Draft, like: str | None) -> dict[str, Any]:
    if like:
        return recipient_rows(mailrail, draft, limit=1, address=like)[0]
    rows = sample_rows(draft, 1)
    if not rows:
        raise RenderError(f"{draft.campaign}: no sample contact has every field that the template needs; give --like.")
    return rows[0]


def _addressed(row: dict[str, Any], address: str, key: bytes) -> dict[str, Any]:
    """Return the row as one of the seed address; its number is chance, so that no two tests share a Message-ID."""
    contact_id = hash_address(normalize_address(address), key).hex()
    return {**row, "seq": 1 + secrets.randbelow(_SEQ_MOST), "address": address, "contact_id": contact_id}


@dataclass(frozen=True, slots=True)
class _Guard:
    """Who must not get a test mail; ``allowed`` is None where anybody may."""

    ledger: "Ledger"
    key: bytes
    topic: str
    allowed: Sequence[str] | None

    def refusal(self, address: str) -> str:
        """Return why an address must not be written to, '' where it may."""
        normal = normalize_address(address)
        if not is_allowed(normal, self.allowed):
            return "not on recipient_allow_list, and this is not production"
        found = self.ledger.suppression(hash_address(normal, self.key), self.topic)
        where = f" from {found.scope}" if found and found.scope else ""
        return f"suppressed: {found.reason}{where} on {found.at:%Y-%m-%d}" if found else ""


def _signing(draft: Draft) -> Callable[[bytes], bytes]:
    dkim = draft.context.profile.dkim
    return Signer(dkim).sign if dkim is not None else lambda raw: raw


def _parcel(renderer: Renderer, sign: Callable[[bytes], bytes], row: dict[str, Any]) -> Parcel:
    message = renderer.build(row)
    if isinstance(message, Unrenderable):
        raise RenderError(f"the test mail cannot be made: {message.reason}")
    body = stuff(sign(message.raw))
    return Parcel(message.seq, message.return_path, message.recipient, body, message.needs_smtputf8)
