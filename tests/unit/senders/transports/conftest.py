import sys
from pathlib import Path

import pytest

HELPERS = Path(__file__).parents[1] / "delivery" / "helpers"
if str(HELPERS) not in sys.path:
    # One sink for both packages.
    sys.path.insert(0, str(HELPERS))


@pytest.fixture
def home(tmp_path):
    return tmp_path
