"""The rules of the dbt project, read from its manifest: layers, names, keys, contracts, access."""

import re
from pathlib import PurePosixPath
from typing import Any

import pytest
import yaml

from assets.warehouse.tables import RAW_SCHEMA, RAW_TABLES
from tests.fixtures.warehouse import DBT_PROJECT, build_once

pytestmark = pytest.mark.dbt

Node = dict[str, Any]

PREFIXES = {
    "models/staging/crm": ("stg_crm__",),
    "models/staging/mail": ("stg_mail__",),
    "models/intermediate": ("int_",),
    "models/marts/core": ("dim_", "fct_"),
    "models/marts/segments": ("seg_",),
    "models/marts/reporting": ("rpt_",),
}
SCHEMAS = {"stg": "staging", "int": "intermediate", "dim": "marts", "fct": "marts", "rpt": "marts", "seg": "segments"}
MATERIALIZED = {"stg": {"view"}, "int": {"ephemeral"}, "seg": {"table"}, "dim": {"table"}}
MATERIALIZED |= {"rpt": {"table", "incremental"}, "fct": {"table", "incremental"}}
# Models whose SQL judges; each has a dbt unit test.
JUDGING = {
    "dim_preferences",
    "dim_suppressions",
    "fct_consents",
    "int_consents_stated",
    "int_contacts_ranked",
    "int_contacts_written",
    "int_messages_concluded",
    "int_messages_engaged",
    "int_order_lines_reported",
    "int_order_lines_resolved",
    "int_orders_attributed",
    "fct_email_events",
    "rpt_daily",
    "rpt_list_growth",
    "rpt_periods",
    "rpt_send_changes",
    "rpt_send_engagement",
    "rpt_send_exclusions",
    "rpt_send_funnel",
    "rpt_send_links",
    "rpt_send_machines",
    "rpt_send_providers",
    "rpt_send_replies",
    "seg_bought_featured_product_30d",
    "seg_not_opened_90d",
}


@pytest.fixture(scope="module")
def manifest() -> Node:
    return build_once().manifest()


@pytest.fixture(scope="module")
def models(manifest: Node) -> list[Node]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


def layer(model: Node) -> str:
    return str(model["name"]).split("_")[0]


def public(models: list[Node]) -> list[Node]:
    return [model for model in models if layer(model) in {"dim", "fct", "rpt", "seg"}]


def test_a_folder_holds_the_names_of_its_layer(models: list[Node]) -> None:
    for model in models:
        folder = str(PurePosixPath(model["original_file_path"]).parent)
        assert model["name"].startswith(PREFIXES[folder]), f"{model['name']} does not belong in {folder}"


def test_a_layer_has_its_schema_and_materialization(models: list[Node]) -> None:
    for model in models:
        assert model["schema"] == SCHEMAS[layer(model)], model["name"]
        assert model["config"]["materialized"] in MATERIALIZED[layer(model)], model["name"]


def test_only_staging_reads_sources_and_staging_reads_nothing_else(models: list[Node]) -> None:
    for model in models:
        kinds = {parent.split(".")[0] for parent in model["depends_on"]["nodes"]}
        assert ("source" in kinds) == (layer(model) == "stg"), model["name"]
        if layer(model) == "stg":
            assert len(model["depends_on"]["nodes"]) == 1, model["name"]


def test_a_staging_model_carries_the_name_of_its_source_table(models: list[Node]) -> None:
    for model in models:
        if layer(model) == "stg":
            [[source, table]] = model["sources"]
            assert model["name"] == f"stg_{source}__{table}"


def test_nothing_but_reports_reads_reports_and_nothing_reads_segments(models: list[Node]) -> None:
    for model in models:
        parents = {parent.split(".")[-1].split("_")[0] for parent in model["depends_on"]["nodes"]}
        assert "seg" not in parents, model["name"]
        assert "rpt" not in parents or layer(model) == "rpt", model["name"]


def test_marts_are_public_with_an_enforced_contract_and_an_owner(manifest: Node, models: list[Node]) -> None:
    for model in public(models):
        assert model["access"] == "public", model["name"]
        assert model["contract"]["enforced"], model["name"]
        assert model["group"] in {"data", "marketing"}, model["name"]
    for group in manifest["groups"].values():
        assert group["owner"]["email"]


