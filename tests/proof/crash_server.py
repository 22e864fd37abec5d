"""Runs one step of a send in a process of its own, armed with a failpoint: ``python crash_server.py`` on orders.

Orders are lines of JSON on standard input, answers are exit codes on standard output, -9 for a process that died at
its failpoint. Each order is carried out in a fork, which costs no imports; nothing runs beside it here.
"""

import asyncio
import json
import logging
import os
import sys
import traceback
from pathlib import Path

import sending_world

from senders.delivery.sender import run_sender
from senders.failpoints import arm
from senders.ledger.rows import SendState
from senders.ledger.store import Ledger


def open_send(order: dict) -> None:
    sending_world.open_send(Path(order["home"]), order["count"], shard_rows=order["shard_rows"])


def send(order: dict) -> None:
    home = Path(order["home"])
    settings = sending_world.settings(home, order["port"], connections=1, **order["settings"])
    asyncio.run(run_sender(settings, once=True, tuning=sending_world.tuning()))


def finish(order: dict) -> None:
    with Ledger.open(Path(order["home"])) as ledger:
        ledger.finish_send(ledger.send("news.1").send_no)


def cancel(order: dict) -> None:
    with Ledger.open(Path(order["home"])) as ledger:
        ledger.set_send_state("news.1", SendState.CANCELLED, "by a test")


STEPS = {step.__name__: step for step in (open_send, send, finish, cancel)}


def carry_out(order: dict) -> int:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            if order["failpoint"]:
                arm(order["failpoint"])
            STEPS[order["step"]](order)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    for line in sys.stdin:
        sys.stdout.write(f"{carry_out(json.loads(line))}\n")
        sys.stdout.flush()
