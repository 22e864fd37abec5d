"""``mailrail hooks``: outgoing webhooks, their process, how they stand, and a trial call.

Add a command here when somebody must see or decide something about them. What is told stands in
``senders.outgoing.payloads``, how in ``senders.outgoing.delivering``.
"""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from orchestration.cli.console import CHECK_FAILED, OK, json_option, log_to_stderr, out, print_json
from orchestration.cli.services import run_service
from orchestration.settings import export_environment, load_settings
from senders.clock import format_time
from senders.errors import ConfigError

if TYPE_CHECKING:
    from senders.http_config import HookConfig
    from senders.ledger.hook_calls import HookCall
    from senders.ledger.store import Ledger

_LISTED = 5


@click.group()
def hooks() -> None:
    """Outgoing webhooks: programs that are told what happens to contacts and sends."""


@hooks.command()
@click.option("--once", is_flag=True, help="Tell what is due, then end.")
def run(once: bool) -> None:
    """Run the process that tells them. It may be killed at any moment: nothing is lost, a repeat has the same id."""
    from senders.outgoing.delivering import run_hooks

    settings = load_settings()
    export_environment(settings)
    config = settings.outgoing_config()
    if not config.hooks:
        raise ConfigError("no hook is set; add [outgoing.<name>] with url, secret_file and kinds.")
    log_to_stderr("hooks", settings.log)
    run_service(run_hooks(config, once=once))


@hooks.command(name="list")
@json_option
def list_hooks(as_json: bool) -> None:
    """Show how each hook stands: what was delivered, what waits and why, what was given up."""
    from senders.ledger.store import Ledger

    settings = load_settings()
    with Ledger.open(settings.home) as ledger:
        rows = [_row(ledger, hook) for hook in settings.outgoing_config().hooks]
    if as_json:
        print_json({"hooks": rows})
        return
    for row in rows:
        last = f", last {row['delivered_at']}" if row["delivered_at"] else ""
        out.print(
            f"[name]{row['name']}[/name] {row['host']}: {row['delivered']:,} delivered{last}; {row['waiting']:,} wait; "
            f"{row['failed']:,} given up",
            soft_wrap=True,
        )
        for call in (*row["next"], *row["given_up"]):
            words = f"    {call['id']} {call['type']} after {call['tries']} tries: {call['answer']}"
            out.print(words, markup=False, soft_wrap=True)
    if not rows:
        out.print("no hook is set; add [outgoing.<name>] to mailrail.toml.", markup=False)


@hooks.command()
@click.argument("name")
@json_option
@click.pass_context
def test(context: click.Context, name: str, as_json: bool) -> None:
    """Send a trial call, of type hook.test, to NAME and say what it answers."""
    import asyncio
    import secrets
    import time

    from senders.clock import open_clock
    from senders.errors import WebError
    from senders.outgoing.payloads import TEST_TYPE, document
    from senders.web.client import WebClient
    from senders.web.signatures import signed_headers

    settings = load_settings()
    config = settings.outgoing_config()
    hook = next((hook for hook in config.hooks if hook.name == name), None)
    if hook is None:
        known = ", ".join(hook.name for hook in config.hooks) or "none"
        raise ConfigError(f"hook {name}: there is none of that name (known: {known}); add [outgoing.{name}].")
    body = document(TEST_TYPE, format_time(open_clock(settings.home).now()), {"hook": name}).encode()
    headers = signed_headers(hook.secret, f"test_{secrets.token_hex(8)}", int(time.time()), body)
    try:
        answer = asyncio.run(WebClient(config.web).post(hook.url, headers, body))
        status, words, is_good = answer.status, f"the answer was {answer.status}", answer.is_good
    except WebError as error:
        status, words, is_good = 0, str(error), False
    if as_json:
        print_json({"hook": name, "taken": is_good, "status": status, "answer": words})
    else:
        out.print(f"{name}: {words}", style="good" if is_good else "act", markup=False)
    context.exit(OK if is_good else CHECK_FAILED)


def _row(ledger: "Ledger", hook: "HookConfig") -> dict[str, Any]:
    state = ledger.hook_state(hook.name)
    return {
        "name": hook.name,
        "host": urlsplit(hook.url).hostname or "",
        "kinds": sorted(hook.kinds),
        "with_address": hook.with_address,
        "delivered": state.delivered,
        "delivered_at": format_time(state.delivered_at) if state.delivered_at else None,
        "waiting": state.waiting,
        "failed": state.failed,
        "next": [_call(call) for call in ledger.calls(hook.name, "waiting", _LISTED) if call.tries],
        "given_up": [_call(call) for call in ledger.calls(hook.name, "failed", _LISTED)],
    }


def _call(call: "HookCall") -> dict[str, Any]:
    return {"id": call.call_id, "type": call.kind, "tries": call.tries, "answer": call.answer}
