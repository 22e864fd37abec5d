"""One asset per source, and the raw tables that gather them.

Add an asset here when another thing comes in by files. What a load does belongs to ``loading``, what must hold of
it to ``checks``, which files are broken to ``definitions``.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.ingestion.checks import check_specs, judge_load, not_judged, rejects_table, sample_table
from assets.ingestion.definitions import find_definitions, load_definition
from assets.ingestion.mapping import KEYS, SourceDefinition
from assets.metadata import made_from, raw_columns
from assets.stages import DATA_TEAM, RAW, SOURCES
from assets.warehouse.resources import Mailrail
from assets.warehouse.tables import RAW_TABLES
from senders.errors import ConfigError

if TYPE_CHECKING:
    from assets.ingestion.loading import LoadResult

POOL = "warehouse"
RAW_TABLE = "mailrail/raw_table"


def source_key(name: str) -> dg.AssetKey:
    """Return the asset key of a source."""
    return dg.AssetKey(["sources", name])


def file_key(name: str) -> dg.AssetKey:
    """Return the asset key of a source's files."""
    return dg.AssetKey(["files", name])


def build_files(definition: SourceDefinition) -> dg.AssetSpec:
    """Return the files of a source as an asset that somebody else brings."""
    where = "" if definition.location.startswith("/") else " below MAILRAIL_HOME"
    return dg.AssetSpec(
        file_key(definition.name),
        group_name=SOURCES,
        kinds={definition.format},
        owners=list(definition.owners),
        description=(
            f"The files that `sources/{definition.name}` reads: `{definition.location}`{where}. Mailrail does not make "
            "them: an export or a person puts them there, and the next load takes what is new or changed."
        ),
        metadata={"location": dg.MetadataValue.path(definition.location)},
    )


def build_source(definition: SourceDefinition, folder: Path | None = None) -> dg.AssetsDefinition:
    """Return the asset that loads a source, with its checks.

    Args:
        definition: what its columns mean.
        folder: the folder of its defs.yaml, for a link to it.
    """
    key = source_key(definition.name)
    links = made_from(folder / "defs.yaml") if folder else {}

    @dg.asset(
        key=key,
        deps=[file_key(definition.name)],
        group_name=SOURCES,
        kinds={"polars", "duckdb", definition.format},
        owners=list(definition.owners),
        description=_describe(definition),
        metadata={RAW_TABLE: RAW_TABLES[definition.kind].relation, "location": definition.location, **links},
        check_specs=check_specs(definition, key),
        pool=POOL,
        required_resource_keys={"mailrail"},
    )
    def source(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        mailrail: Mailrail = context.resources.mailrail
        try:
            result = _load(definition, mailrail)
        except ConfigError as error:
            # Isolation: one source that cannot be read shows as a failing check and stops nobody else.
            context.log.error(str(error))
            found = {"problem": str(error), "file": f"assets/sources/{definition.name}/defs.yaml"}
            return dg.MaterializeResult(metadata={"rows": 0}, check_results=not_judged(definition, key, found))
        return dg.MaterializeResult(metadata=_metadata(result), check_results=judge_load(definition, result, key))

    return source


def load_named(mailrail: Mailrail, name: str) -> "LoadResult":
    """Load one source by its name.

    Raises:
        ConfigError: there is no such source, its definition is wrong, or its files cannot be read.
    """
    root = mailrail.project / "assets" / "sources"
    known = {path.parent.name: path for path in find_definitions(root)}
    if name not in known:
        raise ConfigError(f"there is no source {name!r} (known: {', '.join(known) or 'none'}); look into {root}.")
    return _load(load_definition(known[name]), mailrail)


def _load(definition: SourceDefinition, mailrail: Mailrail) -> "LoadResult":
    from assets.ingestion.loading import load_source

    ledger = mailrail.open_ledger()
    try:
        with mailrail.hold_warehouse():
            return load_source(
                definition,
                warehouse=mailrail.warehouse,
                home=mailrail.home,
                ledger=ledger,
                keyring=mailrail.keyring(),
                clock=mailrail.clock,
            )
    finally:
        ledger.close()


def _metadata(result: "LoadResult") -> dict[str, Any]:
    found: dict[str, Any] = {
        **result.as_json(),
        "suppressed": result.suppressed,
        "warnings": result.warnings,
        "files": list(result.files),
        "sample": sample_table(result),
    }
    if result.rejects_file is not None:
        found["rejects_file"] = dg.MetadataValue.path(result.rejects_file)
        found["first_rejects"] = rejects_table(result)
    return found


def _describe(definition: SourceDefinition) -> str:
    mapped = "\n".join(f"| {field} | {column} |" for field, column in definition.columns.items())
    lines = [
        definition.description,
        f"A row is one of the {definition.kind} in `{definition.location}` ({definition.format}). "
        f"A run lands what is new or changed in `raw.{definition.kind}`; the same file again changes nothing.",
        f"| our field | their column |\n|---|---|\n{mapped}",
    ]
    if definition.kind == "contacts":
        rule = definition.consent
        where = " and ".join(f"column {column!r}" for column in rule.columns) or "no column"
        lines.append(f"Rank {definition.rank}. Consent from {where}; basis: {rule.basis or 'not stated'}.")
    return "\n\n".join(line for line in lines if line)


def build_raw_assets(definitions: Sequence[SourceDefinition]) -> list[dg.AssetsDefinition]:
    """Return ``raw/contacts``, ``raw/orders`` and ``raw/products``, each depending on all its sources."""
    return [
        _build_raw(kind, [source_key(definition.name) for definition in definitions if definition.kind == kind])
        for kind in KEYS
    ]


def _build_raw(kind: str, sources: list[dg.AssetKey]) -> dg.AssetsDefinition:
    table = RAW_TABLES[kind]

    @dg.asset(
        key=["raw", kind],
        deps=sources,
        group_name=RAW,
        kinds={"duckdb"},
        owners=DATA_TEAM,
        description=(
            f"{table.doc}\n\nAll sources of {kind} together, as they came. It only grows: a load adds what is new or "
            "changed, and staging reads the latest row of each key."
        ),
        metadata=raw_columns(kind),
        pool=POOL,
        required_resource_keys={"mailrail"},
    )
    def raw(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        from assets.ingestion.landing import count_rows

        mailrail: Mailrail = context.resources.mailrail
        with mailrail.hold_warehouse():
            return dg.MaterializeResult(metadata=count_rows(mailrail.warehouse, kind))

    return raw
