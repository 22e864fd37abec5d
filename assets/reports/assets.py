"""The ``report`` asset of a campaign: one self-contained page per send.

It reads the published copy and writes a file; what the page shows belongs to ``dashboards``.
"""

from pathlib import Path

import dagster as dg

from assets.audiences.definition import CampaignDefinition
from assets.partitions import send_id, sends_of
from assets.reports.writing import write_report
from assets.warehouse.assets import PUBLISHED
from assets.warehouse.resources import Mailrail


def build_report(definition: CampaignDefinition, folder: Path) -> dg.AssetsDefinition:
    """Return the report asset of a campaign."""
    name = folder.name

    @dg.asset(
        key=["campaigns", name, "report"],
        partitions_def=sends_of(name),
        deps=[dg.AssetKey(["campaigns", name, "receipts"]), PUBLISHED],
        group_name=f"campaign_{name}",
        kinds={"plotly", "html"},
        owners=definition.owners,
        description=(
            f"The report of a send of “{definition.title}”: one page, no outside request, its numbers the marts'."
        ),
        required_resource_keys={"mailrail"},
    )
    def report(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        mailrail: Mailrail = context.resources.mailrail
        path = write_report(mailrail, send_id(name, context.partition_key), run_id=context.run_id)
        return dg.MaterializeResult(
            metadata={"report": dg.MetadataValue.path(str(path)), "kilobytes": path.stat().st_size // 1024}
        )

    return report
