"""The sensors: what came in is loaded, and a failed load is tried again."""

import time
from types import SimpleNamespace

import dagster as dg
import pytest

from orchestration.sensors import build_sensors, failed_load
from senders.event import Event, Kind
from senders.ledger.store import Ledger
from tests.fixtures.audiences import NOW


class Project:
    """As much of the project as a sensor asks for."""

    def __init__(self, home):
        self.home = home

    def open_ledger(self):
        return Ledger.open(self.home)


class Runs:
    """An instance that remembers one run of load_events."""

    def __init__(self, status, minutes_ago):
        run = SimpleNamespace(status=status, run_id="the-run")
        self.records = [SimpleNamespace(dagster_run=run, end_time=time.time() - minutes_ago * 60)]

    def get_run_records(self, filters, limit):
        assert filters.job_name == "load_events"
        return self.records[:limit]


def tick(project, instance, cursor=None):
    sensor = next(sensor for sensor in build_sensors() if sensor.name == "events_came_in")
    with dg.build_sensor_context(instance=instance, cursor=cursor, resources={"mailrail": project}) as context:
        told = sensor.evaluate_tick(context)
    return [request.run_key for request in told.run_requests or []], told.cursor


def record(project, name):
    with project.open_ledger() as ledger:
        ledger.record([Event(event_id=name * 32, kind=Kind.OPENED, occurred_at=NOW)])


def test_new_rows_start_one_load(tmp_path):
    project = Project(tmp_path)
    with dg.DagsterInstance.ephemeral() as instance:
        record(project, "a")
        (first,), cursor = tick(project, instance)
        none, same = tick(project, instance, cursor)
        assert (none, same) == ([], cursor)
        record(project, "b")
        (second,), moved = tick(project, instance, cursor)
    assert second != first
    assert moved != cursor


@pytest.mark.parametrize(
    ("status", "minutes_ago", "again"),
    [
        (dg.DagsterRunStatus.FAILURE, 11, "the-run"),
        (dg.DagsterRunStatus.FAILURE, 9, None),
        (dg.DagsterRunStatus.SUCCESS, 11, None),
        (dg.DagsterRunStatus.STARTED, 11, None),
    ],
)
def test_a_failed_load_is_tried_again_after_ten_minutes(status, minutes_ago, again):
    assert failed_load(Runs(status, minutes_ago)) == again
