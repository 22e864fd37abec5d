"""Commands about the project as a whole: check its definitions, refresh its marts.

Add a command here when it acts on everything at once.
"""

import click

from orchestration.cli.console import CHECK_FAILED, err, json_option, out, print_json
from orchestration.settings import load_settings


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
