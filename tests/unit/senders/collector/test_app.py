import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from senders.collector.serving import open_socket, serve
from senders.config import CollectorConfig
from senders.errors import ConfigError

SERVE = """
import sys
from pathlib import Path
from senders.collector.serving import serve
from senders.config import CollectorConfig
heavy = {"duckdb", "polars", "pyarrow", "jinja2", "dagster"} & set(sys.modules)
assert not heavy, heavy
serve(CollectorConfig(home=Path(sys.argv[1]), base_url="http://127.0.0.1", port=int(sys.argv[2])))
"""


def test_a_port_in_use_is_named_before_anything_starts(tmp_path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"port {port} on 127\.0\.0\.1 is in use.*\[collector\]"):
            serve(CollectorConfig(home=tmp_path, base_url="http://127.0.0.1", port=port))
    assert list(tmp_path.iterdir()) == []


def test_a_host_that_is_not_ours_is_named() -> None:
    with pytest.raises(ConfigError, match=r"192\.0\.2\.1"):
        open_socket("192.0.2.1", 0)


def test_it_serves_until_told_to_stop_and_imports_nothing_heavy(tmp_path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-c", SERVE, str(tmp_path), str(port)], stderr=subprocess.PIPE)
    try:
        assert _get(f"http://127.0.0.1:{port}/healthz") == b'{"status":"ok","waiting":0,"dropped":{}}'
    finally:
        os.kill(server.pid, signal.SIGINT)
        _, errors = server.communicate(timeout=10)
    assert b"AssertionError" not in errors


def _get(url: str) -> bytes:
    for _ in range(100):
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                return answer.read()
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the collector did not answer")
