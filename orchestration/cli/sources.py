"""Commands about sources.

Add a command here when it acts on one source. Reading and judging rows belong to ``assets.ingestion``.
"""

import click

from orchestration.cli.console import CHECK_FAILED, json_option, out, print_json
from orchestration.settings import load_settings


@click.group()
def source() -> None:
    """Load a source."""


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
