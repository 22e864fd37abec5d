"""The settings of mail that somebody waits for, ``[outbox]``.

``settings`` puts them into its tree; add a setting of the outbox here, with a description. What they do stands in
``assets.outbox``.
"""

from pydantic import BaseModel, Field

from assets.outbox.config import OutboxConfig


class OutboxSettings(BaseModel, extra="forbid"):
    """How requests for transactional mail are taken, ``[outbox]``."""

    poll_seconds: float = Field(0.5, description="Seconds between two looks at the requests that wait.", ge=0.05, le=60)
    batch: int = Field(200, description="Most requests of one template that are sent together.", ge=1, le=5000)
    keep_days: float = Field(
        30, description="Days after which the frozen files of a finished transactional send are removed.", ge=1
    )

    def build(self) -> OutboxConfig:
        """Return the settings as the outbox wants them."""
        return OutboxConfig(self.poll_seconds, self.batch, self.keep_days)
