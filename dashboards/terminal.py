"""The same report for a terminal: figures, lines of blocks, funnel, links, exclusions and proof sheet.

Returns things that rich prints; printing is the caller's. Text from outside is shown as text: markup and
control characters in it have no effect.
"""

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dashboards.formats import count, duration, moment, plain, share, short_hash, title
from dashboards.glossary import LIGHTS, REASONS, STAGES, term
from dashboards.kpis import Kpi, read_kpis
from dashboards.proof import prove
from dashboards.reader import SendFrames
from dashboards.sparkline import spark_blocks

MUTE = "bright_black"
LIGHT_STYLES = {"healthy": "green", "watch": "yellow", "act": "red", "few": MUTE}
TONES = {"good": "green", "watch": "yellow", "same": MUTE}
BAR_WIDTH = 36
MOST = 8


def render_terminal(frames: SendFrames, *, currency: str = "") -> RenderableType:
    """Return the report on a send for a terminal."""
    parts: list[RenderableType] = [
        _head(frames),
        _kpi_table(frames, read_kpis(frames, currency=currency)),
        _timeline(frames),
        _funnel(frames),
    ]
    for heading, table, rows in (
        ("links", _links, frames.links),
        ("left out", _exclusions, frames.exclusions),
        ("mailbox providers", _providers, frames.providers),
    ):
        if not rows.is_empty():
            parts += [_heading(heading), table(frames)]
    parts += [_heading("proof sheet"), proof_sheet(frames.send), _hashes(frames)]
    if not frames.doubts.is_empty():
        parts += [_heading("in doubt"), _doubts(frames)]
    return Group(*parts)


def proof_sheet(counts: Mapping[str, Any]) -> Table:
    """Return the proof sheet of counts by state; ``audience`` is what they must add up to, where given."""
    proof = prove(counts)
    table = _table(("outcome", "left"), ("messages", "right"), ("", "left"))
    for line in (*proof.outcomes, *(line for line in proof.waiting if line.messages)):
        style = "" if line.messages else MUTE
        table.add_row(Text(line.name, style=style), Text(count(line.messages), style=style), Text(line.meaning, MUTE))
    table.add_section()
    table.add_row("sum", Text(count(proof.total), style="bold"), "")
    verdict = Text(f"{'✔' if proof.closes else '▲' if proof.open else '✘'} {proof.verdict}")
    verdict.stylize("green" if proof.closes else "yellow" if proof.open else "bold red")
    table.add_row("audience", Text(count(proof.audience), style="bold"), verdict)
    return table


def _head(frames: SendFrames) -> Text:
    send = frames.send
    took = "" if send["seconds_taken"] is None else f" · sent in {duration(send['seconds_taken'])}"
    return Text.assemble(
        (title(send["campaign"]), "bold"),
        (f"  {plain(send['send_id'])}", MUTE),
        (f"  {plain(send['state'])}", "green" if send["state"] == "finished" else "yellow"),
        ("\n" + moment(send["scheduled_at"]) + took, MUTE),
    )


def _kpi_table(frames: SendFrames, kpis: Sequence[Kpi]) -> RenderableType:
    has_before = any(kpi.change for kpi in kpis)
    has_trend = any(len(kpi.trend) > 2 for kpi in kpis)
    columns = [("", "left"), ("value", "right"), ("from", "left")]
    columns += [("vs last send", "right")] * has_before + [("trend", "left")] * has_trend
    table = _table(*columns)
    for kpi in kpis:
        row = [Text(kpi.label), Text(kpi.value, style="bold"), Text(f"{kpi.fraction}  {kpi.definition}", style=MUTE)]
        row += [_change(kpi)] * has_before
        row += [Text(spark_blocks(kpi.trend) if len(kpi.trend) > 2 else "", style="green")] * has_trend
        table.add_row(*row)
    return table


def _change(kpi: Kpi) -> Text:
    if not kpi.change:
        return Text("")
    sign = "" if kpi.tone == "same" else "+" if kpi.rises else "−"
    return Text(sign + kpi.change, style=TONES[kpi.tone])


