"""The file of rejected rows: what a person mends and loads again.

Add here how rejects are shown outside the warehouse. Why a row is rejected belongs to ``validation``.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from assets.ingestion.formats import OWN_COLUMNS, REJECT_COLUMNS
from assets.ingestion.mapping import SourceDefinition

if TYPE_CHECKING:
    import polars as pl


def write_rejects(
    definition: SourceDefinition, raw: "pl.DataFrame", rejects: "pl.DataFrame", folder: Path, load_id: str
) -> Path | None:
    """Write ``<folder>/<source>/<load_id>.csv`` and return its path; None where nothing was rejected.

    The source's own columns come first, so that the file can be mended and loaded as it is.
    """
    import polars as pl

    if rejects.is_empty():
        return None
    theirs = [name for name in raw.columns if name not in OWN_COLUMNS and name not in REJECT_COLUMNS]
    table = (
        raw[rejects["number"]]
        .select(theirs)
        .with_columns(
            rejects.select(
                pl.col("file").alias("_file"),
                pl.col("line").alias("_line"),
                pl.col("reason").alias("_reason"),
                pl.col("column_name").alias("_column"),
                pl.col("value").alias("_value"),
            )
        )
    )
    # An empty cell is written as nothing, not as two quotes.
    table = table.with_columns(pl.when(pl.col(pl.String) != "").then(pl.col(pl.String)).name.keep())
    path = folder / definition.name / f"{load_id}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".part")
    fresh.write_text(table.write_csv(separator=definition.delimiter), encoding=definition.encoding, newline="")
    fresh.replace(path)
    return path
