"""A sender alone in its process, as ``mailrail sender`` is, with settings for one sink on this machine.

``python -m tests.benchmarks.sender_process <home> <port>`` sends all there is. Import nothing that a sender does not
import: its memory is measured.
"""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

from senders.config import DeliveryConfig, DkimConfig, RelayConfig, SenderProfile
from senders.delivery.sender import run_sender

CONNECTIONS = 20
BASE_URL = "http://127.0.0.1:8025"
PROFILE = SenderProfile(
    "shop", "Northfell Outdoor", "hello@shop.example", "", "bounce.shop.example", "shop.example", "sink"
)


def relay_settings(home: Path, port: int, dkim: DkimConfig | None = None) -> DeliveryConfig:
    """Return a sender's settings with one relay on this machine."""
    relay = RelayConfig("sink", "127.0.0.1", port, tls="none", connections=CONNECTIONS)
    profile = replace(PROFILE, dkim=dkim)
    return DeliveryConfig(home, "assets.deliveries.batches:read_rows", BASE_URL, {"sink": relay}, {"shop": profile})


if __name__ == "__main__":
    asyncio.run(run_sender(relay_settings(Path(sys.argv[1]), int(sys.argv[2])), once=True))
