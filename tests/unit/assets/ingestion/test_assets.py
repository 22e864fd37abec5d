import dagster as dg
import pytest

from assets.ingestion.assets import RAW_TABLE, build_raw_assets, build_source
from tests.fixtures.sources import CONTACTS, ORDERS, Workshop, define

KEY = dg.AssetKey(["sources", "crm"])
ROWS = "No,E-Mail,First,Created,News\n1,a@x.example,A,,yes\n2,b@x.example,B,,maybe\n3,broken,C,,no\n"


@pytest.fixture
def shop(tmp_path):
    return Workshop(tmp_path)


def run(shop, *definitions):
    assets = [*map(build_source, definitions), *build_raw_assets(definitions)]
    return dg.materialize(assets, resources={"mailrail": shop}, raise_on_error=False)


def checks(result):
    return {check.check_name: check.passed for check in result.get_asset_check_evaluations()}


def test_source_asset_says_what_it_is():
    asset = build_source(define(CONTACTS, description="The CRM.", owners=["team:shop"]))
    spec = asset.specs_by_key[KEY]
    assert (spec.group_name, spec.kinds, spec.owners) == ("1_sources", {"polars", "duckdb", "csv"}, ["team:shop"])
    assert spec.metadata[RAW_TABLE] == "raw.contacts"
    assert spec.description.startswith("The CRM.")
    assert "| email | E-Mail |" in spec.description
    assert asset.op.pool == "warehouse"
    assert all(check.blocking for check in asset.check_specs if check.name != "definition_fits_files")


def test_good_load_passes_its_gates_and_shows_counts(shop):
    shop.put("in/contacts.csv", ROWS)
    result = run(shop, define(CONTACTS, max_rejected_share=0.5))
    assert result.success
    assert len(checks(result)) == 7
    assert all(checks(result).values())
    metadata = result.asset_materializations_for_node("sources__crm")[0].metadata
    assert (metadata["rows"].value, metadata["created"].value, metadata["rejects"].value) == (
        3,
        2,
        {"invalid_address:no_at": 1},
    )
    assert metadata["sample"].value.records[0].data["email"] == "a•••@x.example"
    assert metadata["rejects_file"].value.endswith(".csv")
    counted = result.asset_materializations_for_node("raw__contacts")[0].metadata
    assert (counted["rows"].value, counted["sources"].value) == (2, 1)


def test_quarantined_load_blocks_what_is_downstream_and_links_the_rejects(shop):
    shop.put("in/contacts.csv", ROWS)
    result = run(shop, define(CONTACTS))
    assert not result.success
    failed = {name for name, passed in checks(result).items() if not passed}
    assert failed == {"rejected_share_within_limit", "addresses_are_valid"}
    assert not result.asset_materializations_for_node("raw__contacts")
    (check,) = [
        found for found in result.get_asset_check_evaluations() if found.check_name == "rejected_share_within_limit"
    ]
    assert check.metadata["rejects_file"].value.endswith(".csv")
    assert check.metadata["first_rejects"].value.records[0].data["line"] == 4
    assert "broken" not in str(check.metadata["first_rejects"].value.records)


def test_source_that_cannot_be_read_stops_nobody_else(shop):
    shop.put("in/contacts.csv", ROWS.replace("E-Mail", "Mail"))
    shop.put("in/orders.csv", "id,email,amount,at,n\n1,a@x.example,5,2026-01-02,1\n")
    result = run(shop, define(CONTACTS), define(ORDERS))
    assert result.success
    (check,) = [
        found
        for found in result.get_asset_check_evaluations()
        if found.check_name == "definition_fits_files" and not found.passed
    ]
    assert check.asset_key == KEY
    assert "no column 'E-Mail'; its columns are No, Mail" in check.metadata["problem"].value
    assert check.metadata["file"].value == "assets/sources/crm/defs.yaml"
    assert result.asset_materializations_for_node("raw__contacts")
    assert shop.query("select count(*) from raw.orders") == [(1,)]


def test_raw_tables_depend_on_their_sources_only():
    raw = {
        asset.key: asset for asset in build_raw_assets([define(CONTACTS), define(CONTACTS, name="web"), define(ORDERS)])
    }
    deps = {key.to_user_string(): {dep.to_user_string() for dep in asset.dependency_keys} for key, asset in raw.items()}
    assert deps == {
        "raw/contacts": {"sources/crm", "sources/web"},
        "raw/orders": {"sources/shop"},
        "raw/products": set(),
    }
