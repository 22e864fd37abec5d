"""A Maildir instead of a relay: a rehearsal of a whole audience, as it would go on the wire, that mails nobody.

A message is written and synced in ``tmp``; the rename into ``new`` is its end mark (SENDING §7). Its name follows from
its key, so that a message offered again after a crash replaces itself: nothing stays in doubt. Add here what concerns
files; who may call it a delivery does not belong here.
"""

import asyncio
import hashlib
import os
from pathlib import Path

from senders.config import RelayConfig
from senders.errors import ConfigError, TransientError
from senders.failpoints import passing
from senders.transports.base import NO_REPLY, Desk, Ending, Parcel, Reply, Source
from senders.transports.wire import unstuff

_FOLDERS = ("tmp", "new", "cur")


class MaildirTransport:
    """One writer of one Maildir."""

    def __init__(self, relay: RelayConfig) -> None:
        if relay.folder is None:
            raise ConfigError(f"relays.{relay.name}.folder: it is missing; set the folder that takes the files.")
        self._name = relay.name
        self._folder = relay.folder
        self._read_names: frozenset[str] = frozenset()

    async def run(self, source: Source, desk: Desk) -> None:
        """Write files until the source is empty.

        Raises:
            TransientError: the folder takes no file; the message went back to the source, or stands as not sent.
        """
        # What a mail program has moved on since would not be replaced by a rename into ``new``.
        self._read_names = await asyncio.to_thread(self._names_read)
        while (parcel := await source.next()) is not None:
            try:
                draft = await asyncio.to_thread(self._write, parcel)
            except OSError as error:
                source.put_back(parcel, strike=False)
                raise self._trouble(error) from error
            if not await desk.offer(parcel):
                draft.unlink(missing_ok=True)
                continue
            await self._place(draft, parcel, source, desk)

    def _names_read(self) -> frozenset[str]:
        try:
            return frozenset(entry.name.partition(":")[0] for entry in os.scandir(self._folder / "cur"))
        except OSError:
            return frozenset()  # none yet; what is wrong with the folder shows when it is written to

    def _write(self, parcel: Parcel) -> Path:
        """Write a message to where nobody looks yet, durably, and return its file."""
        for name in _FOLDERS:
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        # A name of its own for each process: one that was thought dead may still write the same message.
        draft = self._folder / "tmp" / f"{file_name(parcel)}.{os.getpid()}"
        with draft.open("wb") as file:
            file.write(envelope_lines(parcel))
            file.write(unstuff(parcel.body))
            file.flush()
            os.fsync(file.fileno())
        return draft

    async def _place(self, draft: Path, parcel: Parcel, source: Source, desk: Desk) -> None:
        """Rename, which is the end mark; what fails before it was not sent."""
        place = self._folder / "new" / file_name(parcel)
        passing("mark.before")
        if place.name in self._read_names:
            draft.unlink(missing_ok=True)
            desk.settle(parcel, Ending.ANSWERED, Reply(250, "2.0.0", "2.0.0 written and read before"), self._name)
            return
        try:
            draft.replace(place)
        except OSError as error:
            desk.settle(parcel, Ending.UNSENT, NO_REPLY, self._name)
            source.put_back(parcel, strike=False)
            raise self._trouble(error) from error
        passing("mark.written")
        try:
            await asyncio.to_thread(_sync_folder, place.parent)
        except BaseException as error:
            # Written again under the same name it replaces itself, so this is later, not doubt.
            desk.settle(parcel, Ending.ANSWERED, Reply(451, "", "the folder was not synced"), self._name)
            if isinstance(error, OSError):
                raise self._trouble(error) from error
            raise
        desk.settle(parcel, Ending.ANSWERED, Reply(250, "2.0.0", f"2.0.0 written as {place.name}"), self._name)

    def _trouble(self, error: OSError) -> TransientError:
        reason = error.strerror or str(error)
        return TransientError(f"relay {self._name}: the Maildir {self._folder} takes no file: {reason}")


def file_name(parcel: Parcel) -> str:
    """Return the name that a message has at every try, and no other message of this or another home."""
    digest = hashlib.blake2b(parcel.key.encode(), digest_size=16).hexdigest()
    return f"{parcel.seq}.{digest}.mailrail"


def envelope_lines(parcel: Parcel) -> bytes:
    """Return the envelope as lines above the message, as a mail server adds them at delivery (RFC 5321 4.4)."""
    return f"Return-Path: <{parcel.sender}>\r\nDelivered-To: {parcel.recipient}\r\n".encode()


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
