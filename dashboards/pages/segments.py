"""The segments: which there are, how large, and one of them with its SQL, its size over time and a sample.

Add a fact here when the marts know it of a segment. The SQL is shown as it was built; a segment is changed in its file
and nowhere else.
"""

from collections.abc import Mapping
from typing import Any

import polars as pl
from dash import dcc, html

from dashboards.elements import Column, Part, badge, bar, card, chart, empty, facts, named, page_head, row, table, words
from dashboards.figures.overview import segment_size
from dashboards.formats import NONE, count, moment, money, share
from dashboards.reader import SegmentFrames
from dashboards.theme import Mode


def segments_page(segments: pl.DataFrame) -> Part:
    """Return the list of all segments; ``segments`` is what the reader gives."""
    rows = [
        (
            named(
                dcc.Link(words(segment["title"]) or words(segment["name"]), href=f"/segments/{segment['name']}"),
                words(segment["description"], 240),
            ),
            html.Span(words(segment["name"]), className="mono"),
            _state(segment),
            count(segment["contacts"]),
            _change(segment["change"]),
            share(segment["share"], 1),
            bar(segment["share"]),
        )
        for segment in segments.to_dicts()
    ]
    columns = [
        Column("Segment"),
        Column("Model", "gap"),
        Column("State", "gap"),
        Column("Contacts", "n"),
        Column("Change", "n"),
        Column("Of all", "n"),
        Column("", "wide", "Share as a bar"),
    ]
    return html.Main(
        [
            page_head("Segments", "Segments", "Sets of contacts, defined in SQL, tested at every build."),
            row(
                card(
                    "All segments",
                    "Size at the last build; change to the day recorded before. Consent and suppressions are not yet "
                    "taken off: the audience does that, last.",
                    table(columns, rows)
                    if rows
                    else empty("There is no segment yet. Make one: mailrail segment new NAME"),
                )
            ),
        ]
    )


def segment_page(frames: SegmentFrames, *, model_url: str = "", currency: str = "", mode: Mode = "light") -> Part:
    """Return the page of one segment; ``model_url`` leads to its model in the Dagster UI."""
    segment = frames.segment
    return html.Main(
        [
            page_head(
                ["Segments · ", words(segment["name"])],
                words(segment["title"]) or words(segment["name"]),
                words(segment["description"], 400),
                _state(segment),
            ),
            row(_size(frames, mode), _origin(segment, model_url)),
            row(_sql(segment), _sample(frames.sample, currency)),
        ]
    )


def _size(frames: SegmentFrames, mode: Mode) -> Part:
    return card(
        "Size over time",
        "Contacts at each day on which the segment was built; the last build of a day counts.",
        chart("size", segment_size(frames.sizes, mode=mode), "Contacts in the segment by day")
        if frames.sizes.height
        else empty("It was not built yet."),
        width=7,
    )


def _origin(segment: Mapping[str, Any], model_url: str) -> Part:
    known: list[tuple[str, Part]] = [
        ("Contacts", [html.B(count(segment["contacts"]))]),
        ("Of all contacts", [share(segment["share"])]),
        ("Change", [_change(segment["change"])]),
        ("Built as of", [moment(segment["as_of"])]),
        ("Reads", words(segment["reads"], 400) or NONE),
        ("File", words(segment["path"])),
    ]
    if model_url:
        known.append(("Model", [html.A("open in the Dagster UI", href=model_url, target="_blank", rel="noopener")]))
    return card(
        "Where it comes from", "Its model, what it reads, and its state at the last build.", facts(known), width=5
    )


def _sql(segment: Mapping[str, Any]) -> Part:
    return card(
        "Definition",
        "The SQL as it was built.",
        html.Pre(html.Code(segment["sql"] or ""), className="code", tabIndex=0, role="region", **{"aria-label": "SQL"}),
        width=5,
    )


def _sample(sample: pl.DataFrame, currency: str) -> Part:
    rows = [
        (
            dcc.Link(words(contact["email"], 60), href=f"/contacts/{contact['contact_id']}"),
            ", ".join(words(contact[name]) for name in ("city", "country") if contact[name]) or NONE,
            words(contact["consent"]),
            count(contact["orders"]),
            money(contact["total_spent"], currency),
        )
        for contact in sample.to_dicts()
    ]
    columns = [Column("Contact"), Column("Place"), Column("Consent"), Column("Orders", "n"), Column("Spent", "n")]
    return card(
        "Sample",
        "A few of its contacts, always the same ones as long as they are in it; addresses are masked.",
        table(columns, rows) if rows else empty("Nobody is in it."),
        width=7,
    )


def _state(segment: Mapping[str, Any]) -> Part:
    return badge("ready", "good") if segment["is_published"] else badge("build failed: not in use", "act")


def _change(change: int | None) -> str:
    return NONE if change is None else f"{change:+,}" if change else "0"
