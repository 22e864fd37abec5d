import asyncio
import json
import mailbox
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import polars as pl
import pytest

from orchestration.demo.browser import Browser
from orchestration.demo.fate import Fate, fate
from orchestration.demo.habits import STOPS, Deed
from orchestration.demo.mailstore import MailStore, read_lines
from orchestration.demo.orders import ORDER_SCHEMA
from orchestration.demo.received import read_message
from orchestration.demo.recipients import ActionCounts, act, plan_actions
from senders.clock import SteppedClock, parse_time
from senders.errors import ConfigError
from senders.inbound.arf import parse_feedback
from senders.inbound.dsn import parse_dsn

SEND = "spring_sale.20260414T0800Z"
START = "2026-04-14T08:00:00Z"
LINKS = 4

HTML = """<html><body><p>Hello &amp; welcome</p>
{links}
<a href="https://www.northfell.example/plain">Plain</a>
<a class="x" href='https://mail.example/v/v{seq}'>View</a> <a href="https://mail.example/u/u{seq}">Stop</a>
<img src="https://www.northfell.example/logo.png" alt="Logo"><img width="1" src="https://mail.example/o/p{seq}.gif">
</body></html>"""


def compose(seq: int, encoding: str = "7bit") -> bytes:
    links = "\n".join(
        f'<a href="https://mail.example/c/c{seq}-{number}">{number}</a>' for number in range(1, LINKS + 1)
    )
    html = HTML.format(seq=seq, links=links)
    if encoding == "quoted-printable":
        html = html.replace("=", "=3D").replace("mail.example/c/", "mail.exa=\nmple/c/")
    text = f"""From: Northfell <hello@news.northfell.example>
To: someone@gmail.example
Message-ID: <m{seq}@news.northfell.example>
Mailrail-Send: {SEND}
List-Unsubscribe: <https://mail.example/u/u{seq}>,
 <mailto:stop@news.northfell.example>
List-Unsubscribe-Post: List-Unsubscribe=One-Click
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="=_b{seq}"

--=_b{seq}
Content-Type: text/plain; charset=utf-8

See https://mail.example/c/text

--=_b{seq}
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: {encoding}

{html}
--=_b{seq}--
"""
    return text.replace("\n", "\r\n").encode()


def recipient(number: int) -> str:
    company = f"corp-{number % 24 + 1:02}.example"
    domains = ("gmail.example", "icloud.example", company, company, company, "gmx.example")
    return f"person{number}@{domains[number % 6]}"


def fill_sink(home: Path, count: int) -> list[str]:
    home.mkdir(parents=True, exist_ok=True)
    (home / "clock").write_text(START)
    people = [recipient(number) for number in range(count)]
    store = MailStore(home / "sink")
    for seq, person in enumerate(people, start=1):
        if fate(person) not in {Fate.UNKNOWN_USER, Fate.MAILBOX_FULL}:
            store.add(f"b+1.{seq}.abcd@bounce.northfell.example", [person], compose(seq))
    store.close()
    return people


class Collector:
    """A tiny collector: answers as the real one does, remembers what it was asked, and when."""

    def __init__(self, home: Path, *, busy: int = 0, close_each: bool = False) -> None:
        self.clock = SteppedClock(home / "clock")
        self.busy = busy
        self.close_each = close_each
        self.asked: list[tuple[str, str, str, str, datetime]] = []

    async def __aenter__(self) -> "Collector":
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.base_url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *error: object) -> None:
        self.server.close()
        await self.server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                method, path, _ = head.split(" ", 2)
                headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
                body = (await reader.readexactly(int(headers.get("Content-Length", 0)))).decode()
                writer.write(self._answer(method, path, headers["User-Agent"], body))
                if self.close_each:
                    return
        except asyncio.IncompleteReadError:
            return
        finally:
            writer.close()

    def _answer(self, method: str, path: str, agent: str, body: str) -> bytes:
        if self.busy:
            self.busy -= 1
            return b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
        self.asked.append((method, path, agent, body, self.clock.now()))
        if path.startswith("/c/"):
            return b"HTTP/1.1 302 Found\r\nLocation: https://x.example/\r\nContent-Length: 0\r\n\r\n"
        page = b'<form method="post"><input type="hidden" name="road" value="page"><button>Go</button></form>'
        if method == "HEAD":
            return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(page)
        if path.startswith("/u/"):  # as a server that does not know the length beforehand
            return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(page), page)
        return b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nGIF"


