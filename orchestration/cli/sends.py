"""Commands that steer a send which has begun: pause, resume, cancel.

Add a command here when it changes what becomes of an open send. What each order means stands in
``orchestration.steering``; starting a send belongs to ``campaigns``.
"""

from collections.abc import Callable, Sequence
from typing import Any

import click

from orchestration.cli.completion import complete_sends
from orchestration.cli.console import PARTLY, err, json_option, out, print_json
from orchestration.settings import load_settings
from senders.errors import GuardError


@click.command()
@click.argument("send", shell_complete=complete_sends)
@click.option("--reason", default="", help="Why, for those who look at it later.")
@json_option
def pause(send: str, reason: str, as_json: bool) -> None:
    """Pause SEND (a send id, or a campaign with one open send). No message is offered a second later.

    What is being offered gets its reply first. `mailrail resume` goes on; nobody gets a message twice.
    """
    from orchestration.steering import pause_send

    row = _steer(send, lambda ledger, chosen: pause_send(ledger, chosen, reason))
    _show(row, as_json)
    if not as_json:
        out.print(f"Paused. [mute]mailrail resume {row['send_id']}[/mute] goes on.", soft_wrap=True)


@click.command()
@click.argument("send", shell_complete=complete_sends)
@click.option("--confirm", type=int, help="The exact number of messages that wait; nothing is cancelled without it.")
@click.option("--reason", default="", help="Why, for those who look at it later.")
@json_option
def cancel(send: str, confirm: int | None, reason: str, as_json: bool) -> None:
    """Cancel SEND (a send id, or a campaign with one open send) for good. What was accepted stays accepted.

    Needs --confirm N with the number of queued and deferred messages. Pause a send first that is being offered.
    """
    from orchestration.steering import cancel_send

    row = _steer(send, lambda ledger, chosen: cancel_send(ledger, chosen, waiting=confirm, reason=reason))
    _show(row, as_json)


@click.command()
@click.argument("send", required=False, shell_complete=complete_sends)
@json_option
@click.pass_context
def resume(context: click.Context, send: str | None, as_json: bool) -> None:
    """Go on with SEND, also a paused one, or with every running send that has messages left.

    Nobody gets a message twice.
    """
    from orchestration.sending import resume_sends

    settings = load_settings()
    rows = resume_sends(settings, send, show=not as_json, say=lambda line: err.print(line, markup=False))
    if as_json:
        print_json({"sends": rows})
    elif not rows:
        err.print("nothing to resume: no running send has messages left.")
    end_with(context, rows, as_json)


def end_with(context: click.Context, rows: Sequence[dict[str, Any]], as_json: bool) -> None:
    """Show what became of sends, unless JSON said it, and end with the code of CONTRACTS for them.

    Raises:
        GuardError: some were paused or cancelled meanwhile.
    """
    from orchestration.cli.views import proof_table

    if not as_json:
        for row in rows:
            out.print(proof_table(row))
    if stopped := [_stopped(row) for row in rows if row["state"] not in {"finished", "running"}]:
        raise GuardError("; ".join(stopped))
    if any(row["queued"] or row["offered"] or row["deferred"] for row in rows):
        context.exit(PARTLY)


def _stopped(row: dict[str, Any]) -> str:
    remedy = f"; to go on: mailrail resume {row['send_id']}" if row["state"] == "paused" else ""
    reason = (row.get("reason") or "by a person").rstrip(".")
    return f"{row['send_id']} is {row['state']}: {reason}{remedy}"


def _steer(wanted: str, order: Callable[[Any, Any], None]) -> dict[str, Any]:
    """Give an order about a send, wait until its numbers stand still, and return its row."""
    from orchestration.steering import choose_send, status_row, wait_quiet
    from senders.ledger.store import Ledger

    with Ledger.open(load_settings().home) as ledger:
        chosen = choose_send(ledger, wanted)
        order(ledger, chosen)
        if not wait_quiet(ledger, chosen):
            err.print("some messages were offered and have no reply yet; they settle when a sender runs.")
        return status_row(ledger, chosen.send_id)


def _show(row: dict[str, Any], as_json: bool) -> None:
    from orchestration.cli.views import proof_table

    if as_json:
        print_json(row)
    else:
        out.print(proof_table(row))
