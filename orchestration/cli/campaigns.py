"""Commands that plan and send a campaign: plan, send.

Add a command here when it acts on a campaign. Counting, freezing and sending belong to the packages below.
"""

import getpass
from typing import Any

import click

from orchestration.cli.completion import complete_campaigns
from orchestration.cli.console import err, json_option, out, print_json
from orchestration.cli.sends import end_with
from orchestration.settings import Settings, load_settings
from senders.errors import GuardError


@click.command()
@click.argument("campaign", shell_complete=complete_campaigns)
@json_option
def plan(campaign: str, as_json: bool) -> None:
    """Count who would get CAMPAIGN now, and who not and why. Sends nothing, writes nothing."""
    from orchestration.cli.views import plan_tree

    settings = load_settings()
    found = _plan(settings, campaign)
    if as_json:
        print_json(found.as_json())
        return
    out.print(plan_tree(found, _about(settings, campaign)))
    command = f"[name]mailrail send {campaign} --confirm {found.recipients}[/name]"
    out.print(f"Nothing was sent. {command} sends it.", soft_wrap=True)


@click.command()
@click.argument("campaign", shell_complete=complete_campaigns)
@click.option("--confirm", type=int, help="The exact number of recipients; nothing leaves without it.")
@click.option("--again", is_flag=True, help="Allow a second send of this campaign within a day.")
@json_option
@click.pass_context
def send(context: click.Context, campaign: str, confirm: int | None, again: bool, as_json: bool) -> None:
    """Send CAMPAIGN now. Freezes the audience, renders every message, then offers each to the relay once.

    Needs --confirm N with the number that `mailrail plan` counts. Ctrl-C stops safely; `mailrail resume` goes on.
    """
    from orchestration.cli.views import plan_tree

    settings = load_settings()
    found = _plan(settings, campaign)
    if confirm != found.recipients:
        if confirm is not None:
            from orchestration.sending import require_new

            # A command started twice counts fewer the second time, as some have bounced: name the true reason.
            require_new(settings, campaign, again)
        err.print(plan_tree(found, _about(settings, campaign)))
        said = "without --confirm" if confirm is None else f"with --confirm {confirm}"
        raise GuardError(
            f"nothing was sent: {said}, but the audience has {found.recipients} recipients; "
            f"run: mailrail send {campaign} --confirm {found.recipients}"
        )
    from orchestration.sending import send_now

    row = send_now(settings, campaign, confirm=confirm, approved_by=getpass.getuser(), again=again, show=not as_json)
    if as_json:
        print_json(row)
    end_with(context, [row], as_json)


def _plan(settings: Settings, campaign: str) -> Any:
    from assets.audiences.plan import plan_campaign
    from orchestration.resources import build_mailrail

    return plan_campaign(build_mailrail(settings), campaign)


def _about(settings: Settings, campaign: str) -> Any:
    """Return what a person wants to see beside the count: sender, schedule, approval, problems."""
    from orchestration.briefing import brief_campaign

    return brief_campaign(settings, campaign)
