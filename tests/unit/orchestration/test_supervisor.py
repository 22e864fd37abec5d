"""The supervisor, over tiny children: restarts, their cap, the stop, and what is left when it is killed."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from orchestration.supervisor import Child, Policy, Supervisor
from orchestration.watchdog import alive

ROOT = Path(__file__).resolve().parents[3]
QUICK = Policy(pauses=(0.01, 0.01), steady_seconds=60, start_seconds=5, stop_seconds=0.5)
STAY = "import time; time.sleep(60)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"


def child(name: str, code: str, **rest: object) -> Child:
    return Child(name, (sys.executable, "-I", "-S", "-c", code), **rest)  # type: ignore[arg-type]


class Run:
    """One supervisor that runs until a condition holds; what it said, and the groups it had."""

    def __init__(self, folder: Path, *children: Child, policy: Policy = QUICK) -> None:
        self.said: list[str] = []
        self.is_ready = False
        self.supervisor = Supervisor(
            children, environment=dict(os.environ), folder=folder, logs=folder, say=self.said.append, policy=policy
        )

    def until(self, holds: Callable[["Run"], bool]) -> "Run":
        asyncio.run(self._run(holds))
        return self

    async def _run(self, holds: Callable[["Run"], bool]) -> None:
        stopped = asyncio.Event()
        task = asyncio.create_task(self.supervisor.run(stopped, self._be_ready))
        deadline = time.monotonic() + 10
        while not holds(self) and not task.done():
            assert time.monotonic() < deadline, self.said
            await asyncio.sleep(0.01)
        self.groups = set(self.supervisor.groups.values())
        began = time.monotonic()
        stopped.set()
        await task
        self.stop_seconds = time.monotonic() - began

    def _be_ready(self) -> None:
        self.is_ready = True

    def heard(self, words: str) -> bool:
        return any(words in line for line in self.said)


def is_gone(group: int) -> bool:
    return not alive({group})


def wait_for(holds: Callable[[], bool], seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.02)
    return False


def test_all_are_stopped_at_once_and_none_is_left(tmp_path):
    run = Run(tmp_path, child("one", STAY), child("two", STAY)).until(lambda run: run.is_ready)
    assert len(run.groups) == 2
    assert run.stop_seconds < 0.5
    assert all(map(is_gone, run.groups))
    assert run.said == []


def test_one_that_ends_is_restarted_and_that_is_said_with_its_last_words(tmp_path):
    code = f"from pathlib import Path; p = Path({str(tmp_path / 'was')!r})\nif p.exists(): {STAY}\np.touch()\n"
    run = Run(tmp_path, child("worker", code + "print('the line broke'); raise SystemExit(7)"))
    run.until(lambda run: run.heard("is ready"))
    assert run.said[0] == "worker ended with exit code 7: the line broke; it is restarted in 0.01 s"


def test_one_that_is_killed_is_restarted(tmp_path):
    run = Run(tmp_path, child("worker", STAY))
    killed: list[int] = []

    def kill_once(run: Run) -> bool:
        if run.is_ready and not killed:
            killed.append(run.supervisor.groups["worker"])
            os.kill(killed[0], signal.SIGKILL)
        return run.heard("worker is ready")

    run.until(kill_once)
    assert run.heard("worker was killed by SIGKILL; it is restarted in 0.01 s")
    assert run.groups.isdisjoint(killed)


def test_one_that_keeps_ending_is_given_up_and_the_others_go_on(tmp_path):
    run = Run(tmp_path, child("bad", "raise SystemExit(1)"), child("good", STAY))
    run.until(lambda run: run.heard("given up") and run.is_ready)
    assert [line for line in run.said if "restarted" in line] == [
        "bad ended with exit code 1; it is restarted in 0.01 s"
    ] * 2
    assert run.heard("that was 3 times in a row, so it is given up and the others go on")
    assert run.supervisor.trouble("bad") == "given up"
    assert len(run.groups) == 1


def test_one_that_ran_steadily_begins_with_the_first_pause_again(tmp_path):
    steady = replace(QUICK, steady_seconds=0.0)
    run = Run(tmp_path, child("bad", "raise SystemExit(1)"), policy=steady)
    run.until(lambda run: len(run.said) > 5)
    assert not run.heard("given up")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ((sys.executable, "-c", "print('No such command'); raise SystemExit(2)"), "No such command"),
        (("/nowhere/at-all",), "No such file or directory: /nowhere/at-all"),
    ],
)
def test_one_that_cannot_be_started_is_given_up_at_once(tmp_path, command, words):
    run = Run(tmp_path, Child("bad", command)).until(lambda run: run.is_ready and run.heard("given up"))
    (said,) = run.said
    assert words in said
    assert "a restart would not mend that" in said


def test_one_that_does_not_listen_is_killed_in_time(tmp_path):
    run = Run(tmp_path, child("deaf", DEAF))
    run.until(lambda run: "deaf" in log(run, "deaf"))
    assert 0.5 <= run.stop_seconds < 2
    assert all(map(is_gone, run.groups))


def log(run: Run, name: str) -> str:
    path = run.supervisor.log(name)
    return path.read_text() if path.exists() else ""


def test_what_a_child_leaves_behind_ends_before_it_is_restarted(tmp_path):
    spawn = f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {STAY!r}]); print(p.pid, flush=True)"
    run = Run(tmp_path, child("worker", f"{spawn}; raise SystemExit(1)"))
    run.until(lambda run: run.heard("restarted"))
    left = int(log(run, "worker").split()[0])
    assert run.stop_seconds < 0.5
    assert not (Path(f"/proc/{left}").exists() and "zombie" not in Path(f"/proc/{left}/status").read_text())


def test_a_child_waits_for_the_health_of_another(tmp_path):
    asked: list[str] = []

    async def healthy() -> str | None:
        asked.append("")
        return "" if len(asked) > 3 else None

    first = child("first", STAY, healthy=healthy)
    second = child("second", "import sys; print('up', flush=True); " + STAY, after=("first",))
    run = Run(tmp_path, second, first)
    order: list[int] = []

    def both(run: Run) -> bool:
        if "second" in run.supervisor.groups and not order:
            order.append(len(asked))
        return run.is_ready

    run.until(both)
    assert order[0] >= 3


def test_one_that_is_not_ready_in_time_keeps_nobody_waiting(tmp_path):
    async def never() -> str | None:
        raise ConnectionRefusedError

    slow = child("slow", STAY, healthy=never)
    run = Run(tmp_path, slow, child("next", STAY, after=("slow",)), policy=replace(QUICK, start_seconds=0.1))
    run.until(lambda run: run.is_ready)
    assert run.heard("slow is not ready after 0 s")
    assert len(run.groups) == 2


def test_a_task_runs_once_and_others_may_wait_for_its_end(tmp_path):
    task = child("task", "print('done')", is_task=True)
    run = Run(tmp_path, child("next", STAY, after=("task",)), task).until(lambda run: run.is_ready)
    assert log(run, "task") == "done\n"
    assert (run.said, len(run.groups)) == ([], 1)


def test_a_task_that_fails_is_said_and_not_run_again(tmp_path):
    run = Run(tmp_path, child("task", "print('no'); raise SystemExit(1)", is_task=True)).until(lambda run: run.is_ready)
    (said,) = run.said
    assert said.startswith("task ended with exit code 1: no. Log: ")
    assert run.supervisor.trouble("task") == "failed"


def test_only_so_many_start_at_once(tmp_path):
    gate: list[str] = []

    async def healthy() -> str | None:
        return "" if gate else None

    one_by_one = replace(QUICK, at_once=1)
    run = Run(tmp_path, child("first", STAY, healthy=healthy), child("second", STAY), policy=one_by_one)
    seen: list[set[str]] = []

    def both(run: Run) -> bool:
        if run.supervisor.groups:
            seen.append(set(run.supervisor.groups))
        if len(seen) == 20:
            gate.append("open")
        return run.is_ready

    run.until(both)
    assert all(names == {"first"} for names in seen[:20])
    assert seen[-1] == {"first", "second"}


def test_a_long_log_is_set_aside(tmp_path):
    (tmp_path / "worker.log").write_bytes(b"x" * 10_000_001)
    Run(tmp_path, child("worker", "print('fresh', flush=True); " + STAY)).until(
        lambda run: "fresh" in log(run, "worker")
    )
    assert (tmp_path / "worker.log").stat().st_size < 100
    assert (tmp_path / "worker.log.1").stat().st_size == 10_000_001


KILLED = """
import asyncio, os, sys
from pathlib import Path
from orchestration.supervisor import Child, Supervisor
folder = Path(sys.argv[1])
children = [Child(name, (sys.executable, "-c", code)) for name, code in (("one", sys.argv[2]), ("two", sys.argv[2]))]
supervisor = Supervisor(children, environment=dict(os.environ), folder=folder, logs=folder, say=print)
asyncio.run(supervisor.run(asyncio.Event(), lambda: print(*supervisor.groups.values(), flush=True)))
"""


def test_the_children_end_when_the_supervisor_is_killed(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path), STAY], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    groups = [int(word) for word in process.stdout.readline().split()]
    assert len(groups) == 2
    assert not any(map(is_gone, groups))
    process.kill()
    process.wait()
    process.stdout.close()
    assert wait_for(lambda: all(map(is_gone, groups)))
