"""`mailrail dev`: one command runs everything, and all that the demo does can be done from the Dagster UI."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestration.watchdog import alive
from senders.clock import SteppedClock
from senders.ledger.store import Ledger
from tests.fixtures.dagster_ui import DagsterUi
from tests.integration.conftest import Home, copy_project, free_port

pytestmark = [pytest.mark.slow, pytest.mark.dbt]

FIRST, SECOND, THIRD = "20260414T0900Z", "20260414T1000Z", "20260414T1100Z"
DUE = datetime(2026, 4, 21, 9, tzinfo=UTC)
ON_TIME = "20260421T0900Z"
FROZEN = "campaigns/spring_sale/audience"
CHILDREN = {"definitions", "webserver", "daemon", "collector", "sender", "outbox", "mailbox", "dashboards", "sink"}
GERMANS = """\
-- Nobody lives in Germany.
{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'dim_contacts'}}}) }}
select contact_id, email, country from {{ ref('dim_contacts') }} where country = 'DE'
"""


class Dev:
    """`mailrail dev` as it runs in a home of its own."""

    def __init__(self, home: Home, output: Path) -> None:
        self.home, self.output = home, output
        port, pages = free_port(), free_port()
        self.ui = DagsterUi(f"http://127.0.0.1:{port}")
        self.pages = f"http://127.0.0.1:{pages}"
        self.environment = {
            **home.environment,
            "MAILRAIL_DAGSTER__PORT": str(port),
            "MAILRAIL_DASHBOARDS__PORT": str(pages),
            "MAILRAIL_DASHBOARDS__BASE_URL": self.pages,
        }
        with output.open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "orchestration.cli", "dev"],
                env=self.environment,
                cwd=home.project,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )

    def said(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def wait_for(self, pattern: str, seconds: float = 120) -> "re.Match[str]":
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.said())):
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.1)
        return found

    def children(self) -> dict[str, int]:
        """Return the process groups of the children by name."""
        names = {"code-server": "definitions", "dagster_webserver": "webserver", "dagster._daemon": "daemon"}
        found = {}
        for path in Path("/proc").glob("[0-9]*"):
            try:
                words = (path / "cmdline").read_text().split("\0")
                parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == self.process.pid:
                found |= {names.get(word, word): int(path.name) for word in words if names.get(word, word) in CHILDREN}
        return found


@pytest.fixture(scope="module")
def dev(small_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    """A running `mailrail dev` on a small shop of its own, whose project has a test that fails."""
    folder = tmp_path_factory.mktemp("dev")
    project = copy_project(folder / "project")
    (project / "dbt_project" / "data-tests" / "assert_no_germans.sql").write_text(GERMANS)
    subprocess.run(["cp", "-r", str(small_shop), str(folder / "home")], check=True)
    running = Dev(Home(folder / "home", project), folder / "output.txt")
    try:
        running.wait_for(r"ready after [\d.]+ s")
        yield running
    finally:
        if running.process.poll() is None:
            groups = set(running.children().values())
            running.process.kill()
            running.process.wait()
            assert _wait(lambda: not alive(groups), 12)


@pytest.fixture(scope="module")
def back_fill(dev: Dev) -> str:
    """A back-fill of two sends, begun before longer things, as Dagster looks for one every half minute."""
    for key in (SECOND, THIRD):
        dev.ui.add_partition("spring_sale", key)
    return dev.ui.backfill([SECOND, THIRD], FROZEN)


def _wait(holds: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def receipts(campaign: str, confirm: int) -> str:
    return f"{{ops: {{campaigns__{campaign}__receipts: {{config: {{confirm: {confirm}, approved_by: ada}}}}}}}}"


def test_it_says_what_runs_and_where(dev: Dev):
    said = dev.said()
    assert set(dev.children()) == CHILDREN
    assert dev.ui.url in said
    assert dev.pages in said
    assert "given up" not in said


@pytest.mark.parametrize("command", ["dev", "demo"])
def test_another_one_on_the_same_home_is_refused(dev: Dev, command: str):
    done = dev.home.run(command, timeout=60)
    assert done.returncode == 3
    assert f"runs already in {dev.home.path} (process {dev.process.pid})" in done.stderr


def test_a_port_in_use_is_refused_with_the_setting_that_changes_it(dev: Dev, tmp_path: Path):
    other = Home(tmp_path / "home", dev.home.project)
    port = dev.ui.url.rpartition(":")[2]
    done = other.run("dev", "--port", port, timeout=30)
    assert done.returncode == 2
    assert f"webserver: port {port} on 127.0.0.1 is not free" in done.stderr
    assert "MAILRAIL_DAGSTER__PORT" in done.stderr
    assert not (tmp_path / "home" / "dev.lock").exists()


def test_the_map_leads_from_the_source_file_to_the_report(dev: Dev):
    found = dev.ui.assets()
    for key, group in {
        "files/crm_contacts": "1_sources",
        "raw/contacts": "2_raw",
        "staging/stg_crm__contacts": "3_staging",
        "marts/dim_contacts": "4_marts",
        "segments/seg_all_contacts": "5_segments",
        "published": "6_reporting",
        "campaigns/spring_sale/report": "7_spring_sale",
    }.items():
        assert found[key]["groupName"] == group
        assert len(found[key]["description"]) > 20


@pytest.mark.usefixtures("back_fill")
def test_a_sensor_is_on_and_a_failing_check_shows_its_rows(dev: Dev):
    run = dev.ui.latest_run("load_events")  # the sensor's first
    assert dev.ui.wait(run, 180) == "SUCCESS"
    status, metadata = dev.ui.check("marts/dim_contacts", "assert_no_germans")
    assert status == "FAILED"
    assert metadata["failures"] > 20
    assert metadata["file"] == "dbt_project/data-tests/assert_no_germans.sql"
    assert "country = 'DE'" in metadata["sql"]
    rows = metadata["failing_rows"]
    assert len(rows) == 20
    assert {row["country"] for row in rows} == {"DE"}
    assert all("•••@" in row["email"] for row in rows)
    assert dev.ui.metadata("marts/dim_contacts")["dagster/row_count"] > 1000


def test_a_send_without_approval_is_refused_and_with_the_run_config_it_goes_out(dev: Dev):
    dev.ui.add_partition("spring_sale", FIRST)
    stages = [f"campaigns/spring_sale/{stage}" for stage in ("audience", "preflight", "receipts")]
    prepared = dev.ui.launch("send_spring_sale", *stages[:2], partition=FIRST)
    assert dev.ui.wait(prepared) == "SUCCESS"
    recipients = dev.ui.metadata(stages[0], FIRST)["recipients"]
    assert f"confirm: {recipients}" in dev.ui.metadata(stages[1], FIRST)["to_send"]

    refused = dev.ui.launch("send_spring_sale", stages[2], partition=FIRST)
    assert dev.ui.wait(refused) == "FAILURE"
    assert f"nobody has approved this audience of {recipients} recipients" in dev.ui.errors(refused)
    with Ledger.open(dev.home.path) as ledger:
        assert ledger.sends() == []

    config = receipts("spring_sale", recipients)
    sent = dev.ui.launch("send_spring_sale", stages[2], partition=FIRST, config=config)
    assert dev.ui.wait(sent) == "SUCCESS"
    proof = dev.ui.metadata(stages[2], FIRST)
    ended = ("accepted", "refused", "deferred", "suppressed", "expired", "cancelled", "in_doubt")
    assert proof["audience"] == recipients == sum(proof[state] for state in ended)
    assert proof["accepted"] > recipients * 0.9
    assert proof["page"] == f"{dev.pages}/campaigns/spring_sale.{FIRST}"


def test_a_schedule_sends_under_its_standing_rule(dev: Dev):
    SteppedClock(dev.home.path / "clock").set(DUE)
    assert dev.ui.switch_on("send_back_in_stock_on_time") == "RUNNING"
    tick = dev.ui.preview_tick("send_back_in_stock_on_time", DUE.timestamp())
    (request,) = tick["runRequests"]
    tags = {tag["key"]: tag["value"] for tag in request["tags"]}
    run = dev.ui.launch("send_back_in_stock", tags=tags)
    assert dev.ui.wait(run) == "SUCCESS"
    proof = dev.ui.metadata("campaigns/back_in_stock/receipts", ON_TIME)
    assert proof["accepted"] > 1000
    with Ledger.open(dev.home.path) as ledger:
        (send,) = [send for send in ledger.sends() if send.campaign == "back_in_stock"]
    assert send.scheduled_at == DUE


def test_a_back_fill_freezes_several_sends_and_sends_none(dev: Dev, back_fill: str):
    assert dev.ui.wait_backfill(back_fill) == "COMPLETED_SUCCESS"
    for key in (SECOND, THIRD):
        assert dev.ui.metadata(FROZEN, key)["recipients"] > 1000
    with Ledger.open(dev.home.path) as ledger:
        assert {send.send_id for send in ledger.sends()} == {f"spring_sale.{FIRST}", f"back_in_stock.{ON_TIME}"}


def test_an_edited_and_a_broken_file_show_after_a_reload(dev: Dev):
    campaigns = dev.home.project / "assets" / "campaigns"
    definition = campaigns / "spring_sale" / "defs.yaml"
    definition.write_text(definition.read_text().replace("title: Spring sale", "title: Sale of the year"))
    broken = campaigns / "back_in_stock" / "defs.yaml"
    broken.write_text(broken.read_text().replace("topic: offers", "topic: offers\n  colour: red"))
    assert dev.ui.reload() == "RepositoryLocation"
    found = dev.ui.assets()
    assert "“Sale of the year”" in found["campaigns/spring_sale/audience"]["description"]
    assert found["campaigns/back_in_stock"]["groupName"] == "0_broken"
    assert "'colour' is not known" in found["campaigns/back_in_stock"]["description"]


def test_each_child_that_is_killed_is_restarted_and_that_is_said(dev: Dev):
    before = dev.children()
    assert set(before) == CHILDREN
    for group in before.values():
        os.killpg(group, signal.SIGKILL)
    for name in CHILDREN:
        dev.wait_for(rf"{name} was killed by SIGKILL.*restarted in")
        dev.wait_for(rf"{name} is ready, [\d.]+ s after its start")
    after = dev.children()
    assert set(after) == CHILDREN
    assert not set(before.values()) & set(after.values())
    assert "marts/dim_contacts" in dev.ui.assets()


def test_ctrl_c_stops_all_within_ten_seconds_and_leaves_nothing(dev: Dev):
    groups = set(dev.children().values())
    began = time.monotonic()
    dev.process.send_signal(signal.SIGINT)
    assert dev.process.wait(15) == 0
    assert time.monotonic() - began < 10
    assert not alive(groups)
    assert not (dev.home.path / "dev.lock").exists()
    assert dev.said().rstrip().endswith("nothing is left running")
    assert not list(dev.home.path.rglob("*.pid"))
