"""From a file to the definition of a source: a proposal, what is doubtful in it, and what a person decided.

Add a decision here when a person must be able to settle something about a new source. Nothing is written here:
that is done in ``drafts``; what columns look like belongs to ``proposals`` and ``consent_columns``.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from assets.ingestion import values as looks
from assets.ingestion.choices import CONSENT, IGNORE, Choices, ConsentChoice, Doubt, OptOutChoice
from assets.ingestion.consent_columns import (
    STATES,
    ConsentColumn,
    ConsentWords,
    find_consent_columns,
    is_other_channel,
    judge_column,
    sort_words,
)
from assets.ingestion.layouts import Layout, count_words, detect_layout, draft_definition
from assets.ingestion.mapping import ANY_VALUE, FIELDS, SourceDefinition, SourceKind
from assets.ingestion.proposals import (
    SURE,
    Guess,
    Ignored,
    explain_ignored,
    find_date_forms,
    propose_columns,
    propose_kind,
    tell_day_order,
)
from assets.ingestion.vocabulary import YES
from senders.errors import ConfigError

UNKNOWN_ALLOWED = 0.1
"""A larger share of words that nobody has explained makes a consent column doubtful."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a file would become.

    ``guesses`` holds sure and doubtful ones; ``rivals`` are further columns that may speak of consent;
    ``opt_out`` says who wants no more mail, and ``opt_out_words`` what its words mean.
    """

    layout: Layout
    kind: SourceKind
    rows: int
    guesses: tuple[Guess, ...]
    ignored: tuple[Ignored, ...]
    consent: ConsentColumn | None
    words: ConsentWords
    opt_out: ConsentColumn | None
    opt_out_words: ConsentWords
    rivals: tuple[str, ...]
    date_formats: tuple[str, ...]
    decimal: Literal[".", ","]
    choices: Choices

    @property
    def taken(self) -> dict[str, str]:
        """Our field to their column, of the guesses that are sure."""
        return {guess.field: guess.column for guess in self.guesses if guess.is_sure}


def propose(path: Path, choices: Choices) -> Proposal:
    """Read a file and return what it would become.

    Raises:
        ConfigError: it can be no source, or a choice names something that is not there.
    """
    layout = detect_layout(path, encoding=choices.encoding, delimiter=choices.delimiter)
    kind = choices.kind or propose_kind(layout)
    _check_choices(layout, kind, choices)
    consent, opt_out, rivals = _choose_consent(layout, kind, choices)
    aside = {*rivals, *(chosen.column for chosen in (consent, opt_out) if chosen)} - set(choices.mapped)
    day_first = choices.date_formats[0].startswith("%d") if choices.date_formats else tell_day_order(layout)
    guesses = [g for g in propose_columns(layout, kind, is_day_first=day_first) if g.column not in aside]
    guesses = _with_told(layout, kind, guesses, choices.mapped)
    shown = {*aside, *(guess.column for guess in guesses)}
    words, rows = _count(layout, consent)
    stops, _ = _count(layout, opt_out) if opt_out else (words, rows)
    return Proposal(
        layout=layout,
        kind=kind,
        rows=rows,
        guesses=tuple(guesses),
        ignored=tuple(_why_ignored(layout, kind, column, choices) for column in layout.header if column not in shown),
        consent=consent,
        words=_settle_words(words, rows, consent, choices.consent),
        opt_out=opt_out,
        opt_out_words=_settle_opt_out(stops, rows, opt_out, choices.opt_out),
        rivals=rivals,
        date_formats=choices.date_formats or _date_forms(layout, kind, guesses, day_first),
        decimal=choices.decimal or _decimal(layout, kind, guesses),
        choices=choices,
    )


def find_doubts(proposal: Proposal) -> list[Doubt]:
    """Return what a person should settle before this becomes a source."""
    doubts = [_doubt_of(guess) for guess in proposal.guesses if not guess.is_sure]
    if not proposal.choices.date_formats:
        doubts += _date_doubts(proposal)
    return doubts + _consent_doubts(proposal)


def define_source(proposal: Proposal, name: str, **more: Any) -> SourceDefinition:
    """Return the definition of what is sure in a proposal; doubtful columns are not read.

    Args:
        proposal: the file.
        name: the source's name.
        more: rank, description and location.

    Raises:
        ConfigError: a field that the kind cannot do without has no column.
    """
    columns = proposal.taken
    for needed, type_ in FIELDS[proposal.kind].items():
        if type_.is_required and needed not in columns:
            likely = next((g.column for g in proposal.guesses if g.field == needed), "THEIR COLUMN")
            raise ConfigError(
                f"{proposal.layout.path}: no column is surely the {needed} of {proposal.kind} (columns: "
                f"{', '.join(proposal.layout.header)}). Say which: --map {_quote(f'{likely}={needed}')}"
                + ("" if proposal.choices.kind else ", or what the rows are: --kind")
            )
    forms = proposal.date_formats
    attributes: dict[str, Any] = {
        "name": name,
        "kind": proposal.kind,
        "format": proposal.layout.format,
        "encoding": proposal.layout.encoding.name if proposal.layout.format != "parquet" else "utf-8",
        "delimiter": proposal.layout.delimiter if proposal.layout.format == "csv" else ",",
        "decimal": proposal.decimal if proposal.layout.format != "parquet" else ".",
        "date_format": forms[0] if len(forms) == 1 else forms or None,
        "columns": columns,
        **more,
    }
    if proposal.kind == "contacts":
        attributes["consent"] = _consent_rule(proposal)
    try:
        return SourceDefinition.model_validate(attributes)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{proposal.layout.path}: {first}.") from None


def _doubt_of(guess: Guess) -> Doubt:
    note = f": {guess.note}" if guess.note else ""
    message = f"column {guess.column!r} may be {guess.field} ({guess.confidence:.0%}{note})."
    if guess.type == "time" and guess.note:
        return Doubt(guess.column, message, "Say: --date-format %d/%m/%Y or --date-format %m/%d/%Y")
    remedy = f"Say: --map {_quote(f'{guess.column}={guess.field}')} or {_quote(f'{guess.column}={IGNORE}')}"
    return Doubt(guess.column, message, remedy)


def _date_doubts(proposal: Proposal) -> list[Doubt]:
    """Doubt columns that a person named and whose dates may be read both ways."""
    times = [g.column for g in proposal.guesses if g.type == "time" and g.is_sure]
    is_day_first = tell_day_order(proposal.layout)
    return [
        Doubt(
            column,
            f"the dates of {column!r} do not tell whether the day or the month comes first.",
            "Say: --date-format %d/%m/%Y or --date-format %m/%d/%Y",
            is_blocking=True,
        )
        for column in times
        if find_date_forms(proposal.layout, [column], is_day_first=is_day_first).is_ambiguous
    ]


def _check_choices(layout: Layout, kind: SourceKind, choices: Choices) -> None:
    named = [*choices.mapped, *(told.column for told in (choices.consent, choices.opt_out) if told)]
    for column in named:
        if column not in layout.header:
            raise ConfigError(f"{layout.path} has no column {column!r}; its columns are {', '.join(layout.header)}.")
    for column, field_ in choices.mapped.items():
        if field_ not in (*FIELDS[kind], IGNORE, CONSENT):
            raise ConfigError(
                f"--map {column}={field_}: {field_!r} is no field of {kind}; the fields are "
                f"{', '.join(FIELDS[kind])}, and {CONSENT} or {IGNORE}."
            )
    if choices.all_consented and not choices.basis.strip():
        raise ConfigError(
            "--all-consented says that everybody in the file asked for your mail; say how: "
            '--consent-basis "asked at the till, March 2024, forms kept"'
        )
    if kind != "contacts" and (choices.consent or choices.opt_out or choices.all_consented or choices.basis):
        raise ConfigError(f"consent belongs to contacts, and these are {kind}; leave it out, or give --kind contacts.")


def _choose_consent(
    layout: Layout, kind: SourceKind, choices: Choices
) -> tuple[ConsentColumn | None, ConsentColumn | None, tuple[str, ...]]:
    """Return the column of consent, the column of those who said stop, and the others that may be one."""
    if kind != "contacts":
        return None, None, ()
    named = next((column for column, field_ in choices.mapped.items() if field_ == CONSENT), None)
    asked = choices.consent.column if choices.consent else named
    stop = choices.opt_out.column if choices.opt_out else None
    free = [c for c in find_consent_columns(layout) if c.column not in {*choices.mapped, asked, stop}]
    wanted = [c for c in free if not c.is_opt_out]
    unwanted = [c for c in free if c.is_opt_out]
    consent = ConsentColumn(asked, 1.0) if asked else wanted.pop(0) if wanted else None
    opt_out = _told_opt_out(layout, stop) if stop else unwanted.pop(0) if unwanted else None
    return consent, opt_out, tuple(c.column for c in (*wanted, *unwanted))


def _told_opt_out(layout: Layout, column: str) -> ConsentColumn:
    judged = judge_column(layout, column)
    return ConsentColumn(column, 1.0, is_opt_out=True, is_any_value=judged is not None and judged.is_any_value)


def _with_told(layout: Layout, kind: SourceKind, guesses: list[Guess], mapped: Mapping[str, str]) -> list[Guess]:
    """Return the guesses with what a person said in their place, in the order of our fields."""
    said = {field_: column for column, field_ in mapped.items() if field_ in FIELDS[kind]}
    kept = [guess for guess in guesses if guess.column not in mapped and guess.field not in said]
    kept += [
        Guess(column, field_, FIELDS[kind][field_].kind, 1.0, looks.mask_samples(layout.values(column)), "as told")
        for field_, column in said.items()
    ]
    order = list(FIELDS[kind])
    return sorted(kept, key=lambda guess: order.index(guess.field))


def _why_ignored(layout: Layout, kind: SourceKind, column: str, choices: Choices) -> Ignored:
    if choices.mapped.get(column) == IGNORE:
        return Ignored(column, "as told")
    if kind == "contacts" and is_other_channel(column):
        return Ignored(column, "it is about another channel than mail")
    return explain_ignored(layout, kind, column)


def _count(layout: Layout, named: ConsentColumn | None) -> tuple[Counter[str], int]:
    """Return how often each word stands in a column of the whole file, and the number of rows."""
    column = named.column if named else layout.header[0]
    words, rows = count_words(draft_definition(layout, {"email": column}), column)
    return (words if named else Counter()), rows


def _settle_words(
    words: Counter[str], rows: int, consent: ConsentColumn | None, choice: ConsentChoice | None
) -> ConsentWords:
    """Return what each word means: as told, else as known; a word of consent that was not told stays unknown."""
    if consent is None:
        return ConsentWords()
    known = sort_words(words, rows)
    if choice is None or not choice.words:
        return known
    told = {word.strip().lower() for named in choice.words.values() for word in named}
    by_state = {
        state: tuple(choice.words.get(state, ()))
        + tuple(
            w
            for w in known.of(state)
            if w.lower() not in told and not (state == "granted" and "granted" in choice.words)
        )
        for state in STATES
    }
    settled = {word.strip().lower() for named in by_state.values() for word in named}
    unknown = {word: count for word, count in words.items() if word.lower() not in settled}
    filled = words.total()
    return ConsentWords(**by_state, unknown=unknown, unknown_share=sum(unknown.values()) / filled if filled else 0.0)


def _settle_opt_out(
    words: Counter[str], rows: int, opt_out: ConsentColumn | None, choice: OptOutChoice | None
) -> ConsentWords:
    """Return which words mean stop; those that would, where the file has none of them yet."""
    if opt_out is None:
        return ConsentWords()
    if choice is not None and choice.words:
        return ConsentWords(unsubscribed=choice.words)
    if opt_out.is_any_value:
        return ConsentWords(unsubscribed=(ANY_VALUE,))
    sorted_ = sort_words(words, rows, is_opt_out=True)
    return sorted_ if sorted_.unsubscribed else replace(sorted_, unsubscribed=(*sorted(YES), "sí", "sì"))


def _consent_doubts(proposal: Proposal) -> list[Doubt]:
    doubts = [_rival_doubt(proposal, rival) for rival in proposal.rivals]
    if proposal.opt_out is not None and proposal.opt_out_words.unknown:
        column, words = proposal.opt_out.column, _few(proposal.opt_out_words)
        message = (
            f"column {column!r} seems to say who wants no more mail, and nobody has said what {words} in it means."
        )
        remedy = (
            f"Say which words mean stop: --opt-out {_quote(f'{column}=…')}, or --map {_quote(f'{column}={IGNORE}')}"
        )
        doubts.append(Doubt(column, message, remedy, is_blocking=True))
    consent = proposal.consent
    if consent is None or proposal.choices.consent is not None:
        return doubts
    column = consent.column
    if proposal.words.unknown_share > UNKNOWN_ALLOWED:
        message = f"nobody has said what {_few(proposal.words)} in column {column!r} means for consent."
        remedy = f"Say: --consent {_quote(f'{column}:granted=…;denied=…;unsubscribed=…')}"
        doubts.append(Doubt(column, message, remedy, is_blocking=True))
    elif consent.confidence < SURE:
        message = f"column {column!r} may say who wants mail ({consent.confidence:.0%})."
        remedy = f"Say: --consent {_quote(column)} or --map {_quote(f'{column}={IGNORE}')}"
        doubts.append(Doubt(column, message, remedy, is_blocking=True))
    if proposal.choices.all_consented:
        message = f"column {column!r} says who asked for mail, and --all-consented says everybody did."
        remedy = f"Leave out --all-consented, or say: --map {_quote(f'{column}={IGNORE}')}"
        doubts.append(Doubt(column, message, remedy, is_blocking=True))
    return doubts


def _rival_doubt(proposal: Proposal, rival: str) -> Doubt:
    is_opt_out = bool((judged := judge_column(proposal.layout, rival)) and judged.is_opt_out)
    chosen = proposal.opt_out if is_opt_out else proposal.consent
    first = chosen.column if chosen else ""
    what, option = ("who wants no more mail", "--opt-out") if is_opt_out else ("who wants mail", "--consent")
    message = f"columns {first!r} and {rival!r} both seem to say {what}, and a source reads one of them."
    remedy = f"Say which: {option} {_quote(first)} and --map {_quote(f'{rival}={IGNORE}')}, or the other way."
    return Doubt(rival, message, remedy, is_blocking=True)


def _few(words: ConsentWords) -> str:
    return ", ".join(repr(looks.mask_text(word)) for word in list(words.unknown or ())[:5])


def _consent_rule(proposal: Proposal) -> dict[str, Any]:
    choices, consent = proposal.choices, proposal.consent
    rule: dict[str, Any] = {"basis": choices.basis, "default": "granted" if choices.all_consented else "unknown"}
    if consent is not None:
        rule |= {"column": consent.column, **{state: proposal.words.of(state) for state in STATES}}
        rule["basis"] = choices.basis or f"column {consent.column} of {proposal.layout.path.name}"
    if proposal.opt_out is not None:
        rule |= {"opt_out_column": proposal.opt_out.column, "opt_out": proposal.opt_out_words.unsubscribed}
    return rule


def _date_forms(layout: Layout, kind: SourceKind, guesses: list[Guess], is_day_first: bool | None) -> tuple[str, ...]:
    columns = [g.column for g in guesses if FIELDS[kind][g.field].kind == "time" and g.is_sure]
    return find_date_forms(layout, columns, is_day_first=is_day_first).forms


def _decimal(layout: Layout, kind: SourceKind, guesses: list[Guess]) -> Literal[".", ","]:
    values = [v for g in guesses if FIELDS[kind][g.field].kind == "number" for v in layout.values(g.column)]
    found = looks.find_decimal(values)
    is_open = found is None and any("." in value or "," in value for value in values)
    return "," if found == "," or (is_open and layout.delimiter == ";") else "."


def _quote(text: str) -> str:
    return f'"{text}"'