def run_act(home: Path, **options) -> tuple[ActionCounts, list, list[dict]]:
    async def run() -> tuple[ActionCounts, list]:
        async with Collector(home, **options) as collector:
            clock = SteppedClock(home / "clock")
            counts = await act(
                home, SEND, base_url=collector.base_url, mailbox=home / "mailbox", clock=clock, seed=7, progress=None
            )
            return counts, collector.asked

    counts, asked = asyncio.run(run())
    return counts, asked, list(read_lines(home / "recipients" / "log.jsonl"))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory):
    home = tmp_path_factory.mktemp("world")
    fill_sink(home, 3000)
    return home, *run_act(home)


@pytest.mark.parametrize("encoding", ["7bit", "quoted-printable"])
def test_reads_a_message_as_a_mail_program_does(encoding: str) -> None:
    found = read_message(compose(9, encoding))
    assert found.clicks == tuple(f"/c/c9-{number}" for number in range(1, LINKS + 1))
    assert found.others == ("/v/v9", "/u/u9")
    assert (found.pixel, found.one_click, found.unsubscribe_page) == ("/o/p9.gif", "/u/u9", "/u/u9")
    assert found.head.startswith(b"From: Northfell")


def test_no_one_click_without_its_header_and_no_links_in_plain_text() -> None:
    raw = compose(9).replace(b"List-Unsubscribe=One-Click", b"nonsense")
    assert read_message(raw).one_click == ""
    empty = read_message(b"Subject: x\r\nContent-Type: text/plain\r\n\r\n<a href='https://m.example/c/1'>")
    assert (empty.clicks, empty.pixel) == ((), "")


def test_the_plan_hangs_on_mail_and_seed_alone(tmp_path: Path) -> None:
    for name in ("one", "two"):
        fill_sink(tmp_path / name, 300)
    one = plan_actions(tmp_path / "one", SEND, seed=7)
    assert one == plan_actions(tmp_path / "two", SEND, seed=7)
    assert one != plan_actions(tmp_path / "one", SEND, seed=8)
    assert [action.offset for action in one] == sorted(action.offset for action in one)
    assert {action.offset for action in one} <= set(STOPS)


def test_what_the_log_says_is_what_the_collector_was_asked(world) -> None:
    _, counts, asked, log = world
    said = Counter(line["did"] for line in log)
    assert {name: count for name, count in counts.items() if count} == said
    assert set(said) == {"open", "machine_open", "click", "machine_click", "unsubscribe", "bounce", "complain", "buy"}
    assert said["open"] + said["machine_open"] == sum(path.startswith("/o/") for _, path, *_ in asked)
    assert said["click"] + said["machine_click"] == sum(path.startswith("/c/") for _, path, *_ in asked)
    posts = [body for method, _, _, body, _ in asked if method == "POST"]
    assert len(posts) == said["unsubscribe"]
    assert set(posts) == {"List-Unsubscribe=One-Click", "road=page"}
    assert [line["at"] for line in log] == sorted(line["at"] for line in log)
    assert {line["send_id"] for line in log} == {SEND}


def test_people_and_machines_are_about_as_many_as_in_the_world(world) -> None:
    _, _, _, log = world
    people = defaultdict(set)
    for line in log:
        people[line["did"]].add(line["recipient"])
    gmail = [line for line in log if line["recipient"].endswith("@gmail.example")]
    assert len({line["recipient"] for line in gmail if line["did"] == "open"}) / 500 == pytest.approx(0.34, abs=0.06)
    assert len(people["click"]) / 3000 == pytest.approx(0.037, abs=0.015)
    assert (
        len({line["recipient"] for line in log if "icloud" in line["recipient"] and line["did"] == "machine_open"})
        > 400
    )
    assert people["unsubscribe"].isdisjoint(people["complain"])


def test_a_person_never_looks_like_a_sweep(world) -> None:
    _, _, _, log = world
    clicks = Counter((line["recipient"], line["at"]) for line in log if line["did"] == "click")
    assert set(clicks.values()) == {1}
    swept = {(line["recipient"], line["at"]) for line in log if line["did"].startswith("machine")}
    human = {(line["recipient"], line["at"]) for line in log if line["did"] in {"open", "click"}}
    assert swept.isdisjoint(human)


def test_a_machine_always_looks_like_one(world) -> None:
    _, _, asked, log = world
    sweeps = Counter((line["recipient"], line["at"]) for line in log if line["did"] == "machine_click")
    assert len(sweeps) > 50
    assert set(sweeps.values()) == {LINKS}
    assert len({person for person, _ in sweeps}) == len(sweeps)
    agents = {agent for _, path, agent, *_ in asked if path.startswith("/c/")}
    assert any("scanner" in agent.lower() or "bot" in agent.lower() or "python" in agent for agent in agents)
    assert any(agent == "Mozilla/5.0" for _, path, agent, *_ in asked if path.startswith("/o/"))
    assert not any(agent == "Mozilla/5.0" for agent in agents)
    assert {"HEAD", "GET"} <= {method for method, *_ in asked}


