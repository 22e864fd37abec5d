"""Keeps a set of processes running: each in a process group of its own, started in turn, restarted, stopped together.

What a child is and when it is healthy is said by its ``Child``; add a rule here only when it holds for any child.
Which processes a project has belongs to ``services``, how it is told to people to the command line.
"""

import asyncio
import contextlib
import re
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestration import watchdog

Health = Callable[[], Awaitable[str | None]]
USAGE = 2
_TICK_SECONDS = 0.05
_ASK_SECONDS = 0.1
_LOG_BYTES = 10_000_000
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class Child:
    """One process to keep.

    Attributes:
        name: short and unique; names the log file.
        command: program and arguments.
        healthy: None while it is not, '' when it is, else what is wrong although it runs; left out, running is enough.
        after: children that must be healthy, or given up, before this one is started.
        is_task: it does one thing and ends; it is not restarted, and its end is its health.
    """

    name: str
    command: tuple[str, ...]
    healthy: Health | None = None
    after: tuple[str, ...] = ()
    is_task: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """How a child that ended is restarted, and how long the stop may take.

    Attributes:
        pauses: seconds before the first, second, … restart in a row; after the last the child is given up.
        steady_seconds: a child that ran longer than this begins with the first pause again.
        start_seconds: how long the others wait for a child to be healthy.
        at_once: children that may be starting at the same time, in the order given; more would only share the
            processors with those that others wait for.
        stop_seconds: from asking to killing.
    """

    pauses: tuple[float, ...] = (0.2, 1, 3, 10, 30)
    steady_seconds: float = 60.0
    start_seconds: float = 90.0
    at_once: int = 3
    stop_seconds: float = 8.0


@dataclass(slots=True)
class _State:
    """Where a child stands."""

    settled: asyncio.Event = field(default_factory=asyncio.Event)
    has_slot: bool = False
    group: int = 0
    began: float = 0.0
    deaths: int = 0
    trouble: str = ""
    is_given_up: bool = False


