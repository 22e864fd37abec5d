"""The process that tells other programs: it makes calls of what is new, and delivers them until they are taken.

One task a hook, so that a program that hangs holds up no other. Whatever is killed when, a call that was not answered
is made again under the same id. Add nothing about what is told; that stands in ``payloads``.
"""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from senders.errors import LedgerBusy, SenderError, WebError
from senders.event import Event
from senders.frozen import find_shard, load_reader
from senders.http_config import HookConfig, OutgoingConfig
from senders.ledger.hook_calls import INBOUND, SENDS, Draft, HookCall
from senders.ledger.rows import SendRow
from senders.ledger.store import Ledger
from senders.outgoing.payloads import SEND_TYPES, draft_change, draft_event
from senders.web.client import Answer, WebClient
from senders.web.signatures import signed_headers

PROCESS = "hooks"
PAGE = 500
SENDS_KEPT = 500  # of the outbox there are many
# After each failure; the last repeats until the three days are over.
PAUSES = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0, 14_400.0, 21_600.0)
GIVE_UP_SECONDS = 3 * 86_400.0
# Counted in tries, so that the time a call waited behind another is not its own.
TRIES_MOST = len(PAUSES) + 1 + int((GIVE_UP_SECONDS - sum(PAUSES)) / PAUSES[-1])
LONGEST_WISH_SECONDS = 3600.0
_HOLD_SECONDS = 60.0
_BEAT_SECONDS = 3.0
# These answers are about one call; any other that is not 2xx is about the whole address.
_ABOUT_ONE_CALL = frozenset({400, 409, 413, 415, 422})
# After so many answers of any kind, a quarter of an hour, others pass it all the same: it may be the call that breaks
# the program.
_PATIENT_TRIES = 5

T = TypeVar("T")

logger = logging.getLogger(__name__)


