"""The people of the sample shop, before any export spoiled them: one per distinct address.

Add a trait here when a person must have it in every source. How a source writes people down, with its
duplicates and faults, belongs to ``shop``; what they do with mail belongs to ``habits``.
"""

import random
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate

from orchestration.demo.words import (
    COMPANIES,
    COMPANIES_SHARE,
    FIRST_NAMES,
    LAST_NAMES,
    ODD_NAMES,
    PLACE_WEIGHTS,
    PLACES,
    PROVIDERS,
)

_LETTERS = str.maketrans({"ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "ı": "i", "æ": "ae"})


@dataclass(frozen=True, slots=True)
class Person:
    """One person; ``consent`` is None where nobody ever asked."""

    local: str
    domain: str
    first_name: str
    last_name: str
    city: str
    country: str
    locale: str
    consent: bool | None
    tracking: bool
    created: datetime

    @property
    def email(self) -> str:
        """Return the address as the person would write it."""
        return f"{self.local}@{self.domain}"


def make_people(rng: random.Random, count: int, until: datetime) -> list[Person]:
    """Make ``count`` people with distinct addresses; everybody was known before ``until``."""
    domains = [*PROVIDERS, *COMPANIES]
    shares = [*PROVIDERS.values(), *[COMPANIES_SHARE / len(COMPANIES)] * len(COMPANIES)]
    shares = list(accumulate(shares))
    taken: set[str] = set()
    people = []
    for number in range(count):
        first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
        domain = rng.choices(domains, cum_weights=shares)[0]
        local = _free_local(rng, taken, (first, last), domain)
        if number % 211 == 7:
            first, last = ODD_NAMES[number // 211 % len(ODD_NAMES)]
        elif number % 61 == 3:
            first = ""  # never told us
        people.append(_person(rng, (local, domain), (first, last), until))
    return people


def _person(rng: random.Random, address: tuple[str, str], name: tuple[str, str], until: datetime) -> Person:
    country, locale, cities = rng.choices(PLACES, PLACE_WEIGHTS)[0]
    age_days = 1 + 1100 * rng.random() ** 1.4
    return Person(
        *address,
        *name,
        city=rng.choice(cities),
        country=country,
        locale=locale,
        consent=rng.choices((True, False, None), (74, 12, 14))[0],
        tracking=rng.random() > 0.15,
        created=until - timedelta(seconds=int(age_days * 86_400)),
    )


def _free_local(rng: random.Random, taken: set[str], name: tuple[str, str], domain: str) -> str:
    """Return a local part nobody has at this domain: a name, with a number where it is taken."""
    first, last = (_plain(part) for part in name)
    stem = rng.choice((f"{first}.{last}", f"{first[0]}.{last}", f"{first}{last}", f"{first}_{last}"))
    local = stem
    while f"{local}@{domain}" in taken:
        local = f"{stem}{rng.randrange(2, 10_000)}"
    taken.add(f"{local}@{domain}")
    return local if rng.random() > 0.01 else _with_tag(taken, local, domain)


def _with_tag(taken: set[str], local: str, domain: str) -> str:
    """Return the address with a tag (``+shop``), which is another mailbox to everybody but its owner."""
    tagged = f"{local}+shop"
    if f"{tagged}@{domain}" in taken:
        return local
    taken.add(f"{tagged}@{domain}")
    return tagged


def _plain(name: str) -> str:
    """Return a name in the letters that local parts are made of."""
    bare = unicodedata.normalize("NFKD", name.translate(_LETTERS)).encode("ascii", "ignore").decode()
    return "".join(letter for letter in bare.lower() if letter.isalnum()) or "x"
