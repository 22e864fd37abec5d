"""Commands that plan and send a campaign: plan, preview, send, resume.

Add a command here when it acts on a campaign. Counting, freezing and sending belong to the packages below.
"""

import getpass
from pathlib import Path
from typing import Any

import click

from orchestration.cli.console import PARTLY, REFUSED, err, json_option, out, print_json
from orchestration.settings import load_settings
from senders.errors import GuardError


@click.command()
@click.argument("campaign")
@json_option
def plan(campaign: str, as_json: bool) -> None:
    """Count who would get CAMPAIGN now, and who not and why. Sends nothing, writes nothing."""
    from orchestration.cli.views import plan_tree

    found = _plan(campaign)
    if as_json:
        print_json(found.as_json())
        return
    out.print(plan_tree(found))
    out.print(f"Nothing was sent. [mute]mailrail send {campaign} --confirm {found.recipients}[/mute] sends it.")


@click.command()
@click.argument("campaign")
@click.option("--limit", default=5, show_default=True, help="How many recipients.")
@click.option("--address", help="One recipient, by address.")
@click.option("--write", type=click.Path(path_type=Path), help="Folder for HTML, text and whole messages.")
@json_option
def preview(campaign: str, limit: int, address: str | None, write: Path | None, as_json: bool) -> None:
    """Render CAMPAIGN for real recipients, with the code that sends it. Sends nothing."""
    from assets.deliveries.previewing import preview_campaign
    from orchestration.cli.views import preview_table
    from orchestration.resources import build_mailrail

    mailrail = build_mailrail(load_settings())
    shown = preview_campaign(mailrail, campaign, limit=limit, address=address, write=write)
    if as_json:
        print_json({"campaign": campaign, "messages": [item.as_json() for item in shown]})
    else:
        out.print(preview_table(shown))
        if write:
            out.print(f"written to [name]{write}[/name]")


@click.command()
@click.argument("campaign")
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
    found = _plan(campaign)
    if confirm != found.recipients:
        if confirm is not None:
            from orchestration.sending import require_new

            # A command started twice counts fewer the second time, as some have bounced: name the true reason.
            require_new(settings, campaign, again)
        err.print(plan_tree(found))
        said = "without --confirm" if confirm is None else f"with --confirm {confirm}"
        err.print(
            f"mailrail: nothing was sent: {said}, but the audience has {found.recipients} recipients; "
            f"run: mailrail send {campaign} --confirm {found.recipients}",
            soft_wrap=True,
        )
        context.exit(REFUSED)
    from orchestration.sending import send_now

    row = send_now(settings, campaign, confirm=confirm, approved_by=getpass.getuser(), again=again, show=not as_json)
    _finish(context, row, as_json)


@click.command()
@click.argument("send_id", required=False)
@json_option
@click.pass_context
def resume(context: click.Context, send_id: str | None, as_json: bool) -> None:
    """Go on with SEND_ID, or with every send that has messages left. Nobody gets a message twice."""
    from orchestration.sending import resume_sends

    rows = resume_sends(load_settings(), send_id, show=not as_json)
    if as_json:
        print_json({"sends": rows})
    elif not rows:
        err.print("nothing to resume: every send is finished.")
    for row in rows:
        _finish(context, row, as_json, quiet=as_json)


def _plan(campaign: str) -> Any:
    from assets.audiences.plan import plan_campaign
    from orchestration.resources import build_mailrail

    return plan_campaign(build_mailrail(load_settings()), campaign)


def _finish(context: click.Context, row: dict[str, Any], as_json: bool, *, quiet: bool = False) -> None:
    from orchestration.cli.views import proof_table

    if as_json and not quiet:
        print_json(row)
    elif not as_json:
        out.print(proof_table(row))
    if row["state"] not in {"finished", "running"}:
        raise GuardError(f"{row['send_id']} is {row['state']}: {row.get('reason') or 'by a person'}")
    if row["queued"] or row["offered"] or row["deferred"]:
        context.exit(PARTLY)
