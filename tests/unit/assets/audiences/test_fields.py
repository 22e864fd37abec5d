from pathlib import Path

from ruamel.yaml import YAML

from assets.audiences.fields import CONTACT_COLUMNS

CONTRACT = Path(__file__).parents[4] / "dbt_project" / "models" / "marts" / "core" / "dim_contacts.yml"
KINDS = {"string": "varchar"}


def test_the_columns_are_those_of_the_marts_contract() -> None:
    (model,) = YAML(typ="safe").load(CONTRACT.read_text(encoding="utf-8"))["models"]
    contract = {column["name"]: KINDS.get(column["data_type"], column["data_type"]) for column in model["columns"]}
    assert contract == CONTACT_COLUMNS
