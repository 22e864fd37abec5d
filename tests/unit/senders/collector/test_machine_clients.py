"""What programs do with the links of a mail: scanners follow all of them, mailbox providers post to one of them.

No contact changes by a GET or HEAD, whoever sends it; a one-click POST works at the first and at every later try, in
each form that RFC 8058 allows and for as long as anybody may send it.
"""

import html
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from senders.clock import SteppedClock
from senders.config import SenderProfile
from senders.event import Kind
from senders.ledger.rows import LinkRow
from senders.message import Message
from senders.rendering.context import SendContext
from senders.rendering.renderer import Renderer
from senders.rendering.template import compile_template
from senders.tracking.keys import Keyring
from senders.tracking.tokens import send_tokens
from tests.fixtures.corpora import CORPORA, needs_corpora

BASE = "https://mail.shop.example"
SENT = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
AGENTS = [
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    "BarracudaCentral/1.0",
    "",
]
PER_CALL = 40
MJML = """<mjml><mj-head><mj-title>Tents</mj-title></mj-head><mj-body><mj-section><mj-column>
<mj-text>Hello {{ contact.first_name }}, see our <a href="https://shop.example/tents">tents</a> and
<a href="https://shop.example/of/{{ contact.first_name }}">yours</a>.</mj-text>
<mj-text>{{ brand.name }}, {{ brand.postal_address }} <a href="{{ unsubscribe_url }}">Unsubscribe</a>
<a href="{{ preferences_url }}">Choose</a> <a href="{{ view_in_browser_url }}">View in browser</a></mj-text>
</mj-column></mj-section></mj-body></mjml>"""
BRAND = "name: Shop\npostal_address: 1 Road, Town\nhome_url: https://shop.example\n"
# All that says something about a contact; events are told apart in dbt, machine or not.
CONTACT_TABLES = ("suppressions", "preferences", "signups", "outbox", "messages")
URLENCODED = {
    "content": b"List-Unsubscribe=One-Click",
    "headers": {"Content-Type": "application/x-www-form-urlencoded"},
}
MULTIPART = {
    "content": b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n',
    "headers": {"Content-Type": "multipart/form-data; boundary=b"},
}


def scanners() -> list[str]:
    entries = json.loads((CORPORA / "crawler-user-agents" / "crawler-user-agents.json").read_text(encoding="utf-8"))
    return [agent for entry in entries for agent in entry.get("instances", [])]


@pytest.fixture
def mail(world, tmp_path: Path) -> Message:
    """A message of the world's send, rendered as the sender renders it."""
    campaign, shared = tmp_path / "campaign", tmp_path / "shared"
    campaign.mkdir()
    shared.mkdir()
    (campaign / "template.mjml").write_text(MJML)
    (campaign / "subject.txt.j2").write_text("Tents")
    (shared / "brand.yaml").write_text(BRAND)
    SteppedClock(world.home / "clock").set(SENT)
    profile = SenderProfile("shop", "Shop", "a@shop.example", "", "b.shop.example", "shop.example", "sink")
    context = SendContext(profile, world.tokens, "spring.20261103T0900Z", "spring", "offers", BASE, SENT)
    row = {"seq": 1, "contact_id": "1" * 32, "address": "a@example.com", "tracking": True, "first_name": "Mira"}
    made = Renderer(compile_template(campaign, shared), context).build(row)
    assert isinstance(made, Message)
    return made


def links_of(mail: Message) -> set[str]:
    """Return the path of each address of ours in a mail: in both parts and in its headers."""
    message = message_from_bytes(mail.raw, policy=policy.default)
    texts = [str(value) for value in message.values()]
    texts += [part.get_content() for part in message.walk() if part.get_content_maintype() == "text"]
    found = {found for text in texts for found in re.findall(rf"{re.escape(BASE)}[^\s\"'<>)]*", html.unescape(text))}
    return {urlsplit(url).path for url in found}


def one_click_path(mail: Message) -> str:
    header = message_from_bytes(mail.raw, policy=policy.default)["List-Unsubscribe"]
    return urlsplit(re.search(r"<(https:[^>]+)>", header)[1]).path


def contacts(world) -> dict[str, list[Any]]:
    return {name: world.ledger._database.rows(f"select * from {name} order by 1, 2") for name in CONTACT_TABLES}


def scan(world, paths: set[str], agents: list[str]) -> None:
    """Follow every link twice by both methods, as each agent."""
    for agent in agents:
        for path in sorted(paths):
            for method in ("HEAD", "GET", "HEAD", "GET"):
                answer = world.client.request(method, path, headers={"User-Agent": agent})
                assert answer.status_code in {200, 302, 410}, (method, path, answer.status_code)


def test_a_mail_holds_every_sort_of_link(mail) -> None:
    assert {path.split("/")[1] for path in links_of(mail)} == {"o", "c", "v", "u", "p"}


