"""The one resource that assets ask for: where state lives, who writes, what time it is.

The class lives here, its instance is made in ``orchestration.resources``. Add a field when an asset needs
to be told something by the settings; secrets do not belong here.
"""

import contextlib
import fcntl
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from senders.clock import Clock, open_clock
from senders.config import SenderProfile
from senders.errors import ConfigError

if TYPE_CHECKING:
    from senders.ledger.store import Ledger
    from senders.tracking.keys import Keyring


def is_allowed(address: str, allowed: Collection[str] | None) -> bool:
    """Whether an address may be mailed: it or its ``@domain`` is listed, or nothing is restricted (None)."""
    if allowed is None:
        return True
    normal = address.lower()
    return not {normal, f"@{normal.rpartition('@')[2]}"}.isdisjoint(entry.lower() for entry in allowed)


@dataclass(frozen=True)
class Mailrail:
    """A project and its home folder, as the assets see them.

    ``allowed_recipients`` is None where anybody in an audience may be mailed (the relay is on loopback, or
    this is production); else only these addresses and ``@domains``. ``resolve_mx`` allows questions to the DNS.
    ``expire_hours`` says for each profile when a message is given up, where its campaign does not.
    ``rehearsing`` names the profiles none of whose relays mails anybody. Without ``tracking_needs_consent`` opens and
    clicks are followed of everybody who did not say no, as some places still allow; where nobody ``may_track``, of
    nobody at all.
    """

    project: Path
    home: Path
    base_url: str
    profiles: Mapping[str, SenderProfile] = field(repr=False)
    allowed_recipients: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    git_commit: str = ""
    dashboards_url: str = ""
    currency: str = ""
    resolve_mx: bool = False
    expire_hours: Mapping[str, float] = field(default_factory=dict)
    rehearsing: Collection[str] = frozenset()
    tracking_needs_consent: bool = True
    may_track: bool = True

    @property
    def clock(self) -> Clock:
        """Business time of this home."""
        return open_clock(self.home)

    @property
    def warehouse(self) -> Path:
        """The warehouse file; only one process may hold it."""
        return self.home / "warehouse.duckdb"

    @contextlib.contextmanager
    def hold_warehouse(self) -> Iterator[int]:
        """Wait for the right to open the warehouse file, and hold it.

        A file lock and not a Dagster pool: a pool's slot survives the kill -9 of its run and blocks all
        later ones, a lock ends with its holder.

        Yields:
            The lock's descriptor; hand it to a child process that must keep the right if we die.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "warehouse.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield lock.fileno()

    @property
    def published(self) -> Path:
        """Folder of the published copies."""
        return self.home / "published"

    @property
    def reports(self) -> Path:
        """Folder of the reports."""
        return self.home / "reports"

    def page_url(self, send_id: str) -> str:
        """Address of a send's page in the dashboards."""
        return f"{self.dashboards_url}/campaigns/{send_id}"

    def send_folder(self, send_id: str) -> Path:
        """Folder of one send's frozen files."""
        return self.home / "files" / "sends" / send_id

    def open_ledger(self) -> "Ledger":
        """Open the ledger; close it after use."""
        from senders.ledger.store import Ledger

        return Ledger.open(self.home)

    def keyring(self) -> "Keyring":
        """Open the keys of this home, made on first use."""
        from senders.tracking.keys import Keyring

        return Keyring.open(self.home / "keys")

    @property
    def streams(self) -> Mapping[str, str]:
        """Return the stream of each sender profile."""
        return {name: profile.stream for name, profile in self.profiles.items()}

    def profile(self, name: str) -> SenderProfile:
        """Return a sender profile.

        Raises:
            ConfigError: there is none of that name.
        """
        if name not in self.profiles:
            known = ", ".join(sorted(self.profiles)) or "none"
            raise ConfigError(
                f"sender {name!r} is not in mailrail.toml (known: {known}); add [senders.{name}] or name a known one."
            )
        return self.profiles[name]
