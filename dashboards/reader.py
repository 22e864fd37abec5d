"""Reads what a page shows from the public marts, one named query per frame.

The queries are the ``.sql`` files beside this module. Add a frame together with its query; a number that no mart has
is made there first. Computing, wording and drawing do not belong here.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

QUERIES = Path(__file__).parent / "queries"

# What a list of sends can be sorted by; each is a column of rpt_send_metrics.
SORTABLE = (
    "scheduled_at",
    "send_id",
    "campaign",
    "topic",
    "state",
    "audience",
    "messages",
    "sends",
    "deliveries",
    "bounces",
    "unsubscribes",
    "complaints",
    "unique_opens",
    "unique_clicks",
    "orders",
    "revenue",
    "delivery_rate",
    "bounce_rate",
    "unique_open_rate",
    "unique_click_rate",
    "click_to_open_rate",
    "unsubscribe_rate",
    "complaint_rate",
    "conversion_rate",
    "revenue_per_delivery",
)
_FEW = 5
_OLD = "the published marts are older than this version ({}: {}); run `mailrail refresh`"

Row = dict[str, Any]


class OldCopyError(RuntimeError):
    """The published copy lacks a mart that this version reads."""


class UnknownSendError(LookupError):
    """The marts hold no such send; the message names those they hold."""


class UnknownSegmentError(LookupError):
    """The project has no such segment; the message names those it has."""


class UnknownPeriodError(LookupError):
    """There is no such period; the message names those there are."""


@dataclass(frozen=True, slots=True)
class SendFrames:
    """Everything a report on one send shows.

    ``send`` is its row of numbers, ``changes`` the differences to the send before (None for the first),
    ``trend`` the rates of the latest sends, ``lights`` the lines that providers' lights go by. The frames are named
    after their queries.
    """

    send: Row
    changes: Row | None
    trend: pl.DataFrame
    hourly: pl.DataFrame
    funnel: pl.DataFrame
    links: pl.DataFrame
    providers: pl.DataFrame
    lights: Row
    exclusions: pl.DataFrame
    replies: pl.DataFrame
    doubts: pl.DataFrame
    machines: pl.DataFrame


@dataclass(frozen=True, slots=True)
class OverviewFrames:
    """Everything the overview of a period shows.

    ``period`` is its row of ``rpt_periods``; ``daily`` and ``growth`` have a row for each of its days. ``latest`` are
    the latest sends of all and ``best`` the period's with the most revenue per delivery, as rows of
    ``rpt_send_metrics``.
    """

    period: Row
    daily: pl.DataFrame
    growth: pl.DataFrame
    latest: pl.DataFrame
    best: pl.DataFrame


@dataclass(frozen=True, slots=True)
class CampaignFilters:
    """Which sends a list shows, in which order; what is None lets everything pass.

    ``search`` is looked for in the send's id and topic; the days are of the due time, both included.
    """

    campaign: str | None = None
    topic: str | None = None
    state: str | None = None
    first_day: date | None = None
    last_day: date | None = None
    search: str | None = None
    sort: str = "scheduled_at"
    descending: bool = True
    limit: int = 50
    offset: int = 0

    def __post_init__(self) -> None:
        """Refuse what could not be sorted by: the column becomes a part of the query."""
        if self.sort not in SORTABLE:
            raise ValueError(f"sends cannot be sorted by {self.sort!r}; choose one of {', '.join(SORTABLE)}")


@dataclass(frozen=True, slots=True)
class CampaignFrames:
    """A page of a list of sends, rows of ``rpt_send_metrics``, and how many there are on all its pages."""

    sends: pl.DataFrame
    total: int


@dataclass(frozen=True, slots=True)
class SegmentFrames:
    """Everything the page of one segment shows.

    ``segment`` is its row of ``read_segments``; ``sizes`` has a row for each day on which it was built and
    ``sample`` a few of its contacts, none where the segment is not published.
    """

    segment: Row
    sizes: pl.DataFrame
    sample: pl.DataFrame


def read_send(connection: duckdb.DuckDBPyConnection, send_id: str) -> SendFrames:
    """Read one send.

    Raises:
        UnknownSendError: the marts do not hold it.
    """
    sends = read_frame(connection, "send", send_id=send_id)
    if sends.is_empty():
        known = ", ".join(row["send_id"] for row in read_metrics(connection)) or "none yet"
        raise UnknownSendError(f"there is no send {send_id!r} in the marts; they hold: {known}")
    changes = read_frame(connection, "changes", send_id=send_id)
    return SendFrames(
        send=sends.row(0, named=True),
        changes=None if changes.is_empty() else changes.row(0, named=True),
        trend=read_frame(connection, "trend", send_id=send_id),
        hourly=read_frame(connection, "hourly", send_id=send_id),
        funnel=read_frame(connection, "funnel", send_id=send_id),
        links=read_frame(connection, "links", send_id=send_id),
        providers=read_frame(connection, "providers", send_id=send_id),
        lights=read_frame(connection, "lights").row(0, named=True),
        exclusions=read_frame(connection, "exclusions", send_id=send_id),
        replies=read_frame(connection, "replies", send_id=send_id),
        doubts=read_frame(connection, "doubts", send_id=send_id),
        machines=read_frame(connection, "machines", send_id=send_id),
    )


def read_metrics(connection: duckdb.DuckDBPyConnection, send_id: str | None = None) -> list[Row]:
    """Return the numbers of every send, oldest first, or of the one named; plain values, ready for JSON."""
    return read_frame(connection, "metrics", send_id=send_id).to_dicts()


def read_overview(connection: duckdb.DuckDBPyConnection, period: str) -> OverviewFrames:
    """Read all sends of a period and the growth of the list in it.

    Raises:
        UnknownPeriodError: the marts have no such period.
    """
    periods = read_frame(connection, "periods")
    found = periods.filter(pl.col("period") == period)
    if found.is_empty():
        known = ", ".join(periods["period"])
        raise UnknownPeriodError(f"there is no period {period!r} in the marts; they have: {known}")
    row = found.row(0, named=True)
    best = CampaignFilters(first_day=row["starts_on"], last_day=row["ends_on"], sort="revenue_per_delivery", limit=_FEW)
    return OverviewFrames(
        period=row,
        daily=read_frame(connection, "daily", period=period),
        growth=read_frame(connection, "growth", period=period),
        latest=read_campaigns(connection, CampaignFilters(limit=_FEW)).sends,
        best=read_campaigns(connection, best).sends,
    )


def read_campaigns(connection: duckdb.DuckDBPyConnection, filters: CampaignFilters) -> CampaignFrames:
    """Read the sends that the filters let pass, one row per send, and count them all."""
    names = ("campaign", "topic", "state", "first_day", "last_day", "search")
    params = {name: getattr(filters, name) for name in names}
    direction = "desc" if filters.descending else "asc"
    with _fitting("campaigns"):
        found = connection.sql(_query("campaigns"), params=params)
        page = found.order(f"{filters.sort} {direction} nulls last, send_no desc").limit(filters.limit, filters.offset)
        [(total,)] = found.count("*").fetchall()
        return CampaignFrames(sends=page.pl(), total=total)


def read_choices(connection: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """Return what the list of sends can be filtered by: ``campaign``, ``topic`` and ``state`` with their values."""
    choices = read_frame(connection, "choices")
    return {name: choices[name].drop_nulls().unique().sort().to_list() for name in choices.columns}


def read_segments(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Read every segment of the project with its size at its last build, the largest first.

    ``is_published`` tells whether campaigns can use it: a segment whose last build failed is not in the copy, and
    its size is that of an earlier day.
    """
    segments = read_frame(connection, "segments")
    return segments.with_columns(pl.col("name").is_in(_published_segments(connection)).alias("is_published"))


