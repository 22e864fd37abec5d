"""A sender as on a machine of its own: ``python host_sender.py <home> <port> <server's address> <machine>``.

Its name is not this machine's, so that nothing but the server tells one host of the other.
"""

import asyncio
import logging
import sys
from pathlib import Path

import senders.ledger.owner

if __name__ == "__main__":
    home, port, url, machine = sys.argv[1:]
    # Before anything else takes the function by name.
    senders.ledger.owner.this_machine = lambda: machine

    from sending_world import settings, tuning

    from senders.delivery.sender import run_sender
    from senders.ledger.database import choose_store

    logging.basicConfig(level=logging.ERROR)
    choose_store(url)
    asyncio.run(run_sender(settings(Path(home), int(port), lease_seconds=1.5), once=True, tuning=tuning()))
