"""Commands about what came back as a whole: raw events for other programs.

Add a command here when it hands out events; one person's events are ``person``, a send's figures ``metrics``.
"""

import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import click

from orchestration.cli.console import err, json_option, print_json
from senders.event import Kind

_TIME = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"])


@click.group()
def events() -> None:
    """Hand out what came back."""


@events.command()
@click.option("--since", type=_TIME, help="Recorded from this time on (UTC).")
@click.option("--until", type=_TIME, help="Recorded before this time (UTC).")
@click.option("--after", default=0, show_default=True, help="With an inbound_id above this one: go on where one ended.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice([kind.value for kind in Kind]),
    help="Only such; again for more.",
)
@click.option("--format", "form", default="csv", show_default=True, type=click.Choice(["csv", "parquet", "jsonl"]))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The file; standard output by default.")
@json_option
def export(
    since: datetime | None,
    until: datetime | None,
    after: int,
    kinds: tuple[str, ...],
    form: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """Export raw events in the order in which they were recorded, each with an id that never changes.

    Read from the warehouse as it was loaded last; a build that runs is waited for. In CSV a text that a spreadsheet
    would take for a formula gets a ' before it.
    """
    from assets.events.exporting import Form, Selection, export_events
    from orchestration.resources import build_mailrail
    from orchestration.settings import load_settings

    if out is None and (form == "parquet" or as_json):
        what = "--json prints one document" if as_json else "Parquet is no text"
        raise click.UsageError(f"{what}; name a file for the events: --out events.{form}")
    mailrail = build_mailrail(load_settings())
    selection = Selection(_utc(since), _utc(until), after, tuple(map(Kind, kinds)))
    with tempfile.TemporaryDirectory() as scratch:
        target = out.absolute() if out is not None else Path(scratch) / f"events.{form}"
        with mailrail.hold_warehouse():
            done = export_events(mailrail.warehouse, target, Form(form), selection)
        if out is None:
            with target.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
    if as_json:
        print_json({"file": str(target), "format": form, "rows": done.rows, "last_id": done.last_id})
    else:
        more = f"; the next export goes on with --after {done.last_id}" if done.last_id is not None else ""
        err.print(f"{done.rows:,} events{f' in {out}' if out else ''}{more}", soft_wrap=True)


def _utc(moment: datetime | None) -> datetime | None:
    return moment and moment.replace(tzinfo=UTC)
