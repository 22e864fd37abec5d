"""How a new source looks on the terminal: what was found, what it becomes, what would be wrong with its rows.

One function a view: a proposal in, renderables or plain values out. Add a view here when `source` has more to
show; what was found belongs to ``assets.ingestion``.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from assets.ingestion.adding import Proposal, find_doubts
from assets.ingestion.consent_columns import STATES
from assets.ingestion.drafts import Trial
from assets.ingestion.mapping import ANY_VALUE, SourceDefinition
from assets.ingestion.proposals import SURE
from assets.ingestion.validation import explain_reason
from assets.ingestion.values import mask_samples, mask_text

_BETWEEN = {"\t": "tab", ";": "semicolon", ",": "comma", "|": "bar"}
_SHOWN_REASONS, _SHOWN_WORDS = 6, 8


def proposal_lines(proposal: Proposal, *, with_doubtful: bool = False) -> Iterator[RenderableType]:
    """Yield what a file is, what its columns become, and what is not read."""
    yield Text(_describe_file(proposal), style="bold")
    table = Table(box=None, header_style="mute", pad_edge=False)
    for column in ("their column", "our field", "sure", "samples"):
        table.add_column(column, justify="right" if column == "sure" else "left")
    for row in mapping_rows(proposal, with_doubtful=with_doubtful):
        style = "good" if row["confidence"] >= SURE else "watch"
        samples = Text(", ".join(row["samples"]), style="mute", overflow="ellipsis", no_wrap=True)
        table.add_row(Text(row["column"]), Text(row["field"]), Text(f"{row['confidence']:.0%}", style=style), samples)
    yield table
    if not with_doubtful:
        for doubt in find_doubts(proposal):
            yield Text.assemble(("not read  ", "mute"), (str(doubt), "watch"))
    for ignored in proposal.ignored:
        yield Text.assemble(("not read  ", "mute"), ignored.column, (f": {ignored.reason}", "mute"))
    if proposal.kind == "contacts":
        yield from consent_lines(proposal)


def consent_lines(proposal: Proposal) -> Iterator[Text]:
    """Yield who of a file may be mailed, as far as it says so."""
    if proposal.consent is not None:
        words = [f"{state}: {', '.join(proposal.words.of(state)) or 'no word'}" for state in STATES]
        yield Text(f"consent   column {proposal.consent.column}; {'; '.join(words)}")
        if proposal.words.unknown:
            few = list(proposal.words.unknown.items())[:_SHOWN_WORDS]
            found = ", ".join(f"{mask_text(word)} ({count:,})" for word, count in few)
            yield Text(f"          not known, and so no consent: {found}", style="watch")
    elif proposal.choices.all_consented:
        yield Text(f"consent   granted for everybody, as you said: {proposal.choices.basis}", style="watch")
    else:
        yield Text(
            "consent   no column says who asked for your mail, so nobody in this source gets any. If all of them "
            "did, say how: --all-consented --consent-basis TEXT",
            style="watch",
        )
    if proposal.opt_out is not None:
        words = ", ".join(proposal.opt_out_words.unsubscribed).replace(ANY_VALUE, "any value")
        yield Text(f"          column {proposal.opt_out.column}; no more mail: {words}")


def trial_lines(definition: SourceDefinition, trial: Trial, whole: int) -> Iterator[Text]:
    """Yield what would be wrong with the rows of a file."""
    of = f"{trial.rows:,} rows" if trial.rows >= whole else f"the first {trial.rows:,} of {whole:,} rows"
    style = "good" if not trial.rejected else "watch"
    yield Text(
        f"rows      {trial.rejected:,} of {of} would be rejected, {trial.duplicates:,} are duplicates", style=style
    )
    for example in trial.examples[:_SHOWN_REASONS]:
        value = f" ({example['value']})" if example["value"] else ""
        yield Text(f"          line {example['line']}: {explain_reason(example['reason'])}{value}", style="mute")
    if trial.rejected > _SHOWN_REASONS:
        yield Text(f"          and {trial.rejected - _SHOWN_REASONS:,} more", style="mute")
    if trial.is_too_much(definition):
        yield Text(
            f"          that is more than {definition.max_rejected_share:.0%}, and a load of it is set aside: mend the "
            "file, or raise max_rejected_share in the definition",
            style="act",
        )


def mapping_rows(proposal: Proposal, *, with_doubtful: bool = False) -> list[dict[str, Any]]:
    """Return the mapping as `source add --json` prints it."""
    names = ("column", "field", "type", "confidence", "samples")
    rows = [
        {name: getattr(guess, name) for name in names} for guess in proposal.guesses if guess.is_sure or with_doubtful
    ]
    for field, chosen in (("consent", proposal.consent), ("opt_out", proposal.opt_out)):
        if chosen is not None:
            samples = mask_samples(proposal.layout.values(chosen.column))
            rows.append(dict(zip(names, (chosen.column, field, "consent", chosen.confidence, samples), strict=True)))
    return rows


def added_json(
    definition: SourceDefinition, proposal: Proposal, trial: Trial, paths: tuple[Path, Path]
) -> dict[str, Any]:
    """Return the record that `mailrail source add --json` prints (CONTRACTS)."""
    is_text = definition.format != "parquet"
    doubtful = [
        {
            "column": guess.column,
            "reason": f"{guess.confidence:.0%} sure that it is {guess.field}; {guess.note}".strip("; "),
        }
        for guess in proposal.guesses
        if not guess.is_sure
    ]
    return {
        "name": definition.name,
        "format": definition.format,
        "encoding": definition.encoding if is_text else None,
        "delimiter": definition.delimiter if definition.format == "csv" else None,
        "mapping": mapping_rows(proposal),
        "kind": definition.kind,
        "decimal": definition.decimal,
        "date_format": definition.date_format,
        "ignored": [{"column": item.column, "reason": item.reason} for item in proposal.ignored] + doubtful,
        "consent": _consent_json(definition, proposal),
        "rows": proposal.rows,
        "would_reject": trial.as_json(),
        "path": str(paths[0]),
        "file": str(paths[1]),
    }


def _consent_json(definition: SourceDefinition, proposal: Proposal) -> dict[str, Any] | None:
    if definition.kind != "contacts":
        return None
    return {**definition.consent.model_dump(), "unknown": dict(proposal.words.unknown or {})}


def _describe_file(proposal: Proposal) -> str:
    layout = proposal.layout
    parts = [f"{proposal.rows:,} rows of {proposal.kind}", layout.format]
    if layout.format == "csv":
        parts.append(f"{_BETWEEN.get(layout.delimiter, repr(layout.delimiter))} between cells")
    if layout.format != "parquet":
        example = f" (reads “{layout.encoding.example}”)" if layout.encoding.example else ""
        parts.append(f"{layout.encoding.name}{example}")
    if proposal.date_formats:
        parts.append("dates " + " and ".join(proposal.date_formats))
    if proposal.decimal == ",":
        parts.append("decimal comma")
    return f"{layout.path.name}: {', '.join(parts)}"