def read_segment(connection: duckdb.DuckDBPyConnection, name: str, sample: int = 20) -> SegmentFrames:
    """Read one segment, its sizes over time and a few of its contacts with masked addresses.

    Raises:
        UnknownSegmentError: the project has no such segment.
    """
    segments = read_segments(connection)
    found = segments.filter(pl.col("name") == name)
    if found.is_empty():
        known = ", ".join(segments["name"].sort()) or "none yet"
        raise UnknownSegmentError(f"there is no segment {name!r} in the project; it has: {known}")
    segment = found.row(0, named=True)
    members = _members(connection, segment["name"], sample) if segment["is_published"] else []
    return SegmentFrames(
        segment=segment,
        sizes=read_frame(connection, "segment_sizes", segment=name),
        sample=read_frame(connection, "segment_sample", contact_ids=members),
    )


def read_published(connection: duckdb.DuckDBPyConnection) -> Row:
    """Return how new the published numbers are (``as_of``, ``newest_…_at``) and how many there are."""
    return read_frame(connection, "freshness").row(0, named=True)


def _published_segments(connection: duckdb.DuckDBPyConnection) -> list[str]:
    found = connection.execute("select table_name from duckdb_tables() where schema_name = 'segments'")
    return [name for (name,) in found.fetchall()]


def _members(connection: duckdb.DuckDBPyConnection, segment: str, most: int) -> list[str]:
    # The name is one that dim_segments has, so it may stand in the query.
    found = connection.table(f'segments."{segment}"').select("contact_id").order("contact_id").limit(most)
    return [contact_id for (contact_id,) in found.fetchall()]


def read_frame(connection: duckdb.DuckDBPyConnection, name: str, **params: object) -> pl.DataFrame:
    """Run the named query and return its rows.

    Raises:
        OldCopyError: the published copy lacks what the query reads.
    """
    with _fitting(name):
        frame: pl.DataFrame = connection.sql(_query(name), params=params or None).pl()
    return frame


@contextlib.contextmanager
def _fitting(name: str) -> Iterator[None]:
    try:
        yield
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise OldCopyError(_OLD.format(name, str(error).splitlines()[0])) from error


@cache
def _query(name: str) -> str:
    return (QUERIES / f"{name}.sql").read_text(encoding="utf-8")
