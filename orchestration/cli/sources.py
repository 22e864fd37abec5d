"""Commands about sources.

Add a command here when it acts on one source. Reading and judging rows belong to ``assets.ingestion``, what a
person is asked to ``source_questions``.
"""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestration.cli.console import CHECK_FAILED, err, json_option, out, print_json
from orchestration.cli.progress import patience
from orchestration.settings import Settings, load_settings
from senders.errors import ConfigError, GuardError

if TYPE_CHECKING:
    from assets.ingestion.adding import Proposal
    from assets.ingestion.choices import Choices, ConsentChoice, OptOutChoice

_RULE = re.compile(r"(?s)(?P<column>.+?)(?::(?P<words>(?:granted|denied|unsubscribed)=.*))?")


@click.group()
def source() -> None:
    """Add a source from a file, load it, list what there is."""


@source.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", help="Name of the source: small letters, digits and _; the file's name by default.")
@click.option("--kind", type=click.Choice(["contacts", "orders", "products"]), help="What a row is; else recognised.")
@click.option("--yes", "-y", is_flag=True, help="Ask nothing: take what is at least 80% sure, leave out the rest.")
@click.option("--map", "mapped", multiple=True, metavar="THEIR=OUR", help="Column=field, or =ignore. May be repeated.")
@click.option(
    "--consent", metavar="COLUMN[:granted=ja;denied=nein;unsubscribed=…]", help="Column and words of consent."
)
@click.option("--opt-out", metavar="COLUMN[=ja,x]", help="Column and words of those who want no more mail.")
@click.option("--all-consented", is_flag=True, help="You decide: everybody in the file asked for your mail.")
@click.option(
    "--consent-basis", "basis", default="", metavar="TEXT", help="How these people were asked; kept as proof."
)
@click.option("--encoding", help="Such as utf-8 or cp1252; else recognised.")
@click.option("--delimiter", help="What stands between cells, such as ';' or tab; else recognised.")
@click.option("--decimal", type=click.Choice([".", ","]), help="The decimal sign; else recognised.")
@click.option(
    "--date-format", multiple=True, metavar="FORM", help="Such as %d/%m/%Y; else recognised. May be repeated."
)
@click.option("--rank", type=click.IntRange(1, 1000), help="Where sources disagree, the smaller wins; else the last.")
@click.option("--description", default="", help="What people should know about it.")
@click.option("--replace", is_flag=True, help="Write a source of that name anew.")
@json_option
def add(file: Path, name: str | None, yes: bool, replace: bool, as_json: bool, **options: Any) -> None:
    """Make a source of FILE: reads headers and values, proposes what each column is, copies the file, writes defs.yaml.

    FILE is CSV, TSV, JSON lines or Parquet. A word that is not known is never taken for consent.
    """
    from assets.ingestion.adding import propose
    from assets.ingestion.drafts import check_name, refuse_taken, suggest_name

    settings = load_settings()
    name = suggest_name(file.stem) if name is None else name
    check_name(name)
    refuse_taken(settings.project, name, replace=replace)
    choices = _read_choices(options)
    with patience(f"reading {file.name}"):
        proposal = propose(file, choices)
    if sys.stdin.isatty() and not yes:
        from orchestration.cli.source_questions import settle
        from orchestration.cli.source_views import proposal_lines

        for line in proposal_lines(proposal, with_doubtful=True):
            err.print(line, soft_wrap=True)
        proposal = settle(file, proposal)
    _refuse_doubts(proposal, takes_sure=yes)
    _finish(settings, proposal, name, options, replace=replace, as_json=as_json)


def _finish(
    settings: Settings, proposal: "Proposal", name: str, options: dict[str, Any], *, replace: bool, as_json: bool
) -> None:
    """Try the rows, write the source, and say what was made."""
    from assets.ingestion.adding import define_source
    from assets.ingestion.drafts import try_rows, write_source
    from orchestration.cli import source_views as views

    file = proposal.layout.path
    definition = define_source(
        proposal,
        name,
        rank=options["rank"] or (_next_rank(settings.project, name) if proposal.kind == "contacts" else 1),
        description=options["description"] or f"Made from {file.name}.",
        location=f"imports/{name}/{file.name}",
    )
    with patience(f"trying the rows of {file.name}"):
        trial = try_rows(definition, file)
    left_out = [item.column for item in proposal.ignored] + [g.column for g in proposal.guesses if not g.is_sure]
    notes = [f"not read, but kept with every row: {', '.join(left_out)}"] if left_out else []
    paths = write_source(definition, file, settings.project, settings.home, notes=notes, replace=replace)
    if as_json:
        print_json(views.added_json(definition, proposal, trial, paths))
        return
    for line in (*views.proposal_lines(proposal), *views.trial_lines(definition, trial, proposal.rows)):
        out.print(line, soft_wrap=True)
    out.print(f"\nwritten   {paths[0]}\n          {paths[1]}", markup=False, soft_wrap=True)
    out.print(f"next: mailrail source load {name}", markup=False)


