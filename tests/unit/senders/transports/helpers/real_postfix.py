"""Debian's Postfix as a relay on loopback, in a folder of its own: it takes one domain's mail into one Maildir.

Nothing of /etc/postfix is used or touched, and nothing can leave: every other destination is thrown away.
"""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

COMMAND = shutil.which("postfix", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
SMTP_SINK = shutil.which("smtp-sink", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
DOMAIN = "mail.example"

_MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = relay.mailrail.test
mydestination =
alias_maps =
alias_database =
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = static:inbox/
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
default_transport = discard
relay_transport = discard
smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
in_flow_delay = 0
"""

_MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def wait_for_port(port: int, seconds: float = 8.0) -> None:
    limit = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
            return
        except OSError:
            if time.monotonic() > limit:
                raise
            time.sleep(0.05)


class RealPostfix:
    """A running Postfix; ``messages`` are the files that it delivered."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port

    def messages(self) -> list[bytes]:
        new = self.folder / "mail" / "inbox" / "new"
        return [file.read_bytes() for file in new.iterdir()] if new.exists() else []

    def wait_for(self, count: int, seconds: float = 30.0) -> list[bytes]:
        limit = time.monotonic() + seconds
        while len(self.messages()) < count and time.monotonic() < limit:
            time.sleep(0.1)
        return self.messages()


@contextlib.contextmanager
def running_postfix(certificate):
    """Start Postfix with a certificate of the test's authority, and stop it by its own command."""
    # Not below pytest's folder: Postfix's own user must be able to look into it.
    folder = Path(tempfile.mkdtemp(prefix="mailrail-postfix-"))
    folder.chmod(0o755)
    owner, nobody = pwd.getpwnam("postfix"), pwd.getpwnam("nobody")
    for name, user in (("queue", None), ("data", owner), ("mail", nobody), ("etc", None)):
        (folder / name).mkdir(mode=0o755)
        if user is not None:
            os.chown(folder / name, user.pw_uid, user.pw_gid)
    port = free_port()
    values = {"folder": folder, "domain": DOMAIN, "uid": nobody.pw_uid, "gid": nobody.pw_gid, "port": port}
    values |= {"certificate": certificate.certificate, "key": certificate.key}
    (folder / "etc" / "main.cf").write_text(_MAIN.format(**values))
    (folder / "etc" / "master.cf").write_text(_MASTER.format(**values))
    command = [COMMAND, "-c", str(folder / "etc")]
    subprocess.run([*command, "start"], check=True, timeout=60, capture_output=True)
    try:
        wait_for_port(port)
        yield RealPostfix(folder, port)
    finally:
        subprocess.run([*command, "stop"], check=False, timeout=60, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)
