"""How the standing processes log: one JSON object a line for machines, plain lines on a terminal; nobody's address.

Add a key here when every line can carry it. What is worth a line is decided where it happens; a logger gives the keys
of ``KEYS`` as ``extra``.
"""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Literal

from senders.ledger.alerts import without_addresses

KEYS = ("event", "send_id", "send_no", "shard", "relay", "provider", "counts")
_PLAIN = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# Relays repeat recipients, exceptions repeat values: what looks like a token of ours goes as well.
_TOKEN = re.compile(r"(?<=/[couv]/)[\w.-]+|\bb\+[\w.]+")

LogStyle = Literal["auto", "json", "text"]


class PlainFormatter(logging.Formatter):
    """Lines for people, without addresses and tokens."""

    def __init__(self) -> None:
        super().__init__(_PLAIN)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return clean(super().format(record))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: at, level, process, event, message, and what the logger gave of ``KEYS``."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "at": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "process": self._process,
            "event": record.name.rpartition(".")[2],
            "message": record.getMessage(),
        }
        line |= {key: value for key in KEYS if (value := getattr(record, key, None)) is not None}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps({key: clean(value) if isinstance(value, str) else value for key, value in line.items()})


def clean(text: str) -> str:
    """Return a text without mail addresses and without our tokens."""
    return _TOKEN.sub("(token)", without_addresses(text))


def start_logging(process: str, *, style: LogStyle, level: int) -> None:
    """Log to standard error; ``auto`` is text on a terminal and JSON elsewhere."""
    is_json = style == "json" or (style == "auto" and not sys.stderr.isatty())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(process) if is_json else PlainFormatter())
    logging.basicConfig(level=level, handlers=[handler])
