"""The Dagster UI is a map: whatever stands in it says what it is, whose it is and where in the loop."""

import os
import re
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dagster as dg
import pytest
from pydantic import BaseModel

from assets import stages
from assets.audiences.definition import CampaignDefinition
from assets.deliveries.assets import Confirmation
from assets.ingestion.mapping import SourceDefinition
from orchestration.definitions import build_definitions
from orchestration.settings import load_settings

pytestmark = pytest.mark.dbt

SENTENCE = 25
GROUPS = [stages.SOURCES, stages.RAW, stages.STAGING, stages.MARTS, stages.SEGMENTS, stages.REPORTING]


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    home = tmp_path_factory.mktemp("map")
    with patch.dict(os.environ):  # loading exports where state lives
        return build_definitions(load_settings(home=home))


@pytest.fixture(scope="module")
def nodes(definitions: dg.Definitions) -> dict[str, Any]:
    graph = definitions.resolve_asset_graph()
    return {key.to_user_string(): graph.get(key) for key in graph.get_all_asset_keys()}


def says_something(text: str | None) -> bool:
    return text is not None and len(text.strip()) >= SENTENCE and " " in text.strip()


def test_every_asset_says_what_it_is_and_who_answers_for_it(nodes):
    assert len(nodes) > 50
    assert not [key for key, node in nodes.items() if not says_something(node.description)]
    assert not [key for key, node in nodes.items() if not node.kinds]
    assert not [key for key, node in nodes.items() if not node.owners]


def test_the_groups_are_numbered_in_the_order_of_the_loop(nodes):
    found = {node.group_name for node in nodes.values()}
    campaigns = {stages.campaign_group(name) for name in ("spring_sale", "back_in_stock")}
    assert found == {*GROUPS, *campaigns}
    assert sorted(found)[: len(GROUPS)] == GROUPS
    for campaign in ("spring_sale", "back_in_stock"):
        mine = {node.group_name for key, node in nodes.items() if key.startswith(f"campaigns/{campaign}/")}
        assert mine == {stages.campaign_group(campaign)}


def test_nothing_reads_ahead_of_where_it_stands_in_the_loop(nodes):
    back = [
        (key, parent.to_user_string())
        for key, node in nodes.items()
        for parent in node.parent_keys
        if nodes[parent.to_user_string()].group_name > node.group_name
    ]
    assert back == []


def test_a_line_leads_from_every_source_file_to_every_report(nodes):
    def above(key: str) -> set[str]:
        parents = {parent.to_user_string() for parent in nodes[key].parent_keys}
        return parents.union(*map(above, parents))

    files = {key for key in nodes if key.startswith("files/")}
    assert len(files) == 4
    for report in (key for key in nodes if key.endswith("/report")):
        assert above(report) >= {*files, "ledger", "published"}


def test_every_check_says_what_must_hold(definitions):
    graph = definitions.resolve_asset_graph()
    specs = [graph.get_check_spec(key) for key in graph.asset_check_keys]
    assert len(specs) > 60
    assert not [spec.name for spec in specs if not says_something(spec.description)]


def test_no_dbt_test_may_fail_unseen(definitions):
    """One that reads several models belongs to the one farthest in the loop."""
    graph = definitions.resolve_asset_graph()
    names = {key.name for key in graph.asset_check_keys}
    root = Path(__file__).resolve().parents[2] / "dbt_project" / "data-tests"
    assert {path.stem for path in root.glob("*.sql")} <= names


def test_every_job_schedule_and_sensor_says_what_it_brings_about(definitions):
    jobs = [job for job in definitions.resolve_all_job_defs() if not job.name.startswith("__")]
    named = [*jobs, *(definitions.schedules or []), *(definitions.sensors or [])]
    assert {one.name for one in named} >= {"refresh_marts", "load_events", "send_spring_sale", "events_came_in"}
    assert not [one.name for one in named if not says_something(one.description)]


def test_models_show_their_columns_and_their_file(nodes):
    for key, node in nodes.items():
        if key.startswith(("marts/", "segments/")):
            assert node.metadata["file"].value.startswith("dbt_project/models/marts/")
            assert "select" in node.metadata["sql"].value
            assert node.metadata["dagster/column_schema"].columns
            (reference,) = node.metadata["dagster/code_references"].code_references
            assert Path(reference.file_path).exists()


def test_what_is_written_by_hand_links_to_its_file(nodes):
    for key, node in nodes.items():
        if key.startswith(("campaigns/", "sources/")):
            references = node.metadata["dagster/code_references"].code_references
            assert references
            assert all(Path(reference.file_path).exists() for reference in references)


def fields(model: type[BaseModel]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name, field in model.model_fields.items():
        found[f"{model.__name__}.{name}"] = field.description
        for inner in re.findall(r"[\w.]+", str(field.annotation)):
            kind = next((sub for sub in _models() if sub.__module__ + "." + sub.__qualname__ == inner), None)
            if kind is not None and kind is not model:
                found |= fields(kind)
    return found


def _models() -> list[type[BaseModel]]:
    found, left = [], [BaseModel]
    while left:
        for sub in left.pop().__subclasses__():
            if sub.__module__.startswith("assets."):
                found.append(sub)
            left.append(sub)
    return found


@pytest.mark.parametrize("model", [CampaignDefinition, SourceDefinition, Confirmation])
def test_every_field_that_people_fill_in_is_described(model):
    found = fields(model)
    assert not [name for name, text in found.items() if not text]
    if model is CampaignDefinition:
        assert {"Audience.include", "FrequencyCap.days", "Schedule.at"} <= set(found)
    if model is SourceDefinition:
        assert "ConsentRule.basis" in found
