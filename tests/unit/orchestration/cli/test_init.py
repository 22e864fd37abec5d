import json
import os

import pytest
from click.testing import CliRunner

from orchestration.cli.project import init
from senders.errors import ConfigError, GuardError


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_init_prints_what_was_made_and_what_comes_next(here):
    done = CliRunner().invoke(init, ["Mein Lädchen"], catch_exceptions=False)
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert {"Mein Lädchen/mailrail.toml", "Mein Lädchen/assets/templates/brand.yaml"} <= set(lines)
    assert lines[-1].startswith("next: cd 'Mein Lädchen' && ")
    assert lines[-1].endswith(" source add FILE --name NAME")
    assert 'from_name = "Mein Lädchen"' in (here / "Mein Lädchen" / "mailrail.toml").read_text(encoding="utf-8")


def test_init_says_all_paths_as_json(here):
    document = json.loads(CliRunner().invoke(init, [str(here / "p"), "--name", "Acme", "--json"]).output)
    made = set(document["made"])
    found = {os.path.join(folder, name) for folder, _, names in os.walk(here / "p") for name in names}  # noqa: PTH118
    assert made == found
    assert document["project"] == str(here / "p")


def test_init_of_the_folder_one_stands_in_takes_its_name(here):
    assert CliRunner().invoke(init, ["."], catch_exceptions=False).exit_code == 0
    assert f'from_name = "{here.name}"' in (here / "mailrail.toml").read_text(encoding="utf-8")
    with pytest.raises(GuardError):
        CliRunner().invoke(init, ["."], catch_exceptions=False)


def test_init_refuses_an_address_that_cannot_be(here):
    with pytest.raises(ConfigError, match="--from-address 'x'"):
        CliRunner().invoke(init, ["p", "--from-address", "x"], catch_exceptions=False)
    assert not (here / "p").exists()
