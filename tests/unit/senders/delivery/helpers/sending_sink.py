"""A small SMTP sink for tests: scripted replies at every phase, and a log written before each reply.

``python sending_sink.py <log file>`` runs it alone, prints its port and takes everything.
"""

import asyncio
import contextlib
import os
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Callable
from pathlib import Path

DROP = "drop"
HANG = "hang"
DROP_AFTER = "drop-after"  # takes the message and breaks the line instead of answering
RESET = "reset"  # breaks the line by RST, so that what is under way is lost
# A reply may end in one of these: how it is written, or what happens to the line after it.
ENDS = ("!drop", "!reset", "!drip", "!half", "!idle")
IDLE_SECONDS = 0.1
DRIP_SECONDS = 0.003
Script = Callable[[str, str], str]


def take_all(phase: str, recipient: str) -> str:
    return {"data": "354 go on", "connect": "220 sink", "quit": "221 bye"}.get(phase, "250 2.0.0 fine")


class Sink:
    """Phases: connect, ehlo, starttls, auth, mail, rcpt, data, mark, rset, quit.

    ``tls`` serves STARTTLS, or with ``implicit`` the whole line; ``secure_features`` is what EHLO tells under TLS.
    """

    def __init__(
        self,
        script: Script = take_all,
        *,
        features: tuple[str, ...] = ("PIPELINING",),
        log: Path | None = None,
        trap=False,
        tls: ssl.SSLContext | None = None,
        implicit=False,
        secure_features: tuple[str, ...] | None = None,
    ):
        self.script = script
        self.features = features
        self.trap = trap  # answers 354 to DATA although the envelope was refused
        self.tls = tls
        self.implicit = implicit
        self.secure_features = features if secure_features is None else secure_features
        self.marks: list[str] = []
        self.taken: list[str] = []
        self.bodies: list[bytes] = []
        self.commands: list[str] = []
        self.connections = 0
        self.open = self.open_most = 0
        self.port = 0
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT) if log else -1
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", 0, limit=1 << 22, backlog=200, ssl=self.tls if self.implicit else None
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self.port

    def stop(self) -> None:
        self._server.close()

    async def _serve(self, reader, writer):
        self.connections += 1
        self.open += 1
        self.open_most = max(self.open_most, self.open)
        with contextlib.suppress(ConnectionError, ssl.SSLError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._dialogue(reader, writer)
        self.open -= 1
        with contextlib.suppress(Exception):
            writer.transport.abort()

    async def _dialogue(self, reader, writer):
        recipient, good = "", False
        if not await self._reply(writer, "connect", ""):
            return
        while line := (await reader.readline()).decode("utf-8", "replace").strip():
            word = line.split(" ")[0].split(":")[0].upper()
            self.commands.append(line)
            if word == "EHLO":
                if not await self._ehlo(writer):
                    return
                continue
            if word in {"STARTTLS", "AUTH"}:
                if not await self._secure(word, line, reader, writer):
                    return
                continue
            if word == "RCPT":
                recipient = line.partition("<")[2].partition(">")[0]
            phase = word.lower()
            if word == "MAIL":
                good = True
            if word == "DATA" and not good and not self.trap:
                await self._say(writer, "503 5.5.1 no valid recipients")
                continue
            said = await self._reply(writer, phase, recipient)
            if word in {"MAIL", "RCPT"}:
                good = good and said.startswith("2")
            if not said or word == "QUIT":
                return
            if word == "DATA" and said.startswith("354"):
                body = await reader.readuntil(b"\r\n.\r\n")
                if not await self._mark(writer, recipient, body):
                    return

    async def _ehlo(self, writer):
        said = self.script("ehlo", "")
        if said != take_all("ehlo", ""):
            return await self._say(writer, said)
        is_secure = writer.get_extra_info("sslcontext") is not None
        features = self.secure_features if is_secure else self.features
        return await self._say(writer, "\r\n".join(["250-sink", *(f"250-{name}" for name in features), "250 HELP"]))

    async def _secure(self, word, line, reader, writer):
        """Answer STARTTLS or AUTH; without a script's word TLS begins, and any login is right."""
        said = self.script(word.lower(), "")
        if said != take_all(word.lower(), ""):
            return await self._say(writer, said)
        if word == "STARTTLS":
            await self._say(writer, "220 2.0.0 go on")
            await writer.start_tls(self.tls)
            return True
        if line.upper().startswith("AUTH LOGIN"):
            await self._say(writer, "334 UGFzc3dvcmQ6")
            self.commands.append((await reader.readline()).decode().strip())
        return await self._say(writer, "235 2.7.0 welcome")

    async def _mark(self, writer, recipient, body):
        self.marks.append(recipient)
        said = self.script("mark", recipient)
        if said.startswith("2") or said == DROP_AFTER:
            self.taken.append(recipient)
            self.bodies.append(body)
            if self._log >= 0:
                os.write(self._log, recipient.encode() + b"\n")
        return await self._say(writer, said)

    async def _reply(self, writer, phase, recipient):
        return await self._say(writer, self.script(phase, recipient))

    async def _say(self, writer, said):
        if said == HANG:
            await asyncio.sleep(3600)
        if said in {DROP, DROP_AFTER}:
            return ""
        if said == RESET:
            _reset(writer)
            return ""
        end = next((end for end in ENDS if said.endswith(end)), "")
        raw = said.removesuffix(end).encode("utf-8", "surrogateescape") + (b"" if end == "!half" else b"\r\n")
        for piece in [raw[at : at + 1] for at in range(len(raw))] if end == "!drip" else [raw]:
            writer.write(piece)
            await writer.drain()
            if end == "!drip":
                await asyncio.sleep(DRIP_SECONDS)
        if end in {"", "!drip"}:
            return said
        if end == "!reset":
            _reset(writer)
            return ""
        if end == "!idle":
            await asyncio.sleep(IDLE_SECONDS)
        writer.close()
        await writer.wait_closed()
        return ""


def _reset(writer) -> None:
    line = writer.get_extra_info("socket")
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def end_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class SinkThread:
    """A sink in a thread, for tests whose loop runs the sender."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink

    def __enter__(self):
        started = threading.Event()

        def run():
            self._loop = asyncio.new_event_loop()
            self._loop.run_until_complete(self.sink.start())
            started.set()
            self._loop.run_forever()
            self._loop.run_until_complete(end_others())
            self._loop.close()

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        started.wait()
        return self.sink

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self.sink.stop)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


async def _alone(log: Path) -> None:
    sink = Sink(log=log)
    port = await sink.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_alone(Path(sys.argv[1])))
