"""``mailrail demo``: the whole loop on sample data.

The demo itself stands in ``orchestration.demo``; here it is only started and its end shown.
"""

from pathlib import Path
from typing import Any

import click

from orchestration.cli.console import CHECK_FAILED, err, json_option, out, print_json
from orchestration.settings import load_settings
from senders.errors import ConfigError


@click.command()
@json_option
@click.pass_context
def demo(context: click.Context, as_json: bool) -> None:
    """Run the whole loop twice on a generated shop, over real SMTP into a sink on this machine.

    State lives in MAILRAIL_HOME (.mailrail by default), which is emptied first if a demo made it.
    """
    from orchestration.cli.views import metrics_table, proof_table
    from orchestration.demo.run import run_demo

    settings = load_settings()
    if "sink" not in settings.relays or not settings.relay_configs()["sink"].is_loopback:
        raise ConfigError("demo: mailrail.toml needs the relay [relays.sink] on 127.0.0.1; the demo mails nobody else.")
    result = run_demo(settings)
    rows = _metrics(settings.home)
    if as_json:
        print_json({"sends": result.sends, "metrics": rows, "reports": [str(path) for path in result.reports]})
    else:
        for row in result.sends:
            out.print()
            out.print(proof_table(row))
        out.print()
        out.print(metrics_table(rows))
        err.print(f"[good]done[/good] in {result.seconds:.0f} s")
        for path in result.reports:
            out.print(f"report: {path}", soft_wrap=True)
    final = ("accepted", "refused", "suppressed", "expired", "cancelled", "in_doubt")
    if any(row["audience"] != sum(row[state] for state in final) for row in result.sends):
        context.exit(CHECK_FAILED)


def _metrics(home: Path) -> list[dict[str, Any]]:
    from assets.warehouse.published import connect_published
    from dashboards.reader import read_metrics

    with connect_published(home / "published") as connection:
        return read_metrics(connection, None)
