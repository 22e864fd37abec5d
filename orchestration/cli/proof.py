"""``mailrail proof``: the sender is killed again and again on this machine, and the sink's log says what came of it.

The proof itself stands in ``orchestration.proof``; here it is only started and its table shown.
"""

import secrets

import click
from rich.table import Table

from orchestration.cli.console import CHECK_FAILED, json_option, out, print_json

_SINKS = ("fault", "smtp-sink", "aiosmtpd")
_KILLS, _RECIPIENTS, _SENDERS = 10, 2_000, 3
_UNSUBSCRIBES_OF = 50


@click.command()
@click.option("--kills", default=_KILLS, show_default=True, type=click.IntRange(0), help="Processes to kill.")
@click.option("--recipients", default=_RECIPIENTS, show_default=True, type=click.IntRange(50), help="Size of the send.")
@click.option("--seed", type=click.IntRange(0), help="Chooses who is killed, when, and what fails; random if left out.")
@click.option("--sink", default=_SINKS[0], show_default=True, type=click.Choice(_SINKS), help="Who takes the mail.")
@click.option("--senders", default=_SENDERS, show_default=True, type=click.IntRange(1, 16), help="Senders at once.")
@click.option(
    "--unsubscribes", type=click.IntRange(0), help="Recipients who unsubscribe meanwhile; 1 in 50 if left out."
)
@json_option
@click.pass_context
def proof(
    context: click.Context,
    kills: int,
    recipients: int,
    seed: int | None,
    sink: str,
    senders: int,
    unsubscribes: int | None,
    as_json: bool,
) -> None:
    """Prove that nobody gets a message twice and nobody is lost, while processes are killed.

    Sends to made-up recipients, into a faulty mail server on this machine, in a temporary folder. Senders, render
    children and the collector die with signal 9 at random moments; then the server's own log is compared with the
    ledger. Exit code 1 when a promise was broken.
    """
    from orchestration.cli.progress import bar
    from orchestration.proof.run import Plan, run_proof

    leaving = recipients // _UNSUBSCRIBES_OF if unsubscribes is None else unsubscribes
    chosen = secrets.randbelow(2**31) if seed is None else seed
    plan = Plan(kills, recipients, chosen, sink, senders, leaving)
    with bar("proof") as advance:
        outcome = run_proof(plan, advance)
    document = outcome.document()
    if as_json:
        print_json(document)
    else:
        table = Table(show_header=False, box=None)
        for name, value in document.items():
            shown = ", ".join(f"{who} {count}" for who, count in value.items()) if isinstance(value, dict) else value
            table.add_row(name.replace("_", " "), f"{shown:,}" if type(shown) is int and name != "seed" else str(shown))
        out.print(table)
        said = "[good]every promise was kept[/good]" if outcome.verdict.holds else "[act]a promise was broken[/act]"
        out.print(said)
    if not outcome.verdict.holds:
        context.exit(CHECK_FAILED)
