"""The report on one send: what was planned, what happened to each message, and what people did.

Add a card here and in ``templates/campaign.html.j2`` together, with its definition in the subtitle. Numbers
come from the marts as they are; charts belong to ``figures``, words to ``glossary``.
"""

from collections.abc import Callable, Mapping
from typing import Any

from dashboards.figures.deliverability import bounce_rate_by_provider
from dashboards.figures.engagement import engagement_over_time
from dashboards.figures.exclusions import exclusions_waterfall
from dashboards.figures.funnel import send_funnel
from dashboards.figures.links import clicks_by_link
from dashboards.formats import count, plain, share
from dashboards.glossary import LIGHTS, OUTCOMES, REASONS, ROLES, RULES, STAGES, WAITING, term
from dashboards.kpis import Kpi, read_kpis
from dashboards.proof import prove
from dashboards.reader import LIGHTS as LINES
from dashboards.reader import Row, SendFrames
from dashboards.render import render_page
from dashboards.sparkline import spark_points
from dashboards.theme import PALETTES, Mode

STATE_TONES = {"finished": "good", "running": "watch", "paused": "watch", "cancelled": "act"}
MARKS = {"healthy": "●", "watch": "▲", "act": "■", "few": "○"}
PROVENANCE_NAMES = {"git_commit": "Report made at commit", "run_id": "Dagster run", "dbt_invocation": "dbt run"}


def render_report(frames: SendFrames, *, provenance: Mapping[str, Any]) -> str:
    """Return the report on a send as one HTML page.

    Args:
        frames: what the marts say about the send.
        provenance: what made this page, name to value (``git_commit``, ``run_id``, …); ``currency`` is the
            sign or code before amounts.
    """
    currency = plain(provenance.get("currency"), 4)
    return render_page(
        "campaign.html.j2",
        _figures(frames),
        send=frames.send,
        state_tone=STATE_TONES.get(frames.send["state"], ""),
        currency=currency,
        kpis=[_tile(kpi) for kpi in read_kpis(frames, currency=currency)],
        proof=prove(frames.send),
        provenance=_provenance(provenance),
        bucket=frames.hourly["bucket"][0] if frames.hourly.height else "hour",
        has_hours=not frames.hourly.is_empty(),
        funnel_words=_funnel_words(frames),
        lights=_light_words(),
        fewest=LINES["fewest"],
        **_tables(frames),
    )


def _figures(frames: SendFrames) -> dict[str, dict[Mode, Any]]:
    send = frames.send
    charts: dict[str, Callable[[Mode], Any]] = {
        "engagement": lambda mode: engagement_over_time(frames.hourly, mode=mode),
        "funnel": lambda mode: send_funnel(frames.funnel, mode=mode),
        "clicks": lambda mode: clicks_by_link(frames.links, mode=mode),
        "exclusions": lambda mode: exclusions_waterfall(
            frames.exclusions, included=send["included"], audience=send["audience"], mode=mode
        ),
        "bounces": lambda mode: bounce_rate_by_provider(
            frames.providers, watch=LINES["bounce_watch"], act=LINES["bounce_act"], mode=mode
        ),
    }
    return {name: {mode: draw(mode) for mode in PALETTES} for name, draw in charts.items()}


def _tables(frames: SendFrames) -> dict[str, list[Row]]:
    states = {**OUTCOMES, **WAITING}
    return {
        "links": [{**row, "role_name": ROLES.get(row["role"] or "", "")} for row in frames.links.to_dicts()],
        "exclusions": [{**row, **term(REASONS, row["reason"])._asdict()} for row in frames.exclusions.to_dicts()],
        "providers": [
            {**row, "mark": MARKS[row["light"]], "light_name": term(LIGHTS, row["light"]).name}
            for row in frames.providers.to_dicts()
        ],
        "replies": [{**row, "name": term(states, row["state"]).name} for row in frames.replies.to_dicts()],
        "machines": [{**row, **term(RULES, row["rule"])._asdict()} for row in frames.machines.to_dicts()],
        "doubts": frames.doubts.to_dicts(),
    }


def _tile(kpi: Kpi) -> dict[str, Any]:
    names = ("label", "value", "fraction", "definition", "filled", "trend", "change", "rises", "tone")
    return {**{name: getattr(kpi, name) for name in names}, "points": spark_points(kpi.trend)}


def _provenance(provenance: Mapping[str, Any]) -> list[tuple[str, str]]:
    shown = {name: value for name, value in provenance.items() if value and name != "currency"}
    return [(PROVENANCE_NAMES.get(name, plain(name).replace("_", " ")), plain(shown[name])) for name in shown]


def _funnel_words(frames: SendFrames) -> str:
    stages = frames.funnel.select("stage", "people").rows()
    return "Funnel: " + ", ".join(f"{term(STAGES, stage).name} {count(people)}" for stage, people in stages)


def _light_words() -> dict[str, str]:
    return {
        light: f"{name}: bounces over {share(LINES[f'bounce_{light}'], 0)} or complaints from "
        f"{share(LINES[f'complaint_{light}'], 1)}."
        for light, name in (("watch", "Amber"), ("act", "Red"))
    }
