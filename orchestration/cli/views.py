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

from dashboards.glossary import REASONS, term
from senders.tracking.addresses import mask_address

_STATES = ("queued", "offered", "deferred", "accepted", "refused", "suppressed", "expired", "cancelled", "in_doubt")
_WAITING, _FINAL = _STATES[:3], _STATES[3:]
_ALWAYS = frozenset({"accepted", "refused"})
_SEND_STYLES = {"running": "name", "finished": "good", "paused": "watch", "cancelled": "act"}
_MOST_PROBLEMS = 6
_WIDE = 118


def plan_tree(plan: Any, about: Any = None) -> Tree:
    """Return who would get a campaign as a tree: everybody left out by reason, then how and when it would go out.

    ``about`` is what is known beside the count, a ``Briefing``.
    """
    head = f"  {about.title} · {about.topic}" if about else ""
    tree = Tree(Text.assemble((plan.campaign, "bold"), (head, "mute")), guide_style="mute")
    branch = tree.add(_labelled("audience", (", ".join(plan.segments), "name"), f"  {plan.included:,}"))
    for reason, count in sorted(plan.excluded.items(), key=lambda item: -item[1]):
        words = term(REASONS, reason)
        branch.add(
            Text.assemble((f"− {count:>9,}", "act"), f"  {words.name.lower()}", (f"  ({words.meaning})", "mute"))
        )
    share = f"  ({plan.recipients / plan.included:.1%} of the audience)" if plan.included else ""
    branch.add(Text.assemble((f"= {plan.recipients:>9,}", "bold green"), "  recipients", (share, "mute")))
    branch.add(Text.assemble(f"  {plan.tracked:>9,}", "  of them tracked", ("  (opens and clicks)", "mute")))
    if about:
        tree.add(_labelled("sender", about.sender, (f"  {about.relay}", "mute")))
        tree.add(_labelled("schedule", about.schedule, (f"  approval {about.approval}", "mute")))
        tree.add(_labelled("limits", (about.limits, "mute")))
        _add_checks(tree, about.problems)
    return tree


def _labelled(label: str, *parts: Any) -> Text:
    return Text.assemble(f"{label:<10}", *parts)


def _add_checks(tree: Tree, problems: Sequence[Any]) -> None:
    errors = sum(problem.severity == "error" for problem in problems)
    warnings = len(problems) - errors
    if not problems:
        tree.add(_labelled("checks", ("no problem", "good")))
        return
    said = [(f"{_counted(errors, 'error')}  ", "act")] * bool(errors)
    said += [(_counted(warnings, "warning"), "watch")] * bool(warnings)
    branch = tree.add(_labelled("checks", *said))
    for problem in problems[:_MOST_PROBLEMS]:
        mark = ("✘ ", "act") if problem.severity == "error" else ("▲ ", "watch")
        place = f"{problem.path}:{problem.line}" if problem.line else problem.path
        branch.add(Text.assemble(mark, place, f"  {problem.message}", (f"  {problem.id}", "mute")))
    if len(problems) > _MOST_PROBLEMS:
        branch.add(Text(f"and {len(problems) - _MOST_PROBLEMS} more: mailrail check", style="mute"))


def status_table(rows: Sequence[dict[str, Any]], *, width: int = _WIDE) -> Table:
    """Return sends and how far each is; of the rarer states only those that occur are shown.

    On a narrow terminal the counts stand as words in one column, and the bar is left out.
    """
    shown = [state for state in _STATES if state in _ALWAYS or any(row[state] for row in rows)]
    is_wide = width >= _WIDE
    counts = [state.replace("_", " ") for state in shown] if is_wide else ["messages"]
    table = _table("send", "state", *(["settled"] if is_wide else []), "", "audience", *counts)
    for column in table.columns[: 5 if is_wide else 4]:
        column.no_wrap = True
    for row in rows:
        settled = sum(row[state] for state in _FINAL)
        style = _SEND_STYLES.get(row["state"], "mute")
        bar = [_bar(settled, row["audience"], "mute" if row["state"] == "cancelled" else style)] if is_wide else []
        table.add_row(
            Text(row["send_id"]),
            Text(row["state"], style=style),
            *bar,
            Text(f"{settled * 100 // row['audience'] if row['audience'] else 100} %"),
            Text(f"{row['audience']:,}", style="bold"),
            *(_count_cells(row, shown) if is_wide else [_count_words(row, shown)]),
        )
    return table


