import dagster as dg
import pytest
from dagster.components.testing import create_defs_folder_sandbox

from assets.components.source import Source, build_source_defs
from assets.ingestion.definitions import load_definition

GOOD = """\
type: assets.components.Source
attributes:
  kind: contacts
  location: in/contacts.csv
  columns:
    email: E-Mail
"""


@pytest.fixture
def write(tmp_path):
    def put(text, name):
        path = tmp_path / "assets" / "sources" / name / "defs.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    return put


def keys(definitions):
    definitions = dg.Definitions.merge(definitions, dg.Definitions(resources={"mailrail": object()}))
    return {key.to_user_string() for key in definitions.resolve_asset_graph().get_all_asset_keys()}


def test_one_broken_file_becomes_an_asset_with_a_failing_check(write, tmp_path):
    write(GOOD, "crm")
    write(GOOD.replace("kind: contacts", "kind: contacts\n  colour: red"), "bad")
    write("a: [", "worse")
    write(GOOD, "Bad-Name")
    definitions = build_source_defs(tmp_path / "assets" / "sources")
    sources = {"files/crm", "sources/crm", "sources/bad", "sources/worse", "sources/Bad-Name"}
    assert keys(definitions) == {*sources, "raw/contacts", "raw/orders", "raw/products"}
    loaded = definitions.get_assets_def(dg.AssetKey(["sources", "crm"]))
    assert loaded.dependency_keys == {dg.AssetKey(["files", "crm"])}
    contacts = definitions.get_assets_def(dg.AssetKey(["raw", "contacts"]))
    assert contacts.dependency_keys == {dg.AssetKey(["sources", "crm"])}
    check = next(
        check
        for check in definitions.asset_checks
        if dg.AssetKey(["sources", "bad"]) in {s.asset_key for s in check.check_specs}
    )
    found = check()
    assert not found.passed
    assert found.metadata["line"].value == 4
    assert "'colour' is not known" in found.metadata["problem"].value


def test_folder_without_sources_still_has_the_raw_tables(tmp_path):
    assert keys(build_source_defs(tmp_path)) == {"raw/contacts", "raw/orders", "raw/products"}


def test_scaffolded_source_loads_as_it_is():
    with create_defs_folder_sandbox() as sandbox:
        folder = sandbox.scaffold_component(component_cls=Source, defs_path="crm_people")
        definition = load_definition(folder / "defs.yaml")
        assert (definition.name, definition.location) == ("crm_people", "imports/crm_people/contacts.csv")
        with sandbox.load_component_and_build_defs(defs_path=folder) as (component, definitions):
            assert component.definition == definition
            assert keys(definitions) == {"files/crm_people", "sources/crm_people"}
