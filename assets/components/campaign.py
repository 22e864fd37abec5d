"""The ``Campaign`` component: a folder with a ``defs.yaml`` and a template becomes four assets and a schedule.

Its fields are ``CampaignDefinition``; add a field there. What the assets do belongs to the stage packages.
"""

from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import BaseModel

from assets.audiences.assets import build_audience
from assets.audiences.definition import CampaignDefinition
from assets.deliveries.assets import SCHEDULED, build_preflight, build_receipts
from assets.partitions import send_id, send_key, sends_of
from assets.reports.assets import build_report


class Campaign(dg.Component):
    """A campaign: who gets it, what it says, who signs it, when it goes out."""

    def __init__(self, definition: CampaignDefinition, folder: Path) -> None:
        self.definition = definition
        self.folder = folder

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """Return the model of the attributes in ``defs.yaml``."""
        return CampaignDefinition

    @classmethod
    def load(cls, attributes: Any, context: dg.ComponentLoadContext) -> "Campaign":
        """Make the component from the attributes of a folder's ``defs.yaml``."""
        return cls(attributes, context.path)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the campaign's assets, job and schedule."""
        return build_campaign(self.definition, self.folder)


def build_campaign(definition: CampaignDefinition, folder: Path) -> dg.Definitions:
    """Return the assets of a campaign, the job that sends it, and its schedule where it has one."""
    name = folder.name
    assets = [
        build_audience(definition, folder),
        build_preflight(definition, folder),
        build_receipts(definition, folder),
        build_report(definition, folder),
    ]
    job = dg.define_asset_job(
        f"send_{name}",
        selection=[dg.AssetKey(["campaigns", name, stage]) for stage in ("audience", "preflight", "receipts")],
        partitions_def=sends_of(name),
        description=f"Freeze the audience of “{definition.title}”, render every message, and send what is approved.",
    )
    schedules = [_schedule(definition, name, job)] if definition.schedule is not None else []
    return dg.Definitions(assets=assets, jobs=[job], schedules=schedules)


def _schedule(definition: CampaignDefinition, name: str, job: Any) -> dg.ScheduleDefinition:
    timing = definition.schedule

    @dg.schedule(
        name=f"send_{name}_on_time",
        cron_schedule=timing.as_cron(),
        execution_timezone=timing.timezone,
        job=job,
        description=f"Sends “{definition.title}” at its set time, under its standing approval rule.",
    )
    def on_time(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        due = context.scheduled_execution_time
        if not timing.is_due(due):
            return dg.SkipReason(f"{definition.title} is set for {timing.at}, not for {due}")
        key = send_key(due)
        # Registered first: a run of a partition that does not exist yet would fail.
        context.instance.add_dynamic_partitions(sends_of(name).name, [key])
        return dg.RunRequest(run_key=send_id(name, key), partition_key=key, tags={SCHEDULED: "true"})

    return on_time
