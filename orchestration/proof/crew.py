"""The processes of a proof, as a project runs them: senders and a collector, each started again when it is gone.

Add here how a process is started, found and killed. Which one is killed when belongs to ``killing``.
"""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from orchestration.proof.world import World
from senders.errors import ConfigError

_STOP_SECONDS = 20.0
_ENDS_MOST = 3
_PROC = Path("/proc")


@dataclass(slots=True)
class Member:
    """One place in the crew and the process that fills it now.

    ``endings`` counts processes that ended without having been killed by us, which none should.
    """

    command: str
    process: "subprocess.Popen[bytes]"
    endings: int = 0

    @property
    def is_running(self) -> bool:
        """Whether its process lives."""
        return self.process.poll() is None


@dataclass(slots=True)
class Crew:
    """Senders that work on one send side by side, and a collector where somebody unsubscribes."""

    world: World
    senders: int
    has_collector: bool
    members: list[Member] = field(default_factory=list)

    def __enter__(self) -> "Crew":
        commands = ["sender"] * self.senders + ["collector"] * self.has_collector
        self.members = [Member(command, self._start(command)) for command in commands]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for member in self.members:
            _signal_group(member.process.pid, signal.SIGTERM)
        for member in self.members:
            try:
                member.process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                _signal_group(member.process.pid, signal.SIGKILL)
                member.process.wait()

    def named(self, command: str) -> list[Member]:
        """Return the places of one kind whose process lives."""
        return [member for member in self.members if member.command == command and member.is_running]

    def revive(self) -> None:
        """Start again what is gone.

        Raises:
            ConfigError: a process keeps ending by itself.
        """
        for member in self.members:
            if member.is_running:
                continue
            if member.process.returncode != -signal.SIGKILL:
                member.endings += 1
                if member.endings > _ENDS_MOST:
                    raise ConfigError(
                        f"proof: a {member.command} ended {member.endings} times by itself: {self.tail()}"
                    )
            member.process = self._start(member.command)

    def _start(self, command: str) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "orchestration.cli", command],
                env=self.world.environment(),
                cwd=self.world.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def log(self) -> Path:
        """Return the file with all that the processes say."""
        return self.world.folder / "crew.log"

    def tail(self) -> str:
        """Return the last line that a process said."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


def kill(member: Member, *, group: bool = False) -> None:
    """Kill a process with signal 9, or its whole group: with the render child at the same moment."""
    if group:
        _signal_group(member.process.pid, signal.SIGKILL)
    else:
        member.process.kill()
    member.process.wait()


def children(member: Member) -> list[int]:
    """Return the render children of a sender; none where the machine does not say."""
    try:
        text = (_PROC / f"{member.process.pid}/task/{member.process.pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(pid) for pid in text.split()]


def kill_children(member: Member) -> bool:
    """Kill the render children of a sender; False where it has none."""
    killed = False
    for pid in children(member):
        try:
            os.kill(pid, signal.SIGKILL)
            killed = True
        except ProcessLookupError:
            continue
    return killed


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return
