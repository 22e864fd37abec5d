"""A folder on an IMAP server (RFC 3501) where bounces and complaints arrive: read by UID, some mails at a time.

What was read is flagged, or moved to a folder of its own (RFC 6851); nothing is ever deleted. The server keeps the
state, so that any reader, here or elsewhere, goes on where another died. Add here what concerns the protocol; what is
done with a mail, and in which order, is `box`'s.
"""

import imaplib
import re
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, TypeVar

from senders.config import ImapConfig
from senders.errors import ConfigError, MailboxDown
from senders.inbound.box import Letter
from senders.inbound.mime import MAX_BYTES
from senders.transports.tls import tls_context

BATCH = 25  # of a megabyte each, at most
WINDOW = 5_000  # mails that one search looks at: its answer is one line, which imaplib bounds

Answer = TypeVar("Answer")

_UID = re.compile(rb"\bUID (\d{1,10})\b")
_PLAIN_NAME = re.compile(r"[ -~]{1,200}")
_FLAG = re.compile(r"\\(?:Seen|Flagged)|[A-Za-z$_][A-Za-z0-9$_.-]{0,60}")


class ImapBox:
    """One logged-in connection with its folder open, in which ``total`` mails lie; to be used as a context.

    Raises:
        MailboxDown: the server is not there, its certificate is not right, or it lets us not in.
        ConfigError: the server or the folder cannot do what the settings ask for.
    """

    def __init__(self, config: ImapConfig) -> None:
        self._config = config
        self._server = self._guarded(self._connect)
        self.total = 0
        try:
            self._guarded(self._enter)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "ImapBox":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Say goodbye, as far as the line still stands."""
        with suppress(Exception):
            self._server.logout()
        with suppress(Exception):
            self._server.shutdown()

    def batches(self) -> Iterator[Sequence[Letter]]:
        """Yield the mails that wait, in the order of the folder."""
        if self._config.processed_folder:
            self._guarded(partial(self._server.create, _quoted(self._config.processed_folder)))  # NO where it is there
        done: set[bytes] = set()
        first = 1
        while True:
            self._guarded(self._look)  # anew for each window, since nobody may ask beyond the last mail
            if first > self.total:
                return
            uids = [uid for uid in self._guarded(partial(self._search, first)) if uid not in done]
            if not uids:
                first += WINDOW
                continue
            for start in range(0, len(uids), BATCH):
                batch = uids[start : start + BATCH]
                done.update(batch)
                if letters := self._guarded(partial(self._fetch, batch)):
                    yield letters
            if not self._config.processed_folder:
                first += WINDOW  # moved mails leave their places to those behind them, flagged ones stay

    def mark(self, letters: Sequence[Letter]) -> None:
        """Flag mails, or move them away."""
        uids = ",".join(letter.name for letter in letters)
        if self._config.processed_folder:
            self._guarded(partial(self._ask, "MOVE", uids, _quoted(self._config.processed_folder)))
        else:
            self._guarded(partial(self._ask, "STORE", uids, "+FLAGS.SILENT", f"({self._config.flag})"))

    def _connect(self) -> imaplib.IMAP4:
        config = self._config
        if config.tls == "implicit":
            context = tls_context(config.ca_file)
            return imaplib.IMAP4_SSL(config.host, config.port, ssl_context=context, timeout=config.timeout_seconds)
        server = imaplib.IMAP4(config.host, config.port, timeout=config.timeout_seconds)
        if config.tls == "starttls":
            server.starttls(tls_context(config.ca_file))
        return server

    def _enter(self) -> None:
        config, server = self._config, self._server
        if "AUTH=PLAIN" in server.capabilities:
            # Bytes, since LOGIN would take letters of ASCII alone.
            secret = f"\0{config.username}\0{config.password}".encode()
            server.authenticate("PLAIN", lambda _: secret)
        else:
            server.login(config.username, config.password)
        if config.processed_folder:
            _, found = server.capability()
            if b"MOVE" not in b" ".join(part or b"" for part in found).upper().split():
                raise ConfigError(
                    f"mailbox.processed_folder: {config.host} cannot move mails (RFC 6851); leave it empty, and they "
                    "are flagged as read where they are."
                )
        self._look()

    def _look(self) -> None:
        """Open the folder, which also tells how many mails are in it now."""
        status, data = self._server.select(_quoted(self._config.folder))
        if status != "OK":
            raise ConfigError(
                f"mailbox.folder: {self._config.host} has no folder {self._config.folder!r} that may be changed "
                f"({_words(data)}); name one as the server names it."
            )
        self.total = int(data[0] or 0)

    def _search(self, first: int) -> list[bytes]:
        """Return the UIDs of mails that wait among `WINDOW` mails of the folder."""
        if self._config.processed_folder:
            waiting = "ALL"
        else:
            waiting = {"\\Seen": "UNSEEN", "\\Flagged": "UNFLAGGED"}.get(
                self._config.flag, f"UNKEYWORD {self._config.flag}"
            )
        last = min(first + WINDOW - 1, self.total)
        (found,) = self._ask("SEARCH", f"{first}:{last}", waiting)[:1] or [b""]
        return (found or b"").split()

    def _fetch(self, uids: Sequence[bytes]) -> list[Letter]:
        """Return the beginnings of mails, without marking them by that; one that is gone is left out."""
        parts = self._ask("FETCH", b",".join(uids).decode(), f"(UID BODY.PEEK[]<0.{MAX_BYTES}>)")
        letters, pending = [], b""
        for part in parts:
            # A mail comes as (b'1 (UID 7 BODY[]<0> {5}', bytes) and b')'; some servers tell the UID behind it.
            head, raw = part if isinstance(part, tuple) else (part or b"", None)
            if raw is not None:
                pending = raw
            if (uid := _UID.search(head)) and (raw is not None or pending):
                letters.append(Letter(uid[1].decode(), (raw if raw is not None else pending)[:MAX_BYTES]))
                pending = b""
        return letters

    def _ask(self, command: str, *arguments: str) -> list[Any]:
        status, data = self._server.uid(command, *arguments)
        if status != "OK":
            raise imaplib.IMAP4.error(f"{command}: {_words(data)}")
        return list(data)

    def _guarded(self, step: Callable[[], Answer]) -> Answer:
        """Do one step; whatever the server or the line does to us is `MailboxDown`."""
        try:
            return step()
        except (OSError, imaplib.IMAP4.error, ssl.SSLError, ValueError, IndexError, TypeError) as error:
            place = f"{self._config.host}:{self._config.port}"
            raise MailboxDown(f"mailbox: {place}: {_shown(error)}; see [mailbox], or run: mailrail doctor") from error


def is_name(text: str) -> bool:
    """Whether a folder's name can be sent as it is: printable ASCII, as the server writes it (RFC 3501 5.1.3)."""
    return bool(_PLAIN_NAME.fullmatch(text))


def is_flag(text: str) -> bool:
    """Whether a mail can be marked as read by a flag: one of IMAP's own that does no harm, or a keyword."""
    return bool(_FLAG.fullmatch(text))


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _words(data: Sequence[Any]) -> str:
    return b" ".join(part for part in data if isinstance(part, bytes)).decode("utf-8", "replace")[:200]


def _shown(error: Exception) -> str:
    """Return an error's words on one line; imaplib hands on the server's as bytes."""
    first = error.args[0] if error.args else ""
    text = first.decode("utf-8", "replace") if isinstance(first, bytes) else str(error)
    return " ".join(text.split())[:300] or type(error).__name__
