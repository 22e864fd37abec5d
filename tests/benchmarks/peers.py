"""Benchmarks against senders of other languages, where their tools are on this machine.

Add a peer here that one can install with one command. What Python offers is compared in ``sending`` and ``wires``.
"""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.benchmarks.measure import Benchmark, Measured, Missing, rounds
from tests.benchmarks.sender_process import CONNECTIONS
from tests.benchmarks.sending import send_seconds
from tests.benchmarks.world import smtp_sink, world

_NODEMAILER = "nodemailer@10"
_SCRIPT = Path(__file__).with_name("nodemailer_pool.mjs")
_MESSAGES = 5_000


def vs_nodemailer() -> Measured:
    """How many times more messages a second than nodemailer's pool, which is spared the template and any record."""
    with tempfile.TemporaryDirectory(prefix="mailrail-bench-") as scratch, smtp_sink() as port:
        folder = Path(scratch)
        node = _install(folder)
        parts = folder / "parts.json"
        with world(1) as sent:
            rendered = sent.renderer().render(sent.rows[0])
        parts.write_text(json.dumps({"subject": rendered.subject, "html": rendered.html, "text": rendered.text}))
        command = [node, str(_SCRIPT), str(port), str(_MESSAGES), str(CONNECTIONS), str(parts)]

        def pool_seconds() -> float:
            ran = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=120)
            return float(ran.stdout)

        found = rounds(pool_seconds, lambda: send_seconds(port, _MESSAGES))
    return Measured(
        found.speedup,
        f"nodemailer's pool, ready HTML, no template: {_MESSAGES / found.reference:,.0f} msg/s; ours, rendered and "
        f"recorded: {_MESSAGES / found.ours:,.0f} msg/s, start included; {CONNECTIONS} connections, smtp-sink",
    )


def _install(folder: Path) -> str:
    """Put nodemailer into a folder and return where node lies.

    Raises:
        Missing: there is no Node.js, or the package cannot be had.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        raise Missing("node and npm are not installed")
    command = [npm, "install", "--no-audit", "--no-fund", "--silent", "--ignore-scripts", _NODEMAILER]
    ran = subprocess.run(command, cwd=folder, capture_output=True, timeout=90)
    if ran.returncode:
        raise Missing(f"npm cannot install {_NODEMAILER}")
    return node


BENCHMARKS = (Benchmark("sender.vs_nodemailer", "times", ">= 2", vs_nodemailer, limit_seconds=300),)
