"""View in browser: a render child of the collector, started when first needed.

The child reads audience files and renders templates, so that the collector itself imports neither; it answers
one line of JSON for one line of JSON and ends with its standard input, hence with us. What it does is in
`viewchild`; which message may be seen by whom is the token's matter.
"""

import asyncio
import json
import logging
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import IO

from senders.errors import RenderError

TIMEOUT_SECONDS = 15.0
MAX_WAITING = 50

# The path is handed over because a project that is not installed is found by the caller's path only.
_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from senders.collector.viewchild import main; main()"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ViewJob:
    """All the child needs to render one message again. ``key`` and ``identity`` are the send's own, in hex."""

    row_reader: str
    folder: str
    seq: int
    base_url: str
    send_no: int
    send_id: str
    campaign: str
    topic: str
    sent_at: str
    key_id: int
    key: str
    identity: str
    tracking: bool = True


@dataclass(frozen=True, slots=True)
class View:
    """The HTML of a message, and whether its reader agreed to be tracked when it was made."""

    html: str
    is_tracked: bool


class Viewer:
    """Renders messages for the browser, one at a time."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="viewer")
        self._child: subprocess.Popen[str] | None = None
        self._waiting = 0

    async def render(self, job: ViewJob) -> View | None:
        """Return a message, or None where its files are gone.

        Raises:
            RenderError: it could not be rendered, or too many wait.
        """
        if self._waiting >= MAX_WAITING:
            raise RenderError(f"view: {MAX_WAITING} pages wait already")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._render, job)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Stop the child."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._stop()

    def _render(self, job: ViewJob) -> View | None:
        child = self._running()
        # A template that never ends must not hold every other page.
        watchdog = threading.Timer(TIMEOUT_SECONDS, child.kill)
        watchdog.start()
        try:
            answer = _ask(child, job)
        except (OSError, ValueError) as error:
            self._stop()
            raise RenderError(f"view: the render child gave no answer for {job.send_id}") from error
        finally:
            watchdog.cancel()
        if "error" in answer:
            raise RenderError(f"view: {job.send_id} seq {job.seq}: {answer['error']}")
        return View(answer["html"], answer.get("tracked") == "yes") if "html" in answer else None

    def _running(self) -> subprocess.Popen[str]:
        if self._child is None or self._child.poll() is not None:
            command = [sys.executable, "-c", _START, json.dumps(sys.path)]
            self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self._child

    def _stop(self) -> None:
        if self._child is None:
            return
        child, self._child = self._child, None
        child.kill()
        child.communicate()


def _ask(child: "subprocess.Popen[str]", job: ViewJob) -> dict[str, str]:
    stdin, stdout = _pipes(child)
    stdin.write(json.dumps(asdict(job)) + "\n")
    stdin.flush()
    answer = json.loads(stdout.readline())
    if not isinstance(answer, dict):
        raise ValueError("view: the render child answered with something else than an object")
    return answer


def _pipes(child: "subprocess.Popen[str]") -> tuple[IO[str], IO[str]]:
    if child.stdin is None or child.stdout is None:
        raise ValueError("view: the render child has no pipes")
    return child.stdin, child.stdout
