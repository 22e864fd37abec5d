"""The settings of the API, ``[api]``.

``settings`` puts them into its tree; add a setting of the API here, with a description. What they do stands in
``senders.collector.api``.
"""

from pathlib import Path

from pydantic import BaseModel, Field

from senders.config import ApiConfig


class ApiSettings(BaseModel, extra="forbid"):
    """How the API is held, ``[api]``."""

    calls_per_second: float = Field(
        100, description="Most calls of one key in a second, in each process of the collector; 0 for no limit.", ge=0
    )

    def build(self, templates: Path) -> ApiConfig:
        """Return what the API must know; ``templates`` is the folder of the templates of transactional mail."""
        return ApiConfig(self.calls_per_second or None, templates)
