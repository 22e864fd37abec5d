"""C10, the long form of the state machine against the oracle: thousands of stories instead of dozens, chosen anew."""

import importlib.util
from pathlib import Path

from hypothesis import settings

# Not imported by name: that folder's tests are no package.
_FILE = Path(__file__).parents[1] / "unit" / "senders" / "ledger" / "test_model.py"
_SPEC = importlib.util.spec_from_file_location("ledger_model", _FILE)
_MODEL = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODEL)


class ManyStories(_MODEL.Sending):
    """The same rules."""


ManyStories.TestCase.settings = settings(max_examples=1_500, stateful_step_count=60, deadline=None)
TestManyStories = ManyStories.TestCase
