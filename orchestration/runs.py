"""Runs jobs of the project in this process, with the run in the Dagster UI's history.

The demo, the command line and the tests run the same jobs that the UI starts; add no second way here.
"""

import contextlib
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterAssetCheckFailedError

from orchestration.home import prepare_home
from orchestration.settings import Settings, export_environment
from senders.errors import ConfigError, SenderError

_LONGEST_FACT = 300
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class CheckFailedError(SenderError):
    """A blocking check failed, so that nothing after it was done."""


class Runner:
    """A project's definitions and Dagster instance, ready to run jobs here."""

    def __init__(self, settings: Settings) -> None:
        from orchestration.cli.console import quiet_libraries
        from orchestration.definitions import build_definitions

        prepare_home(settings)
        export_environment(settings)
        quiet_libraries()
        self.settings = settings
        self.definitions = build_definitions(settings)
        self.instance = dg.DagsterInstance.get()

    def run(
        self,
        job: str,
        *,
        send_key: str | None = None,
        only: Sequence[dg.AssetKey] | None = None,
        config: dict[str, Any] | None = None,
        tags: dict[str, str] | None = None,
    ) -> dg.ExecuteInProcessResult:
        """Run a job to its end.

        Args:
            job: the job's name.
            send_key: the partition, for a campaign's job; it is registered first.
            only: the assets to materialize; all of the job's by default.
            config: run config.
            tags: tags of the run.

        Raises:
            CheckFailedError: a blocking check failed; says which, and what to do.
            KeyboardInterrupt: the run was interrupted with Ctrl-C.
            Exception: whatever a step raised.
        """
        definition = self.definitions.resolve_job_def(job)
        run_id = str(uuid.uuid4())
        if send_key is not None:
            self.instance.add_dynamic_partitions(definition.partitions_def.name, [send_key])
        try:
            return definition.execute_in_process(
                instance=self.instance,
                partition_key=send_key,
                asset_selection=list(only) if only else None,
                run_config={**_QUIET, **(config or {})},
                tags=tags,
                run_id=run_id,
                raise_on_error=True,
            )
        except DagsterAssetCheckFailedError:
            raise CheckFailedError(self._failed_checks(run_id)) from None
        except dg.DagsterExecutionInterruptedError as error:
            raise KeyboardInterrupt from error  # Dagster's own is known to nobody else

    def _failed_checks(self, run_id: str) -> str:
        """Say which checks of a run failed, with what they found."""
        records = self.instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
        found = [record.event_log_entry.dagster_event.asset_check_evaluation_data for record in records]
        said = []
        for check in found:
            if not check.passed and check.severity is dg.AssetCheckSeverity.ERROR:
                facts = ", ".join(f"{name} {_short(v.value)}" for name, v in check.metadata.items() if _fits(v))
                said.append(f"{check.asset_key.to_user_string()}: {check.check_name} failed ({facts})")
        return "; ".join(said) + "; nothing was published. Mend it and run the same command again."


def _fits(value: dg.MetadataValue[Any]) -> bool:
    return isinstance(value.value, str | int | float) and len(str(value.value)) < _LONGEST_FACT


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@contextlib.contextmanager
def open_runner(settings: Settings) -> Iterator[Runner]:
    """Open a runner and close its instance after use."""
    runner = Runner(settings)
    try:
        yield runner
    finally:
        runner.instance.dispose()


def require_job(runner: Runner, campaign: str) -> str:
    """Return the name of a campaign's job.

    Raises:
        ConfigError: there is no such campaign, or its definition is broken.
    """
    known = [job.name for job in runner.definitions.resolve_all_job_defs() if job.name.startswith("send_")]
    if f"send_{campaign}" in known:
        return f"send_{campaign}"
    folder = runner.settings.project / "assets" / "campaigns" / campaign
    if folder.exists():
        raise ConfigError(f"campaign {campaign!r} cannot be loaded; run: mailrail check")
    names = ", ".join(sorted(name.removeprefix("send_") for name in known)) or "none"
    raise ConfigError(f"there is no campaign {campaign!r} (known: {names}); look into assets/campaigns/.")
