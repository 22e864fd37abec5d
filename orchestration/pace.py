"""The settings of pace: limits, warm-up and quiet start of relays, and how providers are treated.

``settings`` puts them into its tree; add a setting of pace here, with a description. What they do stands in
``senders.delivery.pacing``.
"""

from datetime import date
from typing import Any, Self

from pydantic import BaseModel, Field, model_validator

from senders.config import LimitsConfig, ProviderConfig


class LimitsSettings(BaseModel, extra="forbid"):
    """The most messages that may begin; unset for no limit."""

    rate_per_second: float | None = Field(None, description="Most messages in a second, evenly.", gt=0)
    messages_per_minute: int | None = Field(None, description="Most messages in any minute.", ge=1)
    messages_per_hour: int | None = Field(None, description="Most messages in any hour.", ge=1)
    messages_per_day: int | None = Field(None, description="Most messages in any 24 hours.", ge=1)

    def limits(self) -> LimitsConfig:
        """Return the limits as the sender wants them."""
        return LimitsConfig(
            self.rate_per_second, self.messages_per_minute, self.messages_per_hour, self.messages_per_day
        )


class RelayPaceSettings(LimitsSettings):
    """How fast a relay is used."""

    warm_up: tuple[int, ...] = Field(
        (), description="Most messages of each day (UTC) since warm_up_start, for an address that is new."
    )
    warm_up_start: date | None = Field(None, description="First day of warm_up.")
    ramp_seconds: float | None = Field(
        None, description="How long a begin takes to come to full pace; unset for 30, on loopback 0.", ge=0
    )

    @model_validator(mode="after")
    def _check_warm_up(self) -> Self:
        if bool(self.warm_up) != (self.warm_up_start is not None):
            raise ValueError("warm_up and warm_up_start go together: give the daily caps and their first day")
        if any(cap < 1 for cap in self.warm_up):
            raise ValueError(f"warm_up: {min(self.warm_up)} is no cap; give at least 1 message a day")
        return self

    def pace(self) -> dict[str, Any]:
        """Return the fields of ``RelayConfig`` that say how fast it is used."""
        return {
            "limits": self.limits(),
            "warm_up": self.warm_up,
            "warm_up_start": self.warm_up_start,
            "ramp_seconds": self.ramp_seconds,
        }


class ProviderSettings(LimitsSettings):
    """Who receives the mail of recipients, ``[providers.<name>]``; ``default`` holds for those without their own."""

    connections: int | None = Field(
        None, description="Connections of a relay that may carry its mail; unset for half, on loopback all.", ge=1
    )

    def build(self) -> ProviderConfig:
        """Return the provider as the sender wants it."""
        return ProviderConfig(self.connections, self.limits())
