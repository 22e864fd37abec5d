"""The words of the public pages in every language: ours, and those that a project adds as files.

Words are plain text with named gaps; whoever puts them on a page escapes them. Add a word to ``words/en.toml`` and
``words/de.toml`` together. Which language a reader gets is decided here, what is said where belongs to the pages.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from senders.errors import ConfigError

ENGLISH = "en"
_OWN = Path(__file__).with_name("words")
_NAME = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})?")
_GAP = re.compile(r"\{([a-z_]+)\}")
_FROM_THE_RIGHT = frozenset({"ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"})
_MOST_ACCEPTED = 500  # characters of Accept-Language that are looked at
_MONTHS = "language.months"


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language, by ``section.name``."""

    language: str
    texts: Mapping[str, str]

    @property
    def direction(self) -> str:
        """How the language runs: ``ltr`` or ``rtl``."""
        return "rtl" if self.language.partition("-")[0] in _FROM_THE_RIGHT else "ltr"

    @property
    def name(self) -> str:
        """What its speakers call the language."""
        return self.texts["language.name"]

    def say(self, key: str, **values: object) -> str:
        """Return a text with its gaps filled, as plain text."""
        return _GAP.sub(lambda gap: str(values.get(gap[1], gap[0])), self.texts[key])

    def date(self, day: date) -> str:
        """Return a day as people write it."""
        month = self.texts[_MONTHS].split()[day.month - 1]
        return self.say("language.date", day=day.day, month=month, year=day.year)


def read_words(folder: Path | None = None) -> dict[str, Words]:
    """Return the words of all languages, English first; a project's own files add to ours and go before them.

    Raises:
        ConfigError: a file is not TOML, or has a word that no page says or that lacks a gap.
    """
    english = _read(_OWN / f"{ENGLISH}.toml")
    found = {ENGLISH: dict(english)}
    for place in (_OWN, folder):
        for path in sorted(place.glob("*.toml")) if place is not None else ():
            if not _NAME.fullmatch(path.stem):
                raise ConfigError(
                    f"{path}: {path.stem!r} names no language; call the file as in de.toml or pt-br.toml."
                )
            texts = _read(path)
            _check(path, texts, english)
            # Word by word: what a file leaves out stays as it was, in English at last.
            found[path.stem] = {**english, **found.get(path.stem, {}), **texts}
    return {language: Words(language, texts) for language, texts in found.items()}


def choose_language(wanted: Iterable[str], accepted: str, known: Iterable[str], default: str) -> str:
    """Return the language for a reader: the first that was asked for and is known, then the browser's, then ours.

    Args:
        wanted: languages in the order of their weight, '' for none.
        accepted: the header Accept-Language (RFC 9110 12.5.4).
        known: languages that there are words for.
        default: where nothing else fits.
    """
    languages = frozenset(known)
    for one in (*wanted, *_accepted(accepted)):
        for tag in (one.lower(), one.lower().partition("-")[0]):
            if tag in languages:
                return tag
    return default


def _accepted(header: str) -> list[str]:
    found: list[tuple[float, str]] = []
    for part in header[:_MOST_ACCEPTED].split(","):
        tag, _, parameter = part.partition(";")
        weight = re.fullmatch(r"\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*", parameter)
        quality = float(weight[1]) if weight else 1.0
        if quality > 0:
            found.append((quality, tag.strip()))
    return [tag for _, tag in sorted(found, key=lambda one: -one[0])]


def _read(path: Path) -> dict[str, str]:
    try:
        parsed: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error}; mend the file.") from None
    texts: dict[str, str] = {}
    for section, words in parsed.items():
        for name, text in words.items() if isinstance(words, dict) else ():
            if not isinstance(text, str) or not text.strip():
                raise ConfigError(f"{path}: {section}.{name} is no text; write words in quotes, or leave it out.")
            texts[f"{section}.{name}"] = text
    return texts


def _check(path: Path, texts: Mapping[str, str], english: Mapping[str, str]) -> None:
    for key, text in texts.items():
        if key not in english:
            raise ConfigError(f"{path}: no page says {key}; the words there are stand in {_OWN / 'en.toml'}.")
        if missing := sorted(set(_GAP.findall(english[key])) - set(_GAP.findall(text))):
            raise ConfigError(f"{path}: {key} lacks {{{missing[0]}}}, which is filled in; put it where it belongs.")
    if _MONTHS in texts and len(texts[_MONTHS].split()) != 12:
        raise ConfigError(f"{path}: {_MONTHS} has {len(texts[_MONTHS].split())} names; write twelve.")
