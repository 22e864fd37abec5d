"""One sender over the made-up send with a Maildir for its relay, to be killed: ``python maildir_world.py <home>``."""

import asyncio
import logging
import sys
from dataclasses import replace
from pathlib import Path

from sending_world import settings, tuning

from senders.config import DeliveryConfig, RelayConfig
from senders.delivery.sender import run_sender


def maildir_settings(home: Path, **changes) -> DeliveryConfig:
    relay = RelayConfig("sink", "", 0, transport="maildir", folder=home / "mail", connections=5)
    return replace(settings(home, 0, **changes), relays={"sink": relay})


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(run_sender(maildir_settings(Path(sys.argv[1])), once=True, tuning=tuning()))
