"""What the sender's benchmarks send and where to: a send of the spring sale in a home of its own, and sinks.

Add here what stands ready before the clock runs. Nothing here leaves the loopback interface.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from senders.config import DeliveryConfig, DkimConfig
from senders.ledger.rows import Approval, SendSpec, ShardSpec
from senders.ledger.store import Ledger
from senders.message import Message
from senders.rendering.context import SendContext
from senders.rendering.renderer import Renderer
from senders.rendering.template import CompiledTemplate, compile_template
from senders.tracking.addresses import hash_address
from senders.tracking.keys import Keyring
from senders.tracking.tokens import send_tokens
from tests.benchmarks.measure import Missing
from tests.benchmarks.naive import StdlibBuilder
from tests.benchmarks.sender_process import BASE_URL, PROFILE, relay_settings

ROOT = Path(__file__).resolve().parents[2]
_SEND_ID, _CAMPAIGN, _TOPIC = "spring_sale.bench", "spring_sale", "offers"
_FIRST_NAMES = ("Anna", "Zoë", "Jürgen", "Mary Ann", None)
_CITIES = ("Kendal", "Köln", None, "Lyon")
_PRODUCTS = ("Tarn 28 pack", None, "Fellrunner 2 boots")


def made_up_rows(count: int, address_key: bytes, *, first: int = 1) -> list[dict[str, object]]:
    """Return audience rows whose values differ from row to row, some of them missing; numbered from ``first``."""
    rows = []
    for seq in range(first, first + count):
        address = f"person{seq}@mail{seq % 50}.example"
        rows.append(
            {
                "seq": seq,
                "contact_id": hash_address(address, address_key).hex(),
                "address": address,
                "tracking": True,
                "variant": "",
                "first_name": _FIRST_NAMES[seq % 5],
                "last_name": f"Miller {seq}",
                "city": _CITIES[seq % 4],
                "last_product_name": _PRODUCTS[seq % 3],
                "orders": seq % 6,
            }
        )
    return rows


def write_template(home: Path) -> tuple[Path, CompiledTemplate]:
    """Write the files that all shards of the send share; return its folder and its template."""
    template = compile_template(ROOT / "assets/campaigns/spring_sale", ROOT / "assets/templates")
    folder = home / "files" / "sends" / _SEND_ID
    folder.mkdir(parents=True)
    (folder / "template.json").write_text(template.to_json(), encoding="utf-8")
    (folder / "manifest.json").write_text("{}", encoding="utf-8")
    return folder, template


def open_made_up_send(home: Path, count: int, shards: list[ShardSpec]) -> int:
    """Open and approve the send in the ledger of a home; return its number."""
    now = datetime.now(UTC)
    spec = SendSpec(_SEND_ID, _CAMPAIGN, _TOPIC, now, "shop", f"files/sends/{_SEND_ID}", count, "a", "c", shards)
    with Ledger.open(home) as ledger:
        ledger.approve(Approval(_SEND_ID, "a", "c", count, "benchmark", now, "cli"))
        return ledger.open_send(spec)


@dataclass(slots=True)
class World:
    """One send, opened and approved in the ledger of a home of its own."""

    home: Path
    count: int
    template: CompiledTemplate = field(init=False)
    rows: list[dict[str, object]] = field(init=False)
    send_no: int = field(init=False)

    def __post_init__(self) -> None:
        folder, self.template = write_template(self.home)
        self.rows = made_up_rows(self.count, Keyring.open(self.home / "keys").address_key)
        pq.write_table(
            pa.Table.from_pylist(self.rows), folder / "shard-0000.parquet", row_group_size=20_000, compression="zstd"
        )
        hashes = [bytes.fromhex(row["contact_id"]) for row in self.rows]
        self.send_no = open_made_up_send(
            self.home, self.count, [ShardSpec(0, "shard-0000.parquet", 1, self.count, hashes)]
        )

    @property
    def send_id(self) -> str:
        """The send's name."""
        return _SEND_ID

    def settings(self, port: int, dkim: DkimConfig | None = None) -> DeliveryConfig:
        """Return the sender's settings with a relay on this machine."""
        return relay_settings(self.home, port, dkim)

    def renderer(self) -> Renderer:
        """Return what the render child renders with."""
        context = SendContext(
            profile=PROFILE,
            tokens=send_tokens(Keyring.open(self.home / "keys"), self.send_no),
            send_id=_SEND_ID,
            campaign=_CAMPAIGN,
            topic=_TOPIC,
            base_url=BASE_URL,
            sent_at=datetime.now(UTC),
        )
        return Renderer(self.template, context)

    def example(self) -> bytes:
        """Return one message of this send."""
        message = self.renderer().build(self.rows[0])
        if not isinstance(message, Message):
            raise RuntimeError(f"the sample template cannot be rendered: {message.reason}")
        return message.raw

    def stdlib_builder(self) -> StdlibBuilder:
        """Return the reference that builds the same messages.

        Raises:
            RuntimeError: what it builds is not the same.
        """
        tokens = send_tokens(Keyring.open(self.home / "keys"), self.send_no)
        builder = StdlibBuilder(self.template, tokens, base_url=BASE_URL, topic=_TOPIC, example=self.example())
        renderer = self.renderer()
        if any(builder.html(_present(row)) != renderer.render(row).html for row in self.rows[:60]):
            raise RuntimeError("the reference renders other HTML than ours; mend tests/benchmarks/naive.py")
        return builder

    def naive_rows(self) -> list[dict[str, object]]:
        """Return the rows as the reference takes them."""
        return [_present(row) for row in self.rows]


def _present(row: dict[str, object]) -> dict[str, object]:
    """Return a row without its missing values; only the names are always needed."""
    return {name: value for name, value in row.items() if value is not None}


@contextmanager
def world(count: int) -> Iterator[World]:
    """Give a send of so many recipients, and remove it afterwards."""
    with tempfile.TemporaryDirectory(prefix="mailrail-bench-") as folder:
        yield World(Path(folder), count)


def postfix_tool(name: str) -> str:
    """Return where a test tool of Postfix lies.

    Raises:
        Missing: it is not installed.
    """
    found = shutil.which(name, path=f"{os.defpath}:/usr/sbin:/usr/local/sbin")
    if not found:
        raise Missing(f"{name} is not installed (Debian: apt-get install --no-install-recommends postfix)")
    return found


@contextmanager
def smtp_sink() -> Iterator[int]:
    """Run Postfix's sink and give its port.

    Raises:
        Missing: it is not installed.
    """
    port = _free_port()
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    with _running([postfix_tool("smtp-sink"), *user, f"127.0.0.1:{port}", "1000"]):
        _wait_for(port)
        yield port


@contextmanager
def any_sink() -> Iterator[tuple[int, str]]:
    """Give the port and the name of Postfix's sink, or of the tests' own where that is missing."""
    try:
        postfix_tool("smtp-sink")
    except Missing:
        script = ROOT / "tests/unit/senders/delivery/helpers/sending_sink.py"
        with _running([sys.executable, str(script), os.devnull], stdout=subprocess.PIPE) as process:
            yield int(process.stdout.readline()), "the tests' sink"
        return
    with smtp_sink() as port:
        yield port, "smtp-sink"


@contextmanager
def _running(command: list[str], **options: object) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _wait_for(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"the sink does not answer on port {port}")
