"""Reads dead letters again with today's code: what could not be understood then may be understood now.

A replay gives the events that the call would have given, under the same ids, so that it may be done twice. Add a
source here when a part buries letters of its own.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from senders.errors import ConfigError, WebError
from senders.event import Event
from senders.http_config import WebhookConfig
from senders.inbound.box import SOURCE
from senders.inbound.interpret import Interpreter
from senders.inbound.webhooks.provider import UnreadableError
from senders.inbound.webhooks.receiving import source_of, understand
from senders.inbound.webhooks.registry import build_provider
from senders.ledger.dead_letters import DeadLetter
from senders.ledger.store import Ledger
from senders.tracking.keys import Keyring
from senders.tracking.tokens import TokenReader

# Returns the events of a letter.
Reader = Callable[[DeadLetter, datetime], list[Event]]


def replay(letter: DeadLetter, readers: Mapping[str, Reader], ledger: Ledger, now: datetime) -> int:
    """Read a letter again, record what it tells and settle it; return how many of its events were new.

    Raises:
        UnreadableError: it still cannot be understood; what could be is recorded all the same, and the letter waits.
        ConfigError: no part reads letters of its source any more.
    """
    reader = readers.get(letter.source)
    if reader is None:
        raise ConfigError(
            f"dead letter {letter.id} came by {letter.source}, which the settings no longer name; put it back, "
            f"or drop it: mailrail dead-letters drop {letter.id}"
        )
    try:
        events = reader(letter, now)
    except UnreadableError as error:
        ledger.letter_failed(letter.id, str(error))
        raise
    except Exception as error:  # a fault of ours once more; the letter waits for the next version
        ledger.letter_failed(letter.id, f"{type(error).__name__}: {error}")
        raise UnreadableError(f"dead letter {letter.id}: {type(error).__name__}") from error
    new = sum(ledger.record(events))
    ledger.settle_letter(letter.id)
    return new


def build_readers(webhooks: tuple[WebhookConfig, ...], ledger: Ledger, keyring: Keyring) -> dict[str, Reader]:
    """Return who reads the letters of each source."""

    def mail(letter: DeadLetter, now: datetime) -> list[Event]:
        return Interpreter(TokenReader(keyring), keyring.address_key, ledger, now).interpret(letter.payload)

    return {SOURCE: mail} | {source_of(config.name): _webhook_reader(config, ledger, keyring) for config in webhooks}


def _webhook_reader(config: WebhookConfig, ledger: Ledger, keyring: Keyring) -> Reader:
    provider = build_provider(config, _fetch_nothing)

    def read(letter: DeadLetter, now: datetime) -> list[Event]:
        found = understand(provider, letter.payload, letter.headers, ledger, keyring, now)
        if found.problems:
            ledger.record(found.events)
            raise UnreadableError("; ".join(dict.fromkeys(found.problems)))
        return found.events

    return read


def _fetch_nothing(url: str) -> bytes:
    raise WebError("a dead letter was verified when it came")
