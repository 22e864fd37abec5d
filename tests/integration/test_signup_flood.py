"""A thousand sign-ups of one person at once, from a thousand addresses, at a collector of several processes."""

import asyncio
import random
from urllib.parse import quote

import pytest

from senders.event import Kind
from senders.ledger.database import choose_store
from senders.ledger.store import Ledger
from tests.fixtures.collectors import serving
from tests.fixtures.load import Shot, open_loop
from tests.fixtures.postgres import STORES, postgres_server, schema_url

__all__ = ["postgres_server", "schema_url"]

pytestmark = pytest.mark.slow

FORM = """
from senders.forms import FormConfig, SignupConfig
given["signups"] = SignupConfig({"news": FormConfig("news", {"": "News"}, {"": "I agree."}, "1")})
"""
SPELLINGS = ("victim@gmail.com", "v.ictim@gmail.com", "Victim+{n}@googlemail.com", "v.i.c.t.i.m+x{n}@gmail.com")


def sign_up(number: int, email: str) -> bytes:
    """Return the POST of one of many clients behind the proxy of this machine."""
    body = f"email={quote(email)}&lang=en"
    address = f"100.{64 + number % 64}.{number % 251}.{number // 251 + 1}"
    return (
        "POST /s/news HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"X-Forwarded-For: {address}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


@pytest.fixture(params=STORES)
def ledger_url(request):
    """Return the address of the store, '' for a file; the collector's processes and we use the same."""
    url = request.getfixturevalue("schema_url")() if request.param == "postgresql" else ""
    choose_store(url)
    yield url
    choose_store("")


def test_one_victim_gets_one_mail(tmp_path, ledger_url):
    emails = [SPELLINGS[number % len(SPELLINGS)].format(n=number) for number in range(1000)]
    random.Random(3).shuffle(emails)
    shots = [Shot(0.0, "victim", sign_up(number, email)) for number, email in enumerate(emails)]
    shots += [Shot(0.0, "other", sign_up(number, f"p{number}@d{number}.example")) for number in range(1000, 1020)]
    with serving(tmp_path, before=FORM, processes=2, busy_timeout_seconds=10, ledger_url=ledger_url) as served:
        waits = asyncio.run(open_loop(served.port, shots, most_connections=200, grace=60))
    assert waits.statuses["victim"] == {200: 1000}
    assert waits.statuses["other"] == {200: 20}
    with Ledger.open(tmp_path) as ledger:
        mails = ledger.waiting_mail("confirm_signup", 2000)
        (first,) = [mail for mail in mails if mail.request.email.partition("@")[2] in {"gmail.com", "googlemail.com"}]
        assert len(mails) == 21
        events = [row.event for row in ledger.inbound_after(0, 5000)]
        addresses = dict(ledger._database.rows("select signup_id, ip from signups"))
    assert {event.kind for event in events} == {Kind.SIGNED_UP}
    assert len(events) == 21
    assert addresses[first.request.request_id].startswith("100.")  # as the proxy of this machine says it
