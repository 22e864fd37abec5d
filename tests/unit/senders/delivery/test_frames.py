import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from senders.delivery.frames import HEADER, FrameKind, decode_batch, encode_batch
from senders.errors import RenderError
from senders.message import Message, Unrenderable

SEQS = st.integers(1, 2**40)
WORDS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)
MESSAGES = st.builds(Message, SEQS, WORDS, WORDS, WORDS, st.binary(max_size=100), st.booleans())
ITEMS = st.lists(st.one_of(MESSAGES, st.builds(Unrenderable, SEQS, WORDS)), max_size=6)


@settings(deadline=None)
@given(ITEMS)
def test_what_is_written_is_read(items):
    raw = encode_batch(items)
    size, kind = HEADER.unpack(raw[: HEADER.size])
    assert (size, kind) == (len(raw) - HEADER.size, FrameKind.BATCH)
    assert decode_batch(raw[HEADER.size :]) == items


@settings(deadline=None)
@given(ITEMS.filter(bool), st.data())
def test_a_frame_cut_short_is_refused(items, data):
    payload = encode_batch(items)[HEADER.size :]
    cut = data.draw(st.integers(1, len(payload) - 1))
    try:
        decoded = decode_batch(payload[:cut])
    except RenderError:
        return
    assert decoded == items[: len(decoded)]
    assert len(decoded) < len(items)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(payload):
    with contextlib.suppress(RenderError):
        decode_batch(payload)


def test_a_reason_without_end_is_shortened():
    (item,) = decode_batch(encode_batch([Unrenderable(1, "x" * 10_000)])[HEADER.size :])
    assert item == Unrenderable(1, "x" * 2000)


def test_a_frame_of_nothing_is_nothing():
    assert decode_batch(b"") == []
    with pytest.raises(RenderError):
        decode_batch(b"x")
