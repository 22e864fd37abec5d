"""``mailrail dead-letters``: what was let in and could not be understood, to look at, replay or drop.

Add a command here when somebody must decide about a letter. How one is read again stands in
``senders.inbound.replaying``.
"""

from typing import TYPE_CHECKING, Any

import click

from orchestration.cli.console import OK, PARTLY, json_option, out, print_json
from orchestration.settings import load_settings
from senders.clock import format_time
from senders.errors import ConfigError, GuardError

if TYPE_CHECKING:
    from senders.ledger.dead_letters import DeadLetter
    from senders.ledger.store import Ledger

_SHOWN_CHARACTERS = 4000


@click.group(name="dead-letters")
def dead_letters() -> None:
    """What was let in and could not be understood: webhook calls, returned mails."""


@dead_letters.command(name="list")
@click.option("--all", "all_letters", is_flag=True, help="Those that were replayed or dropped as well.")
@json_option
def list_letters(all_letters: bool, as_json: bool) -> None:
    """List the letters that wait, oldest first."""
    with _open() as ledger:
        letters = ledger.dead_letters(only_waiting=not all_letters)
    if as_json:
        print_json({"dead_letters": [_row(letter) for letter in letters]})
        return
    for letter in letters:
        at = format_time(letter.received_at)[:16]
        out.print(f"[name]{letter.id:>6}[/name]  {at}  {letter.source:<20}  {_state(letter):<9}", end=" ")
        out.print(letter.reason, markup=False, soft_wrap=True)
    if not letters:
        out.print("no letter waits.")


@dead_letters.command()
@click.argument("letter_id", type=int)
@json_option
def show(letter_id: int, as_json: bool) -> None:
    """Show LETTER_ID with its payload. It may hold addresses of people."""
    with _open() as ledger:
        letter = _find(ledger, letter_id)
    text = letter.payload.decode("utf-8", errors="replace")
    if as_json:
        print_json(_row(letter) | {"headers": letter.headers, "payload": text})
        return
    for name, value in _row(letter).items():
        out.print(f"[mute]{name:<12}[/mute]", end=" ")
        out.print(str(value), markup=False, soft_wrap=True)
    out.print(text[:_SHOWN_CHARACTERS], markup=False, soft_wrap=True)
    if len(text) > _SHOWN_CHARACTERS:
        out.print(f"[mute]{len(text) - _SHOWN_CHARACTERS:,} more characters: --json shows all[/mute]")


@dead_letters.command()
@click.argument("letter_ids", type=int, nargs=-1)
@click.option("--all", "all_letters", is_flag=True, help="All that wait.")
@json_option
@click.pass_context
def replay(context: click.Context, letter_ids: tuple[int, ...], all_letters: bool, as_json: bool) -> None:
    """Read LETTER_IDS again with this version; what they tell is recorded once, however often this is done."""
    from senders.clock import open_clock
    from senders.inbound.replaying import build_readers
    from senders.inbound.replaying import replay as read_again
    from senders.inbound.webhooks.provider import UnreadableError
    from senders.tracking.keys import Keyring

    settings = load_settings()
    webhooks = settings.collector_config().webhooks
    replayed, events, failures = [], 0, dict[int, str]()
    with _open() as ledger:
        readers = build_readers(webhooks, ledger, Keyring.open(settings.home / "keys"))
        for letter in _chosen(ledger, letter_ids, all_letters):
            try:
                events += read_again(letter, readers, ledger, open_clock(settings.home).now())
                replayed.append(letter.id)
            except (UnreadableError, ConfigError) as error:
                failures[letter.id] = str(error)
    if as_json:
        failed = [{"id": number, "reason": reason} for number, reason in failures.items()]
        print_json({"replayed": replayed, "new_events": events, "failed": failed})
    else:
        out.print(f"{len(replayed):,} replayed, {events:,} new events; {len(failures):,} still wait.")
        for number, reason in failures.items():
            out.print(f"{number:>6}  {reason}", markup=False, soft_wrap=True)
    context.exit(PARTLY if failures else OK)


@dead_letters.command()
@click.argument("letter_ids", type=int, nargs=-1)
@click.option("--all", "all_letters", is_flag=True, help="All that wait; with --confirm.")
@click.option("--confirm", type=int, help="The exact number of letters that --all drops.")
@json_option
def drop(letter_ids: tuple[int, ...], all_letters: bool, confirm: int | None, as_json: bool) -> None:
    """Give LETTER_IDS up: their payload is deleted and cannot be replayed."""
    with _open() as ledger:
        chosen = _chosen(ledger, letter_ids, all_letters)
        if all_letters and confirm != len(chosen):
            raise GuardError(
                f"dead letters: {len(chosen)} wait and {confirm or 'none'} was confirmed; nothing was dropped. "
                f"Run the command again with --confirm {len(chosen)}"
            )
        dropped = [letter.id for letter in chosen if ledger.drop_letter(letter.id)]
    if as_json:
        print_json({"dropped": dropped})
    else:
        out.print(f"{len(dropped):,} dropped.")


def _open() -> "Ledger":
    from senders.ledger.store import Ledger

    return Ledger.open(load_settings().home)


def _chosen(ledger: "Ledger", letter_ids: tuple[int, ...], all_letters: bool) -> "list[DeadLetter]":
    if bool(letter_ids) == all_letters:
        raise click.UsageError("name letters by their ids, or all that wait by --all")
    if all_letters:
        return ledger.dead_letters()
    letters = [_find(ledger, letter_id) for letter_id in dict.fromkeys(letter_ids)]
    if settled := [letter.id for letter in letters if not letter.is_waiting]:
        raise ConfigError(f"dead letter {settled[0]} waits no more: it was replayed or dropped.")
    return letters


def _find(ledger: "Ledger", letter_id: int) -> "DeadLetter":
    letter = ledger.dead_letter(letter_id)
    if letter is None:
        raise ConfigError(f"there is no dead letter {letter_id}; see: mailrail dead-letters list --all")
    return letter


def _row(letter: "DeadLetter") -> dict[str, Any]:
    return {
        "id": letter.id,
        "source": letter.source,
        "state": _state(letter),
        "reason": letter.reason,
        "bytes": len(letter.payload),
        "tries": letter.tries,
        "received_at": format_time(letter.received_at),
    }


def _state(letter: "DeadLetter") -> str:
    return "waiting" if letter.is_waiting else "dropped" if letter.dropped_at else "replayed"
