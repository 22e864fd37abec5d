"""The ``report`` asset of a campaign: one self-contained page per send.

It reads the published copy and writes a file; what the page shows belongs to ``dashboards``.
"""

from pathlib import Path

import dagster as dg

from assets.audiences.definition import CampaignDefinition
from assets.metadata import made_from
from assets.partitions import send_id, sends_of
from assets.stages import MARKETING_TEAM, campaign_group
from assets.warehouse.assets import PUBLISHED
from assets.warehouse.resources import Mailrail


def build_report(definition: CampaignDefinition, folder: Path) -> dg.AssetsDefinition:
    """Return the report asset of a campaign."""
    name = folder.name

    @dg.asset(
        key=["campaigns", name, "report"],
        partitions_def=sends_of(name),
        deps=[dg.AssetKey(["campaigns", name, "receipts"]), PUBLISHED],
        group_name=campaign_group(name),
        kinds={"plotly", "html"},
        owners=definition.owners or MARKETING_TEAM,
        description=(
            f"The report of a send of “{definition.title}” as one HTML file that can be mailed to anybody: what was "
            "sent, opened, clicked and bought, and who was left out. Its numbers are the marts', read from the "
            "published copy; materialize it again after events came in. The dashboards show the same page, live."
        ),
        metadata=made_from(folder / "defs.yaml"),
        required_resource_keys={"mailrail"},
    )
    def report(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        from assets.reports.writing import write_report

        mailrail: Mailrail = context.resources.mailrail
        identity = send_id(name, context.partition_key)
        path = write_report(mailrail, identity, run_id=context.run_id)
        return dg.MaterializeResult(
            metadata={
                "page": dg.MetadataValue.url(mailrail.page_url(identity)),
                "report": dg.MetadataValue.path(str(path)),
                "kilobytes": path.stat().st_size // 1024,
            }
        )

    return report
