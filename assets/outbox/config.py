"""How the outbox works, as its process is told.

Add a value here when ``[outbox]`` of mailrail.toml gets a key.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OutboxConfig:
    """Seconds between two looks, most requests in a batch, days that frozen files are kept."""

    poll_seconds: float = 0.5
    batch: int = 200
    keep_days: float = 30.0