@source.command("list")
@json_option
def list_sources(as_json: bool) -> None:
    """List the sources of the project."""
    from assets.ingestion.definitions import DefinitionError, find_definitions, load_definition
    from orchestration.cli.views import sources_table

    rows = []
    for path in find_definitions(load_settings().project / "assets" / "sources"):
        row: dict[str, Any] = {"name": path.parent.name, "kind": "", "format": "", "location": "", "problem": ""}
        try:
            definition = load_definition(path)
            row |= {name: getattr(definition, name) for name in ("kind", "format", "location")}
        except DefinitionError as error:
            row["problem"] = str(error.problems[0])
        rows.append(row)
    if as_json:
        print_json({"sources": rows})
    elif rows:
        out.print(sources_table(rows))
    else:
        out.print("no source yet. Make one from a file: [name]mailrail source add FILE --name NAME[/name]")


@source.command()
@click.argument("name")
@json_option
@click.pass_context
def load(context: click.Context, name: str, as_json: bool) -> None:
    """Load source NAME into the raw tables. Loading the same file twice changes nothing."""
    from assets.ingestion.assets import load_named
    from orchestration.cli.views import load_table
    from orchestration.resources import build_mailrail

    result = load_named(build_mailrail(load_settings()), name).as_json()
    if as_json:
        print_json(result)
    else:
        out.print(load_table([result]))
        for reason, count in result["rejects"].items():
            out.print(f"  [watch]{count:,}[/watch] {reason}")
    if result["quarantined"]:
        context.exit(CHECK_FAILED)


def _read_choices(options: dict[str, Any]) -> "Choices":
    """Return the options as choices.

    Raises:
        UsageError: one cannot be read.
    """
    from assets.ingestion.choices import Choices

    mapped = {}
    for text in options["mapped"]:
        column, sign, field = text.rpartition("=")
        if not sign or not column:
            raise click.UsageError(f"--map {text!r}: write THEIR=OUR, such as --map Kundennr=source_key")
        mapped[column] = field.strip() or "ignore"
    delimiter = {"tab": "\t", "\\t": "\t"}.get(options["delimiter"], options["delimiter"])
    if delimiter is not None and len(delimiter) != 1:
        raise click.UsageError(f"--delimiter {delimiter!r} is not one character; write ';' or tab")
    return Choices(
        kind=options["kind"],
        encoding=options["encoding"],
        delimiter=delimiter,
        decimal=options["decimal"],
        date_formats=options["date_format"],
        mapped=mapped,
        consent=_read_consent(options["consent"]),
        opt_out=_read_opt_out(options["opt_out"]),
        all_consented=options["all_consented"],
        basis=options["basis"],
    )


def _read_opt_out(text: str | None) -> "OptOutChoice | None":
    from assets.ingestion.choices import OptOutChoice

    if text is None:
        return None
    column, _, words = text.partition("=")
    return OptOutChoice(column, _words(words))


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _read_consent(text: str | None) -> "ConsentChoice | None":
    from assets.ingestion.choices import ConsentChoice

    match = _RULE.fullmatch(text or "")
    if match is None:
        return None
    words: dict[str, tuple[str, ...]] = {}
    for part in filter(None, (match["words"] or "").split(";")):
        state, sign, values = part.partition("=")
        if not sign or state.strip() not in ("granted", "denied", "unsubscribed"):
            raise click.UsageError(f"--consent: {part!r} is none of granted=…, denied=…, unsubscribed=…")
        words[state.strip()] = _words(values)
    return ConsentChoice(match["column"], words)


def _refuse_doubts(proposal: "Proposal", *, takes_sure: bool) -> None:
    """Refuse what a person must settle.

    Raises:
        GuardError: it is about who may be mailed, or how dates are read.
        ConfigError: columns are doubtful and nobody said to leave those out.
    """
    from assets.ingestion.adding import find_doubts

    doubts = find_doubts(proposal)
    if blocking := [doubt for doubt in doubts if doubt.is_blocking]:
        raise GuardError("\n  ".join(map(str, blocking)) + "\n  Nothing was written.")
    if doubts and not takes_sure:
        raise ConfigError("\n  ".join(map(str, doubts)) + "\n  Or leave these columns out: --yes")


def _next_rank(project: Path, name: str) -> int:
    """Return the rank after all other sources of contacts, so that a new one changes nobody's name."""
    from assets.ingestion.definitions import DefinitionError, find_definitions, load_definition

    ranks = [0]
    for path in find_definitions(project / "assets" / "sources"):
        try:
            definition = load_definition(path)
        except DefinitionError:
            continue
        if definition.kind == "contacts" and definition.name != name:
            ranks.append(definition.rank)
    return min(max(ranks) + 1, 1000)