class Supervisor:
    """Starts, restarts and stops children until it is told to stop."""

    def __init__(
        self,
        children: Sequence[Child],
        *,
        environment: Mapping[str, str],
        folder: Path,
        logs: Path,
        say: Callable[[str], None],
        policy: Policy = Policy(),
    ) -> None:
        self._children = children
        self._environment = environment
        self._folder = folder
        self._logs = logs
        self._say = say
        self._policy = policy
        self._states = {child.name: _State() for child in children}
        self._slots = asyncio.Semaphore(policy.at_once)
        self._watch: Callable[[str], None] = lambda line: None

    def log(self, name: str) -> Path:
        """Return the log file of a child."""
        return self._logs / f"{name}.log"

    def trouble(self, name: str) -> str:
        """Return what is wrong with a child, or ''."""
        return self._states[name].trouble

    @property
    def groups(self) -> dict[str, int]:
        """Process groups by child, of those that run."""
        return {name: state.group for name, state in self._states.items() if state.group}

    async def run(self, stopped: asyncio.Event, ready: Callable[[], None]) -> None:
        """Keep the children until ``stopped`` is set; then stop them all.

        Args:
            stopped: ends us.
            ready: called once, when every child is healthy or given up.
        """
        self._logs.mkdir(parents=True, exist_ok=True)
        with _watched(self._folder) as self._watch:
            try:
                async with asyncio.TaskGroup() as tasks:
                    keepers = [tasks.create_task(self._keep(child)) for child in self._children]
                    announcer = tasks.create_task(self._announce(ready))
                    await stopped.wait()
                    for task in (announcer, *keepers):
                        task.cancel()
            finally:
                await self._stop(set(self.groups.values()), self._policy.stop_seconds)

    async def _announce(self, ready: Callable[[], None]) -> None:
        for state in self._states.values():
            await state.settled.wait()
        ready()

    async def _keep(self, child: Child) -> None:
        """Start a child, wait for its end, and start it again, until it is given up."""
        state = self._states[child.name]
        for name in child.after:
            await self._states[name].settled.wait()
        if not child.is_task:
            await self._slots.acquire()
            state.has_slot = True
        while not state.is_given_up:
            start = self._open_log(child.name)
            try:
                code = await self._live(child, state)
                words = _last_line(self.log(child.name), start)
            except OSError as error:
                code, words = USAGE, f"{error.strerror}: {child.command[0]}"
            if child.is_task:
                self._judge_task(child, state, code, words)
                break
            await asyncio.sleep(self._judge_end(child, state, code, words))
        self._settle(state)

    def _settle(self, state: _State) -> None:
        """Let the next child start, and those that wait for this one."""
        state.settled.set()
        if state.has_slot:
            state.has_slot = False
            self._slots.release()

    async def _live(self, child: Child, state: _State) -> int:
        """Run a child to its end, and end what it leaves behind; return its exit code."""
        process = await self._start(child, state)
        watcher = asyncio.create_task(self._await_health(child, state))
        try:
            code = await process.wait()
        finally:
            watcher.cancel()
        await self._stop({state.group}, self._policy.stop_seconds)
        state.group = 0
        return code

    async def _start(self, child: Child, state: _State) -> asyncio.subprocess.Process:
        with self.log(child.name).open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *child.command,
                env=self._environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        state.group, state.began = process.pid, time.monotonic()
        self._watch(f"+{process.pid}")
        return process

    async def _await_health(self, child: Child, state: _State) -> None:
        """Wait until a child is healthy and let those go on that wait for it, which they do only for so long."""
        deadline = state.began + self._policy.start_seconds
        while (found := await _ask(child)) is None:
            if time.monotonic() > deadline and not state.settled.is_set():
                state.trouble = f"not ready after {self._policy.start_seconds:.0f} s; see {self.log(child.name)}"
                self._say(f"{child.name} is {state.trouble}")
                self._settle(state)
            await asyncio.sleep(_ASK_SECONDS)
        if state.settled.is_set():
            self._say(f"{child.name} is ready, {time.monotonic() - state.began:.1f} s after its start")
        state.trouble = found
        if found:
            self._say(f"{child.name}: {found}")
        self._settle(state)

    def _judge_end(self, child: Child, state: _State, code: int, words: str) -> float:
        """Say that a child ended; return how long to wait before the next start, or mark it as given up."""
        if time.monotonic() - state.began > self._policy.steady_seconds:
            state.deaths = 0
        said = f"{child.name} {_ended(code, words)}"
        if code != USAGE and state.deaths < len(self._policy.pauses):
            pause = self._policy.pauses[state.deaths]
            state.deaths += 1
            self._say(f"{said}; it is restarted in {pause:g} s")
            return pause
        why = "a restart would not mend that" if code == USAGE else f"that was {state.deaths + 1} times in a row"
        state.is_given_up, state.trouble = True, "given up"
        self._say(f"{said}; {why}, so it is given up and the others go on. Log: {self.log(child.name)}")
        return 0

    def _judge_task(self, child: Child, state: _State, code: int, words: str) -> None:
        if code:
            state.trouble = "failed"
            self._say(f"{child.name} {_ended(code, words)}. Log: {self.log(child.name)}")

    async def _stop(self, groups: set[int], seconds: float) -> None:
        """End process groups: ask, wait, kill, and take them off the watchdog's list."""
        watchdog.signal_groups(groups, signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while (left := watchdog.alive(groups)) and time.monotonic() < deadline:
            await asyncio.sleep(_TICK_SECONDS)
        watchdog.signal_groups(left, signal.SIGKILL)
        while watchdog.alive(left) and time.monotonic() < deadline + 1:
            await asyncio.sleep(_TICK_SECONDS)
        for group in groups:
            self._watch(f"-{group}")

    def _open_log(self, name: str) -> int:
        """Return where a child's words will begin in its log, which is set aside when it is long."""
        log = self.log(name)
        if not log.exists():
            return 0
        if log.stat().st_size > _LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
            return 0
        return log.stat().st_size


async def _ask(child: Child) -> str | None:
    if child.healthy is None:
        return None if child.is_task else ""
    try:
        return await child.healthy()
    except OSError:
        return None


@contextlib.contextmanager
def _watched(folder: Path) -> Iterator[Callable[[str], None]]:
    """Start the process that ends our children if we are killed.

    Yields:
        A function that tells it a line.
    """
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", watchdog.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=folder,
        text=True,
        bufsize=1,
    )
    assert process.stdin is not None
    pipe = process.stdin

    def tell(line: str) -> None:
        with contextlib.suppress(BrokenPipeError):
            pipe.write(f"{line}\n")

    try:
        yield tell
    finally:
        with contextlib.suppress(BrokenPipeError):
            pipe.close()
        process.wait()


def _ended(code: int, words: str) -> str:
    if code < 0:  # its last words were about something else
        names = {number.value: number.name for number in signal.Signals}
        return f"was killed by {names.get(-code, f'signal {-code}')}"
    return f"ended with exit code {code}" + (f": {words}" if words else "")


def _last_line(log: Path, start: int) -> str:
    """Return the last line that a child wrote since it was started, without colours."""
    with log.open("rb") as file:
        file.seek(max(start, log.stat().st_size - 4096))
        text = _COLOUR.sub("", file.read().decode("utf-8", "replace"))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""
