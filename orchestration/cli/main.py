"""The ``mailrail`` command: a table of commands, each imported when it runs.

Add a command to ``COMMANDS`` and to its purpose in ``PURPOSES``. Nothing heavy is imported here, so that
``--help`` takes a tenth of a second.
"""

import sys
from importlib import import_module

import click
from click.shell_completion import CompletionItem

COMMANDS = {
    "demo": ("orchestration.cli.demo:demo", "The whole loop on sample data, into a sink on this machine."),
    "dev": ("orchestration.cli.dev:dev", "Run everything: Dagster, collector, sender, outbox, mailbox, pages, sink."),
    "init": ("orchestration.cli.project:init", "Make a project in a folder of your own."),
    "doctor": ("orchestration.cli.doctor:doctor", "What is well here, what is not, and what mends it."),
    "check": ("orchestration.cli.project:check", "Check every campaign, source and segment; list all problems."),
    "source": ("orchestration.cli.sources:source", "Add a source from a file, load it, list what there is."),
    "segment": ("orchestration.cli.segments:segment", "Begin a segment, list the segments and their sizes."),
    "refresh": ("orchestration.cli.project:refresh", "Load sources and events, rebuild and publish the marts."),
    "campaign": ("orchestration.cli.templates:campaign", "Make a campaign from a starter."),
    "template": ("orchestration.cli.templates:template", "Check templates: every problem with file and line."),
    "plan": ("orchestration.cli.campaigns:plan", "Who would get a campaign, and who not and why; sends nothing."),
    "preview": ("orchestration.cli.previews:preview", "Render messages of a campaign for real recipients."),
    "test": ("orchestration.cli.previews:test", "Send a test mail of a campaign to your seed list."),
    "send": ("orchestration.cli.campaigns:send", "Send a campaign; needs the exact number of recipients."),
    "mail": ("orchestration.cli.mail:mail", "Ask for transactional mail, see what became of it."),
    "pause": ("orchestration.cli.sends:pause", "Pause a send; no message is offered a second later."),
    "resume": ("orchestration.cli.sends:resume", "Go on with sends that stopped or were paused."),
    "cancel": ("orchestration.cli.sends:cancel", "Cancel a send for good; needs the exact number that wait."),
    "dead-letters": ("orchestration.cli.dead_letters:dead_letters", "What came in and could not be understood."),
    "reconcile": ("orchestration.cli.doubts:reconcile", "Settle what is in doubt, or a ledger that was put back."),
    "retry-failed": ("orchestration.cli.doubts:retry_failed", "Try refused messages of a send once more."),
    "status": ("orchestration.cli.results:status", "Where each send stands."),
    "metrics": ("orchestration.cli.results:metrics", "The marts' numbers of each send."),
    "explain": ("orchestration.cli.results:explain", "Why a person got a campaign, or did not."),
    "report": ("orchestration.cli.results:report", "The report of a send: on the terminal, and as a page."),
    "dashboards": ("orchestration.cli.services:dashboards", "Run the dashboards: pages over the published copy."),
    "form": ("orchestration.cli.forms:form", "Sign-up forms: list them, print one for a page of your own."),
    "key": ("orchestration.cli.keys:key", "Keys with which other programs may call the API."),
    "person": ("orchestration.cli.people:person", "One person: everything that happened, in order."),
    "events": ("orchestration.cli.events:events", "Export what came back: raw events with stable ids."),
    "sender": ("orchestration.cli.services:sender", "Run the standing sender."),
    "outbox": ("orchestration.cli.services:outbox", "Run the outbox: it turns requests for mail into sends."),
    "collector": ("orchestration.cli.services:collector", "Run the collector: pixel, clicks, unsubscribes."),
    "hooks": ("orchestration.cli.hooks:hooks", "Tell other programs what happens: outgoing webhooks."),
    "mailbox": ("orchestration.cli.services:mailbox", "Read bounces and complaints from the mailbox."),
    "completion": ("orchestration.cli.completion:completion", "Print the completion script for bash, zsh or fish."),
    "proof": ("orchestration.cli.proof:proof", "Kill the sender again and again; show that the promises hold."),
    "sink": ("orchestration.cli.services:sink", "Run the embedded SMTP sink: mail handed to it goes nowhere."),
}

