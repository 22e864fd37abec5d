"""T3 and the audit of the public pages in the long form: every mixture of reader and screen, every hostile string."""

import importlib.util
from pathlib import Path

import pytest

from tests.fixtures.corpora import needs_corpora

# Not imported by name: that folder's tests are no package.
_FILE = Path(__file__).parents[1] / "integration" / "test_public_pages.py"
_SPEC = importlib.util.spec_from_file_location("public_pages", _FILE)
_PAGES = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_PAGES)

browser, switch, base, door = _PAGES.browser, _PAGES.switch, _PAGES.base, _PAGES.door
pytestmark = _PAGES.pytestmark


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [_PAGES.PHONE, _PAGES.DESKTOP], ids=["phone", "desktop"])
def test_every_page_can_be_read_by_everybody(browser, base, door, language, scheme, size):
    _PAGES.look_at_all(browser, base, door, language, scheme, size)


@needs_corpora
def test_every_word_that_attacks_stays_a_word(browser, base, door):
    _PAGES.attack(browser, base, door, _PAGES.hostile_strings(), every=10)
