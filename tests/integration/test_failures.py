"""What goes wrong around a command: one clear message with the remedy, an exit code, and nothing half done."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from orchestration.demo.shop import write_shop
from orchestration.processes import running
from orchestration.runs import open_runner
from orchestration.sending import deliver, prepare
from orchestration.settings import load_settings
from senders.clock import SteppedClock
from senders.errors import GuardError
from senders.ledger.store import Ledger
from tests.integration.conftest import START, Home

pytestmark = [pytest.mark.slow]

CONTACTS = "imports/crm/contacts.csv"
SEND_KEY = "20260414T0800Z"
# The demo's own command, with a small shop whose marts are built already.
DEMO = """
import shutil, sys
from orchestration.cli import main
from orchestration.demo import run
from orchestration.runs import Runner

small_shop, run_job = sys.argv[1], Runner.run
run.write_shop = lambda folder, **_: shutil.copytree(small_shop, folder, dirs_exist_ok=True)
Runner.run = lambda self, job, **rest: None if job == "refresh_marts" else run_job(self, job, **rest)
sys.argv = ["mailrail", "demo"]
main.main()
"""


@pytest.fixture
def imports(tmp_path: Path) -> Home:
    """A home that holds a shop's files and nothing else."""
    home = Home(tmp_path / "home")
    SteppedClock(home.path / "clock").set(START)
    write_shop(home.path, contacts=400, orders=400, until=START)
    return home


def assert_one_message(done: "subprocess.CompletedProcess[str]", *words: str, code: int) -> None:
    assert done.returncode == code, done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("mailrail: ")]
    assert len(said) == 1, done.stderr[-3000:]
    for word in words:
        assert word in said[0]


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def raw_contacts(home: Home) -> int:
    path = home.path / "warehouse.duckdb"
    if not path.exists():
        return 0
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = connection.execute("select count(*) from duckdb_tables() where table_name = 'contacts'").fetchone()
        return connection.execute("select count(*) from raw.contacts").fetchone()[0] if tables[0] else 0


@pytest.mark.parametrize("process", ["sink", "collector"])
def test_a_port_in_use_stops_the_demo_at_once(tmp_path: Path, process: str) -> None:
    home = Home(tmp_path / "home")
    port = home.sink_port if process == "sink" else home.collector_port
    setting = {"sink": "MAILRAIL_RELAYS__SINK__PORT", "collector": "MAILRAIL_COLLECTOR__PORT"}[process]
    with socket.create_server(("127.0.0.1", port)):
        assert_one_message(home.run("demo"), process, str(port), setting, code=2)
    assert not (home.path / "warehouse.duckdb").exists()


def test_ctrl_c_leaves_no_process_and_the_demo_can_be_run_again(small_shop: Path, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    log = home.path / "sink" / "log.jsonl"
    first = interrupt_demo(home, small_shop, lambda: log.exists() and log.stat().st_size > 0, seconds=90)
    assert_one_message(first, "interrupted", code=130)
    assert is_free(home.sink_port)
    assert is_free(home.collector_port)
    assert not living_of(home)

    sink = home.path / "logs" / "sink.log"
    sink.unlink()
    again = interrupt_demo(home, small_shop, sink.exists, seconds=60)
    assert "✔ a sample shop" in again.stderr
    assert_one_message(again, "interrupted", code=130)
    assert not living_of(home)


def interrupt_demo(
    home: Home, small_shop: Path, is_time: Callable[[], bool], *, seconds: float
) -> "subprocess.CompletedProcess[str]":
    """Start the demo, send it the signal of Ctrl-C at a moment, and return what it said."""
    command = [sys.executable, "-c", DEMO, str(small_shop)]
    with subprocess.Popen(
        command, env=home.environment, cwd=home.project, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as demo:
        deadline = time.monotonic() + seconds
        while not is_time():
            assert demo.poll() is None, demo.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(demo.pid, signal.SIGINT)  # as a terminal does: to the whole foreground group
        _, said = demo.communicate(timeout=60)
    return subprocess.CompletedProcess(command, demo.returncode, "", said)


def living_of(home: Home) -> list[str]:
    """Return the processes that still work in a home."""
    marker = f"MAILRAIL_HOME={home.path}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if marker in (folder / "environ").read_bytes().split(b"\0"):
                found.append(f"{folder.name}: {(folder / 'cmdline').read_text()}")
    return found


@pytest.mark.parametrize("fault", ["garbage", "nul-bytes", "delimiter", "missing"])
def test_a_broken_file_lands_nothing(imports: Home, fault: str) -> None:
    path = imports.path / CONTACTS
    if fault == "missing":
        path.unlink()
    elif fault == "delimiter":
        path.write_text(path.read_text(encoding="utf-8").replace(",", "|"), encoding="utf-8")
    else:
        path.write_bytes(bytes(4000) if fault == "nul-bytes" else random.Random(5).randbytes(4000))
    assert_one_message(imports.run("source", "load", "crm_contacts"), "crm_contacts", "contacts.csv", code=2)
    assert raw_contacts(imports) == 0


def may_mount() -> bool:
    """Whether this process has the capability CAP_SYS_ADMIN, number 21."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff")]
    return bool(int(line.split()[1], 16) >> 21 & 1)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "mailrail-test", str(folder)]
    subprocess.run(mount, check=True)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.skipif(not may_mount(), reason="a small disk can be mounted by root only")
@pytest.mark.parametrize("command", [("source", "load", "crm_contacts"), ("refresh",)], ids=["load", "refresh"])
def test_a_full_disk_is_said(small_disk: Path, command: tuple[str, ...]) -> None:
    home = Home(small_disk)
    SteppedClock(home.path / "clock").set(START)
    write_shop(home.path, contacts=3000, orders=3000, until=START)
    assert_one_message(home.run(*command), "the disk is full", "make room", code=1)
    # What it could write is whole: the load is not half there.
    assert raw_contacts(home) == 0


def test_a_send_needs_an_approval_and_goes_out_once_a_day(shop: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in shop.environment.items():
        if name.startswith("MAILRAIL_"):
            monkeypatch.setenv(name, value)
    settings = load_settings()
    recipients = str(shop.json("plan", "spring_sale")["recipients"])

    assert_one_message(shop.run("send", "spring_sale"), "nothing was sent", f"--confirm {recipients}", code=3)
    assert sends_of(shop) == []
    with open_runner(settings) as runner:
        prepare(runner, "send_spring_sale", SEND_KEY)
        with pytest.raises(GuardError, match=r"nobody has approved this audience of .* nothing was sent\. To approve"):
            deliver(runner, "send_spring_sale", SEND_KEY, confirm=None, approved_by="", show=False)
    assert sends_of(shop) == []

    with running(settings, "sink", "--port", str(shop.sink_port), ready=("127.0.0.1", shop.sink_port)):
        first = shop.run("send", "spring_sale", "--confirm", recipients)
        assert first.returncode in {0, 4}, first.stderr[-2000:]
        again = shop.run("send", "spring_sale", "--confirm", recipients)
    assert_one_message(again, "within a day", "mailrail resume", code=3)
    assert sends_of(shop) == [f"spring_sale.{SEND_KEY}"]


def sends_of(home: Home) -> list[str]:
    with Ledger.open(home.path) as ledger:
        return [send.send_id for send in ledger.sends()]
