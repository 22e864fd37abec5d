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


def job(home, builder="plain_builder", seqs=(1, 2, 3), **changes):
    return RenderJob(
        parent=os.getpid(),
        row_reader="sending_world:read_rows",
        shard_file=home / "shard",
        seqs=seqs,
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


def all_of(work, **limits):
    async def go():
        return [item async for batch in render(work, RenderLimits(**limits)) for item in batch]

    return asyncio.run(go())


def test_every_row_comes_once_in_order(home):
    items = all_of(job(home, seqs=tuple(range(1, 51))))
    assert [item.seq for item in items] == list(range(1, 51))
    assert all(isinstance(item, Message) for item in items)


def test_a_row_that_is_not_in_the_file_is_said_so(home):
    items = all_of(job(home, "gap_builder", seqs=(1, 999, 2)))
    assert {item.seq for item in items if isinstance(item, Unrenderable)} == {999}


def test_the_child_sees_nothing_of_our_environment(home, monkeypatch):
    monkeypatch.setenv("MAILRAIL_RELAYS__MAIN__PASSWORD", "secret")
    (item,) = all_of(job(home, "environment_builder", seqs=(1,)))
    assert b"PYTHONPATH" in item.raw
    assert b"secret" not in item.raw
    assert b"MAILRAIL" not in item.raw


def test_the_child_may_not_write_files(home):
    (item,) = all_of(job(home, "writing_builder", seqs=(1,)))
    assert isinstance(item, Unrenderable)
    assert "File too large" in item.reason


def test_the_child_dies_with_its_parent(home):
    helpers = Path(__file__).parent / "helpers"
    code = (
        "import asyncio, sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path; from test_render_child import job\n"
        "from senders.delivery.feed import RenderLimits, render\n"
        "async def go():\n"
        "    async for batch in render(job(Path(sys.argv[2]), 'pid_builder', seqs=(1, 2)), RenderLimits(30.0, 60.0)):\n"
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
