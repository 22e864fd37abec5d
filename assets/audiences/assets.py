"""The ``audience`` asset of a campaign: who gets one send, frozen, with everybody left out and why.

One function builds the asset for any campaign. How people are chosen belongs to ``plan`` and ``freeze``.
"""

from pathlib import Path

import dagster as dg

from assets.audiences.definition import CampaignDefinition
from assets.metadata import made_from
from assets.partitions import send_id, sends_of
from assets.stages import MARKETING_TEAM, campaign_group
from assets.warehouse.assets import PUBLISHED
from assets.warehouse.resources import Mailrail

CHECK = "audience_is_sound"
_GATES = """\
Stops the preflight unless there is at least one recipient, every row has a contact and an address, none stands twice,
rows are numbered without a gap, nobody is suppressed at this moment, and included = recipients + excluded. Judged by
Great Expectations over counts of the frozen files, which the result shows.
"""


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
        check_specs=[dg.AssetCheckSpec(CHECK, asset=key, blocking=True, description=_GATES)],
        group_name=campaign_group(name),
        kinds={"duckdb", "parquet"},
        owners=definition.owners or MARKETING_TEAM,
        description=_describe(definition),
        metadata=made_from(folder / "defs.yaml"),
        required_resource_keys={"mailrail"},
    )
    def audience(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        from assets.audiences.checks import check_audience
        from assets.audiences.freeze import freeze_audience

        mailrail: Mailrail = context.resources.mailrail
        identity = send_id(name, context.partition_key)
        with mailrail.open_ledger() as ledger:
            manifest = freeze_audience(definition, folder, mailrail, ledger, send_id=identity)
            verdict = check_audience(mailrail.send_folder(identity), ledger)
        return dg.MaterializeResult(
            metadata={
                "recipients": manifest.rows,
                "included": manifest.included,
                "excluded": sum(manifest.excluded.values()),
                **{f"excluded: {reason}": count for reason, count in manifest.excluded.items()},
                "audience_hash": manifest.audience_hash,
                "published_version": manifest.published_version,
                "folder": dg.MetadataValue.path(str(mailrail.send_folder(identity))),
            },
            check_results=[dg.AssetCheckResult(**verdict.as_check(key, CHECK))],
        )

    return audience


def _describe(definition: CampaignDefinition) -> str:
    included, excluded = definition.audience.include, definition.audience.exclude
    without = f" without {', '.join(excluded)}" if excluded else ""
    return (
        f"Who gets a send of “{definition.title}”: {', '.join(included)}{without}, minus those without consent for "
        f"{definition.topic}, suppressed, or left out by another rule of the campaign.\n\n"
        "One row per recipient, frozen in Parquet files with a hash; beside them one row per person left out, with "
        "the reason. It is read by the preflight and the sender, and never changes once its send has begun. "
        "A partition is a send: its time in UTC, such as 20261103T0900Z."
    )
