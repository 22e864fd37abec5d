"""Commands about mail that somebody waits for: ask for one, see what became of it, try refused ones again.

Add a command here when it acts on requests. The process that takes them is among the ``services``.
"""

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestration.cli.console import err, json_option, out, print_json
from orchestration.settings import load_settings

if TYPE_CHECKING:
    from rich.table import Table


@click.group()
def mail() -> None:
    """Ask for transactional mail, and see what became of it."""


@mail.command()
@click.argument("template")
@click.option("--to", "address", required=True, help="Who gets it.")
@click.option("--field", "pairs", multiple=True, metavar="NAME=VALUE", help="A text for the template; repeatable.")
@click.option(
    "--fields",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A JSON file with the values, for numbers and lists.",
)
@click.option("--example", is_flag=True, help="Take the examples of its defs.yaml for values that are not given.")
@click.option("--language", default="", help="A code such as de; the template's own where it has no such mail.")
@click.option("--request-id", default="", help="Your own id: asking twice with the same one sends one mail.")
@click.option("--valid-minutes", type=click.IntRange(1), help="Not sent any more after so many minutes.")
@json_option
def send(
    template: str,
    address: str,
    pairs: Sequence[str],
    file: Path | None,
    example: bool,
    language: str,
    request_id: str,
    valid_minutes: int | None,
    as_json: bool,
) -> None:
    """Ask for one mail made from TEMPLATE, a folder of assets/transactional. The outbox sends it."""
    from orchestration.mailing import ask_for_mail, example_fields
    from orchestration.resources import build_mailrail

    mailrail = build_mailrail(load_settings())
    values = {
        **(example_fields(mailrail, template) if example else {}),
        **(_read_values(file) if file else {}),
        **dict(map(_pair, pairs)),
    }
    expires_at = mailrail.clock.now() + timedelta(minutes=valid_minutes) if valid_minutes else None
    with mailrail.open_ledger() as ledger:
        asked, is_new = ask_for_mail(
            mailrail,
            ledger,
            template,
            address,
            values,
            request_id=request_id,
            language=language,
            expires_at=expires_at,
        )
        is_served = ledger.alive("outbox")
    if as_json:
        print_json({"request_id": asked, "is_new": is_new})
        return
    out.print(asked, style="name", markup=False)
    if not is_new:
        err.print("this request was made before; nothing is sent twice.", style="watch")
    elif not is_served:
        err.print("no outbox is running. Send what waits: [name]mailrail outbox --once[/name]", style="watch")


@mail.command()
@click.argument("request_id")
@json_option
def status(request_id: str, as_json: bool) -> None:
    """What became of the request REQUEST_ID: waiting, refused and why, or its message and the relay's reply."""
    from orchestration.mailing import mail_status
    from senders.ledger.store import Ledger

    with Ledger.open(load_settings().home) as ledger:
        found = mail_status(ledger, request_id)
    if as_json:
        print_json(found)
    else:
        out.print(_facts(found))


@mail.command("list")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="How many of each kind.")
@json_option
def list_(limit: int, as_json: bool) -> None:
    """What waits and what was refused, with the reasons; and the templates there are."""
    from assets.outbox.definition import letter_folders
    from orchestration.mailing import as_row
    from senders.ledger.store import Ledger

    settings = load_settings()
    with Ledger.open(settings.home) as ledger:
        counts = ledger.mail_counts()
        waiting = [row for name in ledger.waiting_templates() for row in ledger.waiting_mail(name, limit)]
        rows = [as_row(row) for row in (*waiting[:limit], *ledger.refused_mail(limit))]
    templates = [folder.name for folder in letter_folders(settings.project)]
    if as_json:
        print_json({"templates": templates, "counts": {str(k): v for k, v in counts.items()}, "requests": rows})
        return
    out.print(f"templates: {', '.join(templates) or 'none'}", markup=False)
    out.print(" · ".join(f"{count:,} {state}" for state, count in counts.items()), markup=False)
    if rows:
        out.print(_table(rows))


@mail.command()
@click.argument("request_id", required=False, default="")
@click.option("--all", "is_all", is_flag=True, help="Every refused request whose values are still kept.")
@json_option
def retry(request_id: str, is_all: bool, as_json: bool) -> None:
    """Let a refused request wait again, after what it was refused for was mended."""
    from senders.errors import ConfigError
    from senders.ledger.store import Ledger

    if bool(request_id) == is_all:
        raise click.UsageError("name one REQUEST_ID, or give --all")
    with Ledger.open(load_settings().home) as ledger:
        count = ledger.retry_mail(request_id)
    if request_id and not count:
        raise ConfigError(f"{request_id!r} is no refused request; see: mailrail mail list")
    if as_json:
        print_json({"waiting": count})
    else:
        out.print(f"{count:,} wait again")


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise click.UsageError(f"--field {text!r}: write it as name=value")
    return name, value


def _read_values(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise click.UsageError(f"--fields {path}: is no JSON ({error})") from None
    if not isinstance(values, dict):
        raise click.UsageError(f"--fields {path}: is no object of names and values")
    return values


def _facts(found: dict[str, Any]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for name, value in found.items():
        if value not in (None, ""):
            table.add_row(Text(name.replace("_", " "), style="mute"), Text(str(value)))
    return table


def _table(rows: Sequence[dict[str, Any]]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="mute")
    for name in ("request", "template", "state", "asked", "reason"):
        table.add_column(name, overflow="fold")
    for row in rows:
        style = "act" if row["state"] == "refused" else "name"
        table.add_row(
            Text(row["request_id"]),
            Text(row["template"]),
            Text(row["state"], style=style),
            Text(row["requested_at"]),
            Text(row["reason"]),
        )
    return table
