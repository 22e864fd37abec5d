"""A faulty sink on aiosmtpd, whose SMTP is not ours: the same faults after the end mark, the same log.

``python -m orchestration.proof.aiosmtpdsink LOG SEED SHARE`` runs it and prints its port.
"""

import asyncio
import sys
from functools import partial
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from orchestration.proof.faults import BROKEN, Fault, Faults
from orchestration.proof.sinklog import SinkLog


class Handler:
    """Logs each message before aiosmtpd answers, and breaks the line where the fault says so."""

    def __init__(self, faults: Faults, log: SinkLog) -> None:
        self._faults = faults
        self._log = log

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a whole message."""
        (recipient,) = envelope.rcpt_tos
        fault = self._faults.choose(recipient)
        # This handler first hears of a message at its end mark, too late for a line that breaks in the body.
        ending = Fault.DROP_MARK if fault is Fault.DROP_BODY else fault
        self._log.write(ending, recipient)
        if ending in BROKEN:
            transport: Any = server.transport
            transport.abort()
        return "451 4.3.0 Come back later" if ending is Fault.REFUSE_LATER else "250 2.0.0 Ok"


async def serve(log: Path, faults: Faults) -> None:
    """Serve until cancelled; the port is the first line on standard output."""
    handler = Handler(faults, SinkLog(log))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(partial(SMTP, handler, hostname="sink.example"), "127.0.0.1", 0, backlog=500)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), Faults(int(sys.argv[2]), float(sys.argv[3]))))
