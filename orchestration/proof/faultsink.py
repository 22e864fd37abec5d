"""Our own faulty SMTP sink: it breaks lines and loses replies on purpose, and says in its log what it did.

``python -m orchestration.proof.faultsink LOG SEED SHARE`` runs it and prints its port. It says as little ESMTP as a
sender needs; a sink that behaves as the world's servers do is ``orchestration.demo.sink``. Add nothing about
what a fault means; that belongs to ``faults``.
"""

import asyncio
import sys
from pathlib import Path

from orchestration.proof.faults import Fault, Faults
from orchestration.proof.sinklog import SinkLog

_END = b"\r\n.\r\n"
_HELLO = b"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"
_REPLIES = {
    Fault.NONE: b"250 2.0.0 Ok\r\n",
    Fault.REFUSE_LATER: b"451 4.3.0 Come back later\r\n",
}


class Session(asyncio.Protocol):
    """One connection."""

    transport: asyncio.Transport

    def __init__(self, faults: Faults, log: SinkLog) -> None:
        self._faults = faults
        self._log = log
        self._buffer = bytearray()
        self._searched = 0
        self._recipient = ""
        self._fault: Fault | None = None
        self._replies: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self.transport = transport  # type: ignore[assignment]
        self.transport.write(b"220 sink.example\r\n")

    def data_received(self, data: bytes) -> None:
        """Take what can be taken; replies to pipelined commands leave in one write."""
        self._buffer += data
        while not self.transport.is_closing() and (self._take_command() if self._fault is None else self._take_body()):
            pass
        if self._replies and not self.transport.is_closing():
            self.transport.write(b"".join(self._replies))
        self._replies.clear()

    def _take_command(self) -> bool:
        """Answer the next command line; false when there is no whole one."""
        end = self._buffer.find(b"\n")
        if end < 0:
            return False
        line = bytes(self._buffer[:end]).strip()
        del self._buffer[: end + 1]
        word = line[:4].upper()
        if word == b"EHLO":
            self._replies.append(_HELLO)
        elif word == b"DATA":
            self._fault, self._searched = self._faults.choose(self._recipient), 0
            self._replies.append(b"354 Go on\r\n")
        elif word == b"QUIT":
            self._break_off(b"221 Bye\r\n")
        else:
            if word == b"RCPT":
                self._recipient = line.partition(b"<")[2].partition(b">")[0].decode("utf-8", "replace")
            self._replies.append(b"250 Ok\r\n")
        return True

    def _take_body(self) -> bool:
        """Log and answer a message once its end mark is here; false when it is not."""
        fault = self._fault
        if fault is None or (fault is Fault.DROP_BODY and not self._buffer):
            return False
        if fault is Fault.DROP_BODY:
            self._end(fault)
            return False
        end = self._buffer.find(_END, self._searched)
        if end < 0:
            self._searched = max(0, len(self._buffer) - len(_END))
            return False
        del self._buffer[: end + len(_END)]
        self._end(fault)
        return True

    def _end(self, fault: Fault) -> None:
        self._log.write(fault, self._recipient)
        self._fault = None
        if fault in _REPLIES:
            self._replies.append(_REPLIES[fault])
        else:
            self._break_off(b"")

    def _break_off(self, reply: bytes) -> None:
        """End the line, after what was answered before."""
        self.transport.write(b"".join([*self._replies, reply]))
        self._replies.clear()
        self.transport.close()


async def serve(log: Path, faults: Faults) -> None:
    """Serve until cancelled; the port is the first line on standard output."""
    written = SinkLog(log)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Session(faults, written), "127.0.0.1", 0, backlog=500)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), Faults(int(sys.argv[2]), float(sys.argv[3]))))