def test_what_is_not_a_mart_is_not_public(models: list[Node]) -> None:
    assert {model["access"] for model in models if model not in public(models)} == {"protected"}


def test_every_model_says_its_grain(models: list[Node]) -> None:
    for model in models:
        assert model["description"].startswith("One row per "), model["name"]


def test_every_column_of_a_public_model_is_typed_and_described(models: list[Node]) -> None:
    for model in public(models):
        assert model["columns"], model["name"]
        for column in model["columns"].values():
            assert column["data_type"], f"{model['name']}.{column['name']}"
            assert column["description"].endswith("."), f"{model['name']}.{column['name']}"


def test_a_segment_holds_contact_ids_and_nothing_else(models: list[Node]) -> None:
    segments = [model for model in models if layer(model) == "seg"]
    assert len(segments) >= 5
    for model in segments:
        assert list(model["columns"]) == ["contact_id"], model["name"]


def test_every_mart_has_a_tested_key(manifest: Node, models: list[Node]) -> None:
    tests = [node for node in manifest["nodes"].values() if node["resource_type"] == "test"]
    kinds = {"unique", "unique_combination"}
    keyed = {test["attached_node"] for test in tests if test.get("test_metadata", {}).get("name") in kinds}
    for model in models:
        if layer(model) in {"dim", "fct", "seg"}:
            assert model["unique_id"] in keyed, model["name"]


def test_columns_tested_for_uniqueness_cannot_be_null(manifest: Node) -> None:
    for test in manifest["nodes"].values():
        if test["resource_type"] != "test" or test.get("test_metadata", {}).get("name") != "unique":
            continue
        node = manifest["nodes"][test["attached_node"]]
        if node["resource_type"] == "model" and layer(node) in {"dim", "fct", "rpt", "seg"}:
            constraints = node["columns"][test["column_name"]]["constraints"]
            assert [one["type"] for one in constraints] == ["not_null"], node["name"]


def test_models_that_judge_have_unit_tests(manifest: Node) -> None:
    assert {test["model"] for test in manifest["unit_tests"].values()} >= JUDGING


def test_exposures_stand_on_public_models_that_cannot_be_left_out(manifest: Node) -> None:
    assert manifest["exposures"]
    for exposure in manifest["exposures"].values():
        for parent in exposure["depends_on"]["nodes"]:
            node = manifest["nodes"][parent]
            assert node["access"] == "public", f"{exposure['name']} reads {node['name']}"
            assert layer(node) != "seg", f"{exposure['name']} would break with the segment {node['name']}"


def test_sources_are_the_raw_tables(manifest: Node) -> None:
    sources = manifest["sources"].values()
    assert {source["identifier"] for source in sources} == set(RAW_TABLES)
    assert {source["schema"] for source in sources} == {RAW_SCHEMA}
    assert all(source["description"].startswith("One row per ") for source in sources)


def test_macros_are_short_and_documented(manifest: Node) -> None:
    for macro in manifest["macros"].values():
        if macro["package_name"] != "mailrail" or re.match(r"(default|spark)__", macro["name"]):
            continue
        assert macro["description"], macro["name"]
        assert len(macro["macro_sql"].splitlines()) <= 30, macro["name"]


def test_patterns_of_machine_rules_are_plain_lower_case_text() -> None:
    rows = (DBT_PROJECT / "seeds" / "machine_user_agents.csv").read_text(encoding="utf-8").splitlines()[1:]
    for matching, pattern, _ in (row.split(",") for row in rows):
        assert matching in {"exact", "contains"}
        assert pattern == pattern.lower()
        assert not set("%_") & set(pattern)


def test_nothing_phones_home() -> None:
    project = yaml.safe_load((DBT_PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))
    assert project["flags"]["send_anonymous_usage_stats"] is False
    assert project["flags"]["version_check"] is False
    profile = yaml.safe_load((DBT_PROJECT / "profiles.yml").read_text(encoding="utf-8"))
    assert all(
        output["settings"]["autoinstall_known_extensions"] is False
        for output in profile["mailrail"]["outputs"].values()
    )
