"""Checks of what is exchanged with other programs: reports that nobody understood, and programs that take nothing.

Add a check here when a provider or a program may fail without anybody noticing. Nothing is called.
"""

from orchestration.doctor.finding import Case, Finding, age, ok, plural, warn

_TRIES_OF_A_PASSING_TROUBLE = 3


def check_dead_letters(case: Case) -> Finding:
    """What came in and could not be understood; it waits for a person."""
    with case.ledger() as ledger:
        waiting, oldest = ledger.waiting_letters() if ledger else (0, None)
    if not waiting or oldest is None:
        return ok("none waits")
    since = age((case.now - oldest).total_seconds())
    found = f"{plural(waiting, 'letter')} could not be understood, the oldest {since} old"
    return warn(found, "mailrail dead-letters list")


def check_hooks(case: Case) -> Finding:
    """Whether the programs that are told what happens take it."""
    hooks = case.settings.outgoing_config().hooks
    if not hooks:
        return ok("none is set")
    with case.ledger() as ledger:
        states = {hook.name: ledger.hook_state(hook.name) for hook in hooks} if ledger else {}
        failing = {name: ledger.calls(name, "waiting", 1) for name in states} if ledger else {}
    found = " · ".join(f"{name} {state.delivered:,} told, {state.waiting:,} wait" for name, state in states.items())
    if given_up := [name for name, state in states.items() if state.failed]:
        return warn(f"{found} · {given_up[0]}: {states[given_up[0]].failed:,} given up", "mailrail hooks list")
    if late := [name for name, calls in failing.items() if calls and calls[0].tries > _TRIES_OF_A_PASSING_TROUBLE]:
        return warn(f"{found} · {late[0]}: {failing[late[0]][0].answer}", f"mailrail hooks test {late[0]}")
    return ok(found or "nothing told yet")
