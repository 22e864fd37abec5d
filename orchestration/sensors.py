"""Sensors: what came back starts a load, and a send that has settled gets its final proof sheet.

Add a sensor here when data outside Dagster should start a run. Loading itself belongs to ``assets.events``.
"""

import time
from collections.abc import Iterator

import dagster as dg

from assets.partitions import split_send_id
from assets.warehouse.resources import Mailrail
from senders.message import State

_AGAIN_SECONDS = 600.0
_OPEN = (State.QUEUED, State.OFFERED, State.DEFERRED)


def build_sensors() -> list[dg.SensorDefinition]:
    """Return the sensors of a project."""
    return [_events_came_in(), _sends_settled()]


def _events_came_in() -> dg.SensorDefinition:
    @dg.sensor(
        name="events_came_in",
        job_name="load_events",
        minimum_interval_seconds=30,
        required_resource_keys={"mailrail"},
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Starts load_events when the ledger has rows that were not loaded, at most every 30 seconds; tries a "
            "failed load again after ten minutes. It sends nothing, so it is on from the start."
        ),
    )
    def events_came_in(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        mailrail: Mailrail = context.resources.mailrail
        with mailrail.open_ledger() as ledger:
            ended = sum(1 for send in ledger.sends() if send.finished_at is not None)
            newest = (*ledger.newest_ids(), ended)
        # The cursor only saves runs; exactly-once is the high-water mark's work, in the warehouse itself.
        cursor = ",".join(str(number) for number in newest)
        if cursor == context.cursor:
            failed = failed_load(context.instance)
            return dg.RunRequest(run_key=failed) if failed else dg.SkipReason("nothing new came in")
        context.update_cursor(cursor)
        return dg.RunRequest(run_key=cursor)

    return events_came_in


def failed_load(instance: dg.DagsterInstance) -> str | None:
    """Return the id of the last load, if it failed a while ago: its rows must not wait for the next event."""
    last = instance.get_run_records(dg.RunsFilter(job_name="load_events"), limit=1)
    if not last or last[0].dagster_run.status is not dg.DagsterRunStatus.FAILURE:
        return None
    ended = last[0].end_time or 0.0
    return last[0].dagster_run.run_id if time.time() - ended > _AGAIN_SECONDS else None


def _sends_settled() -> dg.SensorDefinition:
    @dg.sensor(
        name="sends_settled",
        minimum_interval_seconds=60,
        required_resource_keys={"mailrail"},
        asset_selection=dg.AssetSelection.key_substring("receipts"),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Finishes a send whose deferred messages have all settled, by materializing its receipts once more for "
            "the final proof sheet. It opens no send, so it is on from the start."
        ),
    )
    def sends_settled(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest]:
        mailrail: Mailrail = context.resources.mailrail
        with mailrail.open_ledger() as ledger:
            running = [send for send in ledger.campaign_sends() if send.state == "running"]
            settled = [send for send in running if not any(ledger.counts(send.send_no).get(s, 0) for s in _OPEN)]
        for send in settled:
            campaign, key = split_send_id(send.send_id)
            yield dg.RunRequest(
                run_key=f"settled-{send.send_id}",
                partition_key=key,
                asset_selection=[dg.AssetKey(["campaigns", campaign, "receipts"])],
            )

    return sends_settled
