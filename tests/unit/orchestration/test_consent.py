"""The setting of tracking reaches whoever judges an audience; the strict one is the default."""

import pytest

from orchestration.resources import build_mailrail
from orchestration.settings import load_settings
from senders.errors import ConfigError


def test_consent_is_asked_for_unless_the_law_of_the_place_wants_notice_only(tmp_path, monkeypatch):
    assert build_mailrail(load_settings(home=tmp_path)).tracking_needs_consent is True
    monkeypatch.setenv("MAILRAIL_TRACKING__DEFAULT", "notice")
    assert build_mailrail(load_settings(home=tmp_path)).tracking_needs_consent is False


def test_another_word_is_refused_with_those_that_there_are(tmp_path, monkeypatch):
    monkeypatch.setenv("MAILRAIL_TRACKING__DEFAULT", "always")
    with pytest.raises(ConfigError, match=r"tracking.default.*consent.*notice"):
        load_settings(home=tmp_path)
