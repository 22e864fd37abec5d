"""Settings of pace: what they become, and that wrong ones are named."""

from datetime import date

import pytest
from pydantic import ValidationError

from orchestration.pace import LimitsSettings, ProviderSettings, RelayPaceSettings
from senders.config import LimitsConfig, ProviderConfig


def test_limits_become_what_the_sender_wants():
    found = LimitsSettings(
        rate_per_second=2.5, messages_per_minute=100, messages_per_hour=1_000, messages_per_day=9_000
    )
    assert found.limits() == LimitsConfig(2.5, 100, 1_000, 9_000)
    assert LimitsSettings().limits() == LimitsConfig()
    assert ProviderSettings(connections=3).build() == ProviderConfig(3, LimitsConfig())


def test_the_pace_of_a_relay_is_what_its_configuration_takes():
    found = RelayPaceSettings(messages_per_hour=50, warm_up=(100, 200), warm_up_start=date(2026, 11, 1), ramp_seconds=5)
    assert found.pace() == {
        "limits": LimitsConfig(per_hour=50),
        "warm_up": (100, 200),
        "warm_up_start": date(2026, 11, 1),
        "ramp_seconds": 5.0,
    }


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"warm_up": (100,)}, "warm_up and warm_up_start go together"),
        ({"warm_up_start": date(2026, 11, 1)}, "give the daily caps and their first day"),
        ({"warm_up": (100, 0), "warm_up_start": date(2026, 11, 1)}, "0 is no cap; give at least 1 message a day"),
        ({"rate_per_second": 0}, "rate_per_second"),
        ({"messages_per_minute": 0}, "messages_per_minute"),
        ({"messages_per_day": -1}, "messages_per_day"),
        ({"ramp_seconds": -1}, "ramp_seconds"),
        ({"messages_per_second": 5}, "messages_per_second"),
    ],
)
def test_a_wrong_pace_is_named(values, said):
    with pytest.raises(ValidationError, match=said):
        RelayPaceSettings(**values)


def test_a_provider_has_at_least_one_connection():
    with pytest.raises(ValidationError, match="connections"):
        ProviderSettings(connections=0)
