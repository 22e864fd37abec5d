"""A short disk: opens go first, then clicks, and never what a person asked for."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from senders.collector import space as module
from senders.collector.recorder import Recorder
from senders.collector.space import Level, Space
from senders.config import CollectorConfig
from senders.errors import LedgerFull
from senders.event import Event, Kind
from senders.ledger.store import Ledger

NOW = datetime(2026, 11, 3, tzinfo=UTC)
KINDS = {Kind.OPENED, Kind.VIEWED, Kind.CLICKED, Kind.UNSUBSCRIBED, Kind.COMPLAINED, Kind.SIGNED_UP, Kind.PREFERRED}
MEGABYTE = 1_000_000
MOUNT_MEGABYTES = 24
# More than the log of the ledger's file holds before it begins again at its start.
UNSUBSCRIBES = 400


def event(number: int, kind: Kind = Kind.OPENED) -> Event:
    return Event(f"{number:032x}", kind, NOW, address_hash=number.to_bytes(16, "big"), user_agent="x" * 400)


class Disk:
    """A disk that has as much room as it is told."""

    def __init__(self, free: int) -> None:
        self.free = free

    def __call__(self, folder: Path) -> int:
        return self.free


@pytest.fixture(autouse=True)
def small_reserve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RESERVE_BYTES", 2 * 1024 * 1024)


def kept(space: Space) -> set[Kind]:
    return {kind for kind in KINDS if space.keeps(event(1, kind))}


@pytest.mark.parametrize(
    ("free", "level", "lost"),
    [
        (100 * MEGABYTE, Level.ALL, set()),
        (9 * MEGABYTE, Level.NO_OPENS, {Kind.OPENED, Kind.VIEWED}),
        (4 * MEGABYTE, Level.NO_CLICKS, {Kind.OPENED, Kind.VIEWED, Kind.CLICKED}),
    ],
)
def test_a_short_disk_costs_opens_then_clicks(tmp_path: Path, free: int, level: Level, lost: set[Kind]) -> None:
    space = Space(tmp_path, floor_bytes=10 * MEGABYTE, free_bytes=Disk(free))
    space.measure()
    assert space.level is level
    assert kept(space) == KINDS - lost
    assert sum(space.dropped.values()) == len(lost)


def test_the_quota_counts_the_files_and_not_the_reserve(tmp_path: Path) -> None:
    space = Space(tmp_path, quota_bytes=MEGABYTE, free_bytes=Disk(100 * MEGABYTE))
    levels = []
    for size in (0, 850_000, 950_000, 1_000_001, 100_000):
        (tmp_path / "ledger.sqlite").write_bytes(bytes(size))
        space.measure()
        levels.append(space.level)
    assert levels == [Level.ALL, Level.ALL, Level.NO_OPENS, Level.NO_CLICKS, Level.ALL]
    assert (tmp_path / "reserve").stat().st_size == module.RESERVE_BYTES


def test_what_is_short_of_room_wants_a_little_more_before_it_goes_on(tmp_path: Path) -> None:
    disk = Disk(9 * MEGABYTE)
    space = Space(tmp_path, floor_bytes=10 * MEGABYTE, free_bytes=disk)
    levels = []
    for disk.free in (9_999_999, 10_000_001, 10_600_000, 10_000_001):
        space.measure()
        levels.append(space.level)
    assert levels == [Level.NO_OPENS, Level.NO_OPENS, Level.ALL, Level.ALL]


def test_a_full_disk_gives_up_the_reserve_and_lays_it_up_again(tmp_path: Path) -> None:
    disk = Disk(100 * MEGABYTE)
    space = Space(tmp_path, floor_bytes=MEGABYTE, free_bytes=disk)
    space.measure()
    assert (tmp_path / "reserve").exists()
    assert space.run_out()
    assert not (tmp_path / "reserve").exists()
    assert not space.run_out()
    assert space.refuses(event(1, Kind.SIGNED_UP))
    assert not space.refuses(event(1, Kind.UNSUBSCRIBED))
    for _ in range(module.FULL_SECONDS + 1):
        space.measure()
    assert space.level is Level.ALL
    assert (tmp_path / "reserve").exists()


def test_there_is_no_reserve_where_it_would_take_the_last_room(tmp_path: Path) -> None:
    Space(tmp_path, floor_bytes=MEGABYTE, free_bytes=Disk(3 * MEGABYTE)).measure()
    assert not (tmp_path / "reserve").exists()


def test_a_folder_that_is_not_made_yet_is_no_trouble(tmp_path: Path) -> None:
    space = Space(tmp_path / "ledger", quota_bytes=1)
    space.measure()
    assert space.level is Level.ALL


class FullStore:
    """Has no room for anything until the reserve is given up, and then for unsubscribes only."""

    def __init__(self, reserve: Path) -> None:
        self._reserve = reserve
        self.stored: list[Event] = []

    def record(self, events: Sequence[Event]) -> list[bool]:
        if self._reserve.exists() or any(not one.suppresses for one in events):
            raise LedgerFull("full")
        self.stored += events
        return [True] * len(events)


def test_when_a_write_finds_no_room_the_unsubscribe_is_stored_and_the_open_dropped(tmp_path: Path) -> None:
    space = Space(tmp_path, floor_bytes=MEGABYTE, free_bytes=Disk(100 * MEGABYTE))
    space.measure()
    store = FullStore(tmp_path / "reserve")
    recorder = Recorder(lambda: store, space=space)

    async def run() -> list[bool | BaseException]:
        kinds = (Kind.OPENED, Kind.UNSUBSCRIBED, Kind.SIGNED_UP, Kind.CLICKED)
        posts = [asyncio.create_task(recorder.record(event(number, kind))) for number, kind in enumerate(kinds)]
        return await asyncio.gather(*posts, return_exceptions=True)

    is_open_new, is_unsubscribe_new, sign_up, is_click_new = asyncio.run(run())
    recorder.close()
    assert (is_open_new, is_unsubscribe_new, is_click_new) == (False, True, False)
    assert isinstance(sign_up, LedgerFull), "what needs an answer is turned away, not lost"
    assert [one.kind for one in store.stored] == [Kind.UNSUBSCRIBED]
    assert recorder.dropped == {"opened": 1, "clicked": 1}


def test_the_public_answers_stay_the_same(world) -> None:
    space = world.client.app.state.space
    space.level = Level.NO_CLICKS
    assert world.client.get(f"/o/{world.tokens.pixel(1)}.gif").status_code == 200
    assert world.client.get(f"/c/{world.tokens.click(1, 1)}").status_code == 302
    assert world.client.post(world.unsubscribe_path(), data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert [one.kind for one in world.events()] == [Kind.UNSUBSCRIBED]
    assert world.client.get("/healthz").json()["dropped"] == {"opened": 1, "clicked": 1}


# ---- a disk that is really full


def _can_mount() -> bool:
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    return subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = f"size={MOUNT_MEGABYTES}m"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True, capture_output=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)


@pytest.mark.skipif(not _can_mount(), reason="a file system of a test's own needs root and mount")
def test_unsubscribes_fit_on_a_disk_that_is_full(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RESERVE_BYTES", 8 * 1024 * 1024)
    config = CollectorConfig(home=small_disk, base_url="https://mail.shop.example")
    with Ledger.open(small_disk) as ledger:
        space = Space(small_disk / "ledger", floor_bytes=0)
        space.measure()
        assert (small_disk / "ledger" / "reserve").stat().st_size == module.RESERVE_BYTES
        recorder = Recorder(lambda: Ledger.open(config.home, busy_timeout_seconds=0.25), space=space)
        stored = asyncio.run(_fill_and_unsubscribe(recorder, space, small_disk))
        recorder.close()
        assert stored == [True] * UNSUBSCRIBES
        assert len(list(ledger.suppressions())) == UNSUBSCRIBES
    assert not (small_disk / "ledger" / "reserve").exists()


async def _fill_and_unsubscribe(recorder: Recorder, space: Space, disk: Path) -> list[bool]:
    with (disk / "filler").open("wb") as file:
        while shutil.disk_usage(disk).free > 0:
            file.write(bytes(min(65_536, shutil.disk_usage(disk).free)))
            file.flush()
    stored = []
    for number in range(UNSUBSCRIBES):
        opens = [asyncio.create_task(recorder.record(event(10_000 + 10 * number + place))) for place in range(5)]
        stored.append(await recorder.record(event(number, Kind.UNSUBSCRIBED)))
        await asyncio.gather(*opens)
    assert space.level is Level.ONLY_REFUSALS
    return stored
