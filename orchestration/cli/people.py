"""Commands about one person: the timeline, and the proof of consent.

Add a command here when it answers about a person over all sends; why somebody got one campaign is ``explain``. What
happened comes from ``dashboards.timeline``, how it looks from ``lifeline``; consents come from the ledger, which holds
them before any warehouse does.
"""

from typing import TYPE_CHECKING, Any

import click

from orchestration.cli.console import json_option, out, print_json
from orchestration.settings import Settings, load_settings
from senders.errors import ConfigError

if TYPE_CHECKING:
    from dashboards.timeline import Timeline


@click.group()
def person() -> None:
    """Look at one person."""


@person.command()
@click.argument("address")
@click.option("--limit", default=40, show_default=True, help="The newest N happenings; 0 for all.")
@click.option("--show-address", is_flag=True, help="Show the address in full.")
@json_option
def timeline(address: str, limit: int, show_address: bool, as_json: bool) -> None:
    """What happened with ADDRESS: messages, opens and clicks, unsubscribes, bounces, exclusions, orders.

    Read from the published copy. Opens and clicks of machines stand apart, with the rule that told them.
    """
    from orchestration.cli.lifeline import render_lifeline

    found, masked = _find(load_settings(), address, show_address)
    shown = found.happenings.tail(limit) if limit > 0 else found.happenings
    contact = {**found.contact, "email": found.contact["email"] if show_address else masked}
    if as_json:
        print_json({"contact": contact, "happenings": shown.to_dicts(), "total": found.happenings.height})
    else:
        out.print(render_lifeline(contact, shown.to_dicts(), earlier=found.happenings.height - shown.height))


@person.command()
@click.argument("address")
@click.option("--show-address", is_flag=True, help="Show the address in full.")
@json_option
def consent(address: str, show_address: bool, as_json: bool) -> None:
    """Prove what ADDRESS agreed to: when, by which form, from where, to which words, and what was taken back.

    Read from the ledger, so the warehouse need not be there. --json is the proof in full.
    """
    from orchestration.cli.consents import consent_lines, consent_proof

    settings = load_settings()
    normal = _normal(address)
    proof = consent_proof(settings.home, normal)
    if as_json:
        print_json({"address": normal, **proof})
        return
    for line in consent_lines(proof, normal if show_address else _masked(normal)):
        out.print(line, markup=False, soft_wrap=True)


def _masked(normal: str) -> str:
    from senders.tracking.addresses import mask_address

    return mask_address(normal)


def _normal(address: str) -> str:
    """Return the normal form of an address.

    Raises:
        ConfigError: it is none.
    """
    from senders.tracking.addresses import AddressError, normalize_address

    try:
        return normalize_address(address)
    except AddressError as error:
        raise ConfigError(f"{address!r} is no address that mail can go to ({error}); look at its spelling.") from None


def _find(settings: Settings, address: str, show_address: bool) -> "tuple[Timeline, str]":
    """Return a person's timeline and the masked address.

    Raises:
        ConfigError: it is no address, nothing is published, or the published copy does not know the person.
    """
    from assets.warehouse.published import connect_published
    from dashboards.timeline import UnknownContactError, read_timeline
    from senders.tracking.addresses import hash_address
    from senders.tracking.keys import Keyring

    normal = _normal(address)
    masked = _masked(normal)
    with connect_published(settings.home / "published") as connection:
        key: Any = Keyring.open(settings.home / "keys").address_key
        try:
            return read_timeline(connection, hash_address(normal, key).hex()), masked
        except UnknownContactError:
            raise ConfigError(
                f"the published copy knows no contact {normal if show_address else masked}, the normal form of what "
                "was given; look at the spelling, run `mailrail refresh` if a source has just brought them, or "
                "ask one campaign: mailrail explain CAMPAIGN ADDRESS"
            ) from None
