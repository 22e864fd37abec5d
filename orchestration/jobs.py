"""Jobs, named after what they bring about.

A campaign's own job stands with its component. Add a job here when several stages run together.
"""

from typing import Any

import dagster as dg

from assets.events.assets import MAIL_TABLES
from assets.warehouse.assets import PUBLISHED


def build_jobs() -> list[Any]:
    """Return the jobs that are not a campaign's own."""
    sources = dg.AssetSelection.key_prefixes(["sources"])
    raw = dg.AssetSelection.key_prefixes(["raw"])
    models = dg.AssetSelection.key_prefixes(["seeds"], ["staging"], ["intermediate"], ["marts"], ["segments"])
    mail = dg.AssetSelection.assets(*(["raw", table] for table in MAIL_TABLES))
    published = dg.AssetSelection.assets(PUBLISHED)
    return [
        dg.define_asset_job(
            "refresh_marts",
            selection=sources | raw | models | published,
            description=(
                "From the files to the published copy: load every source and what came back, rebuild and test the "
                "models, publish them. Run it after new files came; `mailrail refresh` runs the same."
            ),
        ),
        dg.define_asset_job(
            "load_events",
            selection=mail | models | published,
            description=(
                "From the ledger to the published copy: load what came back, from opens to orders and consents, "
                "rebuild and test the models, publish them. The sensor events_came_in starts it."
            ),
        ),
    ]
