"""The ``mailrail`` command: a table of commands, each imported when it runs.

Add a command to ``COMMANDS``. Nothing heavy is imported here, so that ``--help`` takes a tenth of a second.
"""

import sys
from importlib import import_module

import click

COMMANDS = {
    "demo": ("orchestration.cli.demo:demo", "The whole loop on sample data, into a sink on this machine."),
    "check": ("orchestration.cli.project:check", "Check every campaign, source and segment; list all problems."),
    "source": ("orchestration.cli.sources:source", "Load a source."),
    "refresh": ("orchestration.cli.project:refresh", "Load sources and events, rebuild and publish the marts."),
    "plan": ("orchestration.cli.campaigns:plan", "Who would get a campaign, and who not and why; sends nothing."),
    "preview": ("orchestration.cli.campaigns:preview", "Render messages of a campaign for real recipients."),
    "send": ("orchestration.cli.campaigns:send", "Send a campaign; needs the exact number of recipients."),
    "resume": ("orchestration.cli.campaigns:resume", "Go on with sends that stopped."),
    "status": ("orchestration.cli.results:status", "Where each send stands."),
    "metrics": ("orchestration.cli.results:metrics", "The marts' numbers of each send."),
    "explain": ("orchestration.cli.results:explain", "Why a person got a campaign, or did not."),
    "report": ("orchestration.cli.results:report", "The report of a send: on the terminal, and as a page."),
    "sender": ("orchestration.cli.services:sender", "Run the standing sender."),
    "collector": ("orchestration.cli.services:collector", "Run the collector: pixel, clicks, unsubscribes."),
    "mailbox": ("orchestration.cli.services:mailbox", "Read bounces and complaints from the mailbox."),
    "sink": ("orchestration.cli.services:sink", "Run the embedded SMTP sink: mail handed to it goes nowhere."),
}


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
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list from the table: click's own way would import every command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mailrail", prog_name="mailrail")
def cli() -> None:
    """Email marketing that lives in your data warehouse."""


def main() -> None:
    """Run the command line; every failure ends in one message and an exit code (CONTRACTS: 0 to 4)."""
    try:
        # Outside click's standalone mode the code of `context.exit` is returned, not raised.
        code = cli(standalone_mode=False)
    except click.exceptions.Abort:
        _end("interrupted; nothing is half done. Run the same command again to go on.", 130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
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


def _end(message: str, code: int) -> None:
    click.echo(f"mailrail: {message}", err=True)
    sys.exit(code)
