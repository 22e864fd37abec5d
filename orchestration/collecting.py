"""The settings of the public HTTP end: where it listens, in how many processes, and how much disk events may take.

``settings`` puts them into its tree; add a setting of the collector as a whole here, with a description. What it does
stands in ``senders.collector``.
"""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from senders.config import CollectorConfig


class CollectorSettings(BaseModel, extra="forbid"):
    """The public HTTP end, ``[collector]``."""

    host: str = Field("127.0.0.1", description="Address the collector listens on.")
    port: int = Field(8025, description="Port the collector listens on.", ge=1, le=65535)
    base_url: str = Field("http://127.0.0.1:8025", description="Address of the collector as recipients see it.")
    processes: int = Field(1, description="Processes that share its port; 0 for one a core.", ge=0, le=64)
    event_quota_mb: int = Field(
        0, description="What the ledger's files may take before opens, then clicks, are not stored; 0: no limit.", ge=0
    )
    free_space_mb: int = Field(
        250, description="Free room on the disk under which opens, then clicks, are not stored.", ge=0
    )

    def build(self, home: Path, row_reader: str, **parts: Any) -> CollectorConfig:
        """Return what the collector must know; ``parts`` are the configs that other settings give."""
        return CollectorConfig(
            home=home,
            base_url=self.base_url,
            host=self.host,
            port=self.port,
            row_reader=row_reader,
            processes=self.processes,
            event_quota_mb=self.event_quota_mb,
            free_space_mb=self.free_space_mb,
            **parts,
        )