class Telling:
    """Tells the programs of the settings."""

    def __init__(self, config: OutgoingConfig, ledger: Ledger, thread: ThreadPoolExecutor, web: WebClient) -> None:
        self._config = config
        self._ledger = ledger
        self._thread = thread
        self._web = web
        self._sends: dict[int, SendRow | None] = {}

    async def run(self) -> None:
        """Tell what happens, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_beating())
            for hook in self._config.hooks:
                group.create_task(self._keep_telling(hook))

    async def tell_due(self, hook: HookConfig) -> int:
        """Make and deliver all that is due of one hook; return how many calls were tried."""
        tried = 0
        while await self._ask(partial(self._draft_page, hook)):
            pass
        while call := await self._ask(lambda: self._ledger.take_call(hook.name, _HOLD_SECONDS)):
            tried += 1
            await self._deliver(hook, call)
        return tried

    async def begin(self) -> None:
        """Let hooks that are new begin now."""
        for hook in self._config.hooks:
            await self._ask(partial(self._ledger.begin_hook, hook.name))

    async def _keep_telling(self, hook: HookConfig) -> None:
        while True:
            try:
                await self.tell_due(hook)
            except LedgerBusy as busy:
                logger.warning("hook %s: %s", hook.name, busy)
            await asyncio.sleep(self._config.poll_seconds)

    async def _keep_beating(self) -> None:
        while True:
            with contextlib.suppress(LedgerBusy):
                await self._ask(partial(self._ledger.heartbeat, PROCESS, _owner()))
            await asyncio.sleep(_BEAT_SECONDS)

    async def _ask(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _deliver(self, hook: HookConfig, call: HookCall) -> None:
        body = call.body.encode()
        try:
            answer = await self._web.post(
                hook.url, signed_headers(hook.secret, call.call_id, int(time.time()), body), body
            )
        except WebError as error:
            await self._fail(call, str(error), None)
            return
        if answer.is_good:
            await self._ask(partial(self._ledger.call_delivered, call))
        else:
            await self._fail(call, f"the answer was {answer.status}", answer)

    async def _fail(self, call: HookCall, words: str, answer: Answer | None) -> None:
        """Let a call be made again after a pause, or give it up three days after its first try."""
        if call.tries + 1 >= TRIES_MOST:
            logger.warning("hook %s: %s is given up after %d tries: %s", call.hook, call.call_id, call.tries + 1, words)
            await self._ask(partial(self._ledger.call_failed, call, words))
            return
        pause = max(PAUSES[min(call.tries, len(PAUSES) - 1)], _wished_pause(answer))
        logger.info("hook %s: %s again in %.0f s: %s", call.hook, call.call_id, pause, words)
        is_refused = answer is not None and (answer.status in _ABOUT_ONE_CALL or call.tries + 1 >= _PATIENT_TRIES)
        await self._ask(partial(self._ledger.delay_call, call, pause, words, is_refused=is_refused))

    def _draft_page(self, hook: HookConfig) -> int:
        """Make calls of one page of each stream; return how far they moved."""
        # A send's opening is told before what came of it.
        moved = self._ledger.draft_calls(hook.name, SENDS, partial(self._changes, hook))
        return moved + self._ledger.draft_calls(hook.name, INBOUND, partial(self._events, hook))

    def _events(self, hook: HookConfig, last_id: int) -> tuple[int, Sequence[Draft]]:
        rows = self._ledger.inbound_after(last_id, PAGE)
        address_of = self._address_of if hook.with_address else None
        drafts = [draft_event(row, self._send(row.event.send_no), address_of) for row in rows]
        wanted = [draft for draft in drafts if draft is not None and draft.kind in hook.kinds]
        return rows[-1].inbound_id if rows else last_id, wanted

    def _changes(self, hook: HookConfig, last_id: int) -> tuple[int, Sequence[Draft]]:
        changes = self._ledger.send_changes_after(last_id, PAGE)
        drafts = [draft_change(change) for change in changes if change.state in SEND_TYPES]
        return changes[-1].id if changes else last_id, [draft for draft in drafts if draft.kind in hook.kinds]

    def _send(self, send_no: int) -> SendRow | None:
        if not send_no:
            return None
        if send_no not in self._sends:
            if len(self._sends) >= SENDS_KEPT:
                self._sends.clear()
            self._sends[send_no] = self._ledger.send_numbered(send_no)
        return self._sends[send_no]

    def _address_of(self, event: Event) -> str:
        """Return an event's address: its own where it brings one, else that of its message while the files are kept."""
        if email := event.body.get("email"):
            return str(email)
        send = self._send(event.send_no)
        if send is None:
            return ""
        folder = self._config.home / send.folder
        try:
            shard = find_shard(folder, event.seq)
            rows = load_reader(self._config.row_reader)(shard, [event.seq]) if shard else []
            return str(next((row.get("address") for row in rows), None) or "")
        except (OSError, ValueError, LookupError, SenderError) as error:
            logger.warning("hooks: %s cannot be read (%s); its addresses are not told", folder, type(error).__name__)
            return ""


def _owner() -> str:
    return f"{PROCESS}-{os.getpid()}"


def _wished_pause(answer: Answer | None) -> float:
    """Return the seconds after which a program wishes to be asked again (RFC 9110 10.2.3), an hour at most."""
    wish = answer.headers.get("retry-after", "") if answer else ""
    return min(float(wish), LONGEST_WISH_SECONDS) if wish.isascii() and wish.isdigit() else 0.0


async def run_hooks(config: OutgoingConfig, *, once: bool = False) -> None:
    """Tell what happens until cancelled; ``once`` only what is due."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix=PROCESS) as thread:
        ledger = await asyncio.get_running_loop().run_in_executor(thread, Ledger.open, config.home)
        telling = Telling(config, ledger, thread, WebClient(config.web))
        await telling.begin()
        if once:
            for hook in config.hooks:
                await telling.tell_due(hook)
            return
        try:
            await telling.run()
        finally:
            # In our own thread still, and by itself: we are being cancelled.
            thread.submit(ledger.still, PROCESS, _owner()).result()
