"""The one Definitions object: every source, campaign and model, the jobs, schedules and sensors.

Campaigns and sources are loaded each by itself; a broken one becomes one asset with a failing check. Add
nothing here but wiring; what exists belongs to ``assets``.
"""

from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from assets.audiences.definition import check_campaign, load_campaign
from assets.broken import build_broken
from assets.components.campaign import build_campaign
from assets.components.source import build_source_defs
from assets.events.assets import build_events, build_ledger
from assets.warehouse import dbt
from assets.warehouse.assets import build_warehouse_assets
from orchestration.jobs import build_jobs
from orchestration.resources import build_mailrail
from orchestration.sensors import build_sensors
from orchestration.settings import Settings, export_environment, load_settings


def build_definitions(settings: Settings) -> dg.Definitions:
    """Return everything that a project defines."""
    export_environment(settings)
    project = dbt.prepare(settings.project / "dbt_project", settings.home)
    warehouse = dg.Definitions(assets=[*build_warehouse_assets(project), build_ledger(), build_events()])
    merged = dg.Definitions.merge(
        warehouse,
        build_source_defs(settings.project / "assets" / "sources"),
        load_campaigns(settings.project / "assets" / "campaigns", set(project.segments()), settings.expire_hours),
    )
    return dg.Definitions.merge(
        merged,
        dg.Definitions(
            jobs=build_jobs(),
            sensors=build_sensors(),
            resources={"mailrail": build_mailrail(settings)},
            executor=dg.in_process_executor,
        ),
    )


def load_campaigns(root: Path, segments: set[str], profiles: Mapping[str, float]) -> dg.Definitions:
    """Return the assets of every campaign folder; a broken one never stops the others."""
    found = [dg.Definitions()]
    for folder in sorted(path.parent for path in root.glob("*/defs.yaml")):
        problems = [p for p in check_campaign(folder, segments=segments, profiles=profiles) if p.severity == "error"]
        found.append(
            build_broken("campaigns", folder.name, problems)
            if problems
            else build_campaign(load_campaign(folder), folder)
        )
    return dg.Definitions.merge(*found)


@dg.definitions
def mailrail() -> dg.Definitions:
    """What ``dg`` and the web server load."""
    return build_definitions(load_settings())
