"""The simulated recipients: act on what lies in the sink, over HTTP, by mail and in the shop, as time goes by.

`plan_actions` says what will be done, `act` does it and writes the recipients' own log (CONTRACTS.md). Add here
how a thing is done and when it counts as done; who does what is in ``habits``.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import unescape
from itertools import groupby
from pathlib import Path
from urllib.parse import urlencode

from orchestration.demo.browser import Browser
from orchestration.demo.habits import Action, Deed, is_active, plan_recipient
from orchestration.demo.mailstore import MailReader, Stored, read_lines, read_refused
from orchestration.demo.orders import Till
from orchestration.demo.received import read_message
from orchestration.demo.returned import Sent, bounce_mail, complaint_mail, put_mail
from senders.clock import SteppedClock, format_time, parse_time
from senders.errors import ConfigError

CONNECTIONS = 20
_BETWEEN_STOPS = timedelta(minutes=2)  # when the clock is already past a stop: people still are no machines
_FORM = re.compile(rb"<form\b([^>]*)>(.*?)</form>", re.IGNORECASE | re.DOTALL)
_INPUT = re.compile(rb"<(?:input|button)\b([^>]*)>", re.IGNORECASE)
_ATTRIBUTE = re.compile(rb"""([\w-]+)\s*=\s*["']([^"']*)["']""")
_SUCCESS = {
    "open": frozenset({200}),
    "machine_open": frozenset({200}),
    "click": frozenset({301, 302, 303, 307}),
    "machine_click": frozenset({301, 302, 303, 307}),
    "unsubscribe": frozenset({200, 202, 204, 303}),
}

Progress = Callable[[int, int], None]


class ActionCounts(Counter[str]):
    """How often each thing was done, by the log's word; ``failed`` counts requests that were answered with no."""


def plan_actions(home: Path, send_id: str, *, seed: int) -> list[Action]:
    """Return all that will be done about a send, in the order of time; the same for the same mail and seed."""
    actions: list[Action] = []
    with MailReader(home / "sink", send_id) as reader:
        for number, stored in enumerate(_first_copies(reader.messages)):
            if is_active(stored.recipient, seed, send_id):
                message = read_message(reader.raw(stored))
                actions += plan_recipient(message, stored.recipient, seed=seed, send_id=send_id, number=number)
    return sorted(actions, key=lambda action: action.offset)


async def act(
    home: Path,
    send_id: str,
    *,
    base_url: str,
    mailbox: Path,
    clock: SteppedClock,
    seed: int,
    progress: Progress | None = None,
) -> ActionCounts:
    """Let the recipients of a send act over three days of stepped time; what is in the log is not done again.

    Args:
        home: the home folder; its sink has the mail.
        send_id: whose recipients act.
        base_url: where the collector answers.
        mailbox: the Maildir that gets bounces and complaints.
        clock: is stepped from stop to stop while nothing is under way.
        seed: another seed is another public.
        progress: is told how many of all actions are done.

    Raises:
        ConfigError: the sink has no mail of this send, or the collector does not answer.
    """
    log = home / "recipients" / "log.jsonl"
    done = {(line["recipient"], line["did"], line["detail"]) for line in read_lines(log) if line["send_id"] == send_id}
    planned = await asyncio.to_thread(plan_actions, home, send_id, seed=seed)
    actions = [action for action in planned if not action.did or action.key not in done]
    start = _sent_at(home, send_id)
    browser = Browser(base_url)
    log.parent.mkdir(parents=True, exist_ok=True)
    with MailReader(home / "sink", send_id) as reader, log.open("ab", buffering=0) as file:
        public = _Public(
            send_id=send_id,
            total=len(actions),
            browser=browser,
            mailbox=mailbox,
            reader=reader,
            till=Till(home, send_id, seed),
            write=file.write,
            progress=progress or (lambda done, total: None),
        )
        for recipient, reply in sorted(set(read_refused(home / "sink", reader.messages[0]))):
            if (recipient, "bounce", reply) not in done:
                public.note(recipient, "bounce", reply, start)
        try:
            for offset, bucket in groupby(actions, key=lambda action: action.offset):
                now = _step(clock, start + offset)
                await public.act_at(now, list(bucket))
        finally:
            await browser.close()
    return public.counts


