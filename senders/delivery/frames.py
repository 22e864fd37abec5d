"""What wire process and render child say to each other: numbers of rows, and the messages made of them.

Templates are other people's text, so what their process writes can't carry code: no pickle. Add a kind of frame when
one of them has something new to say.
"""

import struct
from array import array
from collections.abc import Iterable, Sequence
from enum import IntEnum

from senders.errors import RenderError
from senders.message import Message, Unrenderable

HEADER = struct.Struct("<IB")
_RECORD = struct.Struct("<BqHHHI")
_UNRENDERABLE, _SMTPUTF8 = 1, 2
FRAME_MOST = 64 * 1024 * 1024


class FrameKind(IntEnum):
    """What a frame holds; the first two are the wire process's, the others the child's."""

    JOB = 0  # all but the rows
    ROWS = 7  # the numbers of the rows to render next
    READY = 1  # the child has read its job and can render
    ROW = 2  # the number of the row it begins with, in careful mode
    BATCH = 3  # rendered messages
    DONE = 4  # all rows of the oldest ROWS
    FAILED = 5  # why the child cannot work at all


def frame(kind: FrameKind, payload: bytes = b"") -> bytes:
    """Return a frame: length, kind, payload."""
    return HEADER.pack(len(payload), kind) + payload


def encode_rows(seqs: Sequence[int]) -> bytes:
    """Return a frame of row numbers."""
    return frame(FrameKind.ROWS, array("q", seqs).tobytes())


def decode_rows(payload: bytes) -> list[int]:
    """Return the row numbers of a frame; written on this machine, so in its byte order."""
    return array("q", payload).tolist()


def encode_batch(items: Iterable[Message | Unrenderable]) -> bytes:
    """Return a frame of messages."""
    return frame(FrameKind.BATCH, b"".join(map(_encode, items)))


def _encode(item: Message | Unrenderable) -> bytes:
    if isinstance(item, Unrenderable):
        reason = item.reason.encode("utf-8", "replace")[:2000]
        return _RECORD.pack(_UNRENDERABLE, item.seq, 0, 0, 0, len(reason)) + reason
    recipient, sender = item.recipient.encode(), item.return_path.encode()
    message_id = item.message_id.encode()
    flags = _SMTPUTF8 if item.needs_smtputf8 else 0
    sizes = len(recipient), len(sender), len(message_id), len(item.raw)
    return b"".join((_RECORD.pack(flags, item.seq, *sizes), recipient, sender, message_id, item.raw))


def decode_batch(payload: bytes) -> list[Message | Unrenderable]:
    """Return the messages of a frame.

    Raises:
        RenderError: the frame is not one of ours.
    """
    items: list[Message | Unrenderable] = []
    at = 0
    try:
        while at < len(payload):
            item, at = _decode(payload, at)
            items.append(item)
    except (struct.error, UnicodeDecodeError) as error:
        raise RenderError(f"the render child wrote a frame that can't be read: {error}") from None
    return items


def _decode(payload: bytes, at: int) -> tuple[Message | Unrenderable, int]:
    flags, seq, *sizes = _RECORD.unpack_from(payload, at)
    at += _RECORD.size
    ends = [at := at + size for size in sizes]
    if ends[-1] > len(payload):
        raise RenderError("the render child wrote a frame that is too short")
    recipient, sender, message_id, raw = (payload[end - size : end] for end, size in zip(ends, sizes, strict=True))
    if flags & _UNRENDERABLE:
        return Unrenderable(seq, raw.decode("utf-8", "replace")), at
    utf8 = bool(flags & _SMTPUTF8)
    return Message(seq, recipient.decode(), sender.decode(), message_id.decode(), raw, utf8), at
