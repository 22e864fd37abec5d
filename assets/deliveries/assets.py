"""The ``preflight`` and ``receipts`` assets of a campaign: every message rendered once, then offered.

One function builds each for any campaign. Rendering and the wire belong to ``senders``; the guards that
decide whether a send may begin stand in ``receipts``.
"""

import dataclasses
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from assets.audiences.assets import audience_key
from assets.audiences.definition import CampaignDefinition
from assets.metadata import made_from
from assets.partitions import send_id, sends_of
from assets.stages import MARKETING_TEAM, campaign_group
from assets.warehouse.resources import Mailrail

if TYPE_CHECKING:
    from senders.ledger.progress import Counts

CHECK = "messages_are_fit"
_GATES = """\
Stops the receipts unless there is a recipient, the size is as usual or within at_most, no HTML is longer than 100 KB,
at most 1 % of the messages cannot be rendered, every field of the template was frozen, the audience is still the one
that was rendered, and nobody is suppressed at this moment. Judged by Great Expectations over counts, which the result
shows; what only looks odd is listed as a warning.
"""
SCHEDULED = "mailrail/scheduled"
_PROVIDER_SCHEMA = dg.TableSchema(
    [
        dg.TableColumn("provider", "string", "Who receives the mail."),
        dg.TableColumn("total", "int", "Messages of the audience."),
        dg.TableColumn("accepted", "int", "The relay took them over."),
        dg.TableColumn("refused", "int", "The relay refused them for good."),
        dg.TableColumn("deferred", "int", "They wait for their next try."),
        dg.TableColumn("passed_over", "int", "Suppressed, expired or cancelled."),
        dg.TableColumn("in_doubt", "int", "The reply is not known."),
        dg.TableColumn("settled", "int", "They have ended."),
        dg.TableColumn("per_second", "float", "How many ended in a second of late; empty where none moves."),
        dg.TableColumn("ends_about", "string", "When the rest will have ended at this rate (UTC)."),
    ]
)


class Confirmation(dg.Config):
    """How a person approves a send in the Dagster UI: the number of recipients, typed."""

    confirm: int | None = Field(
        None, description="The exact number of recipients that the audience shows; without it an approval must exist."
    )
    approved_by: str = Field("", description="Who approves; it is kept in the ledger.")


