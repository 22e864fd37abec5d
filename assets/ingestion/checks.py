"""The gates of a source: what must hold of a load before anything downstream may use it.

Great Expectations holds the limits and judges one row of counts that DuckDB made over the load; it does not see
the rows themselves, which would have to become a pandas frame. Add a gate as a `Gate` here and its count to
``landing``. Tests of finished tables belong to dbt.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from assets.ingestion.loading import LoadResult
from assets.ingestion.mapping import SourceDefinition
from senders.tracking.addresses import mask_address

FITS = "definition_fits_files"
"""Whether the definition can be used with the files that are there; never blocks other sources."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A limit on one count of the load."""

    name: str
    count: str
    description: str
    at_least: float | None = None
    at_most: float | None = None


def gates_of(definition: SourceDefinition) -> list[Gate]:
    """Return the gates of a source."""
    limit = definition.max_rejected_share
    gates = [
        Gate(
            "rows_came_in",
            "rows",
            "The files hold at least one row; an empty export is a fault of its maker.",
            at_least=1,
        ),
        Gate(
            "rejected_share_within_limit",
            "rejected_share",
            f"At most {limit:.0%} of the rows are rejected; above it the whole load is set aside.",
            at_most=limit,
        ),
        Gate("keys_are_present", "empty_keys", "Every row that came in has the key it is known by.", at_most=0),
        Gate("keys_are_unique", "repeated_keys", "No key came in twice in one load.", at_most=0),
    ]
    if definition.kind == "contacts":
        share = definition.max_unknown_consent_share
        gates += [
            Gate(
                "addresses_are_valid",
                "bad_address_share",
                f"At most {limit:.0%} of the addresses are empty or cannot be written to.",
                at_most=limit,
            ),
            Gate(
                "consent_is_known",
                "unknown_consent_share",
                f"Consent is unknown for at most {share:.0%} of the contacts.",
                at_most=share,
            ),
        ]
    return gates


def check_specs(definition: SourceDefinition, key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """Return the checks of a source: its gates block what is downstream, a definition that does not fit does not."""
    fits = dg.AssetCheckSpec(FITS, asset=key, description="The files are there and have the columns that are mapped.")
    return [
        fits,
        *(
            dg.AssetCheckSpec(gate.name, asset=key, blocking=True, description=gate.description)
            for gate in gates_of(definition)
        ),
    ]


def judge_load(definition: SourceDefinition, result: LoadResult, key: dg.AssetKey) -> list[dg.AssetCheckResult]:
    """Return the result of every check of a load that ran to its end."""
    verdicts = judge_counts(gates_of(definition), result.summary)
    return [
        dg.AssetCheckResult(passed=True, asset_key=key, check_name=FITS),
        *(_verdict(gate, verdicts[gate.name], result, key) for gate in gates_of(definition)),
    ]


def not_judged(
    definition: SourceDefinition, key: dg.AssetKey, metadata: Mapping[str, Any]
) -> list[dg.AssetCheckResult]:
    """Return results that say: the files could not be read, so nothing came in and nothing was judged.

    The gates only warn then, so that the other sources go on with what this one brought before.
    """
    return [
        dg.AssetCheckResult(passed=False, asset_key=key, check_name=FITS, metadata=metadata),
        *(
            dg.AssetCheckResult(
                passed=False,
                asset_key=key,
                check_name=gate.name,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"not_judged": f"see {FITS}"},
            )
            for gate in gates_of(definition)
        ),
    ]


def judge_counts(gates: list[Gate], summary: Mapping[str, float]) -> dict[str, bool]:
    """Let Great Expectations judge one row of counts; returns whether each gate holds."""
    # Imported here: it takes seconds, and most processes never judge anything.
    import great_expectations as gx
    import pandas as pd
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    batch = (
        context.data_sources.add_pandas("loads")
        .add_dataframe_asset("summary")
        .add_batch_definition_whole_dataframe("load")
        .get_batch({"dataframe": pd.DataFrame([dict(summary)])})
    )
    expectations = [
        gx.expectations.ExpectColumnValuesToBeBetween(
            column=gate.count, min_value=gate.at_least, max_value=gate.at_most, meta={"gate": gate.name}
        )
        for gate in gates
    ]
    suite = gx.ExpectationSuite("source", expectations=expectations)
    results = batch.validate(suite, result_format="BOOLEAN_ONLY").results
    return {str(found.expectation_config.meta["gate"]): bool(found.success) for found in results}


def _verdict(gate: Gate, is_passed: bool, result: LoadResult, key: dg.AssetKey) -> dg.AssetCheckResult:
    metadata: dict[str, Any] = {gate.count: result.summary[gate.count]}
    if gate.at_least is not None:
        metadata["at_least"] = gate.at_least
    if gate.at_most is not None:
        metadata["at_most"] = gate.at_most
    if not is_passed and result.rejects_file is not None:
        metadata |= {"rejects_file": dg.MetadataValue.path(result.rejects_file), "first_rejects": rejects_table(result)}
    return dg.AssetCheckResult(passed=is_passed, asset_key=key, check_name=gate.name, metadata=metadata)


def rejects_table(result: LoadResult) -> dg.TableMetadataValue:
    """Return the first rejected rows as a table; addresses stay out of Dagster's store, the file has them."""
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {
                    "file": row["file"],
                    "line": row["line"],
                    "reason": row["reason"],
                    "column": row["column_name"] or "",
                    "value": "" if "address" in row["reason"] else row["value"][:80],
                }
            )
            for row in result.reject_sample
        ],
        schema=_schema(file="string", line="int", reason="string", column="string", value="string"),
    )


def sample_table(result: LoadResult) -> dg.TableMetadataValue:
    """Return the first rows as a table, without names, addresses masked."""
    shown = ("line", "source_key", "email", "country", "consent", "order_id", "product_id", "amount", "price")
    names = [name for name in shown if result.sample and name in result.sample[0]]
    rows = [{name: _shown(name, row[name]) for name in names} for row in result.sample]
    return dg.MetadataValue.table(
        [dg.TableRecord(row) for row in rows], schema=_schema(**dict.fromkeys(names, "string"))
    )


def _shown(name: str, value: Any) -> str:
    if value is None:
        return ""
    return mask_address(value) if name == "email" else str(value)


def _schema(**columns: str) -> dg.TableSchema:
    return dg.TableSchema(columns=[dg.TableColumn(name, kind) for name, kind in columns.items()])
