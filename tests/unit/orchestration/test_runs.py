"""The Dagster instance of a home."""

from orchestration.runs import prepare_home
from orchestration.settings import load_settings


def test_dagster_never_phones_home(tmp_path):
    folder = prepare_home(load_settings(home=tmp_path))
    text = (folder / "dagster.yaml").read_text()
    assert "telemetry: {enabled: false}" in text
    assert "nux: {enabled: false}" in text


def test_an_existing_instance_is_left_alone(tmp_path):
    folder = prepare_home(load_settings(home=tmp_path))
    (folder / "dagster.yaml").write_text("mine")
    prepare_home(load_settings(home=tmp_path))
    assert (folder / "dagster.yaml").read_text() == "mine"