@dataclass
class _Public:
    """Everybody who got a send, at work."""

    send_id: str
    total: int
    browser: Browser
    mailbox: Path
    reader: MailReader
    till: Till
    write: Callable[[bytes], object]
    progress: Progress
    counts: ActionCounts = field(default_factory=ActionCounts)
    done: int = 0

    def __post_init__(self) -> None:
        self.messages = _first_copies(self.reader.messages)
        self.turned_away: set[str] = set()  # whose click was refused: they buy nothing

    async def act_at(self, now: datetime, actions: Sequence[Action]) -> None:
        """Do all that is due now and return when the last of it is answered."""
        self._sell([action for action in actions if action.deed is Deed.ORDER], now)
        waiting = iter([action for action in actions if action.deed is not Deed.ORDER])
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(min(CONNECTIONS, len(actions))):
                    tasks.create_task(self._work(waiting, now))
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None  # all fail for the same reason

    async def _work(self, waiting: Iterable[Action], now: datetime) -> None:
        for action in waiting:
            if await self._do(action, now):
                self._note(action, now)
            else:
                self.counts["failed"] += 1
                self.turned_away.add(action.recipient)
            self._advance()

    def _sell(self, actions: Sequence[Action], now: datetime) -> None:
        buys = [action for action in actions if action.recipient not in self.turned_away]
        if buys:
            self.till.sell(now, [action.recipient for action in buys])
        for action in buys:
            self._note(action, now)
        for _ in actions:
            self._advance()

    def _advance(self) -> None:
        self.done += 1
        self.progress(self.done, self.total)

    async def _do(self, action: Action, now: datetime) -> bool:
        """Do one thing; true when it succeeded."""
        if action.deed in {Deed.RETURN_MAIL, Deed.COMPLAINT_MAIL}:
            self._return(action, now)
            return True
        if action.deed is Deed.ONE_CLICK:
            return await self._post(action, action.path, "List-Unsubscribe=One-Click")
        if action.deed is Deed.PAGE:
            return await self._use_page(action)
        reply = await self.browser.fetch(action.deed.value.upper(), action.path, user_agent=action.user_agent)
        return reply.status in _SUCCESS[action.did] if action.did else reply.status < 500

    async def _use_page(self, action: Action) -> bool:
        """Open the unsubscribe page and press its button."""
        page = await self.browser.fetch("GET", action.path, user_agent=action.user_agent)
        form = _FORM.search(page.body)
        if page.status != 200 or not form:
            return False
        target = _attributes(form.group(1)).get("action") or action.path
        inputs = [_attributes(found) for found in _INPUT.findall(form.group(2))]
        values = urlencode([(item["name"], item.get("value", "")) for item in inputs if item.get("name")])
        return await self._post(action, target, values)

    async def _post(self, action: Action, path: str, form: str) -> bool:
        reply = await self.browser.fetch("POST", path, user_agent=action.user_agent, form=form)
        return reply.status in _SUCCESS["unsubscribe"]

    def _return(self, action: Action, now: datetime) -> None:
        stored = self.messages[action.number]
        head = self.reader.raw(stored).partition(b"\r\n\r\n")[0]
        sent = Sent(stored.recipient, stored.return_path, head)
        is_bounce = action.deed is Deed.RETURN_MAIL
        content = bounce_mail(sent, action.detail, now) if is_bounce else complaint_mail(sent, now)
        # The name is the message's, so that a second try after a crash does not make a second mail.
        put_mail(self.mailbox, f"{self.send_id}.{action.number}.{action.did}", content)

    def note(self, recipient: str, did: str, detail: str, at: datetime) -> None:
        """Write a deed down; scanners' visits to pages that count nothing have no word in the log."""
        if not did:
            return
        self.counts[did] += 1
        line = {"at": format_time(at), "send_id": self.send_id, "recipient": recipient, "did": did, "detail": detail}
        self.write((json.dumps(line, ensure_ascii=False) + "\n").encode())

    def _note(self, action: Action, now: datetime) -> None:
        self.note(action.recipient, action.did, action.detail, now)


def _first_copies(messages: Iterable[Stored]) -> list[Stored]:
    """Return one message per recipient: somebody who got two still is one person."""
    copies: dict[str, Stored] = {}
    for stored in messages:
        copies.setdefault(stored.recipient, stored)
    return list(copies.values())


def _sent_at(home: Path, send_id: str) -> datetime:
    times = (line["at"] for line in read_lines(home / "sink" / "log.jsonl") if line["send_id"] == send_id)
    first = min(times, default=None)
    if first is None:
        raise ConfigError(f"{home / 'sink' / 'log.jsonl'}: the sink has no mail of {send_id!r}; send it first.")
    return parse_time(first)


def _step(clock: SteppedClock, wanted: datetime) -> datetime:
    """Move the clock to a stop, or a little on where it is past that already."""
    now = clock.now()
    return clock.set(wanted if wanted > now else now + _BETWEEN_STOPS)


def _attributes(tag: bytes) -> dict[str, str]:
    return {name.decode().lower(): unescape(value.decode()) for name, value in _ATTRIBUTE.findall(tag)}
