"""The curl examples of the README, as they stand there, against a collector that runs."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from senders.collector.app import create_app
from senders.config import ApiConfig, CollectorConfig
from senders.event import Kind
from senders.ledger.store import Ledger
from tests.fixtures.browser import serving

README = Path(__file__).parents[2] / "README.md"
pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="no curl is on this machine; install one")


def chapter():
    return README.read_text(encoding="utf-8").split("## The API\n")[1].split("\n## ")[0]


def commands():
    script = re.search(r"```sh\n(.*?)```", chapter(), re.DOTALL)[1]
    return [f"curl{part}".split("\n\n")[0].strip() for part in re.split(r"^curl", script, flags=re.MULTILINE)[1:]]


def test_the_examples_of_the_readme_work(tmp_path):
    with Ledger.open(tmp_path) as ledger:
        key = ledger.make_api_key("web-shop", re.findall(r"--scope (\S+)", chapter()))
        api = ApiConfig(templates=README.parent / "assets" / "transactional")
        with serving(create_app(CollectorConfig(home=tmp_path, base_url="http://127.0.0.1", api=api))) as url:
            mail = ""
            answers = []
            for command in commands():
                said = command.replace("curl -sS", "curl -sS --fail-with-body", 1).replace("/mail/ID", f"/mail/{mail}")
                done = subprocess.run(
                    ["sh", "-c", said],
                    env={"API": f"{url}/api/v1", "KEY": key, "PATH": "/usr/local/bin:/usr/bin:/bin"},
                    capture_output=True,
                    text=True,
                    check=False,
                )
                assert done.returncode == 0, (said, done.stdout, done.stderr)
                answers.append(json.loads(done.stdout))
                mail = answers[-1].get("id", mail)
        assert len(answers) == 8
        kinds = [row.event.kind for row in ledger.inbound_after(0, 100)]
        assert kinds == [Kind.REPORTED, Kind.REPORTED, Kind.UPSERTED, Kind.SUBSCRIBED, Kind.SUPPRESSED]
        assert sum(ledger.mail_counts().values()) == 1
