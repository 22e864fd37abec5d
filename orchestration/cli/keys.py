"""Commands about keys of the API: make one, list them, take one back.

Add a command here when it is about who may call. What a key opens stands in ``senders.collector.api.keys``.
"""

import re

import click
from rich.table import Table

from orchestration.cli.console import err, json_option, out, print_json
from orchestration.settings import load_settings
from senders.collector.api.keys import SCOPES
from senders.errors import ConfigError

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")


@click.group()
def key() -> None:
    """Keys with which other programs may call the API."""


@key.command()
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, required=True, metavar="SCOPE", help=f"What it opens: {', '.join(SCOPES)}."
)
@json_option
def new(name: str, scopes: tuple[str, ...], as_json: bool) -> None:
    """Make a key for NAME, the program or shop that calls; it is shown once, here.

    Several keys may have one name. To replace a key, make a new one of the same name, give it to the program, then
    revoke the old one.
    """
    from senders.ledger.api_keys import key_id_of
    from senders.ledger.store import Ledger

    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} is no name for a key; take up to 40 of a-z, 0-9, _ and -, and begin with a letter: web-shop"
        )
    if unknown := sorted(set(scopes) - set(SCOPES)):
        raise ConfigError(f"--scope {unknown[0]}: there is no such scope; there are {', '.join(SCOPES)}.")
    with Ledger.open(load_settings().home) as ledger:
        made = ledger.make_api_key(name, scopes)
    if as_json:
        print_json({"key_id": key_id_of(made), "name": name, "scopes": sorted(set(scopes)), "key": made})
        return
    out.print(made, markup=False, soft_wrap=True)
    err.print("This is the only time that the key is shown: only its digest is kept.", style="mute")


@key.command("list")
@json_option
def list_keys(as_json: bool) -> None:
    """List all keys, with what they open."""
    from senders.clock import format_time
    from senders.ledger.store import Ledger

    with Ledger.open(load_settings().home) as ledger:
        keys = [
            {
                "key_id": one.key_id,
                "name": one.name,
                "scopes": sorted(one.scopes),
                "created_at": format_time(one.created_at),
                "revoked_at": format_time(one.revoked_at) if one.revoked_at else None,
            }
            for one in ledger.api_keys()
        ]
    if as_json:
        print_json({"keys": keys})
    elif not keys:
        err.print("no keys yet; make one: mailrail key new NAME --scope SCOPE")
    else:
        table = Table("key", "name", "scopes", "made", "revoked", box=None, header_style="mute")
        for one in keys:
            scopes, revoked = " ".join(one["scopes"]), one["revoked_at"] or ""
            table.add_row(
                one["key_id"], one["name"], scopes, one["created_at"], revoked, style="mute" if revoked else ""
            )
        out.print(table)


@key.command()
@click.argument("key_id")
@json_option
def revoke(key_id: str, as_json: bool) -> None:
    """Take the key KEY_ID back for good; it opens nothing a second later."""
    from senders.ledger.store import Ledger

    with Ledger.open(load_settings().home) as ledger:
        was_living = ledger.revoke_api_key(key_id)
        is_known = any(one.key_id == key_id for one in ledger.api_keys())
    if not is_known:
        raise ConfigError(f"there is no key {key_id[:40]!r}; look at: mailrail key list")
    if as_json:
        print_json({"key_id": key_id, "revoked": was_living})
    else:
        out.print(f"{key_id} is revoked" if was_living else f"{key_id} was revoked before")