def _timeline(frames: SendFrames) -> RenderableType:
    if frames.hourly.is_empty():
        return Text("\n nothing has come back yet", style=MUTE)
    table = _table(("", "left"), (f"per {frames.hourly['bucket'][0]}", "left"), ("total", "right"))
    for column, name, style in (
        ("opens", "Opens by people", "green"),
        ("machine_opens", "Opens by machines", MUTE),
        ("clicks", "Clicks by people", "blue"),
        ("machine_clicks", "Clicks by machines", MUTE),
        ("unsubscribes", "Unsubscribes", "red"),
    ):
        values = frames.hourly[column].to_list()
        table.add_row(name, Text(spark_blocks(values, 40), style=style), count(frames.send[column]))
    return table


def _funnel(frames: SendFrames) -> RenderableType:
    table = _table(("funnel", "left"), ("square-root scale", "left"), ("people", "right"), ("of before", "right"))
    for row in frames.funnel.to_dicts():
        bar = _bar(sqrt(row["share"] or 0))
        table.add_row(term(STAGES, row["stage"]).name, bar, count(row["people"]), Text(_step(row["step_rate"]), MUTE))
    return table


def _step(rate: float | None) -> str:
    return "" if rate is None else share(rate)


def _links(frames: SendFrames) -> RenderableType:
    table = _table(("link", "left"), ("", "left"), ("unique", "right"), ("share", "right"), ("by machines", "right"))
    for row in frames.links.head(MOST).to_dicts():
        bar = _bar(row["of_largest"] or 0, width=20)
        numbers = (count(row["unique_clicks"]), share(row["share"], 1), Text(count(row["machine_clicks"]), style=MUTE))
        table.add_row(Text(plain(row["label"], 32)), bar, *numbers)
    return table


def _exclusions(frames: SendFrames) -> RenderableType:
    table = _table(("", "left"), ("contacts", "right"), ("", "left"))
    table.add_row("in the segments", count(frames.send["included"]), "")
    for row in frames.exclusions.to_dicts():
        words = term(REASONS, row["reason"])
        table.add_row(
            Text(f"− {words.name.lower()}"), Text(count(row["contacts"]), style="yellow"), Text(words.meaning, MUTE)
        )
    table.add_row("= audience", Text(count(frames.send["audience"]), style="bold green"), "")
    return table


def _providers(frames: SendFrames) -> RenderableType:
    names = ("messages", "delivered", "bounced", "complaints", "opened")
    table = _table(("", "left"), *((name, "right") for name in names), ("", "left"))
    for row in frames.providers.to_dicts():
        table.add_row(
            Text(plain(row["mailbox_domain"], 28)),
            count(row["messages"]),
            share(row["delivered_share"], 1),
            share(row["bounce_rate"]),
            share(row["complaint_rate"], 3) if row["complaints"] else "none",
            share(row["unique_open_rate"], 1),
            Text(term(LIGHTS, row["light"]).name.lower(), style=LIGHT_STYLES[row["light"]]),
        )
    return table


def _hashes(frames: SendFrames) -> RenderableType:
    send = frames.send
    names = ("audience_hash", "content_hash", "published_version", "git_commit")
    pairs = (f"{name.replace('_', ' ')} {short_hash(send[name], 16)}" for name in names)
    return Padding(Text(" · ".join(pairs), style=MUTE), (0, 0, 0, 1))


def _doubts(frames: SendFrames) -> RenderableType:
    table = _table(("row", "right"), ("contact", "left"), ("domain", "left"), ("first tried", "left"))
    for row in frames.doubts.head(MOST).to_dicts():
        table.add_row(
            count(row["seq"]),
            short_hash(row["contact_id"]),
            Text(plain(row["mailbox_domain"], 28)),
            moment(row["first_attempted_at"]),
        )
    more = frames.send["in_doubt"] - min(MOST, frames.doubts.height)
    if more > 0:
        table.add_row("", Text(f"and {count(more)} more", style=MUTE), "", "")
    return table


def _bar(part: float, *, width: int = BAR_WIDTH) -> Text:
    filled = round(part * width)
    return Text.assemble(("━" * filled, "cyan"), " " * (width - filled))


def _heading(words: str) -> RenderableType:
    return Text(f"\n {words}", style="bold")


def _table(*columns: tuple[str, Any]) -> Table:
    table = Table(box=None, pad_edge=True, header_style=MUTE, padding=(0, 2, 0, 1))
    for name, justify in columns:
        table.add_column(name, justify=justify, no_wrap=justify == "right")
    return table
