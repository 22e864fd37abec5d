"""Commands about the project as a whole: begin it, check its definitions, refresh its marts.

Add a command here when it acts on everything at once.
"""

import shlex
import shutil
import sys
from pathlib import Path

import click
from rich.markup import escape

from orchestration.cli.console import CHECK_FAILED, err, json_option, out, print_json
from orchestration.settings import load_settings


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--name", help="Whose project it is, as readers see it; the folder's name by default.")
@click.option("--from-address", help="The address that mail comes from, such as hello@news.company.com.")
@json_option
def init(folder: Path, name: str | None, from_address: str | None, as_json: bool) -> None:
    """Make a project in DIR that works at once: settings, templates, dbt project. Overwrites nothing."""
    from orchestration.scaffold.projects import Company, write_project

    company = Company.of(folder.resolve().name if name is None else name, from_address)
    made = write_project(folder, company)
    program = "mailrail" if shutil.which("mailrail") else str(Path(sys.argv[0]).resolve())
    if as_json:
        steps = [f"{program} source add contacts.csv --name contacts", f"{program} refresh"]
        print_json(
            {"project": str(folder.resolve()), "name": company.name, "made": list(map(str, made)), "next": steps}
        )
        return
    for path in (path for path in made if path.parent == folder or "dbt_project" not in path.parts):
        out.print(str(path), style="name", markup=False, soft_wrap=True)
    count = sum("dbt_project" in path.relative_to(folder).parts for path in made)
    out.print(f"[name]{escape(str(folder / 'dbt_project'))}[/name] ({count} files)")
    out.print(
        f"\nnext: cd {escape(shlex.quote(str(folder)))} && {escape(shlex.quote(program))} source add FILE --name NAME",
        soft_wrap=True,
    )


@click.command()
@json_option
@click.pass_context
def check(context: click.Context, as_json: bool) -> None:
    """Check every campaign, source and segment; list all problems. Exits 1 when one is an error."""
    from orchestration.checking import check_project
    from orchestration.cli.views import problems_table

    problems, loaded = check_project(load_settings())
    if as_json:
        names = ("path", "line", "id", "severity", "message", "remedy")
        print_json({"problems": [{name: getattr(p, name) for name in names} for p in problems], "loaded": loaded})
    else:
        if problems:
            out.print(problems_table(problems))
        out.print("  ".join(f"{count} {kind}" for kind, count in loaded.items()) + " loaded")
    if any(problem.severity == "error" for problem in problems):
        context.exit(CHECK_FAILED)


@click.command()
@json_option
def refresh(as_json: bool) -> None:
    """Load every source and what came back, rebuild the marts, publish them."""
    from assets.warehouse.published import current
    from orchestration.runs import open_runner

    settings = load_settings()
    with err.status("refreshing the marts ..."), open_runner(settings) as runner:
        runner.run("refresh_marts")
    copy = current(settings.home / "published")
    version = copy.version if copy else ""
    if as_json:
        print_json({"published_version": version})
    else:
        out.print(f"published [name]{version}[/name]")
