"""The home folder: Dagster's instance in it, and the lock of `mailrail dev`."""

import os
import subprocess
import sys

import pytest

from orchestration.home import hold_home, prepare_home, require_idle
from orchestration.settings import load_settings
from senders.errors import GuardError


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


def test_a_second_holder_is_refused_with_a_clear_word_and_nothing_is_left_after(tmp_path):
    with hold_home(tmp_path):
        said = rf"runs already in {tmp_path} \(process {os.getpid()}\); stop it"
        with pytest.raises(GuardError, match=said), hold_home(tmp_path):
            pass
        with pytest.raises(GuardError, match="runs already"):
            require_idle(tmp_path)
    require_idle(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_file_of_a_holder_that_was_killed_holds_nobody_up(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from orchestration.home import hold_home\n"
        "with hold_home(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == -9
    assert (tmp_path / "dev.lock").exists()
    require_idle(tmp_path)
    with hold_home(tmp_path):
        assert (tmp_path / "dev.lock").read_text() == str(os.getpid())
