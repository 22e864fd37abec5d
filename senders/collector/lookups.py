"""What the collector must know to answer: who a token names, where a link leads, whether an offer is open.

Reads go to the ledger in one thread of their own, so that a slow disk never holds the event loop; what never
changes is kept. Add a question here when a page must ask the ledger something; writes belong to `recorder`.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from senders.errors import SenderError, TokenError
from senders.ledger.rows import SendRow
from senders.ledger.store import Ledger
from senders.tracking.keys import Keyring
from senders.tracking.tokens import Claims, Purpose, TokenReader

COURTESY_SECONDS = 2.0
COURTESY_POLL_SECONDS = 0.05
SENDS_KEPT = 2_000

Answer = TypeVar("Answer")

logger = logging.getLogger(__name__)


class Tokens:
    """Reads tokens with the keys of a home folder; notices a new key."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "keys"
        self._names: frozenset[str] = frozenset()
        self._reader: TokenReader | None = None

    def read(self, token: str, purpose: Purpose) -> Claims:
        """Verify a token.

        Raises:
            TokenError: we did not sign it for this purpose.
        """
        if self._reader is None:
            self._reopen()
        try:
            return self._verify(token, purpose)
        except TokenError:
            if not self._reopen():
                raise
        return self._verify(token, purpose)

    def _verify(self, token: str, purpose: Purpose) -> Claims:
        if self._reader is None:
            raise TokenError("token: there are no keys")
        try:
            return self._reader.read(token, purpose)
        except UnicodeDecodeError as error:
            raise TokenError("token: not text") from error

    def _reopen(self) -> bool:
        """Read the keys again where the folder has others than before."""
        names = frozenset(path.name for path in self._folder.glob("token-*.key"))
        if self._reader is not None and names == self._names:
            return False
        self._reader, self._names = TokenReader(Keyring.open(self._folder)), names
        return True


class Lookups:
    """Asks the ledger; safe to use from any event loop."""

    def __init__(self, open_ledger: Callable[[], Ledger]) -> None:
        self._open_ledger = open_ledger
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lookups")
        self._ledger: Ledger | None = None
        self._links: dict[int, dict[int, str]] = {}
        self._sends: dict[int, SendRow] = {}

    async def link_url(self, send_no: int, link_no: int) -> str:
        """Return the target of a link, or '' where the send has none of that number."""
        links = self._links.get(send_no)
        if links is None:
            rows = await self.ask(lambda ledger: list(ledger.links(send_no)))
            links = {row.link_no: row.url for row in rows}
            if links:
                _keep(self._links, send_no, links)
        return links.get(link_no, "")

    async def send(self, send_no: int) -> SendRow | None:
        """Return a send as it stood when it was first asked for."""
        if send_no not in self._sends:
            row = await self.ask(lambda ledger: ledger.send_numbered(send_no))
            if row is None:
                return None
            _keep(self._sends, send_no, row)
        return self._sends[send_no]

    async def wait_for_open_offer(self, address_hash: bytes) -> None:
        """Wait, at most two seconds, while a message to this address is on the wire.

        A courtesy: the promise holds from the moment the unsubscribe is durable, which it is by now.
        """
        end = time.monotonic() + COURTESY_SECONDS
        try:
            while time.monotonic() < end and await self.ask(lambda ledger: ledger.has_open_offer(address_hash)):
                await asyncio.sleep(COURTESY_POLL_SECONDS)
        except SenderError:
            logger.info("collector: an open offer could not be looked for")

    async def ask(self, question: Callable[[Ledger], Answer]) -> Answer:
        """Ask the ledger in our thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, question)

    def close(self) -> None:
        """Let go of the ledger."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _answer(self, question: Callable[[Ledger], Answer]) -> Answer:
        if self._ledger is None:
            self._ledger = self._open_ledger()
        return question(self._ledger)


def _keep(known: dict[int, Answer], send_no: int, answer: Answer) -> None:
    """Remember what is known of a send, of a bounded number: the outbox makes many."""
    if len(known) >= SENDS_KEPT:
        known.clear()
    known[send_no] = answer
