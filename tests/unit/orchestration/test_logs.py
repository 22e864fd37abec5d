"""Logs are JSON lines with known keys, and neither they nor the plain ones name a person."""

import asyncio
import io
import json
import logging
import subprocess
import sys

import pytest

from orchestration.logs import JsonFormatter, PlainFormatter, clean


def record(message, *arguments, **extra):
    made = logging.LogRecord("senders.delivery.shard", logging.INFO, "shard.py", 1, message, arguments, None)
    made.__dict__.update(extra)
    return made


def test_a_line_has_the_keys_that_machines_read():
    said = {"event": "shard_ends", "send_id": "news.1", "shard": 3, "counts": {"accepted": 7}, "secret": "x"}
    line = json.loads(JsonFormatter("sender").format(record("ends after %d", 7, **said)))
    assert line.pop("at").endswith("Z")
    assert line == {
        "level": "info", "process": "sender", "event": "shard_ends", "message": "ends after 7",
        "send_id": "news.1", "shard": 3, "counts": {"accepted": 7},
    }  # fmt: skip


def test_a_failure_brings_its_trace_along():
    try:
        raise ValueError("cannot write to ada@mail.example")
    except ValueError:
        made = record("it failed")
        made.exc_info = sys.exc_info()
    line = json.loads(JsonFormatter("sender").format(made))
    assert "ValueError" in line["exception"]
    assert "ada" not in line["exception"]
    assert "ada" not in PlainFormatter().format(made)


@pytest.mark.parametrize(
    "text",
    [
        "550 5.1.1 <Zora.Quill@mail.example>: unknown",
        "GET /c/AbQuill-12_x.9 took long",
        "https://news.example/u/Quillx9",
        "return path b+1.7.quill234 is not ours",
    ],
)
def test_addresses_and_tokens_are_taken_out(text):
    assert "quill" not in clean(text).lower()


def test_plain_words_stay():
    assert clean("relay main: connection refused (127.0.0.1:25)") == "relay main: connection refused (127.0.0.1:25)"


def test_elsewhere_than_on_a_terminal_it_is_json():
    script = (
        "import logging; from orchestration.logs import start_logging;"
        "start_logging('sender', style='{}', level=logging.INFO); logging.getLogger('a.b').info('hello')"
    )
    lines = {
        style: subprocess.run(
            [sys.executable, "-c", script.format(style)], capture_output=True, text=True, check=True, timeout=60
        ).stderr
        for style in ("auto", "text")
    }
    assert json.loads(lines["auto"])["message"] == "hello"
    assert lines["text"].endswith("INFO a.b: hello\n")


def test_the_logs_of_a_whole_send_name_nobody(tmp_path, monkeypatch):
    from senders.delivery.sender import run_sender
    from senders.ledger.store import Ledger
    from senders.transports.base import Reply
    from senders.transports.memory import ACCEPTED, MemoryRelay, MemoryTransport

    world = _world(monkeypatch)
    number = world.open_send(tmp_path, 30)

    def answer(parcel):
        refused = {3: (550, "5.1.1"), 5: (450, "4.2.0"), **dict.fromkeys(range(8, 20), (550, "5.7.1"))}
        if parcel.seq in refused:
            return Reply(*refused[parcel.seq], f"<{parcel.recipient}>: no; {parcel.sender}")
        return ACCEPTED

    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter("sender"))
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.DEBUG)  # not by monkeypatch: loggers remember what was off
    root.addHandler(handler)
    try:
        connect = lambda *_: MemoryTransport(MemoryRelay(answer))  # noqa: E731
        settings = world.settings(tmp_path, 0, retry_seconds=(600.0,))
        asyncio.run(run_sender(settings, once=True, tuning=world.tuning(), connect=connect))
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    text = stream.getvalue()
    events = [json.loads(line)["event"] for line in text.splitlines()]
    assert {"shard_begins", "shard_ends"} <= set(events)
    shards = [json.loads(line) for line in text.splitlines() if "shard_" in line]
    assert {line["send_id"] for line in shards} == {"news.1"}
    assert all(line["message"].startswith("news.1 ") for line in shards)
    with Ledger.open(tmp_path) as ledger:
        assert ledger.attempts(number, 3)
    for seq in range(1, 31):
        assert world.address(seq) not in text
        assert f"user{seq}" not in text
        assert f"b+{seq}@" not in text


def _world(monkeypatch):
    from importlib import import_module
    from pathlib import Path

    helpers = Path(__file__).parents[1] / "senders" / "delivery" / "helpers"
    monkeypatch.syspath_prepend(str(helpers))
    return import_module("sending_world")
