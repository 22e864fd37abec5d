"""Renders a shard with the code that will send it, and keeps sizes instead of messages.

It runs in processes of its own for large audiences, so it imports little. What the figures mean for a send belongs
to ``preflight`` and ``checks``.
"""

from array import array
from collections import Counter
from dataclasses import dataclass, field

from assets.deliveries.batches import read_rows
from senders.message import Message, Unrenderable
from senders.rendering.context import SendContext
from senders.rendering.renderer import Renderer
from senders.rendering.template import CompiledTemplate

MAX_LISTED = 100
_HTML_HEAD = b"\r\nContent-Type: text/html; charset=utf-8\r\n"


@dataclass(frozen=True, slots=True)
class Job:
    """One shard to be measured; picklable, without master keys or secrets."""

    file: str
    template: CompiledTemplate
    context: SendContext


@dataclass(slots=True)
class Measures:
    """What rendering found: sizes in bytes of each message, empty values per field, rows that failed."""

    html: "array[int]" = field(default_factory=lambda: array("I"))
    messages: "array[int]" = field(default_factory=lambda: array("I"))
    missing: "Counter[str]" = field(default_factory=Counter)
    unrenderable: int = 0
    listed: list[tuple[int, str]] = field(default_factory=list)

    def add(self, other: "Measures") -> None:
        """Add the measures of another shard."""
        self.html.extend(other.html)
        self.messages.extend(other.messages)
        self.missing.update(other.missing)
        self.unrenderable += other.unrenderable
        self.listed = (self.listed + other.listed)[:MAX_LISTED]


def measure(job: Job) -> Measures:
    """Render every row of a shard and drop the messages."""
    template = job.template
    renderer = Renderer(template, job.context)
    found = Measures()
    for row in read_rows(job.file):
        found.missing.update(name for name in template.fields if row.get(name) in (None, ""))
        _count(found, renderer.build(row))
    return found


def _count(found: Measures, made: Message | Unrenderable) -> None:
    if isinstance(made, Message):
        found.messages.append(len(made.raw))
        found.html.append(html_bytes(made.raw))
        return
    found.unrenderable += 1
    if len(found.listed) < MAX_LISTED:
        found.listed.append((made.seq, made.reason))


def html_bytes(raw: bytes) -> int:
    """Return the size of a message's HTML as it travels."""
    start = raw.index(b"\r\n\r\n", raw.index(_HTML_HEAD)) + 4
    begin = raw.rindex(b"\r\n--", 0, start) + 2
    return raw.index(b"\r\n" + raw[begin : raw.index(b"\r\n", begin)], start) - start