def _count_cells(row: dict[str, Any], states: Sequence[str]) -> list[Text]:
    return [Text(f"{row[state]:,}", style="" if row[state] else "mute") for state in states]


def _count_words(row: dict[str, Any], states: Sequence[str]) -> Text:
    return Text("\n".join(f"{row[state]:,} {state.replace('_', ' ')}" for state in states if row[state]))


def status_notes(rows: Sequence[dict[str, Any]], *, is_sending: bool) -> Iterator[Text]:
    """Yield a line for each send that a person should look at, with the command to do so."""
    for row in rows:
        identity = row["send_id"]
        if row["rehearsal"]:
            yield Text(f"{identity} is a rehearsal: its relay mails nobody, and it counts for nothing", style="mute")
        if row["state"] == "paused":
            why = f"▲ {identity} is paused: {row['reason'] or 'by a person'}   → "
            yield Text.assemble((why, "watch"), (f"mailrail resume {identity}", "name"))
        elif row["state"] == "running" and (row["queued"] or row["offered"]) and not is_sending:
            why = f"✘ {identity} waits and no sender is running   → "
            yield Text.assemble((why, "act"), (f"mailrail resume {identity}", "name"))


def mail_lines(rows: Sequence[dict[str, Any]]) -> Iterator[Text]:
    """Yield what became of transactional mail, a line for each template and day."""
    if rows:
        yield Text("\ntransactional, by template and day", style="mute")
    for row in rows:
        said = " · ".join(f"{row[state]:,} {state.replace('_', ' ')}" for state in _STATES if row[state])
        name = (f"{row['template']:<24}", "name")
        yield Text.assemble(name, f" {row['day']}  {row['messages']:>7,}  ", (said, "mute"))


def _bar(part: int, whole: int, style: str, width: int = 24) -> Text:
    filled = width if not whole else part * width // whole
    return Text.assemble(("━" * filled, style), ("─" * (width - filled), "mute"))


def proof_table(row: dict[str, Any]) -> Table:
    """Return the proof sheet of a send: its final states add up to the audience, or it says what is open."""
    table = Table(title=Text(f"proof sheet · {row['send_id']}"), title_justify="left", box=None, header_style="mute")
    table.add_column("", min_width=36)
    table.add_column("messages", justify="right", min_width=9)
    table.add_column("")
    table.add_row("audience", f"[bold]{row['audience']:,}[/bold]")
    for state in _FINAL:
        table.add_row(f"  {state.replace('_', ' ')}", f"{row[state]:,}")
    total = sum(row[state] for state in _FINAL)
    waiting = ", ".join(f"{row[state]:,} {state}" for state in _WAITING if row[state])
    verdict = "[good]adds up[/good]" if total == row["audience"] else f"[watch]still open: {waiting}[/watch]"
    table.add_row("  sum", f"{total:,}", verdict)
    return table


def metrics_table(rows: Sequence[dict[str, Any]]) -> Table:
    """Return the marts' numbers, one column a send."""
    table = _table("", *(row["send_id"] for row in rows))
    for name in rows[0] if rows else ():
        if name != "send_id":
            table.add_row(name.replace("_", " "), *(Text(_figure(row[name])) for row in rows))
    return table


