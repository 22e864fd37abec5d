"""The Maildir where bounces and complaints arrive: ``new`` holds what was not read, ``cur`` what was.

Add here what concerns files. What is done with a mail, and in which order, is `box`'s.
"""

import logging
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from senders.errors import ConfigError
from senders.inbound.box import Letter
from senders.inbound.mime import MAX_BYTES

BATCH = 200

logger = logging.getLogger(__name__)


class Maildir:
    """A folder with ``new``, ``cur`` and ``tmp``, made where it is missing.

    Raises:
        ConfigError: it cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self._new, self._cur = folder / "new", folder / "cur"
        try:
            for path in (self._new, self._cur, folder / "tmp"):
                path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"mailbox: {folder} cannot be used as a Maildir ({error.strerror}). Name a folder this user may write."
            ) from error

    def batches(self) -> Iterator[Sequence[Letter]]:
        """Yield the mails in ``new``, oldest name first."""
        waiting = iter(sorted(path.name for path in self._new.iterdir() if not path.name.startswith(".")))
        while names := list(islice(waiting, BATCH)):
            yield list(self._read(names))

    def mark(self, letters: Sequence[Letter]) -> None:
        """Move mails to ``cur``, as seen."""
        for letter in letters:
            try:
                (self._new / letter.name).rename(self._cur / f"{letter.name.partition(':')[0]}:2,S")
            except FileNotFoundError:
                logger.info("mailbox: %s was taken by another reader", letter.name)

    def _read(self, names: list[str]) -> Iterator[Letter]:
        for name in names:
            try:
                with (self._new / name).open("rb") as file:
                    yield Letter(name, file.read(MAX_BYTES))
            except (FileNotFoundError, IsADirectoryError):
                continue  # another reader was first, or it is no mail
