import sys
from pathlib import Path

import pytest

HELPERS = (Path(__file__).parent / "helpers", Path(__file__).parents[1] / "delivery" / "helpers")
for folder in HELPERS:
    # One sink for both packages.
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


@pytest.fixture
def home(tmp_path):
    return tmp_path


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    from local_ca import LocalCa

    return LocalCa(tmp_path_factory.mktemp("authority"))
