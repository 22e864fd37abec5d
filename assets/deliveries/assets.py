"""The ``preflight`` and ``receipts`` assets of a campaign: every message rendered once, then offered.

One function builds each for any campaign. Rendering and the wire belong to ``senders``; the guards that
decide whether a send may begin stand in ``receipts``.
"""

from pathlib import Path

import dagster as dg

from assets.audiences.assets import audience_key
from assets.audiences.definition import CampaignDefinition
from assets.deliveries.checks import check_preflight
from assets.deliveries.preflight import run_preflight
from assets.deliveries.receipts import authorise, follow, open_send
from assets.partitions import send_id, sends_of
from assets.warehouse.resources import Mailrail

CHECK = "messages_are_fit"
SCHEDULED = "mailrail/scheduled"


class Confirmation(dg.Config):
    """How a person approves a send in the Dagster UI: the number of recipients, typed."""

    confirm: int | None = None
    approved_by: str = ""


def build_preflight(definition: CampaignDefinition, folder: Path) -> dg.AssetsDefinition:
    """Return the preflight asset of a campaign."""
    name = folder.name
    key = dg.AssetKey(["campaigns", name, "preflight"])

    @dg.asset(
        key=key,
        partitions_def=sends_of(name),
        deps=[audience_key(name)],
        check_specs=[
            dg.AssetCheckSpec(CHECK, asset=key, blocking=True, description="Great Expectations on the messages.")
        ],
        group_name=f"campaign_{name}",
        kinds={"jinja2", "email"},
        owners=definition.owners,
        description=(
            f"Every message of a send of “{definition.title}”, rendered by the code that will send it and then "
            "dropped: sizes, links, missing values, and the content hash that an approval is given for."
        ),
        required_resource_keys={"mailrail"},
    )
    def preflight(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        mailrail: Mailrail = context.resources.mailrail
        identity = send_id(name, context.partition_key)
        with mailrail.open_ledger() as ledger:
            found = run_preflight(definition, folder, mailrail, ledger, send_id=identity)
            verdict = check_preflight(mailrail.send_folder(identity), definition, ledger)
        return dg.MaterializeResult(
            metadata=found.metadata(), check_results=[dg.AssetCheckResult(**verdict.as_check(key, CHECK))]
        )

    return preflight


def build_receipts(definition: CampaignDefinition, folder: Path) -> dg.AssetsDefinition:
    """Return the receipts asset of a campaign."""
    name = folder.name

    @dg.asset(
        key=["campaigns", name, "receipts"],
        partitions_def=sends_of(name),
        deps=[dg.AssetKey(["campaigns", name, "preflight"])],
        group_name=f"campaign_{name}",
        kinds={"smtp"},
        owners=definition.owners,
        description=(
            f"One row per message of “{definition.title}” in the ledger, with the relay's reply. Needs an approval "
            "for exactly this audience and content: run config `confirm: <number of recipients>`, "
            "`mailrail send`, or the campaign's own standing rule. Resumable at any point, any number of times."
        ),
        required_resource_keys={"mailrail"},
    )
    def receipts(context: dg.AssetExecutionContext, config: Confirmation) -> dg.MaterializeResult:
        mailrail: Mailrail = context.resources.mailrail
        identity = send_id(name, context.partition_key)
        with mailrail.open_ledger() as ledger:
            authorise(
                definition,
                folder,
                mailrail,
                ledger,
                send_id=identity,
                confirm=config.confirm,
                approved_by=config.approved_by,
                is_scheduled=context.run.tags.get(SCHEDULED) == "true",
            )
            open_send(definition, folder, mailrail, ledger, send_id=identity)
            proof = follow(ledger, identity, log=context.log.info)
        return dg.MaterializeResult(metadata=proof.metadata())

    return receipts
