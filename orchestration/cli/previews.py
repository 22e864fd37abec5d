"""Commands that show a campaign's mails before anybody gets them: preview, test.

Add a command here when it renders mails without a send. Rendering and handing over belong to the packages below.
"""

from pathlib import Path

import click

from orchestration.cli.completion import complete_campaigns
from orchestration.cli.console import PARTLY, err, json_option, out, print_json
from orchestration.settings import has_display, load_settings


@click.command()
@click.argument("campaign", shell_complete=complete_campaigns)
@click.option("--limit", default=5, show_default=True, help="How many recipients.")
@click.option("--address", help="One recipient, by address.")
@click.option("--samples", is_flag=True, help="Made-up contacts: long names, no name, other scripts.")
@click.option("--open", "as_page", is_flag=True, help="Write a page with desktop, phone, dark mode and text; open it.")
@click.option("--browser/--no-browser", default=True, help="Whether --open opens the page in a browser.")
@click.option("--write", type=click.Path(path_type=Path), help="Folder for HTML, text and whole messages.")
@json_option
def preview(
    campaign: str,
    limit: int,
    address: str | None,
    samples: bool,
    as_page: bool,
    browser: bool,
    write: Path | None,
    as_json: bool,
) -> None:
    """Render CAMPAIGN for real recipients, with the code that sends it. Sends nothing.

    Where there are none yet it is rendered for made-up contacts, so that a new campaign can be seen at once. CAMPAIGN
    may be a transactional template, too: it is shown in each of its languages, with the examples of its defs.yaml.
    """
    from assets.deliveries.preview_page import write_preview
    from assets.deliveries.previewing import preview_campaign
    from assets.outbox.definition import letter_folder
    from assets.outbox.previewing import preview_letter
    from orchestration.cli.mail_views import preview_table
    from orchestration.resources import build_mailrail

    settings = load_settings()
    mailrail, letter = build_mailrail(settings), letter_folder(settings.project, campaign)
    shown = (
        preview_letter(mailrail, letter, write)
        if letter
        else preview_campaign(mailrail, campaign, limit=limit, address=address, samples=samples, write=write)
    )
    page = write_preview(shown, settings.home / "previews") if as_page else None
    if as_json:
        print_json(shown.as_json() | ({"page": str(page)} if page else {}))
    else:
        out.print(preview_table(shown.messages, is_sample=shown.is_sample))
        if shown.is_sample:
            out.print(f"\nThese are sample contacts, nobody real. {shown.note}", style="watch", markup=False)
        if write:
            out.print(f"\nwritten to {write}", markup=False, soft_wrap=True)
        if page:
            out.print(f"\npage: {page}", markup=False, soft_wrap=True)
    if page and browser and not as_json and out.is_terminal and has_display():
        _open(page)


@click.command()
@click.argument("campaign", shell_complete=complete_campaigns)
@click.option("--to", multiple=True, metavar="ADDRESS", help="Who gets it, instead of the seed list. May be repeated.")
@click.option("--like", metavar="ADDRESS", help="A recipient whose fields the mail carries; made-up ones without it.")
@json_option
@click.pass_context
def test(context: click.Context, campaign: str, to: tuple[str, ...], like: str | None, as_json: bool) -> None:
    """Send a test mail of CAMPAIGN to your seed list, through its relay, marked “[Test]”.

    It carries a made-up contact's fields unless --like names a real one. Its links are good for nothing, and no send
    is opened.
    """
    from orchestration.cli.mail_views import answers_table
    from orchestration.seeds import send_test

    done = send_test(load_settings(), campaign, to=to, like=like)
    if as_json:
        print_json(done.as_json())
    else:
        out.print(answers_table(done))
        whose = (
            f"the fields of {done.like}" if done.like else "the fields of a sample contact (--like takes a real one)"
        )
        out.print(f"\n“{done.subject}” through {done.relay}, with {whose}.", markup=False, soft_wrap=True)
    if not done.is_complete:
        context.exit(PARTLY)


def _open(page: Path) -> None:
    import webbrowser

    if not webbrowser.open(page.as_uri()):
        err.print("no browser could be opened; open the page yourself.")
