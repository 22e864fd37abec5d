"""Commands of people who write mails: make a campaign from a starter, check templates.

Add a command here when it acts on a campaign's files. What a starter holds belongs to ``assets.starters``, what can be
wrong with a template to ``senders.rendering``.
"""

import sys
from collections.abc import Collection
from pathlib import Path

import click

from orchestration.cli.completion import complete_segments
from orchestration.cli.console import CHECK_FAILED, json_option, out, print_json
from orchestration.settings import Settings, load_settings
from senders.config import MARKETING
from senders.errors import ConfigError


@click.group()
def campaign() -> None:
    """Make a campaign."""


@campaign.command()
@click.argument("name")
@click.option("--starter", default="newsletter", show_default=True, help="newsletter, promotion, or plain (a letter).")
@click.option("--title", default="", help="What people call it; made from the name by default.")
@click.option("--topic", default="", help="What people can unsubscribe from; the starter's by default.")
@click.option("--sender", default="", help="A [senders.<name>] of mailrail.toml; the only one by default.")
@click.option(
    "--segment",
    default="seg_all_contacts",
    show_default=True,
    shell_complete=complete_segments,
    help="Who gets it: a segment of the dbt project.",
)
@json_option
def new(name: str, starter: str, title: str, topic: str, sender: str, segment: str, as_json: bool) -> None:
    """Make the campaign NAME: its definition, a template and a subject, ready to change. Overwrites nothing."""
    from assets.starters.campaigns import NewCampaign, check_name, write_campaign

    settings = load_settings()
    check_name(name)
    _require_segment(settings.project, segment)
    made = NewCampaign(
        name=name, sender=_choose_sender(settings, sender), starter=starter, title=title, topic=topic, segment=segment
    )
    folder = settings.project / "assets" / "campaigns" / name
    paths = write_campaign(folder, made)
    steps = [
        f"mailrail preview {name} --open",
        f"mailrail template check {name}",
        f"mailrail plan {name}",
        f"mailrail test {name} --to ADDRESS",
    ]
    if as_json:
        print_json({"campaign": name, "starter": starter, "paths": list(map(str, paths)), "next": steps})
        return
    for path in paths:
        out.print(_short(path), style="name", markup=False, soft_wrap=True)
    out.print("\nChange the words, then:")
    for step in steps:
        out.print(f"  {step}", markup=False)


@click.group()
def template() -> None:
    """Check templates."""


@template.command()
@click.argument("names", nargs=-1, metavar="[FILE|CAMPAIGN]...")
@json_option
@click.pass_context
def check(context: click.Context, names: tuple[str, ...], as_json: bool) -> None:
    """Check templates and subjects, and render each mail for made-up contacts; all campaigns where none is named.

    A FILE is a template.mjml, a subject.txt.j2, a folder, or a shared partial, which is checked through the campaigns
    that include it. Exits 1 when a problem is an error.
    """
    from assets.audiences.template_checks import check_templates
    from orchestration.cli.mail_views import checked_lines

    found = check_templates(load_settings().project, names)
    if as_json:
        print_json(found.as_json())
    else:
        for line in checked_lines(found):
            out.print(line, soft_wrap=True)
    if found.count("error"):
        context.exit(CHECK_FAILED)


def _choose_sender(settings: Settings, given: str) -> str:
    from assets.audiences.suggestions import suggest

    known = sorted(name for name, profile in settings.senders.items() if profile.stream == MARKETING)
    if not known:
        raise ConfigError("mailrail.toml has no sender profile; add [senders.<name>], see the table in the README.")
    if given and given not in known:
        raise ConfigError(f"--sender: {given!r} is not in mailrail.toml. {suggest(given, known)}")
    if given or len(known) == 1:
        return given or known[0]
    if not sys.stdin.isatty():
        raise ConfigError(f"mailrail.toml has several sender profiles ({', '.join(known)}); choose one with --sender.")
    chosen: str = click.prompt("Who writes?", type=click.Choice(known), err=True)
    return chosen


def _require_segment(project: Path, name: str) -> None:
    from assets.audiences.suggestions import suggest

    known: Collection[str] = {path.stem for path in (project / "dbt_project" / "models").rglob("seg_*.sql")}
    if name not in known:
        raise ConfigError(
            f"--segment: there is no segment {name!r} in {project / 'dbt_project'}. {suggest(name, known)} "
            "Make one with: mailrail segment new NAME"
        )


def _short(path: Path) -> str:
    """Return a path as one types it from here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
