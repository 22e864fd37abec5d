"""The ``Campaign`` component: a folder with a ``defs.yaml`` and a template becomes four assets and a schedule.

Its fields are ``CampaignDefinition``; add a field there. What the assets do belongs to the stage packages.
"""

from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import BaseModel, Field

from assets.audiences.assets import build_audience
from assets.audiences.definition import CampaignDefinition
from assets.deliveries.assets import SCHEDULED, build_preflight, build_receipts
from assets.partitions import send_id, send_key, sends_of
from assets.reports.assets import build_report
from assets.starters.campaigns import DEFAULT, DEFAULT_SEGMENT, NewCampaign, only_sender, starters, write_campaign


class StarterParams(BaseModel):
    """What ``dg scaffold defs assets.components.Campaign`` may be told."""

    starter: str = Field(DEFAULT, description=f"What it begins with: {', '.join(starters())}.")
    title: str = Field("", description="What people call it; made from the name by default.")
    topic: str = Field("", description="What people can unsubscribe from; the starter's by default.")
    sender: str = Field("", description="A sender profile of mailrail.toml; the only one by default.")
    segment: str = Field(DEFAULT_SEGMENT, description="Who gets it.")


class CampaignScaffolder(dg.Scaffolder[StarterParams]):
    """Writes a campaign's folder from a starter, as ``mailrail campaign new`` does."""

    @classmethod
    def get_scaffold_params(cls) -> type[StarterParams]:
        """Return the model of what may be told."""
        return StarterParams

    def scaffold(self, request: dg.ScaffoldRequest[StarterParams]) -> None:
        """Write definition, template and subject of a new campaign."""
        told, folder = request.params.model_dump(), request.target_path
        told["sender"] = told["sender"] or only_sender(folder.resolve())
        write_campaign(folder, NewCampaign(name=folder.name, **told))


@dg.scaffold_with(CampaignScaffolder)
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
        description=(
            f"Sends “{definition.title}”: freeze the audience, render every message, and send what is approved. Choose "
            "or add a partition, the send's time in UTC. To look first, materialize audience and preflight only; then "
            "receipts with the run config that the preflight shows."
        ),
    )
    report = dg.define_asset_job(
        f"report_{name}",
        selection=[dg.AssetKey(["campaigns", name, "report"])],
        partitions_def=sends_of(name),
        description=(
            f"Writes the report of a send of “{definition.title}” from the published marts; run load_events before it "
            "for the newest opens and clicks."
        ),
    )
    schedules = [_schedule(definition, name, job)] if definition.schedule is not None else []
    return dg.Definitions(assets=assets, jobs=[job, report], schedules=schedules)


def _schedule(definition: CampaignDefinition, name: str, job: Any) -> dg.ScheduleDefinition:
    timing = definition.schedule

    @dg.schedule(
        name=f"send_{name}_on_time",
        cron_schedule=timing.as_cron(),
        execution_timezone=timing.timezone,
        job=job,
        description=_describe_schedule(definition),
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


def _describe_schedule(definition: CampaignDefinition) -> str:
    rule = (
        f"its standing rule lets it send to at most {definition.at_most} people without a person"
        if definition.approval == "automatic"
        else "it has no standing rule, so it freezes and renders, and then waits for a person's approval"
    )
    return (
        f"Sends “{definition.title}” at its set time; {rule}. More than {definition.late_after_minutes} minutes late "
        "needs a person. Off until somebody switches it on here, so that a second copy of the project sends nothing."
    )
