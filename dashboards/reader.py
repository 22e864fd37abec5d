"""Reads what a page shows from the public marts, one named query per frame.

The queries are the ``.sql`` files beside this module. Add a field to ``SendFrames`` together with its query;
computing, wording and drawing do not belong here.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

QUERIES = Path(__file__).parent / "queries"

# Where a provider's light changes, as shares; Gmail asks for complaints below 0.1 % and acts at 0.3 %.
LIGHTS: dict[str, float] = {
    "fewest": 500,
    "bounce_watch": 0.01,
    "bounce_act": 0.02,
    "complaint_watch": 0.001,
    "complaint_act": 0.003,
}

Row = dict[str, Any]


class UnknownSendError(LookupError):
    """The marts hold no such send; the message names those they hold."""


@dataclass(frozen=True, slots=True)
class SendFrames:
    """Everything a report on one send shows.

    ``send`` is its row of numbers, ``changes`` the differences to the send before (None for the first),
    ``trend`` the rates of the latest sends. The frames are named after their queries.
    """

    send: Row
    changes: Row | None
    trend: pl.DataFrame
    hourly: pl.DataFrame
    funnel: pl.DataFrame
    links: pl.DataFrame
    providers: pl.DataFrame
    exclusions: pl.DataFrame
    replies: pl.DataFrame
    doubts: pl.DataFrame
    machines: pl.DataFrame


def read_send(connection: duckdb.DuckDBPyConnection, send_id: str) -> SendFrames:
    """Read one send.

    Raises:
        UnknownSendError: the marts do not hold it.
    """
    sends = _read(connection, "send", send_id=send_id)
    if sends.is_empty():
        known = ", ".join(row["send_id"] for row in read_metrics(connection)) or "none yet"
        raise UnknownSendError(f"there is no send {send_id!r} in the marts; they hold: {known}")
    changes = _read(connection, "changes", send_id=send_id)
    return SendFrames(
        send=sends.row(0, named=True),
        changes=None if changes.is_empty() else changes.row(0, named=True),
        trend=_read(connection, "trend", send_id=send_id),
        hourly=_read(connection, "hourly", send_id=send_id),
        funnel=_read(connection, "funnel", send_id=send_id),
        links=_read(connection, "links", send_id=send_id),
        providers=_read(connection, "providers", send_id=send_id, **LIGHTS),
        exclusions=_read(connection, "exclusions", send_id=send_id),
        replies=_read(connection, "replies", send_id=send_id),
        doubts=_read(connection, "doubts", send_id=send_id),
        machines=_read(connection, "machines", send_id=send_id),
    )


def read_metrics(connection: duckdb.DuckDBPyConnection, send_id: str | None = None) -> list[Row]:
    """Return the numbers of every send, oldest first, or of the one named; plain values, ready for JSON."""
    return _read(connection, "metrics", send_id=send_id).to_dicts()


def _read(connection: duckdb.DuckDBPyConnection, name: str, **params: object) -> pl.DataFrame:
    frame: pl.DataFrame = connection.sql(_query(name), params=params).pl()
    return frame


@cache
def _query(name: str) -> str:
    return (QUERIES / f"{name}.sql").read_text(encoding="utf-8")
