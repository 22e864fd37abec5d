"""The render child of view in browser: reads one row of a frozen audience and renders it again.

Runs in a process of its own (see `viewer`), which is the only place where the collector's side meets audience
files and templates. It writes nothing; a file that is gone is an answer, not an error.
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from senders.clock import parse_time
from senders.collector.viewer import ViewJob
from senders.config import SenderProfile
from senders.frozen import find_shard, load_reader
from senders.rendering.context import SendContext
from senders.rendering.renderer import Renderer
from senders.rendering.saved import load_template
from senders.tracking.tokens import SendTokens

# Only what stands in the page matters here; nothing of this is ever put on a wire.
_NOBODY = SenderProfile(
    name="view",
    from_name="",
    from_address="view@view.invalid",
    reply_to="",
    bounce_domain="view.invalid",
    message_id_domain="view.invalid",
    relay="",
)


def main() -> None:
    """Answer jobs until standard input ends."""
    # What a row reader prints must not come between the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        answers.write(json.dumps(answer_job(line)) + "\n")
        answers.flush()


def answer_job(line: str) -> dict[str, str]:
    """Return ``html`` and ``tracked``, or ``gone``, or ``error`` for one job."""
    try:
        return render_view(ViewJob(**json.loads(line)))
    except Exception as error:  # the boundary of this process: the collector answers 500 and logs it
        return {"error": f"{type(error).__name__}: {error}"[:500]}


def render_view(job: ViewJob) -> dict[str, str]:
    """Render one message, or say what is missing."""
    folder = Path(job.folder)
    shard = find_shard(folder, job.seq)
    if shard is None or not (folder / "template.json").exists():
        return {"gone": "files"}
    row = next(iter(load_reader(job.row_reader)(shard, [job.seq])), None)
    if row is None or not row.get("address"):
        return {"gone": "row"}  # redacted or never there
    is_tracked = job.tracking and bool(row["tracking"])
    return {"html": _renderer(job.folder, job).render_web(row), "tracked": "yes" if is_tracked else "no"}


_renderers: dict[tuple[str, int], Renderer] = {}


def _renderer(folder: str, job: ViewJob) -> Renderer:
    """Return the renderer of a send; a few are kept, since people look at what was sent last."""
    key = (folder, job.key_id)
    if key not in _renderers:
        if len(_renderers) >= 8:
            _renderers.clear()
        _renderers[key] = _make_renderer(Path(folder), job)
    return _renderers[key]


def _make_renderer(folder: Path, job: ViewJob) -> Renderer:
    template = load_template(folder / "template.json")
    tokens = SendTokens(job.send_no, job.key_id, bytes.fromhex(job.key), bytes.fromhex(job.identity))
    context = SendContext(
        profile=_NOBODY,
        tokens=tokens,
        send_id=job.send_id,
        campaign=job.campaign,
        topic=job.topic,
        base_url=job.base_url,
        sent_at=parse_time(job.sent_at) if job.sent_at else datetime.now(UTC),
        may_track=job.tracking,
    )
    return Renderer(template, context)