INTERRUPTED = "interrupted; nothing is half done. Run the same command again to go on."

# What the list of commands is ordered by; a command named nowhere stands under "Other".
PURPOSES: dict[str, tuple[str, ...]] = {
    "Getting started": ("demo", "init", "dev", "doctor", "check", "source", "segment", "refresh", "form", "key"),
    "Campaigns": ("campaign", "template", "plan", "preview", "test", "send", "mail", "pause", "resume", "cancel"),
    "When something broke": ("reconcile", "retry-failed", "dead-letters"),
    "Results": ("status", "report", "metrics", "explain", "person", "events", "dashboards"),
    "Services": ("sender", "outbox", "collector", "mailbox", "hooks", "sink", "proof"),
    "Shell": ("completion",),
}


def _be_quiet(_: click.Context, __: click.Parameter, value: bool) -> None:
    if value:
        from orchestration.cli.console import be_quiet

        be_quiet()


def _quiet_option() -> click.Option:
    text = "No progress and no notes; results and errors only."
    return click.Option(["-q", "--quiet"], is_flag=True, expose_value=False, callback=_be_quiet, help=text)


def _with_manners(command: click.Command) -> click.Command:
    """Give a command, and those below it, what every command understands."""
    if not any("--quiet" in param.opts for param in command.params):
        command.params.append(_quiet_option())
    for below in getattr(command, "commands", {}).values():
        _with_manners(below)
    return command


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the loop."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return _with_manners(command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; an unknown one is answered with the near ones of the table."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            raise click.exceptions.NoSuchCommand(error.command_name, possibilities=COMMANDS, ctx=ctx) from None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a name from the table, or an option."""
        names = [CompletionItem(name, help=row[1]) for name, row in COMMANDS.items() if name.startswith(incomplete)]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list from the table: click's own way would import every command."""
        named = {name for names in PURPOSES.values() for name in names}
        other = tuple(name for name in COMMANDS if name not in named)
        widest = max(map(len, COMMANDS))
        for purpose, names in {**PURPOSES, "Other": other}.items():
            if rows := [(name.ljust(widest), COMMANDS[name][1]) for name in names if name in COMMANDS]:
                with formatter.section(purpose):
                    formatter.write_dl(rows)


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Settings stand in mailrail.toml; MAILRAIL_HOME names the folder of all state.",
)
@click.option("-q", "--quiet", is_flag=True, expose_value=False, callback=_be_quiet, help="No progress and no notes.")
@click.version_option(package_name="mailrail", prog_name="mailrail")
@click.pass_context
def cli(context: click.Context) -> None:
    """Email marketing that lives in your data warehouse."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main() -> None:
    """Run the command line; every failure ends in one message and an exit code (CONTRACTS: 0 to 4)."""
    try:
        # Outside click's standalone mode the code of `context.exit` is returned, not raised.
        code = cli(standalone_mode=False, prog_name="mailrail")
    except click.exceptions.Abort as error:
        # Click hides the interruption in it, which may say how to go on.
        _end(str(error.__cause__ or "") or INTERRUPTED, 130)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        _end(_one_line(error), error.exit_code)
    except SystemExit:
        raise
    except BrokenPipeError:
        sys.exit(0)
    except BaseException as error:
        from orchestration.cli.console import explain_failure

        message, code = explain_failure(error)
        if message is None:
            raise
        _end(message, code)
    else:
        sys.exit(code if isinstance(code, int) else 0)


def _one_line(error: click.ClickException) -> str:
    """Say what was wrong with the words of a command, and where its help is."""
    context = getattr(error, "ctx", None)
    place = f"{context.command_path}: " if context is not None and context.parent is not None else ""
    hint = f" See: {context.command_path} --help" if context is not None else ""
    message = error.format_message()
    end = "" if message.endswith((".", "?")) else "."
    return f"{place.removeprefix('mailrail ')}{message}{end}{hint}"


def _end(message: str, code: int) -> None:
    click.echo(f"mailrail: {message}", err=True)
    sys.exit(code)
