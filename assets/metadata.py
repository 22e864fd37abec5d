"""What the Dagster UI shows beside an asset or a check: its columns, the files it is made from, rows, SQL.

Add a form here when two assets show the same kind of thing. What is counted belongs to the stages.
"""

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from assets.warehouse.tables import RAW_TABLES
from senders.tracking.addresses import mask_addresses

_HIDDEN = ("first_name", "last_name", "email_given", "city", "extra", "row")
_MOST_CHARACTERS = 200


def made_from(*files: Path) -> dict[str, Any]:
    """Return links to the files that define an asset; the UI opens them in an editor."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # once per model would hide what matters
        found = [dg.LocalFileCodeReference(file_path=str(file), line_number=1, label=file.name) for file in files]
        return {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=found)}


def raw_columns(name: str) -> dict[str, Any]:
    """Return name and columns of a raw table."""
    table = RAW_TABLES[name]
    columns = [dg.TableColumn(column, kind) for column, kind in table.columns.items()]
    return {"dagster/table_name": table.relation, "dagster/column_schema": dg.TableSchema(columns=columns)}


def sql_text(sql: str) -> dg.MarkdownMetadataValue:
    """Return SQL as the UI shows code."""
    return dg.MetadataValue.md(f"```sql\n{sql.strip()}\n```")


def rows_table(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> dg.TableMetadataValue:
    """Return rows as a table, addresses masked and names left out.

    Dagster's store must not become a second home of personal data, which an erasure would have to know.
    """
    shown = [index for index, name in enumerate(names) if name.lower() not in _HIDDEN]
    return dg.MetadataValue.table(
        [dg.TableRecord({names[index]: _shown(row[index]) for index in shown}) for row in rows],
        schema=dg.TableSchema(columns=[dg.TableColumn(names[index], "string") for index in shown]),
    )


def _shown(value: Any) -> str:
    text = "" if value is None else str(value)
    return mask_addresses(text)[:_MOST_CHARACTERS]
