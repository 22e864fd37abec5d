"""The dbt models as assets, and the published copy that readers open.

Add an asset here when something else must be built inside the warehouse. What the models mean belongs to
``dbt_project``; this module only runs them.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

from assets.metadata import made_from, sql_text
from assets.stages import DATA_TEAM, MARTS, REPORTING, SEGMENTS, STAGING
from assets.warehouse import dbt
from assets.warehouse.checks import describe_test, report_test
from assets.warehouse.resources import Mailrail
from assets.warehouse.tables import complete_warehouse, count_rows
from senders.clock import format_time
from senders.errors import Problem


@contextmanager
def _without_dbt_core() -> Iterator[None]:
    """Hide dbt-core from dagster-dbt, which needs it only to select models; we select all, and run dbt elsewhere.

    Its import takes as long as all of Dagster's, in the code server and again in every run.
    """
    name = "dbt.version"
    is_loaded = name in sys.modules
    sys.modules.setdefault(name, None)  # type: ignore[arg-type]
    try:
        yield
    finally:
        if not is_loaded:
            del sys.modules[name]


with _without_dbt_core():
    from dagster_dbt import DagsterDbtTranslator, dbt_assets
    from dagster_dbt.asset_utils import get_asset_check_key_for_test

POOL = "warehouse"
PUBLISHED = dg.AssetKey("published")
_GROUPS = {"marts": MARTS, "segments": SEGMENTS}
_ROLL_UPS = "models/marts/reporting/"


class Translator(DagsterDbtTranslator):
    """Gives dbt nodes the keys, groups and words of the loop: raw, staging, marts, segments, reporting."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """Return ``<schema>/<name>``."""
        if dbt_resource_props["resource_type"] == "source":
            return dg.AssetKey(["raw", dbt_resource_props["identifier"]])
        if dbt_resource_props["resource_type"] == "seed":
            return dg.AssetKey(["seeds", dbt_resource_props["name"]])
        return dg.AssetKey([dbt_resource_props["schema"], dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """Return the stage of the loop."""
        if dbt_resource_props["original_file_path"].startswith(_ROLL_UPS):
            return REPORTING
        return _GROUPS.get(dbt_resource_props["schema"], STAGING)

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """Return the model's own words; its SQL stands in the metadata."""
        return str(dbt_resource_props["description"])

    def get_metadata(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return where the SQL stands and how it reads, beside the columns."""
        path = dbt_resource_props["original_file_path"]
        found = {**super().get_metadata(dbt_resource_props), "file": dg.MetadataValue.path(f"dbt_project/{path}")}
        if dbt_resource_props.get("language") == "sql" and dbt_resource_props["resource_type"] == "model":
            found["sql"] = sql_text(dbt_resource_props["raw_code"])
        return {**found, **made_from(self.folder / path)}

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str]:
        """Return the data team."""
        return DATA_TEAM

    def get_asset_check_spec(
        self, asset_spec: dg.AssetSpec, manifest: Mapping[str, Any], unique_id: str, project: Any
    ) -> dg.AssetCheckSpec | None:
        """Return a dbt test as a check, with a description in words."""
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        return spec and spec._replace(description=describe_test(manifest["nodes"][unique_id]))


def _attach_tests(manifest: Mapping[str, Any]) -> None:
    """Give each test that reads several models the one farthest in the loop, as Dagster shows a check on one asset."""
    order = [STAGING, MARTS, SEGMENTS, REPORTING]
    translator = Translator(Path())
    for node in manifest["nodes"].values():
        if node["resource_type"] == "test" and not node.get("attached_node"):
            read = [name for name in node["depends_on"]["nodes"] if name in manifest["nodes"]]
            node["attached_node"] = max(
                read, key=lambda name: order.index(translator.get_group_name(manifest["nodes"][name])), default=None
            )


def build_warehouse_assets(project: dbt.DbtProject) -> list[dg.AssetsDefinition]:
    """Return the dbt models and the published copy for a parsed project."""
    manifest = project.manifest()
    _attach_tests(manifest)
    translator = Translator(project.source)
    checks = {
        unique_id: get_asset_check_key_for_test(manifest, translator, unique_id, None)
        for unique_id in manifest["nodes"]
        if unique_id.startswith("test.")
    }

    @dbt_assets(
        manifest=manifest,
        dagster_dbt_translator=translator,
        name="models",
        pool=POOL,
        required_resource_keys={"mailrail"},
    )
    def models(context: dg.AssetExecutionContext) -> Iterator[Any]:
        """Build every model and run its tests, in a dbt process of its own."""
        mailrail: Mailrail = context.resources.mailrail
        with mailrail.hold_warehouse() as lock:
            complete_warehouse(mailrail.warehouse)
            results = list(dbt.build(project, mailrail.warehouse, as_of=mailrail.clock.now(), keep_open=(lock,)))
            rows = count_rows(mailrail.warehouse)
            told = [
                report_test(check, manifest["nodes"][result.unique_id], result, mailrail.warehouse)
                for result in results
                if (check := checks.get(result.unique_id)) in context.selected_asset_check_keys
                and not result.was_skipped
            ]
        failed: list[str] = []
        for result in results:
            node = manifest["nodes"].get(result.unique_id, {})
            if result.was_skipped or node.get("resource_type") in {"test", None}:
                continue
            if result.is_ok:
                key = translator.get_asset_key(node)
                if key in context.selected_asset_keys:
                    yield dg.MaterializeResult(asset_key=key, metadata=_built(result, rows.get(".".join(key.path))))
            elif node["name"].startswith("seg_"):  # left out of the published copy, which says so
                context.log.error(f"{node['original_file_path']}: {result.message}")
            else:
                failed.append(f"{node['original_file_path']}: {result.message}")
        yield from told  # last, so that each is about what was just built
        if failed:
            raise dg.Failure("dbt build failed: " + "; ".join(failed))

    return [models, _build_published(project)]


def _built(result: dbt.NodeResult, rows: int | None) -> dict[str, Any]:
    counted = {} if rows is None else {"dagster/row_count": rows}
    return {**counted, "seconds": round(result.seconds, 2), "dbt": result.message}


def _build_published(project: dbt.DbtProject) -> dg.AssetsDefinition:
    segments = sorted({*project.segments(), *(_segment_of(problem) for problem in project.broken)})
    # Not the segments, which are copied too: Dagster would skip the copy where one of them was not built.
    marts = [
        dg.AssetKey(["marts", node["name"]])
        for node in project.manifest()["nodes"].values()
        if node["resource_type"] == "model" and node["schema"] == "marts"
    ]

    @dg.asset(
        key=PUBLISHED,
        deps=marts,
        check_specs=[_segment_spec(name) for name in segments],
        group_name=REPORTING,
        kinds={"duckdb"},
        owners=DATA_TEAM,
        pool=POOL,
        required_resource_keys={"mailrail"},
    )
    def published(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """A read-only copy of the public marts and segments, a new version after each build.

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
            metadata={
                "version": copy.version,
                "file": dg.MetadataValue.path(str(copy.file)),
                "left_out": ", ".join(sorted(problems)) or "none",
            },
            check_results=[_segment_check(name, problems.get(name)) for name in segments],
        )

    return published


def broken_segments(project: dbt.DbtProject) -> list[Problem]:
    """Return the problems of segments that did not parse, or whose last build failed."""
    return [*project.broken, *dbt.failed_segments(project)]


def _segment_of(problem: Problem) -> str:
    return problem.path.rsplit("/", 1)[-1].split(".")[0]


def _segment_spec(name: str) -> dg.AssetCheckSpec:
    words = f"The last build of {name} succeeded; else it is left out of the copy and no campaign can use it."
    return dg.AssetCheckSpec(f"{name}_is_current", asset=PUBLISHED, description=words)


def _segment_check(name: str, problem: Problem | None) -> dg.AssetCheckResult:
    metadata = (
        {}
        if problem is None
        else {
            "file": dg.MetadataValue.path(problem.path),
            "line": problem.line,
            "error": problem.message,
            "remedy": problem.remedy,
        }
    )
    return dg.AssetCheckResult(
        asset_key=PUBLISHED, check_name=f"{name}_is_current", passed=problem is None, metadata=metadata
    )
