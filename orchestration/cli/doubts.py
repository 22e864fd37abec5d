"""Commands for when something broke: reconcile what is in doubt or was put back, retry what was refused.

Add a command here when it changes what became of a message after the event. Where evidence comes from stands in
``orchestration.reconciling``.
"""

import getpass
from pathlib import Path
from typing import Any

import click

from orchestration.cli.completion import complete_sends
from orchestration.cli.console import json_option, out, print_json
from orchestration.settings import load_settings
from senders.message import State

_LOG_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@click.argument("send", required=False, shell_complete=complete_sends)
@click.option("--relay-log", "relay_logs", type=_LOG_FILE, multiple=True, help="A log of the relay; also .gz.")
@click.option("--log-is-complete", is_flag=True, help="The logs are whole: what they lack was not taken, so send it.")
@click.option("--treat-as-sent", is_flag=True, help="Decide: what is left in doubt counts as sent.")
@click.option("--send-again", is_flag=True, help="Decide: what is left in doubt is offered again.")
@click.option("--confirm", type=int, help="The exact number of messages in doubt; nothing is decided without it.")
@click.option("--list", "as_list", is_flag=True, help="Change nothing; list what is in doubt, with Message-IDs.")
@json_option
def reconcile(
    send: str | None,
    relay_logs: tuple[Path, ...],
    log_is_complete: bool,
    treat_as_sent: bool,
    send_again: bool,
    confirm: int | None,
    as_list: bool,
    as_json: bool,
) -> None:
    """Settle what SEND (a send id or a campaign; all sends by default) left in doubt, by evidence.

    \b
    Evidence is what came back (an open, a click, an unsubscribe, a bounce, a complaint) and the relay's own log:
    Postfix's mail.log, KumoMTA's JSON lines, or the log of the embedded sink. Without any it is yours to decide,
    for a named SEND and with --confirm N:
      --treat-as-sent   the careful choice: nobody can get the message twice
      --send-again      whoever got it already gets it twice

    After an older ledger was put back, this first learns from the send journal what was sent since, and brings back
    the unsubscribes. Run it as often as you like.
    """  # noqa: D301 - click's mark for lines that stay as they are
    from orchestration.reconciling import Decision, Evidence, list_doubts
    from orchestration.reconciling import reconcile as settle

    if treat_as_sent and send_again:
        raise click.UsageError("--treat-as-sent and --send-again contradict each other")
    state = State.ACCEPTED if treat_as_sent else State.QUEUED if send_again else None
    _refuse_unfit(send, relay_logs, log_is_complete=log_is_complete, state=state, confirm=confirm, as_list=as_list)
    settings = load_settings()
    if as_list:
        _show_list(list_doubts(settings, send), as_json)
        return
    decision = Decision(state, getpass.getuser(), confirm) if state else None
    answer = settle(settings, send, Evidence(relay_logs, log_is_complete), decision)
    if as_json:
        print_json(answer)
    else:
        _show(answer)


def _refuse_unfit(
    send: str | None,
    relay_logs: tuple[Path, ...],
    *,
    log_is_complete: bool,
    state: State | None,
    confirm: int | None,
    as_list: bool,
) -> None:
    if log_is_complete and not relay_logs:
        raise click.UsageError("--log-is-complete says something about logs: name them with --relay-log FILE")
    if state and not send:
        raise click.UsageError("a decision is about one send: name it")
    if confirm is not None and not state:
        raise click.UsageError("--confirm goes with --treat-as-sent or --send-again")
    if as_list and (relay_logs or state):
        raise click.UsageError("--list changes nothing: leave the other options out")


@click.command(name="retry-failed")
@click.argument("send", shell_complete=complete_sends)
@click.option("--confirm", type=int, help="The exact number of messages to try again; nothing is queued without it.")
@json_option
def retry_failed(send: str, confirm: int | None, as_json: bool) -> None:
    """Try messages of SEND once more that the relay refused, when the reason may have passed.

    These are all that ended as refused, but for those whose address does not exist: refused because of us, for their
    content or our speed, for a full mailbox, or not made because of the template. Suppressions are read again at
    the offer. Messages in doubt are not touched: see `mailrail reconcile`.
    """
    from orchestration.reconciling import CLASS_WORDS
    from orchestration.reconciling import retry_failed as queue_again

    answer = queue_again(load_settings(), send, confirm=confirm, person=getpass.getuser())
    if as_json:
        print_json(answer)
        return
    for name, count in sorted(answer["by"].items()):
        out.print(f"{count:>9,}  {CLASS_WORDS.get(name, name)}")
    out.print(f"{answer['requeued']:,} messages wait again.{_resume_hint(answer['send_id'])}", soft_wrap=True)


def _show(answer: dict[str, Any]) -> None:
    if answer["restored"]:
        _show_restored(answer["restored"])
    for row in answer["sends"]:
        parts = [f"{row[name]:,} {words}" for name, words in _WORDS.items() if row[name]]
        how = ", ".join(f"{count:,} by {name.replace('_', ' ')}" for name, count in row["by"].items())
        out.print(
            f"[name]{row['send_id']}[/name]: {row['in_doubt_before']:,} were in doubt"
            f"{'; ' + ', '.join(parts) if parts else ''}{f' ({how})' if how else ''}; {row['in_doubt']:,} are left.",
            soft_wrap=True,
        )
        if row["requeued"]:
            out.print(f"What was not taken waits again.{_resume_hint(row['send_id'])}", soft_wrap=True)
        if row["in_doubt"]:
            out.print(
                f"  [mute]mailrail reconcile {row['send_id']} --relay-log FILE[/mute] looks for evidence; to decide: "
                f"[mute]mailrail reconcile {row['send_id']} --treat-as-sent --confirm {row['in_doubt']}[/mute]",
                soft_wrap=True,
            )
    if not answer["sends"] and not answer["restored"]:
        out.print("nothing is in doubt.")


_WORDS = {"accepted": "settled as sent", "refused": "settled as refused", "requeued": "to be offered again"}


def _show_restored(restored: dict[str, Any]) -> None:
    out.print(
        f"The ledger had been put back at sequence {restored['sequence']:,}; sending had come to "
        f"{restored['journal_sequence']:,}. {restored['in_doubt']:,} messages offered since are in doubt now, "
        f"{restored['suppressions']:,} suppressions are back. Sending may go on.",
        soft_wrap=True,
    )
    for name in restored["sends"]:
        out.print(f"  {name} was opened since; run it again and what was offered of it stays in doubt.")


def _resume_hint(send_id: str) -> str:
    return f" A running sender takes them up; without one: [mute]mailrail resume {send_id}[/mute]"


def _show_list(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json({"doubts": rows})
        return
    for row in rows:
        facts = "  ".join(filter(None, (row["send_id"], row["message_id"], row["since"], row["relay"], row["reason"])))
        out.print(facts + (f"  [good]{row['evidence']}[/good]" if row["evidence"] else ""), soft_wrap=True)
    if not rows:
        out.print("nothing is in doubt.")
