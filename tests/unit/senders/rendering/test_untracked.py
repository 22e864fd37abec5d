"""Without consent a message tells nothing of its reader, looked at as bytes (RELIABILITY L8)."""

import email
import email.policy
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from senders.message import Message
from senders.rendering.context import SendContext
from senders.rendering.renderer import Renderer
from senders.rendering.template import CompiledTemplate
from senders.tracking.keys import Keyring
from senders.tracking.tokens import Purpose, SendTokens, TokenReader, send_tokens

LINKS = (
    '<a href="https://shop.example/a?b=1&amp;c=2">One</a> <a href="https://shop.example/p/{{ contact.sku }}">Two</a>'
    ' <a href="{{ view_in_browser_url }}">Web</a> <a href="{{ preferences_url }}">Choose</a>'
    ' <img src="https://shop.example/picture.png" alt="A tent" />'
)
OURS = re.compile(r"https://mail\.acme\.example/([a-z])/([\w-]+)")


@pytest.fixture
def template(folder: Any) -> CompiledTemplate:
    return folder.words(LINKS).compile()


@pytest.fixture
def make(profile: Any, tokens: SendTokens, template: CompiledTemplate) -> Any:
    context = SendContext(
        profile=profile,
        tokens=tokens,
        send_id="spring.20261103T0900Z",
        campaign="spring",
        topic="news",
        base_url="https://mail.acme.example",
        sent_at=datetime(2026, 11, 3, 9, 0, tzinfo=UTC),
    )
    return lambda **changes: Renderer(template, replace(context, **changes))


def parts(renderer: Renderer, row: dict[str, Any]) -> str:
    """Return what a client reads of a message, decoded: its headers, its text and its HTML."""
    message = renderer.build(row)
    assert isinstance(message, Message), message
    parsed = email.message_from_bytes(message.raw, policy=email.policy.default)
    bodies = [part.get_content() for part in parsed.walk() if part.get_content_maintype() == "text"]
    assert len(bodies) == 2
    return "\n".join([*map(str, parsed.values()), *bodies])


def kinds(text: str) -> set[str]:
    return {match[1] for match in OURS.finditer(text)}


def test_with_consent_there_are_pixel_and_links_of_ones_own(make: Any, row: dict[str, Any]) -> None:
    assert kinds(parts(make(), {**row, "sku": 7})) == {"c", "o", "p", "u", "v"}


@pytest.mark.parametrize("tracking", [False, None, 0])
def test_without_consent_only_what_a_person_presses_for_themselves(
    make: Any, row: dict[str, Any], tracking: object
) -> None:
    renderer = make()
    person = {**row, "sku": 7, "tracking": tracking}
    text = parts(renderer, person)
    assert kinds(text) == {"p", "u", "v"}
    assert "https://shop.example/a?b=1&amp;c=2" in text
    assert "https://shop.example/p/7" in text
    assert not re.search(r'<img[^>]*(width="1"|mail\.acme)', text)
    web = renderer.render_web(person)
    assert kinds(web) == {"p", "u", "v"}


def test_no_row_and_no_template_can_do_it_where_nobody_may(make: Any, row: dict[str, Any]) -> None:
    renderer = make(may_track=False)
    person = {**row, "sku": 7, "tracking": True}
    assert kinds(parts(renderer, person)) == {"p", "u", "v"}
    assert kinds(renderer.render_web(person)) == {"p", "u", "v"}
    assert parts(renderer, person) == parts(make(), {**person, "tracking": False})


def test_two_people_get_the_same_targets_without_consent(make: Any, row: dict[str, Any]) -> None:
    renderer = make()
    texts = [
        parts(renderer, {**row, "sku": 7, "tracking": False, "seq": seq, "contact_id": f"{seq:032x}"}) for seq in (5, 6)
    ]
    targets = [re.findall(r"https://shop\.example[^\s\"<]*", text) for text in texts]
    assert targets[0] == targets[1]


def test_the_preference_link_is_the_readers_own(
    make: Any, row: dict[str, Any], tmp_path: Any, template: CompiledTemplate
) -> None:
    keyring = Keyring.open(tmp_path / "keys")
    text = parts(make(tokens=send_tokens(keyring, 7)), {**row, "sku": 7, "tracking": False})
    (token,) = {match[2] for match in OURS.finditer(text) if match[1] == "p"}
    claims = TokenReader(keyring).read(token, Purpose.PREFERENCES)
    assert (claims.send_no, claims.seq, claims.address_hash.hex()) == (7, row["seq"], row["contact_id"])
    assert [link.role for link in template.links].count("preferences") == 1