def build_preflight(definition: CampaignDefinition, folder: Path) -> dg.AssetsDefinition:
    """Return the preflight asset of a campaign."""
    name = folder.name
    key = dg.AssetKey(["campaigns", name, "preflight"])

    @dg.asset(
        key=key,
        partitions_def=sends_of(name),
        deps=[audience_key(name)],
        check_specs=[dg.AssetCheckSpec(CHECK, asset=key, blocking=True, description=_GATES)],
        group_name=campaign_group(name),
        kinds={"jinja2", "email"},
        owners=definition.owners or MARKETING_TEAM,
        description=(
            f"Every message of a send of “{definition.title}”, rendered by the code that will send it and then "
            "dropped: sizes, links, missing values, and the content hash that an approval is given for.\n\n"
            "Render it again after a change of the template, which voids the approval. Its metadata shows the run "
            "config that approves the send."
        ),
        metadata=made_from(*_template_files(folder)),
        required_resource_keys={"mailrail"},
    )
    def preflight(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        from assets.deliveries.checks import check_preflight
        from assets.deliveries.preflight import run_preflight

        mailrail: Mailrail = context.resources.mailrail
        identity = send_id(name, context.partition_key)
        with mailrail.open_ledger() as ledger:
            found = run_preflight(definition, folder, mailrail, ledger, send_id=identity)
            verdict = check_preflight(mailrail.send_folder(identity), definition, ledger)
        return dg.MaterializeResult(
            metadata={
                "to_send": _approval(name, found.recipients),
                **found.metadata(),
                "file": dg.MetadataValue.path(str(mailrail.send_folder(identity) / "preflight.json")),
            },
            check_results=[dg.AssetCheckResult(**verdict.as_check(key, CHECK))],
        )

    return preflight


def build_receipts(definition: CampaignDefinition, folder: Path) -> dg.AssetsDefinition:
    """Return the receipts asset of a campaign."""
    name = folder.name

    @dg.asset(
        key=receipts_key(name),
        partitions_def=sends_of(name),
        deps=[dg.AssetKey(["campaigns", name, "preflight"])],
        group_name=campaign_group(name),
        kinds={"smtp", "sqlite"},
        owners=definition.owners or MARKETING_TEAM,
        description=_describe_receipts(definition, name),
        metadata=made_from(folder / "defs.yaml"),
        required_resource_keys={"mailrail"},
    )
    def receipts(context: dg.AssetExecutionContext, config: Confirmation) -> dg.MaterializeResult:
        from assets.deliveries.following import follow
        from assets.deliveries.receipts import authorise, open_send

        mailrail: Mailrail = context.resources.mailrail
        identity = send_id(name, context.partition_key)
        with mailrail.open_ledger() as ledger:
            authorise(
                definition,
                folder,
                mailrail,
                ledger,
                send_id=identity,
                confirm=config.confirm,
                approved_by=config.approved_by,
                is_scheduled=context.run.tags.get(SCHEDULED) == "true",
            )
            open_no = open_send(definition, folder, mailrail, ledger, send_id=identity)
            proof = follow(ledger, identity, tell=Observer(context, identity))
            progress = ledger.exact_progress(open_no)
        return dg.MaterializeResult(
            metadata={
                **_said(proof.metadata()),
                "by_provider": provider_table(progress),
                "page": dg.MetadataValue.url(mailrail.page_url(identity)),
            }
        )

    return receipts


class Observer:
    """Shows in the Dagster UI how far a send is, while it runs."""

    def __init__(self, context: dg.AssetExecutionContext, identity: str) -> None:
        self._context = context
        self._identity = identity
        self._last: tuple[float, Mapping[str, Counts]] | None = None

    def __call__(self, progress: "Mapping[str, Counts]") -> None:
        """Log one line, and a row for each mailbox provider with its rate since the last time."""
        from assets.deliveries.following import progress_line

        line = progress_line(self._identity, progress)
        self._context.log.info(line)
        now, last = time.monotonic(), self._last
        self._last = now, progress
        table = provider_table(progress, before=last[1], seconds=now - last[0]) if last else provider_table(progress)
        self._context.log_event(
            dg.AssetObservation(
                asset_key=self._context.asset_key,
                partition=self._context.partition_key,
                description=line,
                metadata={"by_provider": table},
            )
        )


def provider_table(
    progress: "Mapping[str, Counts]", *, before: "Mapping[str, Counts] | None" = None, seconds: float = 0.0
) -> dg.TableMetadataValue:
    """Return how far each mailbox provider is, the largest first and the small ones together.

    Args:
        progress: the counts by provider now.
        before: the counts ``seconds`` ago, from which rate and end follow; without them both stay empty.
        seconds: how long ago that was.
    """
    from senders.ledger.progress import group_providers, sum_counts

    records = []
    for name, names in group_providers(progress).items():
        counts = sum_counts(progress[each] for each in names)
        earlier = sum_counts(before[each] for each in names if each in before) if before is not None else counts
        rate = round((counts.settled - earlier.settled) / seconds, 1) if seconds > 0 else 0.0
        ends = datetime.now(UTC) + timedelta(seconds=counts.moving / rate) if rate > 0 and counts.moving else None
        values = {
            "provider": name,
            **dataclasses.asdict(counts),
            "settled": counts.settled,
            "per_second": rate if rate > 0 else None,
            "ends_about": format(ends, "%d %b %H:%M:%S") if ends else "",
        }
        records.append(dg.TableRecord(values))
    return dg.MetadataValue.table(records, schema=_PROVIDER_SCHEMA)


def receipts_key(campaign: str) -> dg.AssetKey:
    """Return the key of a campaign's receipts."""
    return dg.AssetKey(["campaigns", campaign, "receipts"])


def _approval(campaign: str, recipients: int) -> dg.MarkdownMetadataValue:
    """Return the run config that approves a send, to be pasted into the launchpad of its receipts."""
    op = receipts_key(campaign).to_python_identifier()
    config = f"ops:\n  {op}:\n    config:\n      confirm: {recipients}\n      approved_by: your name"
    return dg.MetadataValue.md(f"```yaml\n{config}\n```")


def _template_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in {".mjml", ".j2"})


def _said(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return what there is to say; an empty reason and an empty list of doubts are not."""
    return {name: value for name, value in metadata.items() if value != ""}


def _describe_receipts(definition: CampaignDefinition, campaign: str) -> str:
    rule = (
        f"`approval: automatic`: its own schedule may send it without a person, to at most {definition.at_most} people."
        if definition.approval == "automatic"
        else "No standing rule: a person approves every send."
    )
    return (
        f"What became of every message of a send of “{definition.title}”: one row per message in the ledger, with the "
        "relay's reply. The sender does the work; this opens the send, watches, and shows the proof sheet, whose "
        "states add up to the audience.\n\n"
        "Nothing leaves without an approval for exactly this audience and content. To give one, materialize with run "
        f"config `confirm: <number of recipients>` (the preflight shows it ready to paste), or run `mailrail send "
        f"{campaign} --confirm N`. {rule} Materializing it again resumes the send; nobody gets a message twice."
    )
