"""The collector answers while the warehouse is locked or gone; its events arrive later, once."""

import contextlib
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from email import message_from_bytes, policy
from html import unescape

import duckdb
import pytest

from assets.events.loading import load_events
from orchestration.demo.mailstore import MailReader
from senders.ledger.store import Ledger
from tests.integration.conftest import Home

pytestmark = [pytest.mark.slow, pytest.mark.dbt]

PERSON = "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_4) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605"
HOLD = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def status_of(url: str, data: bytes | None = None) -> int:
    request = urllib.request.Request(url, data=data, headers={"User-Agent": PERSON})
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def links_of(raw: bytes, base_url: str) -> tuple[str, str, str]:
    """Return pixel, first click and one-click link of a message."""
    message = message_from_bytes(raw, policy=policy.default)
    html = unescape(message.get_body(("html",)).get_content())
    pixel = re.search(re.escape(base_url) + r"/o/[^\"' ]+", html).group()
    click = re.search(re.escape(base_url) + r"/c/[^\"' ]+", html).group()
    return pixel, click, re.search(r"<(https?:[^>]+)>", message["List-Unsubscribe"]).group(1)


@contextlib.contextmanager
def warehouse_held(home: Home) -> Iterator[None]:
    """Let another process hold the warehouse file open for writing."""
    command = [sys.executable, "-c", HOLD, str(home.path / "warehouse.duckdb")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        yield
        holder.stdin.close()


@contextlib.contextmanager
def warehouse_away(home: Home) -> Iterator[None]:
    """Take the warehouse file away for a while."""
    path = home.path / "warehouse.duckdb"
    path.rename(path.with_suffix(".away"))
    yield
    path.with_suffix(".away").rename(path)


def act(home: Home, messages: list[bytes]) -> None:
    """Open, click and unsubscribe by one click, once per message."""
    for raw in messages:
        pixel, click, unsubscribe = links_of(raw, home.environment["MAILRAIL_COLLECTOR__BASE_URL"])
        assert status_of(pixel) == 200
        assert status_of(click) == 302
        assert status_of(unsubscribe, b"List-Unsubscribe=One-Click") == 200


def test_events_of_a_locked_or_missing_warehouse_arrive_once(sent: Home) -> None:
    (send,) = sent.json("status")["sends"]
    with MailReader(sent.path / "sink", send["send_id"]) as reader:
        raws = [reader.raw(stored) for stored in reader.messages[:100]]
    tracked = [raw for raw in raws if b"/o/" in raw][:6]
    with warehouse_held(sent):
        act(sent, tracked[:3])
        refused = sent.run("source", "load", "crm_contacts")
        assert refused.returncode == 2
        assert "Traceback" not in refused.stderr
    with warehouse_away(sent):
        act(sent, tracked[3:])

    with Ledger.open(sent.path) as ledger:
        load_events(sent.path / "warehouse.duckdb", sent.path, ledger)
    with duckdb.connect(str(sent.path / "warehouse.duckdb"), read_only=True) as connection:
        landed = connection.execute(
            "select kind, count(*), count(distinct event_id) from raw.mail_inbound"
            " where kind in ('opened', 'clicked', 'unsubscribed') and seq > 0 group by kind"
        ).fetchall()
    assert [row[1:] for row in landed] == [(6, 6)] * 3, landed

    assert sent.run("refresh").returncode == 0, "a second load of the same ledger"
    (row,) = sent.json("metrics")["sends"]
    assert row["opens"] + row["machine_opens"] == 6
    assert row["clicks"] + row["machine_clicks"] == 6
    assert row["unsubscribes"] == 6