def test_buyers_clicked_before_and_their_orders_are_in_the_shop(world) -> None:
    home, _, _, log = world
    first_click = {}
    for line in log:
        if line["did"] == "click":
            first_click.setdefault(line["recipient"], parse_time(line["at"]))
    buys = {line["recipient"]: parse_time(line["at"]) for line in log if line["did"] == "buy"}
    orders = pl.read_parquet(home / "imports" / "shop" / f"orders-after-{SEND}.parquet")
    assert dict(orders.schema) == ORDER_SCHEMA
    assert orders["order_id"].n_unique() == len(buys) > 5
    assert set(orders["email"]) == set(buys)
    for person, at in buys.items():
        assert timedelta(0) < at - first_click[person] < timedelta(days=7)
        assert orders.filter(pl.col("email") == person)["ordered_at"][0] == at.replace(tzinfo=None)


def test_returned_mail_can_be_read_by_strangers(world) -> None:
    home, counts, _, log = world
    mails = [path.read_bytes() for path in (home / "mailbox" / "new").iterdir()]
    assert len(mails) == counts["bounce"] + counts["complain"]
    assert len(mailbox.Maildir(home / "mailbox", create=False)) == len(mails)
    bounced = {line["recipient"]: line["detail"] for line in log if line["did"] == "bounce"}
    reports = [report for raw in mails for report in parse_dsn(raw)]
    assert {report.recipient: report.status for report in reports} == bounced
    assert {report.action for report in reports} == {"failed"}
    for raw in mails:
        parsed = message_from_bytes(raw, policy=default)
        assert not parsed.defects
        if parsed["To"].startswith(("b+1.", "B+1.")):
            assert parsed.get_content_type() == "multipart/report"
            assert parsed["Return-Path"] == "<>"
    complaints = [feedback for raw in mails if (feedback := parse_feedback(raw))]
    assert len(complaints) == counts["complain"] > 0
    assert all(feedback.kind.is_complaint and feedback.mail_from.startswith("b+1.") for feedback in complaints)


def test_acting_again_does_nothing_twice(tmp_path: Path) -> None:
    fill_sink(tmp_path, 200)
    counts, _, log = run_act(tmp_path)
    again, asked, log_again = run_act(tmp_path)
    assert sum(counts.values()) > 50
    assert not again
    assert log_again == log
    assert {path[:3] for _, path, *_ in asked} <= {"/u/", "/v/"}  # scanners look again; that changes nothing


def test_a_busy_collector_is_asked_again_and_nothing_is_noted_before(tmp_path: Path) -> None:
    fill_sink(tmp_path / "calm", 200)
    fill_sink(tmp_path / "busy", 200)
    _, _, calm = run_act(tmp_path / "calm")
    counts, _, busy = run_act(tmp_path / "busy", busy=15, close_each=True)
    assert counts["failed"] == 0

    def order(log: list[dict]) -> list[str]:
        return sorted(json.dumps(line) for line in log)

    assert order(calm) == order(busy)


def test_nobody_home_is_told_with_the_remedy(tmp_path: Path) -> None:
    async def ask() -> None:
        await Browser("http://127.0.0.1:9", patience_seconds=0.2).fetch("GET", "/", user_agent="x")

    with pytest.raises(ConfigError, match=r"no answer from http://127.0.0.1:9 .* mailrail collector"):
        asyncio.run(ask())
    with pytest.raises(ConfigError, match="no http:// address"):
        Browser("https://mail.example")


def test_a_send_the_sink_never_saw_is_named(tmp_path: Path) -> None:
    fill_sink(tmp_path, 1)
    clock = SteppedClock(tmp_path / "clock")
    with pytest.raises(ConfigError, match=r"has no mail of 'other\.x'"):
        asyncio.run(
            act(tmp_path, "other.x", base_url="http://127.0.0.1:9", mailbox=tmp_path / "m", clock=clock, seed=7)
        )


def test_only_the_dead_send_their_mail_back(tmp_path: Path) -> None:
    fill_sink(tmp_path, 3000)
    actions = plan_actions(tmp_path, SEND, seed=7)
    returned = {action.recipient for action in actions if action.deed is Deed.RETURN_MAIL}
    assert returned == {
        person for person in map(recipient, range(3000)) if fate(person) in {Fate.BOUNCES_LATER, Fate.EXPIRES_LATER}
    }
    assert returned.isdisjoint(action.recipient for action in actions if action.deed is not Deed.RETURN_MAIL)
