"""Shell completion: the script for a shell, and the names that complete an argument.

Add a kind of name here when a command takes one. Names are read from folders and the ledger, nothing heavy is
imported, and a failure completes nothing: a shell has no place for messages.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem, get_completion_class

SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_MAILRAIL_COMPLETE"
_INSTALL = {
    "bash": 'eval "$(mailrail completion bash)"   # in ~/.bashrc',
    "zsh": 'eval "$(mailrail completion zsh)"   # in ~/.zshrc, after compinit',
    "fish": "mailrail completion fish > ~/.config/fish/completions/mailrail.fish",
}

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


@click.command(epilog="\b\n" + "\n".join(_INSTALL.values()))
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script for SHELL: commands, options, and campaigns, sends, sources and segments by name."""
    script = get_completion_class(shell)
    if script is not None:
        click.echo(script(context.find_root().command, {}, "mailrail", _VARIABLE).source())


def _names(find: Callable[[], Iterable[tuple[str, str]]]) -> Completer:
    """Return a completer over ``(name, help)`` pairs."""

    def complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            return [CompletionItem(name, help=text) for name, text in find() if name.startswith(incomplete)]
        except Exception:  # nothing that fails here may disturb a prompt
            return []

    return complete


def _campaigns() -> Iterable[tuple[str, str]]:
    return ((path.parent.name, "campaign") for path in _project().glob("assets/campaigns/*/defs.yaml"))


def _sources() -> Iterable[tuple[str, str]]:
    return ((path.parent.name, "source") for path in _project().glob("assets/sources/*/defs.yaml"))


def _segments() -> Iterable[tuple[str, str]]:
    return ((path.stem, "segment") for path in _project().glob("dbt_project/models/marts/segments/**/seg_*.sql"))


def _sends() -> Iterable[tuple[str, str]]:
    return ((send.send_id, f"{send.state}, {send.audience_rows:,} recipients") for send in reversed(_ledger_sends()))


def _sends_and_campaigns() -> Iterable[tuple[str, str]]:
    return (*_sends(), *dict.fromkeys((send.campaign, "campaign") for send in _ledger_sends()))


def _project() -> Path:
    from orchestration.settings import load_settings

    return load_settings().project


def _ledger_sends() -> list[Any]:
    from orchestration.settings import load_settings
    from senders.ledger.database import ledger_is_there
    from senders.ledger.store import Ledger

    home = load_settings().home
    if not ledger_is_there(home):
        return []  # opening it would make one
    with Ledger.open(home, busy_timeout_seconds=0.2) as ledger:
        return ledger.campaign_sends()


complete_campaigns = _names(lambda: sorted(_campaigns()))
complete_sources = _names(lambda: sorted(_sources()))
complete_segments = _names(lambda: sorted(_segments()))
complete_send_ids = _names(_sends)
complete_sends = _names(_sends_and_campaigns)
