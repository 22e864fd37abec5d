"""Who must not be written to, and about what: the ledger's answers.

Add here a question about suppressions. How they are made and lifted stands in ``wishes``; the look that counts is that
of an offer, in ``transitions``.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from senders.ledger.database import Database
from senders.ledger.rows import Suppression, from_micros
from senders.ledger.wishes import HOLDS, UNSUBSCRIBED

_PAGE = 10_000
_COLUMNS = "s.address_hash, s.scope, s.reason, s.at, s.event_id, s.sequence"


class Suppressions:
    """The part of the ledger about whom not to write to."""

    _database: Database

    def suppression(self, address_hash: bytes, topic: str = "") -> Suppression | None:
        """Return why an address must not be written to about a topic, or None."""
        row = self._database.row(
            f"select {_COLUMNS} from suppressions as s"  # noqa: S608
            f" where s.address_hash = ? and {HOLDS} order by s.scope limit 1",
            (address_hash, topic, topic),
        )
        return self._with_lifts([_suppression(row)])[0] if row else None

    def suppressions(self) -> Iterator[Suppression]:
        """Yield all suppressions, by address and scope, in pages."""
        last: tuple[bytes, str] = (b"", "")
        while page := self.suppressions_after(*last, limit=_PAGE):
            yield from page
            last = (page[-1].address_hash, page[-1].scope)

    def suppressions_after(self, address_hash: bytes, scope: str, *, limit: int) -> list[Suppression]:
        """Return suppressions that come after one in the order of address and scope."""
        rows = self._database.rows(
            f"select {_COLUMNS} from suppressions as s where (s.address_hash, s.scope) > (?, ?)"  # noqa: S608
            " order by s.address_hash, s.scope limit ?",
            (address_hash, scope, limit),
        )
        return self._with_lifts(list(map(_suppression, rows)))

    def suppressions_of(self, address_hash: bytes) -> list[Suppression]:
        """Return all suppressions of an address, by scope."""
        rows = self._database.rows(
            f"select {_COLUMNS} from suppressions as s where s.address_hash = ? order by s.scope",  # noqa: S608
            (address_hash,),
        )
        return self._with_lifts(list(map(_suppression, rows)))

    def _with_lifts(self, page: Sequence[Suppression]) -> list[Suppression]:
        """Return suppressions, in order, with the topics that unsubscribes from everything do not hold for."""
        if not any(one.scope == "" and one.reason == UNSUBSCRIBED for one in page):
            return list(page)
        rows = self._database.rows(
            "select l.address_hash, l.scope from lifts as l join suppressions as s"
            " on s.address_hash = l.address_hash and s.scope = '' and s.reason = 'unsubscribed' and l.at > s.at"
            " where l.address_hash between ? and ?",
            (page[0].address_hash, page[-1].address_hash),
        )
        lifted: dict[bytes, set[str]] = defaultdict(set)
        for address_hash, topic in rows:
            lifted[bytes(address_hash)].add(topic)
        return [
            replace(one, lifted=frozenset(lifted[one.address_hash]))
            if one.scope == "" and one.address_hash in lifted
            else one
            for one in page
        ]


def _suppression(row: tuple[Any, ...]) -> Suppression:
    return Suppression(row[0], row[1], row[2], from_micros(row[3]), row[4], row[5])
