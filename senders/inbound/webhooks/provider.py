"""What a provider is to us: whether a call is truly from it, and what the call reports, in our words.

A call is verified on its raw bytes before anything it says is used. Add to `Said` only what every provider may report;
a provider's own words stay in its module.
"""

import base64
import binascii
import hmac
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parseaddr
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl

from senders.errors import SenderError
from senders.http_config import WebhookConfig
from senders.inbound.classify import Failure, classify, find_enhanced, find_smtp_code

MAX_ITEMS = 10_000
_HALF = re.compile("[\ud800-\udfff]")
_MILLIS_FROM = 10**11  # as seconds that would be the year 5138

Item = dict[str, Any]
# Fetches an address of the web, guarded; its body.
Fetch = Callable[[str], bytes]


class WebhookRefusedError(SenderError):
    """A call that cannot be shown to come from the provider, or not now; the caller learns no more than that."""


class UnreadableError(SenderError):
    """A verified call that says something we cannot map; it becomes a dead letter."""


class Said(StrEnum):
    """What a report says, in one word; only the first four ever touch anything."""

    BOUNCED = "bounced"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    DELIVERED = "delivered"  # settles a doubt, and is no news otherwise
    DEFERRED = "deferred"  # the provider goes on trying
    OPENED = "opened"  # we track ourselves, by links that the person's consent allows
    CLICKED = "clicked"
    NOTHING = "nothing"  # taken, queued, sent, and all that concerns no message


@dataclass(frozen=True, slots=True)
class Report:
    """One report about one recipient.

    ``event_id`` is the provider's name of it, '' where it has none. ``return_path``, ``message_ids`` and ``send_id``
    are what the provider kept of our message; none of them is believed without its signature or the recipient.
    ``is_everywhere`` says that an unsubscribe is from all mail, not from the message's topic. ``item`` is what it was
    read from.
    """

    said: Said
    event_id: str = ""
    recipient: str = field(default="", repr=False)
    occurred_at: datetime | None = None
    failure: Failure | None = None
    code: str = ""
    detail: str = ""
    return_path: str = field(default="", repr=False)
    message_ids: tuple[str, ...] = ()
    send_id: str = ""
    is_everywhere: bool = True
    item: Item = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one call said: its reports, and why parts of it could not be mapped."""

    reports: list[Report]
    problems: list[str]


class Provider(ABC):
    """Verifies and reads the calls of one provider under one configuration."""

    def __init__(self, config: WebhookConfig) -> None:
        self.config = config

    @abstractmethod
    def verify(self, raw: bytes, headers: Mapping[str, str], now: float) -> None:
        """Make sure that a call comes from the provider.

        Args:
            raw: the body as it came.
            headers: names in lower case.
            now: seconds since 1970, of the real clock.

        Raises:
            WebhookRefusedError: it does not, or is not fresh.
        """

    @abstractmethod
    def items(self, raw: bytes, headers: Mapping[str, str]) -> list[Item]:
        """Return the single reports that a call is made of.

        Raises:
            UnreadableError: it has another form.
        """

    @abstractmethod
    def reports(self, item: Item) -> list[Report]:
        """Map one of them: a report for each recipient.

        Raises:
            UnreadableError: it says something that is not known here.
        """

    def once_token(self, raw: bytes) -> str:
        """Return what must come with one body only, where the signature does not cover the body; '' elsewhere."""
        return ""

    def visit(self, raw: bytes) -> str:
        """Return an address that a verified call asks us to visit so that others follow; '' for none."""
        return ""

    def read(self, raw: bytes, headers: Mapping[str, str]) -> Reading:
        """Map a verified call; what cannot be mapped is told and never hides the rest."""
        try:
            items = self.items(raw, headers)
        except (UnreadableError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            return Reading([], [_words(error)])
        if len(items) > MAX_ITEMS:
            return Reading([], [f"{len(items):,} reports in one call"])
        reading = Reading([], [])
        for item in items:
            try:
                reading.reports.extend(replace(report, item=item) for report in self.reports(item))
            except (UnreadableError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
                reading.problems.append(_words(error))
        return reading


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, UnreadableError) else f"of another form ({type(error).__name__})"


def require_fresh(timestamp: str | float, now: float, max_age_seconds: float) -> None:
    """Make sure that a signed time is near.

    Raises:
        WebhookRefusedError: it is too old, too far ahead, or no time.
    """
    try:
        age = now - float(timestamp)
    except ValueError:
        raise WebhookRefusedError("no time") from None
    if not -max_age_seconds <= age <= max_age_seconds:  # NaN is refused as well
        raise WebhookRefusedError("not fresh")


def require_login(config: WebhookConfig, headers: Mapping[str, str]) -> None:
    """Make sure that a call carries the user and password of the settings (RFC 7617).

    Raises:
        WebhookRefusedError: it does not.
    """
    scheme, _, given = headers.get("authorization", "").partition(" ")
    try:
        login = base64.b64decode(given.strip(), validate=True)
    except (binascii.Error, ValueError):
        login = b""
    wanted = f"{config.user}:{config.password}".encode()
    if not (hmac.compare_digest(login, wanted) and scheme.lower() == "basic" and config.password):
        raise WebhookRefusedError("no login")


def any_key(config: WebhookConfig, fits: Callable[[str], bool]) -> bool:
    """Whether one of the signing keys fits."""
    return any(map(fits, config.signing_keys))


def read_json(raw: bytes) -> Any:
    """Return a JSON document, with U+FFFD for half a character: texts are cut in their middle, and no store takes it.

    Raises:
        UnreadableError: it is none.
    """
    try:
        document = json.loads(raw, parse_constant=_refuse_constant)
        text = json.dumps(document, ensure_ascii=False)
        if text.isascii() or not _HALF.search(text):
            return document
        return json.loads(_HALF.sub("\ufffd", text))
    except (ValueError, RecursionError):
        raise UnreadableError("no JSON") from None


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def read_form(raw: bytes) -> dict[str, str]:
    """Return the fields of an urlencoded form.

    Raises:
        UnreadableError: it is none.
    """
    try:
        return dict(parse_qsl(raw.decode("utf-8"), keep_blank_values=True, max_num_fields=1000))
    except ValueError:
        raise UnreadableError("no form") from None


def as_item(value: Any) -> Item:
    """Return a JSON object.

    Raises:
        UnreadableError: it is something else.
    """
    if not isinstance(value, dict):
        raise UnreadableError("no object where one belongs")
    return value


def text_of(value: Any) -> str:
    """Return a text or number as text, '' for anything else."""
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def address_of(value: Any) -> str:
    """Return the bare address of a text such as ``Ada <ada@shop.example>``."""
    return parseaddr(text_of(value))[1]


def time_of(value: Any) -> datetime | None:
    """Return a time given in seconds, in milliseconds, or in ISO 8601; None where it is none."""
    try:
        seconds = float(value)
        return datetime.fromtimestamp(seconds / 1000 if seconds > _MILLIS_FROM else seconds, UTC)
    except (ValueError, TypeError, OverflowError, OSError):
        pass
    try:
        found = datetime.fromisoformat(_shorten_fraction(text_of(value)))
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def header_fields(pairs: Any) -> Iterator[tuple[str, str]]:
    """Yield names in lower case and values of a message's headers, listed as objects or as pairs."""
    for pair in pairs if isinstance(pairs, list) else []:
        if isinstance(pair, dict):
            yield text_of(pair.get("name")).lower(), text_of(pair.get("value"))
        elif isinstance(pair, list) and len(pair) == 2:
            yield text_of(pair[0]).lower(), text_of(pair[1])


