"""What is known of a person's wishes, as the preference page shows it.

Add here a question about what people chose. Which choices there are stands in ``choices``, what follows from them for
suppressions in ``wishes``.
"""

from collections.abc import Iterator

from senders.ledger.database import Database
from senders.ledger.rows import Choice, Preference, Standing, from_micros
from senders.ledger.suppressions import Suppressions

_PAGE = 10_000


class Preferences(Suppressions):
    """The part of the ledger about what people chose."""

    _database: Database

    def standing(self, address_hash: bytes) -> Standing:
        """Return what is known of a person's wishes.

        Raises:
            LedgerBusy: the store could not be read now.
        """
        rows = self._database.rows(
            "select name, value, at, event_id from preferences where address_hash = ? order by name", (address_hash,)
        )
        choices = {name: Choice(value, from_micros(at), event_id) for name, value, at, event_id in rows}
        return Standing(choices, tuple(self.suppressions_of(address_hash)))

    def choice(self, address_hash: bytes, name: str) -> str:
        """Return what a person chose last under a name, '' for nothing."""
        row = self._database.row(
            "select value from preferences where address_hash = ? and name = ?", (address_hash, name)
        )
        return str(row[0]) if row else ""

    def preferences(self) -> Iterator[Preference]:
        """Yield what everybody chose, by address and name, in pages."""
        last: tuple[bytes, str] = (b"", "")
        while page := self._database.rows(
            "select address_hash, name, value, at, event_id from preferences where (address_hash, name) > (?, ?)"
            " order by address_hash, name limit ?",
            (*last, _PAGE),
        ):
            yield from (Preference(row[0], row[1], row[2], from_micros(row[3]), row[4]) for row in page)
            last = (page[-1][0], page[-1][1])
