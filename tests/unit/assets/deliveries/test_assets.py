"""What the Dagster UI shows of a send while it runs."""

import dataclasses
import re

import dagster as dg

from assets.deliveries.assets import Observer, provider_table
from senders.ledger.progress import Counts

PROGRESS = {"google": Counts(5, accepted=2, deferred=1), "": Counts(1)}


class Context:
    """As much of a run's context as an observation needs."""

    asset_key = dg.AssetKey(["campaigns", "news", "receipts"])
    partition_key = "20261103T0900Z"

    def __init__(self):
        self.lines = []
        self.events = []
        self.log = self

    def info(self, line):
        self.lines.append(line)

    def log_event(self, event):
        self.events.append(event)


def test_each_provider_is_a_row():
    records = [record.data for record in provider_table(PROGRESS).records]
    assert [record["provider"] for record in records] == ["google", "unknown"]
    assert records[0] == {
        "provider": "google", "total": 5, "accepted": 2, "refused": 0, "deferred": 1, "passed_over": 0, "in_doubt": 0,
        "settled": 2, "per_second": None, "ends_about": "",
    }  # fmt: skip


def test_rate_and_end_come_from_what_ended_since_the_last_look():
    before = {name: dataclasses.replace(counts, accepted=0) for name, counts in PROGRESS.items()}
    record = provider_table(PROGRESS, before=before, seconds=4.0).records[0].data
    assert record["per_second"] == 0.5
    assert re.fullmatch(r"\d\d \w{3} \d\d:\d\d:\d\d", record["ends_about"])


def test_a_running_send_isObserverd():
    context = Context()
    Observer(context, "news.20261103T0900Z")(PROGRESS)
    (event,) = context.events
    assert event.asset_key == context.asset_key
    assert event.partition == "20261103T0900Z"
    assert event.description == context.lines[0]
    assert context.lines == ["news.20261103T0900Z: 2 of 6 messages have ended, 1 are deferred"]
    assert event.metadata["by_provider"].schema.columns[0].name == "provider"
