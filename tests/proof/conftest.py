"""The long proofs find the sender's test world by name; each prints its figures."""

import sys
from pathlib import Path

import pytest

HELPERS = Path(__file__).parents[1] / "unit" / "senders" / "delivery" / "helpers"
if str(HELPERS) not in sys.path:
    sys.path.insert(0, str(HELPERS))


@pytest.fixture
def say(capsys):
    """Print a figure past pytest, at once."""

    def print_now(text):
        with capsys.disabled():
            sys.stderr.write(f"\n  {text}")

    return print_now