def send_id_of(metadata: Any) -> str:
    """Return the send that a provider's metadata name, as the header of our message does."""
    if not isinstance(metadata, dict):
        return ""
    return next((text_of(value) for name, value in metadata.items() if name.lower() == "mailrail-send"), "")


def send_id_in(text: str) -> str:
    """Return the send that a free text of ours names: the send itself, or JSON metadata."""
    if not text.startswith("{"):
        return text
    try:
        return send_id_of(json.loads(text))
    except (ValueError, RecursionError):
        return ""


def refine(said: Failure, code: str, text: str) -> Failure:
    """Return a bounce's failure: the provider's word, made finer by the receiving server's own words.

    What the provider takes for a passing trouble is never made final by them; what it takes for final may turn out to
    be about us (policy) or our reputation (block), which is no fault of the address.
    """
    if not (find_enhanced(f"{code} {text}") or find_smtp_code(f"{code} {text}")):
        return said  # the provider's prose, not a server's reply
    found = classify(find_enhanced(code), f"{code} {text}" if find_smtp_code(code) else text)
    return said if said is Failure.TRANSIENT and found is Failure.PERMANENT else found


def _shorten_fraction(text: str) -> str:
    """Cut a fraction of a second to the six digits that are understood."""
    head, dot, rest = text.partition(".")
    digits = len(rest) - len(rest.lstrip("0123456789"))
    return f"{head}.{rest[: min(digits, 6)].ljust(6, '0')}{rest[digits:]}" if dot and digits else text
