"""How plans, proofs and answers look on the terminal.

One function a view: plain values in, a rich renderable out. Add a view here; numbers and reasons come from
the packages below. Addresses are masked by those who hand them in.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

_STATES = ("queued", "offered", "deferred", "accepted", "refused", "suppressed", "expired", "cancelled", "in_doubt")
_FINAL = _STATES[3:]


def plan_tree(plan: Any) -> Tree:
    """Return who would get a campaign as a tree, with everybody left out by reason."""
    tree = Tree(f"[bold]{plan.campaign}[/bold]")
    branch = tree.add(f"included  [name]{', '.join(plan.segments)}[/name]  {plan.included:,}")
    for reason, count in sorted(plan.excluded.items(), key=lambda item: -item[1]):
        branch.add(f"[act]− {count:>7,}[/act]  {reason.replace('_', ' ')}")
    branch.add(f"[good]= {plan.recipients:>7,}[/good]  recipients")
    return tree


def preview_table(shown: Sequence[Any]) -> Table:
    """Return rendered messages as a table."""
    table = _table("contact", "subject", "links", "KB")
    for item in shown:
        table.add_row(item.masked, Text(item.subject), str(item.links), f"{item.bytes / 1024:.1f}")
    return table


def status_table(rows: Sequence[dict[str, Any]]) -> Table:
    """Return sends and their states."""
    table = _table("send", "state", "audience", *(state.replace("_", " ") for state in _STATES))
    for row in rows:
        table.add_row(
            Text(row["send_id"]), row["state"], f"{row['audience']:,}", *(f"{row[state]:,}" for state in _STATES)
        )
    return table


def proof_table(row: dict[str, Any]) -> Table:
    """Return the proof sheet of a send: its final states add up to the audience, or it says what is open."""
    table = Table(
        title=Text(f"proof sheet · {row['send_id']}"), title_justify="left", box=None, min_width=56, header_style="mute"
    )
    table.add_column("")
    table.add_column("messages", justify="right")
    table.add_row("audience", f"[bold]{row['audience']:,}[/bold]")
    for state in _FINAL:
        table.add_row(f"  {state.replace('_', ' ')}", f"{row[state]:,}")
    total = sum(row[state] for state in _FINAL)
    waiting = row["audience"] - total
    verdict = "[good]adds up[/good]" if not waiting else f"[watch]{waiting:,} still open[/watch]"
    table.add_row("  sum", f"{total:,}  {verdict}")
    return table


def metrics_table(rows: Sequence[dict[str, Any]]) -> Table:
    """Return the marts' numbers, one column a send."""
    table = _table("", *(row["send_id"] for row in rows))
    for name in rows[0] if rows else ():
        if name != "send_id":
            table.add_row(name.replace("_", " "), *(Text(_figure(row[name])) for row in rows))
    return table


def explain_panels(answer: dict[str, Any]) -> Iterator[Panel]:
    """Return one panel a person: outcome, reason, and the facts behind it."""
    for person in answer["people"]:
        facts = Table.grid(padding=(0, 2))
        for name in ("outcome", "reason", "consent", "suppression", "cap", "variant", "message_id", "reply"):
            if person.get(name):
                facts.add_row(f"[mute]{name.replace('_', ' ')}[/mute]", Text(_words(person[name])))
        for segment in person["segments"]:
            facts.add_row("[mute]segment[/mute]", f"{'✔' if segment['member'] else '✘'} {segment['name']}")
        for event in person["events"]:
            facts.add_row("[mute]event[/mute]", Text(_words(event)))
        yield Panel(facts, title=Text(person["address"]), title_align="left", border_style="mute")


def problems_table(problems: Sequence[Any]) -> Table:
    """Return findings in users' files, one row each."""
    table = _table("", "file", "problem", "remedy")
    for problem in problems:
        mark = "[act]✘[/act]" if problem.severity == "error" else "[watch]▲[/watch]"
        place = f"{problem.path}:{problem.line}" if problem.line else problem.path
        table.add_row(mark, Text(place), Text(f"{problem.message} [{problem.id}]"), Text(problem.remedy))
    return table


def load_table(rows: Sequence[dict[str, Any]]) -> Table:
    """Return the counts of source loads."""
    names = ("rows", "created", "updated", "unchanged", "duplicates", "rejected")
    table = _table("source", *names)
    for row in rows:
        table.add_row(row["name"], *(f"{row[name]:,}" for name in names))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="mute", pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(
            column, justify="left" if number == 0 or column in {"subject", "state", "problem"} else "right"
        )
    return table


def _figure(value: Any) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{name} {item}" for name, item in value.items() if item not in (None, ""))
    return str(value)
