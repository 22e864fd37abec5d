import dagster as dg
import pytest
from dagster.components.testing import create_defs_folder_sandbox

from assets.audiences.definition import load_campaign
from assets.components.campaign import Campaign

KEYS = {"audience", "preflight", "receipts"}


@pytest.mark.parametrize("starter", ["newsletter", "promotion", "plain"])
def test_a_scaffolded_campaign_loads_as_it_is(starter):
    with create_defs_folder_sandbox() as sandbox:
        folder = sandbox.scaffold_component(
            component_cls=Campaign,
            defs_path="spring_news",
            scaffold_params={"starter": starter, "sender": "shop", "title": "Spring news"},
        )
        assert {path.name for path in folder.iterdir()} == {"defs.yaml", "template.mjml", "subject.txt.j2"}
        definition = load_campaign(folder)
        assert (definition.title, definition.sender) == ("Spring news", "shop")
        with sandbox.load_component_and_build_defs(defs_path=folder) as (component, definitions):
            assert component.definition == definition
            merged = dg.Definitions.merge(definitions, dg.Definitions(resources={"mailrail": object()}))
            keys = {key.to_user_string() for key in merged.resolve_asset_graph().get_all_asset_keys()}
            assert {f"campaigns/spring_news/{stage}" for stage in KEYS} <= keys
