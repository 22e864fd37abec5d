"""What came back, from the ledger into raw tables: one asset for all tables of the mail edge.

How rows are copied exactly once belongs to ``loading``.
"""

from collections.abc import Iterator

import dagster as dg

from assets.events.loading import load_events
from assets.warehouse.assets import OWNERS
from assets.warehouse.resources import Mailrail
from assets.warehouse.tables import RAW_TABLES

MAIL_TABLES = [name for name in RAW_TABLES if name.startswith("mail_")]


def build_events() -> dg.AssetsDefinition:
    """Return the asset that loads what came back."""

    @dg.multi_asset(
        name="mail_events",
        specs=[
            dg.AssetSpec(
                ["raw", table],
                group_name="raw",
                kinds={"sqlite", "duckdb"},
                owners=OWNERS,
                description=RAW_TABLES[table].doc,
            )
            for table in MAIL_TABLES
        ],
        required_resource_keys={"mailrail"},
        pool="warehouse",
    )
    def mail_events(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        mailrail: Mailrail = context.resources.mailrail
        with mailrail.open_ledger() as ledger, mailrail.hold_warehouse():
            loaded = load_events(mailrail.warehouse, mailrail.home, ledger)
        for table in MAIL_TABLES:
            yield dg.MaterializeResult(asset_key=["raw", table], metadata={"new_rows": loaded.rows.get(table, 0)})

    return mail_events
