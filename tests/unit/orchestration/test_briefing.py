from pathlib import Path

import pytest

from orchestration.briefing import brief_campaign
from orchestration.settings import load_settings
from senders.errors import ConfigError

TOML = """
[relays.main]
host = "127.0.0.1"
port = 2525
tls = "none"

[senders.shop]
from_name = "Shop"
from_address = "hello@shop.example"
bounce_domain = "bounce.shop.example"
message_id_domain = "shop.example"
relay = "main"
"""
CAMPAIGN = """\
type: assets.components.Campaign
attributes:
  title: Spring sale
  topic: offers
  sender: {sender}
  audience: {{include: [seg_all]}}
"""
AUTOMATIC = """\
  schedule: {at: "2026-11-03T09:00:00Z"}
  approval: automatic
  at_most: 20000
  frequency_cap: {messages: 3, days: 7}
  holdout: 0.05
"""


@pytest.fixture
def brief(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MAILRAIL_PROJECT", str(tmp_path))
    (tmp_path / "mailrail.toml").write_text(TOML)
    folder = tmp_path / "assets" / "campaigns" / "spring_sale"
    folder.mkdir(parents=True)

    def write(more: str = "", sender: str = "shop"):
        (folder / "defs.yaml").write_text(CAMPAIGN.format(sender=sender) + more)
        return brief_campaign(load_settings(), "spring_sale")

    return write


def test_what_a_person_sends(brief):
    found = brief()
    assert (found.title, found.topic) == ("Spring sale", "offers")
    assert (found.sender, found.relay) == ("Shop <hello@shop.example>", "by main (this machine)")
    assert (found.schedule, found.approval) == ("none: a person sends it", "by a person, with the exact number")
    assert found.limits == "given up after 24 h"


def test_a_rollout_is_told_with_its_pace(brief):
    found = brief("  rollout_percent_per_hour: 12.5\n")
    assert found.limits == "roll-out of 12.5% in an hour · given up after 24 h"


def test_what_goes_out_by_itself(brief):
    found = brief(AUTOMATIC)
    assert (found.schedule, found.approval) == ("once, Tue 3 Nov 2026 09:00 UTC", "automatic, to 20,000 people at most")
    assert found.limits == "at most 3 in 7 days · holdout 5.0% · given up after 24 h"
    assert brief("  schedule: {cron: '0 9 * * 2', timezone: Europe/Berlin}\n").schedule == "0 9 * * 2  Europe/Berlin"


def test_problems_stand_at_their_place_in_the_project(brief):
    found = brief(sender="nobody")
    assert (found.sender, found.relay) == ("nobody, which is not there", "")
    assert ("assets/campaigns/spring_sale/defs.yaml", 5, "CAMPAIGN-SENDER") in [
        (problem.path, problem.line, problem.id) for problem in found.problems
    ]


def test_a_definition_that_cannot_be_used_is_refused(brief):
    with pytest.raises(ConfigError, match="colour"):
        brief("  colour: red\n")
