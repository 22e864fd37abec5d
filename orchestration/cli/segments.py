"""Commands about segments: begin one, list what there is.

Add a command here when it acts on segments. What a segment may be belongs to ``dbt_project``, what is checked to
``assets.warehouse``.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestration.cli.console import json_option, out, print_json
from orchestration.cli.progress import patience
from orchestration.settings import Settings, export_environment, load_settings
from senders.errors import ConfigError

if TYPE_CHECKING:
    from assets.warehouse.segment_drafts import Size


@click.group()
def segment() -> None:
    """Begin a segment, list the segments and their sizes."""


@segment.command()
@click.argument("name")
@click.option("--from", "base", default="all", show_default=True, help="Begin from: all, new, or a segment's name.")
@click.option("--where", default="", metavar="CONDITION", help="Narrow it, such as \"country = 'DE' and orders > 0\".")
@click.option("--sql", "sql_file", type=click.File(encoding="utf-8"), help="Take the SQL from a file, or - for input.")
@click.option("--description", default="", help="What it means, for everybody who picks it for a campaign.")
@json_option
def new(name: str, base: str, where: str, sql_file: click.File | None, description: str, as_json: bool) -> None:
    """Write the SQL and the contract of segment NAME, checked; says how many contacts it has now."""
    from assets.warehouse import dbt
    from assets.warehouse import segment_drafts as drafts

    settings = load_settings()
    export_environment(settings)
    full = drafts.full_name(name)
    source = settings.project / "dbt_project"
    drafts.refuse_taken(source, full)
    if sql_file is not None and (where or base != "all"):
        raise click.UsageError("--sql is the whole segment; leave out --from and --where")
    with patience("checking the segment"):
        began = datetime.now(UTC)
        known = dbt.prepare(source, settings.home).segments()
        if sql_file is None:
            begun_from = drafts.find_base(base, known)
            sql = drafts.segment_sql(begun_from, where)
            description = description or drafts.describe(begun_from, where)
        else:
            sql = sql_file.read().strip() + "\n"  # type: ignore[attr-defined]
            description = description or f"One row per contact, as {full}.sql says."
        texts = (sql, drafts.segment_contract(full, description))
        problems, compiled = drafts.try_segment(source, settings.home, full, texts)
        if problems:
            shown = getattr(sql_file, "name", "where")
            raise ConfigError("\n  ".join(_say(problem, shown) for problem in problems) + "\n  Nothing was written.")
        size = _measure(settings, compiled, began)
    paths = drafts.write_segment(source, full, texts)
    _show(full, description, paths, size, as_json=as_json)


@segment.command("list")
@json_option
def list_segments(as_json: bool) -> None:
    """List the segments: how many contacts each had at the last refresh, and what it means."""
    from assets.warehouse import dbt
    from assets.warehouse.segment_drafts import count_segments
    from orchestration.cli.views import segments_table

    settings = load_settings()
    export_environment(settings)
    with patience("reading the dbt project"):
        project = dbt.prepare(settings.project / "dbt_project", settings.home)
    counts = count_segments(settings.home / "published")
    rows = [
        {"name": name, "contacts": counts.get(name), "description": description}
        for name, description in sorted(project.segments().items())
    ]
    if as_json:
        print_json({"segments": rows})
    else:
        out.print(segments_table(rows))


def _measure(settings: Settings, sql: str, began: datetime) -> "Size | None":
    from assets.warehouse.segment_drafts import measure_segment
    from senders.clock import open_clock

    return measure_segment(settings.home / "published", sql, open_clock(settings.home), compiled_after=began)


def _say(problem: object, shown: str) -> str:
    line, column = getattr(problem, "line", 0), getattr(problem, "column", 0)
    place = f"line {line}" + (f", column {column}" if column else "") if line else "the SQL"
    name = "" if shown == "where" else f"{shown}, "
    return f"{name}{place}: {getattr(problem, 'message', '')} {getattr(problem, 'remedy', '')}"


def _show(name: str, description: str, paths: tuple[Path, Path], size: "Size | None", *, as_json: bool) -> None:
    if as_json:
        found = {"contacts": size.contacts if size else None, "as_of_version": size.version if size else None}
        print_json({"name": name, "description": description, "paths": list(map(str, paths)), **found})
        return
    for path in paths:
        out.print(str(path), style="name", markup=False, soft_wrap=True)
    if size is None:
        out.print("size: known after the next refresh")
    else:
        out.print(f"size: [good]{size.contacts:,}[/good] contacts, by the copy published as {size.version}")
        if size.rows > size.contacts:
            out.print(f"[act]{size.rows - size.contacts:,} rows are repeated: write select distinct contact_id[/act]")
    out.print("next: mailrail refresh")
