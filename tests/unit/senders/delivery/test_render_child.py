"""What the child gets to see, and that it ends with its parent."""

import asyncio
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from sending_world import PROFILE

from senders.delivery.feed import RenderLimits, render
from senders.delivery.render_child import RenderJob
from senders.ledger.owner import is_running
from senders.message import Message, Unrenderable
from senders.rendering.context import SendContext
from senders.tracking.tokens import SendTokens


class Rows:
    """A supply of chunks of rows."""

    def __init__(self, *chunks):
        self.chunks = list(chunks)

    def now(self):
        return self.chunks.pop(0) if self.chunks else ()

    async def later(self):
        return self.now()


def job(home, builder="plain_builder", **changes):
    return RenderJob(
        parent=os.getpid(),
        row_reader="sending_world:read_rows",
        shard_file=home / "shard",
        template_file=home / "template.json",
        context=SendContext(
            profile=PROFILE,
            tokens=SendTokens(1, 1, b"k" * 32),
            send_id="news.1",
            campaign="news",
            topic="offers",
            base_url="http://127.0.0.1",
            sent_at=datetime(2026, 11, 3, tzinfo=UTC),
        ),
        builder=f"sending_world:{builder}",
        **changes,
    )


def all_of(work, *chunks, **limits):
    async def go():
        return [item async for batch in render(work, Rows(*chunks), RenderLimits(**limits)) for item in batch]

    return asyncio.run(go())


def test_every_row_comes_once_in_order(home):
    items = all_of(job(home), tuple(range(1, 51)))
    assert [item.seq for item in items] == list(range(1, 51))
    assert all(isinstance(item, Message) for item in items)


def test_one_child_renders_chunk_after_chunk(home):
    chunks = [tuple(range(first, first + 40)) for first in range(1, 400, 40)]
    items = all_of(job(home, "pid_builder"), *chunks)
    assert [item.seq for item in items] == list(range(1, 401))
    assert len({item.message_id for item in items}) == 1


def test_a_row_that_ends_the_child_costs_no_row_of_any_chunk(home):
    items = all_of(job(home, "troubled_builder"), (1, 2), (9, 10), (8,), row_seconds=1.5)
    assert sorted(item.seq for item in items) == [1, 2, 8, 9, 10]
    assert [item.seq for item in items if isinstance(item, Unrenderable)] == [9]


def test_a_row_that_is_not_in_the_file_is_said_so(home):
    items = all_of(job(home, "gap_builder"), (1, 999, 2))
    assert {item.seq for item in items if isinstance(item, Unrenderable)} == {999}


def test_the_child_sees_nothing_of_our_environment(home, monkeypatch):
    monkeypatch.setenv("MAILRAIL_RELAYS__MAIN__PASSWORD", "secret")
    (item,) = all_of(job(home, "environment_builder"), (1,))
    assert b"PYTHONPATH" in item.raw
    assert b"secret" not in item.raw
    assert b"MAILRAIL" not in item.raw


def test_the_child_may_not_write_files(home):
    (item,) = all_of(job(home, "writing_builder"), (1,))
    assert isinstance(item, Unrenderable)
    assert "File too large" in item.reason


def test_the_child_dies_with_its_parent(home):
    helpers = Path(__file__).parent / "helpers"
    code = (
        "import asyncio, sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path; from test_render_child import Rows, job\n"
        "from senders.delivery.feed import RenderLimits, render\n"
        "async def go():\n"
        "    work = job(Path(sys.argv[2]), 'pid_builder')\n"
        "    async for batch in render(work, Rows((1, 2)), RenderLimits(30.0, 60.0)):\n"
        "        print(batch[0].message_id, flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(go())\n"
    )
    path = [str(Path(__file__).parent), str(helpers), *sys.path]
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(helpers), str(home)],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": ":".join(entry for entry in path if entry)},
    )
    child = int(parent.stdout.readline())
    assert is_running(child)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    limit = time.monotonic() + 5
    while is_running(child) and time.monotonic() < limit:
        time.sleep(0.01)
    assert not is_running(child)


def test_a_row_during_which_children_were_killed_from_outside_is_rendered_all_the_same(home):
    items = all_of(job(home, "twice_killed_builder"), tuple(range(1, 101)))
    assert sorted(item.seq for item in items) == list(range(1, 101))
    assert all(isinstance(item, Message) for item in items)
    assert (home / "killed-2").exists()


def test_large_messages_come_in_small_batches(tmp_path):
    async def go():
        work = job(tmp_path, "large_builder")
        return [batch async for batch in render(work, Rows(tuple(range(1, 9))), RenderLimits())]

    batches = asyncio.run(go())
    assert [len(batch) for batch in batches] == [1] * 8
    assert [item.seq for batch in batches for item in batch] == list(range(1, 9))
