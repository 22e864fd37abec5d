"""Commands that read results: status, metrics, explain, report.

They read the ledger and the published copy, and wait for nobody. Add a command here when it only reads.
"""

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestration.cli.completion import complete_campaigns, complete_send_ids, complete_sends
from orchestration.cli.console import json_option, out, print_json
from orchestration.settings import load_settings
from senders.errors import ConfigError

if TYPE_CHECKING:
    from senders.ledger.store import Ledger


@click.command()
@click.argument("send", required=False, shell_complete=complete_sends)
@click.option("-w", "--watch", is_flag=True, help="Show how it goes on, a bar for each mailbox provider.")
@json_option
def status(send: str | None, watch: bool, as_json: bool) -> None:
    """Where each send, or SEND, stands: how many messages are in which state.

    Transactional mail is shown by template and day, for the last week.

    With --watch it goes on until the sends are over, or Ctrl-C, which stops nothing but the watching.
    """
    from orchestration.cli.views import mail_lines, status_notes, status_table
    from orchestration.steering import choose_send, mail_rows, status_row
    from senders.ledger.store import Ledger

    if watch and as_json:
        raise click.UsageError("--watch is for people and --json for programs; ask again and again with --json.")
    with Ledger.open(load_settings().home) as ledger:
        if watch:
            _watch(ledger, send)
        chosen = ledger.campaign_sends() if send is None else [choose_send(ledger, send)]
        rows = [status_row(ledger, one.send_id) for one in chosen]
        awaited = mail_rows(ledger) if send is None else []
        is_alive = ledger.alive("sender")
    if as_json:
        print_json({"sends": rows, "transactional": awaited})
    elif rows:
        out.print(status_table(rows, width=out.width))
        for line in status_notes(rows, is_sending=is_alive):
            out.print(line, soft_wrap=True)
    else:
        out.print("no send yet. See who would get a campaign: [name]mailrail plan CAMPAIGN[/name]")
    for line in [] if as_json else mail_lines(awaited):
        out.print(line, soft_wrap=True)


def _watch(ledger: "Ledger", wanted: str | None) -> None:
    """Show the sends that are open, or one, until none of them is."""
    from orchestration.cli.progress import live_sends
    from orchestration.steering import choose_send
    from orchestration.watching import LOOK_SECONDS, Watch

    chosen = ledger.campaign_sends() if wanted is None else [choose_send(ledger, wanted)]
    watches = [Watch(ledger, send.send_id) for send in chosen if not send.state.is_over]
    with contextlib.suppress(KeyboardInterrupt), live_sends("") as show:
        while watches:
            stands = [stand for watch in watches if (stand := watch.look())]
            show(stands)
            if all(stand.state.is_over for stand in stands):
                return
            time.sleep(LOOK_SECONDS)


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
