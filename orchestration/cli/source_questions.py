"""What a person is asked about a new source, on a terminal: each doubtful column, and what the consent words mean.

Add a question here when an option of ``source add`` may be settled by an answer. A question never has a default that
lets anybody be mailed.
"""

from dataclasses import replace
from pathlib import Path

import click

from assets.ingestion.adding import Proposal, find_doubts, propose
from assets.ingestion.choices import IGNORE, Choices, ConsentChoice, OptOutChoice
from assets.ingestion.consent_columns import STATES, judge_column
from assets.ingestion.mapping import FIELDS
from assets.ingestion.values import mask_text

_UNKNOWN = "unknown"
_MOST_WORDS = 10
_DAY_FIRST, _MONTH_FIRST = "%d/%m/%Y", "%m/%d/%Y"


def settle(path: Path, proposal: Proposal) -> Proposal:
    """Ask about what is doubtful until nothing is, and return the proposal with the answers."""
    proposal = _ask_dates(path, proposal)
    for guess in [guess for guess in proposal.guesses if not guess.is_sure]:
        known = [*FIELDS[proposal.kind], IGNORE]
        text = f"column {guess.column!r} ({', '.join(guess.samples)}) may be {guess.field}. Our field, or {IGNORE}"
        answer = _prompt(text, known, default=guess.field)
        proposal = _again(path, proposal, mapped={**proposal.choices.mapped, guess.column: answer})
    if proposal.kind == "contacts":
        proposal = _ask_consent(path, proposal)
    click.confirm("write the source", default=True, abort=True, err=True)
    return proposal


def _ask_dates(path: Path, proposal: Proposal) -> Proposal:
    unclear = [doubt for doubt in find_doubts(proposal) if "--date-format" in doubt.remedy]
    if not unclear:
        return proposal
    column = unclear[0].column
    sample = proposal.layout.values(column)[0]
    answer = _prompt(f"in {column!r}, what comes first in {sample}: the day or the month", ["day", "month"])
    form = _DAY_FIRST if answer == "day" else _MONTH_FIRST
    between = next((sign for sign in "/-." if sign in sample), "/")
    return _again(path, proposal, date_formats=(form.replace("/", between),))


def _ask_consent(path: Path, proposal: Proposal) -> Proposal:
    proposal = _ask_opt_out(path, _ask_rivals(path, proposal))
    if proposal.consent is None:
        return proposal if proposal.choices.all_consented else _ask_basis(path, proposal)
    column = proposal.consent.column
    question = f"does column {column!r} say who wants your mail"
    if proposal.consent.confidence < 1 and not click.confirm(question, default=True, err=True):
        return _ask_consent(path, _again(path, proposal, mapped={**proposal.choices.mapped, column: IGNORE}))
    return _ask_words(path, proposal, column)


def _ask_rivals(path: Path, proposal: Proposal) -> Proposal:
    """Ask which of several columns is read; the others are not."""
    judged = {column: judge_column(proposal.layout, column) for column in proposal.rivals}
    unwanted = [column for column, found in judged.items() if found and found.is_opt_out]
    wanted = [column for column in judged if column not in unwanted]
    mapped = dict(proposal.choices.mapped)
    if wanted and proposal.consent is not None:
        columns = [proposal.consent.column, *wanted]
        answer = _prompt("which column says who wants your mail", columns)
        mapped |= {column: IGNORE for column in columns if column != answer}
        proposal = _again(path, proposal, mapped=mapped, consent=ConsentChoice(answer))
    if unwanted and proposal.opt_out is not None:
        columns = [proposal.opt_out.column, *unwanted]
        answer = _prompt("which column says who wants no more mail", columns)
        mapped |= {column: IGNORE for column in columns if column != answer}
        proposal = _again(path, proposal, mapped=mapped, opt_out=OptOutChoice(answer))
    return proposal


def _ask_opt_out(path: Path, proposal: Proposal) -> Proposal:
    if proposal.opt_out is None or not proposal.opt_out_words.unknown:
        return proposal
    column = proposal.opt_out.column
    stop = list(proposal.opt_out_words.unsubscribed)
    for word, count in list(proposal.opt_out_words.unknown.items())[:_MOST_WORDS]:
        text = f"does {mask_text(word)!r} ({count:,} rows) in {column!r} mean: no more mail"
        if click.confirm(text, default=True, err=True):
            stop.append(word)
    return _again(path, proposal, opt_out=OptOutChoice(column, tuple(stop)))


def _ask_words(path: Path, proposal: Proposal, column: str) -> Proposal:
    words = {state: list(proposal.words.of(state)) for state in STATES}
    for word, count in list((proposal.words.unknown or {}).items())[:_MOST_WORDS]:
        text = f"what does {mask_text(word)!r} ({count:,} rows) in {column!r} mean"
        answer = _prompt(text, [*STATES, _UNKNOWN], default=_UNKNOWN)
        if answer != _UNKNOWN:
            words[answer].append(word)
    granted = ", ".join(words["granted"]) or "no word"
    if not click.confirm(f"only people with {granted} in {column!r} are mailed. Right", default=True, err=True):
        raise click.ClickException(f'say what the words mean: --consent "{column}:granted=…;denied=…;unsubscribed=…"')
    settled = {state: tuple(found) for state, found in words.items()}
    return _again(path, proposal, consent=ConsentChoice(column, settled))


def _ask_basis(path: Path, proposal: Proposal) -> Proposal:
    click.echo("No column says who asked for your mail, so nobody in this source would get any.", err=True)
    text = "If everybody in it asked for your mail, say how and when (leave empty if not)"
    basis = click.prompt(text, default="", show_default=False, err=True).strip()
    return _again(path, proposal, all_consented=True, basis=basis) if basis else proposal


def _again(path: Path, proposal: Proposal, **changes: object) -> Proposal:
    choices: Choices = replace(proposal.choices, **changes)  # type: ignore[arg-type]
    return propose(path, choices)


def _prompt(text: str, known: list[str], default: str | None = None) -> str:
    shown = ", ".join(known) if len(known) <= 4 else ""
    answer: str = click.prompt(
        f"{text} ({shown})" if shown else text, type=click.Choice(known), default=default, show_choices=False, err=True
    )
    return answer