def explain_panels(answer: dict[str, Any], *, show_address: bool = False) -> Iterator[Panel]:
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
        yield Panel(
            facts,
            title=Text(person["address"] if show_address else mask_address(person["address"])),
            title_align="left",
            border_style="mute",
        )


def problems_table(problems: Sequence[Any]) -> Table:
    """Return findings in users' files, one row each."""
    table = _table("", "file", "problem", "remedy")
    for problem in problems:
        mark = "[act]✘[/act]" if problem.severity == "error" else "[watch]▲[/watch]"
        place = f"{problem.path}:{problem.line}" if problem.line else problem.path
        table.add_row(mark, Text(place), Text(f"{problem.message} [{problem.id}]"), Text(problem.remedy))
    return table


MARKS = {"ok": "[good]✔[/good]", "warn": "[watch]▲[/watch]", "fail": "[act]✘[/act]"}


def doctor_row(result: Any) -> Table:
    """Return one finding of the doctor: mark, name and what was found."""
    row = Table.grid(padding=(0, 2, 0, 0))
    row.add_column(width=3, justify="right")
    row.add_column(width=14, style="bold", no_wrap=True)
    row.add_column(overflow="fold")
    row.add_row(MARKS[result.state], Text(result.name), Text(result.found))
    return row


def doctor_line(result: Any) -> Text:
    """Return the same on one line of plain words, for logs and pipes."""
    return Text.assemble(Text.from_markup(f"  {MARKS[result.state]}  "), (f"{result.name:<16}", "bold"), result.found)


def doctor_remedy(result: Any) -> Text:
    """Return the command that mends a finding; never folded, so that it can be copied."""
    return Text.assemble((" " * 21 + "→ ", "mute"), (result.remedy, "name"))


def doctor_verdict(results: Sequence[Any]) -> Text:
    """Return the closing line: how many problems and warnings, and what mends a single one."""
    problems = [result for result in results if result.state == "fail"]
    warnings = [result for result in results if result.state == "warn"]
    if not problems and not warnings:
        return Text(f"  all {len(results)} checks are well", style="good")
    line = Text("  ")
    line.append(_counted(len(problems), "problem"), style="act" if problems else "mute")
    line.append(", ")
    line.append(_counted(len(warnings), "warning"), style="watch" if warnings else "mute")
    if len(problems or warnings) == 1 and (first := (problems or warnings)[0]).remedy:
        line.append("   → ", style="mute").append(first.remedy, style="name").append(f" mends {first.name}")
    return line


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def load_table(rows: Sequence[dict[str, Any]]) -> Table:
    """Return the counts of source loads."""
    names = ("rows", "created", "updated", "unchanged", "duplicates", "rejected")
    table = _table("source", *names)
    for row in rows:
        table.add_row(row["name"], *(f"{row[name]:,}" for name in names))
    return table


def sources_table(rows: Sequence[dict[str, Any]]) -> Table:
    """Return the sources of a project, one row each."""
    table = Table(box=None, header_style="mute", pad_edge=False)
    for column in ("source", "kind", "format", "location"):
        table.add_column(column)
    for row in rows:
        place = Text(row["problem"], style="act") if row["problem"] else Text(row["location"])
        table.add_row(Text(row["name"], style="name"), row["kind"], row["format"], place)
    return table


def segments_table(rows: Sequence[dict[str, Any]]) -> Table:
    """Return the segments of a project, one row each."""
    table = Table(box=None, header_style="mute", pad_edge=False)
    table.add_column("segment")
    table.add_column("contacts", justify="right")
    table.add_column("meaning")
    for row in rows:
        count = "not built" if row["contacts"] is None else f"{row['contacts']:,}"
        table.add_row(Text(row["name"], style="name"), count, Text(row["description"]))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="mute", pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(
            column, justify="left" if number == 0 or column in {"subject", "state", "settled", "problem"} else "right"
        )
    return table


def _figure(value: Any) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{name} {item}" for name, item in value.items() if item not in (None, ""))
    return str(value)
