"""``mailrail doctor``: what is well with this installation, what is not, and the command that mends it.

The checks stand in ``orchestration.doctor``; here they are only shown. A row appears as soon as its check is done.
"""

from typing import Any

import click

from orchestration.cli.console import CHECK_FAILED, json_option, out, print_json


@click.command()
@json_option
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Look over this installation: settings, stores, definitions, relays, processes. Changes and sends nothing.

    Exits 1 when something is broken. Each ▲ and ✘ names the command that mends it.
    """
    from orchestration.cli.views import doctor_verdict
    from orchestration.doctor.rounds import examine

    results = []
    for result in examine():
        results.append(result)
        if not as_json:
            _show(result)
    if as_json:
        names = ("name", "state", "found", "remedy")
        print_json({"checks": [{name: getattr(result, name) for name in names} for result in results]})
    else:
        out.print(doctor_verdict(results), soft_wrap=True)
    if any(result.state == "fail" for result in results):
        context.exit(CHECK_FAILED)


def _show(result: Any) -> None:
    from orchestration.cli.views import doctor_line, doctor_remedy, doctor_row

    if out.is_terminal:
        out.print(doctor_row(result))
    else:
        out.print(doctor_line(result), soft_wrap=True)
    if result.remedy:
        out.print(doctor_remedy(result), soft_wrap=True)
