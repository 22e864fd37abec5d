"""Commands that read results: status, metrics, explain, report.

They read the ledger and the published copy, and wait for nobody. Add a command here when it only reads.
"""

from pathlib import Path
from typing import Any

import click

from orchestration.cli.completion import complete_campaigns, complete_send_ids, complete_sends
from orchestration.cli.console import json_option, out, print_json
from orchestration.settings import load_settings
from senders.errors import ConfigError


@click.command()
@json_option
def status(as_json: bool) -> None:
    """Where each send stands: how many messages are in which state."""
    from orchestration.cli.views import status_notes, status_table
    from orchestration.steering import status_row
    from senders.ledger.store import Ledger

    with Ledger.open(load_settings().home) as ledger:
        rows = [status_row(ledger, send.send_id) for send in ledger.sends()]
        is_alive = ledger.alive("sender")
    if as_json:
        print_json({"sends": rows})
    elif rows:
        out.print(status_table(rows, width=out.width))
        for line in status_notes(rows, is_sending=is_alive):
            out.print(line, soft_wrap=True)
    else:
        out.print("no send yet. See who would get a campaign: [name]mailrail plan CAMPAIGN[/name]")


@click.command()
@click.option("--send", "send_id", shell_complete=complete_send_ids, help="One send; all by default.")
@json_option
def metrics(send_id: str | None, as_json: bool) -> None:
    """The marts' own numbers of each send, from the published copy. Opens and clicks are the human ones."""
    from assets.warehouse.published import connect_published
    from dashboards.reader import read_metrics
    from orchestration.cli.views import metrics_table

    settings = load_settings()
    with connect_published(settings.home / "published") as connection:
        rows = read_metrics(connection, send_id)
    if send_id and not rows:
        raise ConfigError(f"there is no send {send_id!r} in the published copy; see: mailrail status")
    if as_json:
        print_json({"sends": rows})
    else:
        out.print(metrics_table(rows))


@click.command()
@click.argument("campaign", shell_complete=complete_campaigns)
@click.argument("addresses", nargs=-1)
@click.option("--sample", type=int, help="Explain N people, in turn from each outcome.")
@click.option("--send", "send_id", shell_complete=complete_send_ids, help="The send; the newest by default.")
@click.option("--show-address", is_flag=True, help="Show addresses in full; JSON always does.")
@json_option
def explain(
    campaign: str,
    addresses: tuple[str, ...],
    sample: int | None,
    send_id: str | None,
    show_address: bool,
    as_json: bool,
) -> None:
    """Why ADDRESSES got CAMPAIGN, or did not: segments, consent, suppression, the relay's reply, what came back."""
    from assets.audiences.explain import explain_people
    from assets.warehouse.published import connect_published
    from orchestration.cli.views import explain_panels
    from orchestration.resources import build_mailrail

    if not addresses and not sample:
        raise click.UsageError("name an address, or give --sample N")
    mailrail = build_mailrail(load_settings())
    with mailrail.open_ledger() as ledger, connect_published(mailrail.published) as connection:
        answer = explain_people(mailrail, ledger, connection, campaign, addresses, sample=sample or 0, send_id=send_id)
    if as_json:
        print_json(answer)
    else:
        for panel in explain_panels(answer, show_address=show_address):
            out.print(panel)


@click.command()
@click.argument("send", required=False, shell_complete=complete_sends)
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as one JSON document.")
@click.option("--png", type=click.Path(path_type=Path, file_okay=False), help="Folder for each chart as a picture.")
@click.pass_context
def report(context: click.Context, send: str | None, png: Path | None, as_json: bool) -> None:
    """Show SEND (a send id or a campaign; the newest by default) and write its page."""
    from assets.reports.writing import write_charts, write_report
    from assets.warehouse.published import connect_published
    from dashboards.reader import read_metrics, read_send
    from dashboards.terminal import render_terminal
    from orchestration.resources import build_mailrail

    mailrail = build_mailrail(load_settings())
    with connect_published(mailrail.published) as connection:
        rows = read_metrics(connection, None)
        chosen = _choose(rows, send)
        if chosen is None:
            raise ConfigError(f"there is no send {send or ''!r} in the published copy yet; run: mailrail refresh")
        frames = read_send(connection, chosen["send_id"])
    path = write_report(mailrail, chosen["send_id"])
    charts = write_charts(mailrail, chosen["send_id"], png) if png else []
    if as_json:
        print_json({**chosen, "report": str(path), "charts": [str(chart) for chart in charts]})
        return
    out.print(render_terminal(frames))
    out.print(f"report: [name]{path}[/name]")
    for chart in charts:
        out.print(f"chart: [name]{chart}[/name]", soft_wrap=True)


def _choose(rows: list[dict[str, Any]], wanted: str | None) -> dict[str, Any] | None:
    fitting = [row for row in rows if wanted is None or row["send_id"] == wanted or row.get("campaign") == wanted]
    return max(fitting, key=lambda row: str(row.get("scheduled_at", ""))) if fitting else None
