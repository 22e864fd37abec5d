"""The ``audience`` asset of a campaign: who gets one send, frozen, with everybody left out and why.

One function builds the asset for any campaign. How people are chosen belongs to ``plan`` and ``freeze``.
"""

from pathlib import Path

import dagster as dg

from assets.audiences.checks import check_audience
from assets.audiences.definition import CampaignDefinition
from assets.audiences.freeze import freeze_audience
from assets.partitions import send_id, sends_of
from assets.warehouse.assets import PUBLISHED
from assets.warehouse.resources import Mailrail

CHECK = "audience_is_sound"


def audience_key(campaign: str) -> dg.AssetKey:
    """Return the key of a campaign's audience."""
    return dg.AssetKey(["campaigns", campaign, "audience"])


def build_audience(definition: CampaignDefinition, folder: Path) -> dg.AssetsDefinition:
    """Return the audience asset of a campaign."""
    name, key = folder.name, audience_key(folder.name)
    segments = [*definition.audience.include, *definition.audience.exclude]

    @dg.asset(
        key=key,
        partitions_def=sends_of(name),
        deps=[PUBLISHED, *(dg.AssetKey(["segments", segment]) for segment in segments)],
        check_specs=[
            dg.AssetCheckSpec(CHECK, asset=key, blocking=True, description="Great Expectations on the audience.")
        ],
        group_name=f"campaign_{name}",
        kinds={"polars", "parquet"},
        owners=definition.owners,
        description=(
            f"Who gets a send of “{definition.title}”. One row per recipient, frozen in files with a hash; beside "
            "it one row per person left out, with the reason. It never changes once its send has begun."
        ),
        required_resource_keys={"mailrail"},
    )
    def audience(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        mailrail: Mailrail = context.resources.mailrail
        identity = send_id(name, context.partition_key)
        with mailrail.open_ledger() as ledger:
            manifest = freeze_audience(definition, folder, mailrail, ledger, send_id=identity)
            verdict = check_audience(mailrail.send_folder(identity), ledger)
        return dg.MaterializeResult(
            metadata={
                "recipients": manifest.rows,
                "included": manifest.included,
                **{f"excluded: {reason}": count for reason, count in manifest.excluded.items()},
                "audience_hash": manifest.audience_hash,
                "published_version": manifest.published_version,
                "folder": str(mailrail.send_folder(identity)),
            },
            check_results=[dg.AssetCheckResult(**verdict.as_check(key, CHECK))],
        )

    return audience
