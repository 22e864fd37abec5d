"""The world of a proof: a project and a home of its own, with one open send to made-up recipients.

Add here what must stand before the first process is started. Its addresses are all under ``.example``, its relay
and its collector on this machine.
"""

import os
import socket
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.proof.campaign import CAMPAIGN, TOPIC, write_campaign
from senders.ledger.rows import Approval, LinkRow, SendSpec, ShardSpec
from senders.ledger.store import Ledger
from senders.rendering.template import compile_template
from senders.tracking.addresses import hash_address
from senders.tracking.keys import Keyring
from senders.tracking.tokens import send_tokens

SEND_ID = f"{CAMPAIGN}.kills"
_FIRST_NAMES = ("Anna", "Zoë", "Jürgen", "Mary Ann", None)
_AUDIENCE_HASH, _CONTENT_HASH = "made-up", "proof"
# Small shards keep several senders busy to the end; each costs a render child.
_SHARDS, _ROWS_LEAST, _ROWS_MOST = 15, 50, 2_000
_SETTINGS = """\
[relays.sink]
host = "127.0.0.1"
port = {relay_port}
tls = "none"
connections = {connections}

[senders.proof]
from_name = "Proof"
from_address = "proof@news.shop.example"
bounce_domain = "bounce.shop.example"
message_id_domain = "news.shop.example"
relay = "sink"

[collector]
port = {collector_port}
base_url = "http://127.0.0.1:{collector_port}"

[delivery]
pairs = 1
retry_minutes = [0.01, 0.02]
"""


@dataclass(slots=True)
class World:
    """A project folder with a home in it.

    Attributes:
        folder: the project; its home is ``home`` in it.
        recipients: how many people the send has.
        connections: the most connections of one sender to the relay.
    """

    folder: Path
    recipients: int
    connections: int
    collector_port: int = field(init=False)
    send_no: int = field(init=False)

    def __post_init__(self) -> None:
        self.collector_port = free_port()
        self.home.mkdir(mode=0o700)

    @property
    def home(self) -> Path:
        """Return the folder of all state."""
        return self.folder / "home"

    def write_settings(self, relay_port: int) -> None:
        """Write mailrail.toml, with the sink as the only relay."""
        text = _SETTINGS.format(relay_port=relay_port, connections=self.connections, collector_port=self.collector_port)
        (self.folder / "mailrail.toml").write_text(text, encoding="utf-8")

    def environment(self) -> dict[str, str]:
        """Return the whole environment of our processes: nothing of the caller's settings reaches them."""
        places = (str(Path(place or ".").resolve()) for place in sys.path)
        return {
            "PATH": os.defpath,
            "PYTHONPATH": os.pathsep.join(places),
            "PYTHONUNBUFFERED": "1",
            "LC_ALL": "C.UTF-8",
            "MAILRAIL_PROJECT": str(self.folder),
            "MAILRAIL_HOME": str(self.home),
        }

    def open_send(self) -> None:
        """Freeze the made-up audience, compile the template and hand the send over to the senders."""
        target = self.home / "files" / "sends" / SEND_ID
        target.mkdir(parents=True)
        template = compile_template(*write_campaign(self.folder))
        (target / "template.json").write_text(template.to_json(), encoding="utf-8")
        (target / "manifest.json").write_text("{}", encoding="utf-8")
        key = Keyring.open(self.home / "keys").address_key
        rows = max(_ROWS_LEAST, min(_ROWS_MOST, self.recipients // _SHARDS))
        shards = [
            _write_shard(target, number, first, min(first + rows - 1, self.recipients), key)
            for number, first in enumerate(range(1, self.recipients + 1, rows))
        ]
        now = datetime.now(UTC)
        spec = SendSpec(
            send_id=SEND_ID,
            campaign=CAMPAIGN,
            topic=TOPIC,
            scheduled_at=now,
            sender="proof",
            folder=target.relative_to(self.home).as_posix(),
            audience_rows=self.recipients,
            audience_hash=_AUDIENCE_HASH,
            content_hash=_CONTENT_HASH,
            shards=shards,
            links=[LinkRow(link.link_no, link.url, link.label, link.role) for link in template.links],
        )
        with Ledger.open(self.home) as ledger:
            ledger.approve(Approval(SEND_ID, _AUDIENCE_HASH, _CONTENT_HASH, self.recipients, "proof", now, "cli"))
            self.send_no = ledger.open_send(spec)

    def unsubscribe_paths(self, seqs: list[int]) -> dict[int, str]:
        """Return the path of the one-click unsubscribe of some recipients."""
        keyring = Keyring.open(self.home / "keys")
        tokens = send_tokens(keyring, self.send_no)
        hashes = {seq: hash_address(address_of(seq), keyring.address_key) for seq in seqs}
        return {seq: f"/u/{tokens.unsubscribe(seq, hashes[seq], TOPIC)}" for seq in seqs}


def address_of(seq: int) -> str:
    """Return the address of a recipient."""
    return f"person{seq}@mail{seq % 50}.example"


def seq_of(address: str) -> int:
    """Return the recipient of an address that `address_of` made."""
    return int(address.partition("@")[0].removeprefix("person"))


def free_port() -> int:
    """Return a port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _write_shard(folder: Path, number: int, first: int, last: int, address_key: bytes) -> ShardSpec:
    seqs = range(first, last + 1)
    hashes = [hash_address(address_of(seq), address_key) for seq in seqs]
    rows = [
        {
            "seq": seq,
            "contact_id": address_hash.hex(),
            "address": address_of(seq),
            "tracking": True,
            "variant": "",
            "first_name": _FIRST_NAMES[seq % len(_FIRST_NAMES)],
        }
        for seq, address_hash in zip(seqs, hashes, strict=True)
    ]
    name = f"shard-{number:04d}.parquet"
    pq.write_table(pa.Table.from_pylist(rows), folder / name, compression="zstd")
    return ShardSpec(number, name, first, last, hashes)
