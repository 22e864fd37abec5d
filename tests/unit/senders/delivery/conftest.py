import sys
from pathlib import Path

import pytest

HELPERS = Path(__file__).parent / "helpers"
if str(HELPERS) not in sys.path:
    # The render child gets our path too, so that it finds rows and builders by name.
    sys.path.insert(0, str(HELPERS))


@pytest.fixture
def home(tmp_path):
    return tmp_path
