"""The settings of what comes back by mail: where it is fetched from, and when an address is given up.

``settings`` puts them into its tree; add a setting of returned mail here, with a description. How it is read stands in
``senders.inbound``, how bounces are counted in ``senders.ledger.soft_bounces``.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, SecretStr

from orchestration.secret_files import secret_text
from senders.config import ImapConfig, MailboxConfig, SoftBounces
from senders.errors import ConfigError
from senders.inbound.imap import is_flag, is_name
from senders.transports.tls import tls_context

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_PORTS = {"implicit": 993, "starttls": 143, "none": 143}


class MailboxSettings(BaseModel, extra="forbid"):
    """An IMAP folder that is read beside the Maildir of the home folder, ``[mailbox]``."""

    imap_host: str = Field("", description="Host name of an IMAP server with bounces; its certificate must bear it.")
    imap_port: int | None = Field(None, description="Port; unset for 993, without implicit TLS 143.", ge=1, le=65535)
    tls: Literal["implicit", "starttls", "none"] = Field(
        "implicit", description="How the line is secured; none on loopback only."
    )
    ca_file: Path | None = Field(None, description="PEM file of a private CA; it alone is trusted then.")
    username: str = Field("", description="Login name.")
    password: SecretStr = Field(SecretStr(""), description="Password; by the environment only, see password_file.")
    password_file: Path | None = Field(None, description="File that holds the password.")
    folder: str = Field("INBOX", description="Folder that is read, as the server names it.")
    flag: str = Field(r"\Seen", description=r"Flag of mails that were read: \Seen, or a word of your own.")
    processed_folder: str = Field("", description="Folder to which read mails are moved instead; empty for the flag.")
    poll_seconds: float = Field(30, description="Pause between two looks at the folder.", ge=1, le=3600)

    def build(self, home: Path) -> MailboxConfig:
        """Return what the mailbox reader must know.

        Raises:
            ConfigError: the IMAP settings could not work, or would show the password.
        """
        return MailboxConfig(home=home, maildir=home / "mailbox", imap=self._imap() if self.imap_host else None)

    def _imap(self) -> ImapConfig:
        imap = ImapConfig(
            host=self.imap_host,
            port=self.imap_port or _PORTS[self.tls],
            tls=self.tls,
            username=self.username,
            password=secret_text(self.password, self.password_file, "mailbox.password"),
            ca_file=self.ca_file,
            folder=self.folder,
            flag=self.flag,
            processed_folder=self.processed_folder,
            poll_seconds=self.poll_seconds,
        )
        self._check(imap)
        return imap

    def _check(self, imap: ImapConfig) -> None:
        if imap.tls == "none" and imap.host not in _LOOPBACK:
            raise ConfigError(
                f"mailbox.tls: none is for loopback only, and {imap.host!r} is not; set implicit or starttls."
            )
        if not imap.username or not imap.password:
            raise ConfigError("mailbox: imap_host is set without a login; set username and password_file.")
        for name, value in (("folder", imap.folder), ("processed_folder", imap.processed_folder)):
            if value and not is_name(value):
                raise ConfigError(
                    f"mailbox.{name}: {value!r} is not how the server names it; give it in plain ASCII, as in "
                    "Entw&APw-rfe (RFC 3501 5.1.3)."
                )
        if imap.folder == imap.processed_folder:
            raise ConfigError(f"mailbox.processed_folder: {imap.folder!r} is the folder that is read; name another.")
        if not is_flag(imap.flag):
            raise ConfigError(rf"mailbox.flag: {imap.flag!r} is no flag; set \Seen, \Flagged or a word such as $Read.")
        if imap.ca_file is not None:
            try:
                tls_context(imap.ca_file)
            except OSError as error:  # of ssl too
                raise ConfigError(f"mailbox.ca_file: {imap.ca_file}: {error}; set a PEM file.") from None


class SoftBounceSettings(BaseModel, extra="forbid"):
    """When an address is given up that is refused for the moment, again and again, ``[soft_bounces]``."""

    count: int = Field(5, description="Sends that must come back as transient; 0 gives nobody up.", ge=0, le=1000)
    days: int = Field(30, description="Within how many days, and without a sign of life between.", ge=1, le=3650)
    apart_days: int = Field(7, description="How far apart the first and the last must lie at least.", ge=0, le=3650)

    def build(self) -> SoftBounces:
        """Return the rule.

        Raises:
            ConfigError: it could never hold.
        """
        if self.apart_days >= self.days:
            raise ConfigError(
                f"soft_bounces.apart_days: {self.apart_days} days do not fit into the {self.days} of "
                "soft_bounces.days; set fewer."
            )
        return SoftBounces(self.count, self.days, self.apart_days)
