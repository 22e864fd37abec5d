"""What came back, from the ledger into raw tables: one asset for all tables of the mail edge.

How rows are copied exactly once belongs to ``loading``.
"""

from collections.abc import Iterator

import dagster as dg

from assets.metadata import raw_columns
from assets.stages import DATA_TEAM, RAW
from assets.warehouse.resources import Mailrail
from assets.warehouse.tables import RAW_TABLES

MAIL_TABLES = [name for name in RAW_TABLES if name.startswith("mail_")]
LEDGER = dg.AssetKey("ledger")
_LEDGER = """\
What must be right this very second, in one SQLite file: offers made to the relay and its replies, suppressions,
consent, and every open, click, unsubscribe, bounce and complaint before it is loaded.

Written by the sender, the collector and the mailbox reader, all the time, and by `receipts`, which opens a send in it.
Here the loop closes: what `receipts` began comes back through this file into `raw`.
"""
_LOADED = "Copied from the ledger exactly once by a high-water mark; the sensor events_came_in starts it."


def build_ledger() -> dg.AssetSpec:
    """Return the ledger as an asset that others write."""
    return dg.AssetSpec(LEDGER, group_name=RAW, kinds={"sqlite"}, owners=DATA_TEAM, description=_LEDGER)


def build_events() -> dg.AssetsDefinition:
    """Return the asset that loads what came back."""

    @dg.multi_asset(
        name="mail_events",
        specs=[
            dg.AssetSpec(
                ["raw", table],
                deps=[LEDGER],
                group_name=RAW,
                kinds={"sqlite", "duckdb"},
                owners=DATA_TEAM,
                description=f"{RAW_TABLES[table].doc}\n\n{_LOADED}",
                metadata=raw_columns(table),
            )
            for table in MAIL_TABLES
        ],
        required_resource_keys={"mailrail"},
        pool="warehouse",
    )
    def mail_events(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        """Copy what is new in the ledger into the warehouse, all tables in one transaction."""
        from assets.events.loading import load_events

        mailrail: Mailrail = context.resources.mailrail
        with mailrail.open_ledger() as ledger, mailrail.hold_warehouse():
            loaded = load_events(mailrail.warehouse, mailrail.home, ledger)
        for table in MAIL_TABLES:
            yield dg.MaterializeResult(asset_key=["raw", table], metadata={"new_rows": loaded.rows.get(table, 0)})

    return mail_events