def test_links_followed_by_anybody_change_no_contact(world, mail) -> None:
    before = contacts(world)
    scan(world, links_of(mail), AGENTS)
    assert contacts(world) == before
    assert {event.kind for event in world.events()} <= {Kind.OPENED, Kind.CLICKED, Kind.VIEWED}


@needs_corpora
def test_known_scanners_change_no_contact(world, mail) -> None:
    before, agents = contacts(world), scanners()
    scan(world, links_of(mail), agents[:: len(agents) // PER_CALL])
    assert contacts(world) == before


@pytest.mark.parametrize("sent", [URLENCODED, MULTIPART], ids=["urlencoded", "multipart"])
@pytest.mark.parametrize(
    "spell",
    [str, lambda path: f"{path}/", lambda path: f"/{path}", lambda path: f"{path}//", lambda path: f"//{path}?x=1"],
    ids=["as it is", "slash at the end", "doubled slash", "doubled at the end", "with a query"],
)
@pytest.mark.parametrize("host", ["mail.shop.example", "MAIL.SHOP.EXAMPLE:443", "10.0.0.1", "evil.example"])
def test_one_click_is_done_and_never_redirected(
    world, mail, sent: dict[str, Any], spell: Callable[[str], str], host: str
) -> None:
    headers = {**sent["headers"], "Host": host}
    path = spell(one_click_path(mail))
    answers = [world.client.post(f"https://{host}{path}", content=sent["content"], headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].text == answers[1].text
    assert not any("location" in answer.headers or "set-cookie" in answer.headers for answer in answers)
    (suppression,) = world.ledger.suppressions()
    assert (suppression.reason, suppression.scope) == ("unsubscribed", "offers")


def test_one_click_works_400_days_and_two_keys_later(world, mail) -> None:
    keyring = Keyring.open(world.home / "keys")
    for _ in range(2):
        SteppedClock(world.home / "clock").step(timedelta(days=200))
        keyring.rotate()
        world.client.get(f"/o/{send_tokens(keyring, world.tokens.send_no).pixel(1)}.gif")
    assert world.client.post(one_click_path(mail), **URLENCODED).status_code == 200
    (suppression,) = world.ledger.suppressions()
    assert suppression.at == SENT + timedelta(days=400)


def test_one_click_works_while_its_campaign_is_on_the_wire(world, mail) -> None:
    """The offer to another address is open; nothing of it is waited for."""
    with world.ledger._database.write() as connection:
        connection.execute("update messages set state = 'offered' where seq = 2")
    assert world.client.post(one_click_path(mail), **URLENCODED).status_code == 200


def tokens_by_route(world, other: int) -> dict[str, list[str]]:
    """Return good tokens of each route, of two contacts and two campaigns."""
    found: dict[str, list[str]] = {"o": [], "c": [], "v": [], "u": [], "p": []}
    for tokens in (world.tokens, send_tokens(Keyring.open(world.home / "keys"), other)):
        for seq in (1, 2):
            address_hash = world.address_hash(seq)
            found["o"].append(tokens.pixel(seq))
            found["c"].append(tokens.click(seq, 1))
            found["v"].append(tokens.view(seq))
            found["u"].append(tokens.unsubscribe(seq, address_hash, "offers"))
            found["p"].append(tokens.preferences(seq, address_hash))
    return found


def spliced(tokens: list[str]) -> set[str]:
    """Return tokens whose words are of one and whose signature is of another; 16 bytes are its last 21 characters."""
    return {one[:-21] + other[-21:] for one in tokens for other in tokens if one != other} - set(tokens)


def test_swapped_tokens_are_refused_alike(world) -> None:
    """Of another purpose, another contact, another campaign: one status, one page."""
    before, by_route = contacts(world), tokens_by_route(world, other=4711)
    wrong = [
        (route, token)
        for route in by_route
        for made_for, tokens in by_route.items()
        for token in (tokens if made_for != route else sorted(spliced(tokens)))
    ]
    answers = set()
    for route, token in wrong:
        path = f"/{route}/{token}" + (".gif" if route == "o" else "")
        for method in ("GET", "POST") if route in {"u", "p"} else ("GET",):
            sent = URLENCODED if method == "POST" else {}
            answer = world.client.request(method, path, **sent)
            answers.add((answer.status_code, answer.text))
    assert len(wrong) > 100
    assert {status for status, _ in answers} == {404}
    assert len(answers) == 1
    assert contacts(world) == before
    assert world.events() == []


def test_a_link_of_another_campaign_is_not_followed(world) -> None:
    """The token is good, and its send has no such link: nothing of the first send is shown."""
    assert LinkRow(1, "x", "x").link_no == 1
    other = send_tokens(Keyring.open(world.home / "keys"), 4711)
    assert world.client.get(f"/c/{other.click(1, 1)}").status_code == 404
