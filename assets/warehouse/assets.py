"""The dbt models as assets, and the published copy that readers open.

Add an asset here when something else must be built inside the warehouse. What the models mean belongs to
``dbt_project``; this module only runs them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, dbt_assets
from dagster_dbt.asset_utils import get_asset_check_key_for_test

from assets.warehouse import dbt
from assets.warehouse.resources import Mailrail
from senders.clock import format_time
from senders.errors import Problem

POOL = "warehouse"
PUBLISHED = dg.AssetKey("published")
OWNERS = ["team:data"]


class Translator(DagsterDbtTranslator):
    """Gives dbt nodes the keys and groups of the loop: raw, staging, marts, segments."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """Return ``<schema>/<name>``."""
        if dbt_resource_props["resource_type"] == "source":
            return dg.AssetKey(["raw", dbt_resource_props["identifier"]])
        if dbt_resource_props["resource_type"] == "seed":
            return dg.AssetKey(["seeds", dbt_resource_props["name"]])
        return dg.AssetKey([dbt_resource_props["schema"], dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """Return the layer."""
        return "seeds" if dbt_resource_props["resource_type"] == "seed" else dbt_resource_props["schema"]

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str]:
        """Return the data team."""
        return OWNERS


def build_warehouse_assets(project: dbt.DbtProject) -> list[dg.AssetsDefinition]:
    """Return the dbt models and the published copy for a parsed project."""
    manifest = project.manifest()
    translator = Translator()
    checks = {
        unique_id: get_asset_check_key_for_test(manifest, translator, unique_id, None)
        for unique_id in manifest["nodes"]
        if unique_id.startswith("test.")
    }

    @dbt_assets(
        manifest=manifest,
        dagster_dbt_translator=translator,
        name="models",
        exclude="resource_type:unit_test",
        pool=POOL,
        required_resource_keys={"mailrail"},
    )
    def models(context: dg.AssetExecutionContext) -> Iterator[Any]:
        """Build every model and run its tests, in a dbt process of its own."""
        mailrail: Mailrail = context.resources.mailrail
        selected, declared = context.selected_asset_keys, context.selected_asset_check_keys
        failed: list[str] = []
        with mailrail.hold_warehouse() as lock:
            results = list(dbt.build(project, mailrail.warehouse, as_of=mailrail.clock.now(), keep_open=(lock,)))
        for result in results:
            node = manifest["nodes"].get(result.unique_id)
            if node is None or result.was_skipped:
                continue
            if node["resource_type"] == "test":
                check = checks[result.unique_id]
                if check in declared:
                    yield _check_result(check, node, result)
            elif result.is_ok:
                key = translator.get_asset_key(node)
                if key in selected:
                    yield dg.MaterializeResult(
                        asset_key=key, metadata={"seconds": result.seconds, "dbt": result.message}
                    )
            elif node["name"].startswith("seg_"):  # left out of the published copy, which says so
                context.log.error(f"{node['original_file_path']}: {result.message}")
            else:
                failed.append(f"{node['original_file_path']}: {result.message}")
        if failed:
            raise dg.Failure("dbt build failed: " + "; ".join(failed))

    return [models, _build_published(project)]


def _check_result(key: dg.AssetCheckKey, node: Mapping[str, Any], result: dbt.NodeResult) -> dg.AssetCheckResult:
    severity = (
        dg.AssetCheckSeverity.WARN if node["config"]["severity"].lower() == "warn" else dg.AssetCheckSeverity.ERROR
    )
    return dg.AssetCheckResult(
        passed=result.status == "pass",
        asset_key=key.asset_key,
        check_name=key.name,
        severity=severity,
        metadata={"failures": result.failures, "dbt": result.message, "file": node["original_file_path"]},
    )


def _build_published(project: dbt.DbtProject) -> dg.AssetsDefinition:
    segments = sorted({*project.segments(), *(_segment_of(problem) for problem in project.broken)})
    marts = [
        dg.AssetKey(["marts", node["name"]])
        for node in project.manifest()["nodes"].values()
        if node["resource_type"] == "model" and node["schema"] == "marts"
    ]

    @dg.asset(
        key=PUBLISHED,
        deps=marts,
        check_specs=[dg.AssetCheckSpec(f"{name}_is_current", asset=PUBLISHED) for name in segments],
        group_name="marts",
        kinds={"duckdb"},
        owners=OWNERS,
        pool=POOL,
        required_resource_keys={"mailrail"},
    )
    def published(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """A read-only copy of the public marts and segments.

        Plans, audiences, dashboards and the command line read this copy; they never wait for a build nor
        make one wait. A segment whose last build failed is left out, so that nobody mails a stale one.
        """
        from assets.warehouse.published import publish

        mailrail: Mailrail = context.resources.mailrail
        problems = {_segment_of(problem): problem for problem in broken_segments(project)}
        version = format_time(mailrail.clock.now()).replace("-", "").replace(":", "")
        with mailrail.hold_warehouse():
            copy = publish(
                mailrail.warehouse, mailrail.published, f"{version}-{context.run_id[:8]}", leave_out=set(problems)
            )
        return dg.MaterializeResult(
            metadata={"version": copy.version, "file": str(copy.file), "left_out": sorted(problems)},
            check_results=[_segment_check(name, problems.get(name)) for name in segments],
        )

    return published


def broken_segments(project: dbt.DbtProject) -> list[Problem]:
    """Return the problems of segments that did not parse, or whose last build failed."""
    return [*project.broken, *dbt.failed_segments(project)]


def _segment_of(problem: Problem) -> str:
    return problem.path.rsplit("/", 1)[-1].split(".")[0]


def _segment_check(name: str, problem: Problem | None) -> dg.AssetCheckResult:
    metadata = (
        {}
        if problem is None
        else {"file": problem.path, "line": problem.line, "error": problem.message, "remedy": problem.remedy}
    )
    return dg.AssetCheckResult(
        asset_key=PUBLISHED, check_name=f"{name}_is_current", passed=problem is None, metadata=metadata
    )
