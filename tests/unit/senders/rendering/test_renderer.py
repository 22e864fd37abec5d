"""Messages: what one row becomes, and what no row can do."""

import email
import email.policy
import re
from collections.abc import Callable
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from senders.errors import RenderError
from senders.message import Message, Unrenderable
from senders.rendering.preview import preview
from senders.rendering.renderer import Renderer
from senders.rendering.template import CompiledTemplate, compile_template
from senders.tracking.tokens import SendTokens
from tests.fixtures.corpora import needs_corpora

NAMES = [
    "From", "To", "Reply-To", "Subject", "Date", "Message-ID", "List-Id", "Mailrail-Send", "Feedback-ID",
    "Precedence", "List-Unsubscribe", "List-Unsubscribe-Post", "MIME-Version", "Content-Type",
]  # fmt: skip
Make = Callable[[CompiledTemplate], Renderer]


@pytest.fixture(scope="module")
def renderer(tmp_path_factory: pytest.TempPathFactory, make_renderer: Make) -> Renderer:
    root = tmp_path_factory.mktemp("template")
    shared, campaign = root / "templates", root / "spring"
    shared.mkdir()
    campaign.mkdir()
    (shared / "brand.yaml").write_text("name: Acme\npostal_address: 1 High Road\nhome_url: https://shop.example\n")
    (campaign / "subject.txt.j2").write_text("{{ contact.first_name|default('You') }}, {{ contact.city|default('') }}")
    (campaign / "template.mjml").write_text(
        '<mjml lang="en"><mj-head><mj-title>T</mj-title></mj-head><mj-body><mj-section><mj-column><mj-text>'
        "Hi {{ contact.first_name|default('you') }} {{ contact.city|default('') }}"
        '<a href="https://shop.example/a?b=1&amp;c=2">See it</a>'
        '<a href="https://shop.example/p/{{ contact.sku|default(0) }}">Yours</a>'
        '<a href="{{ view_in_browser_url }}">Web</a> <a href="{{ unsubscribe_url }}">Leave</a> 1 High Road'
        "</mj-text></mj-column></mj-section></mj-body></mjml>"
    )
    return make_renderer(compile_template(campaign, shared))


def built(renderer: Renderer, row: dict[str, Any]) -> Message:
    message = renderer.build(row)
    assert isinstance(message, Message), message
    return message


def parsed(message: Message) -> EmailMessage:
    return cast(EmailMessage, email.message_from_bytes(message.raw, policy=email.policy.default))


def test_the_headers_in_their_order(renderer: Renderer, row: dict[str, Any], tokens: SendTokens) -> None:
    message = built(renderer, row)
    read = parsed(message)
    assert read.keys() == NAMES
    assert str(read["From"]) == "Acme & Co <hello@news.acme.example>"
    assert str(read["To"]) == "Ann Lee <Ann.Lee@example.com>"
    assert str(read["Subject"]) == "Ann,"
    assert read["Message-ID"] == f"<{tokens.message_id(5, 'news.acme.example')}>"
    assert message.return_path == tokens.return_path(5, "bounce.acme.example")
    assert message.recipient == "Ann.Lee@example.com"
    token = tokens.unsubscribe(5, bytes.fromhex("ab" * 16), "news")
    line = next(line for line in message.raw.split(b"\r\n") if line.startswith(b"List-Unsubscribe:")).decode()
    assert line == (
        f"List-Unsubscribe: <https://mail.acme.example/u/{token}>,"
        f" <mailto:leave@bounce.acme.example?subject=unsubscribe%20{token}>"
    )


def test_both_parts_carry_the_same_tracked_links(renderer: Renderer, row: dict[str, Any], tokens: SendTokens) -> None:
    rendered = renderer.render({**row, "sku": "x y"})
    first = f"https://mail.acme.example/c/{tokens.click(5, 1)}"
    second = f"https://mail.acme.example/c/{tokens.click(5, 2, 'https://shop.example/p/x%20y')}"
    for part in (rendered.html, rendered.text):
        assert first in part
        assert second in part
        assert f"https://mail.acme.example/v/{tokens.view(5)}" in part
        assert "shop.example" not in part
    assert rendered.html.count(f"https://mail.acme.example/o/{tokens.pixel(5)}.gif") == 1


def test_without_tracking_there_is_no_pixel_and_no_token_but_the_way_out(
    renderer: Renderer, row: dict[str, Any]
) -> None:
    rendered = renderer.render({**row, "tracking": False, "sku": 7})
    assert "/o/" not in rendered.html
    assert "/c/" not in rendered.html + rendered.text
    assert "https://shop.example/a?b=1&amp;c=2" in rendered.html
    assert "https://shop.example/a?b=1&c=2" in rendered.text
    assert "https://shop.example/p/7" in rendered.html
    assert "/u/" in rendered.html


def test_the_page_in_the_browser_has_no_pixel(renderer: Renderer, row: dict[str, Any]) -> None:
    html = renderer.render_web(row)
    assert "/o/" not in html
    assert "/c/" in html


def test_the_same_row_gives_the_same_bytes(renderer: Renderer, row: dict[str, Any]) -> None:
    assert built(renderer, row) == built(renderer, dict(reversed(row.items())))


def test_missing_values(renderer: Renderer, row: dict[str, Any]) -> None:
    for empty in (None, "", "  "):
        rendered = renderer.render({**row, "first_name": empty})
        assert rendered.subject.startswith("You,")
        assert "Hi you" in rendered.text
    assert "Hi you" in renderer.render({key: row[key] for key in row if key != "first_name"}).text


def test_a_required_field_that_is_missing_is_a_reason(folder: Any, make_renderer: Make, row: dict[str, Any]) -> None:
    result = make_renderer(folder.words("{{ contact.city }}").compile()).build(row)
    assert isinstance(result, Unrenderable)
    assert result.seq == 5
    assert "city" in result.reason


@pytest.mark.parametrize(
    ("words", "row", "reason"),
    [
        ("{{ contact.n / 0 }}", {"n": 1}, "ZeroDivisionError"),
        ("{{ contact.n * 3 }}", {"n": "x"}, "may not do this"),
        ("{{ contact.n|round }}", {"n": "x"}, "TypeError"),
        ('<a href="{{ contact.n }}">x</a>', {"n": "javascript:alert(1)"}, "not a web address"),
        ('<a href="{{ contact.n }}">x</a>', {"n": "https://a.example/" + "x" * 5000}, "4096"),
        ("{{ contact.n }}", {"n": {"a": 1}}, "type dict"),
        ("x", {"address": "not an address"}, "spaces"),
        ("x", {"address": "ann@EXAMPLE.com"}, "form for the wire"),
        ("x", {"address": "ann@example.com>\r\nRCPT TO:<eve@example.com"}, "control character"),
        ("x", {"contact_id": "xyz"}, "contact_id"),
    ],
)
def test_reasons(
    folder: Any, make_renderer: Make, row: dict[str, Any], words: str, reason: str, request: pytest.FixtureRequest
) -> None:
    changes = request.node.callspec.params["row"]
    base = request.getfixturevalue("base_row")
    result = make_renderer(folder.words(words).compile()).build({**base, **changes})
    assert isinstance(result, Unrenderable)
    assert reason in result.reason


@pytest.fixture
def base_row() -> dict[str, Any]:
    return {"seq": 5, "contact_id": "ab" * 16, "address": "ann@example.com", "tracking": True}


class Balance(HTMLParser):
    """Notes each end tag that does not end what is open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in {"meta", "img", "br", "link", "hr"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        """Nothing is left open."""

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


@pytest.mark.parametrize("items", ["", "a", "abc"])
@pytest.mark.parametrize("outlook", [False, True])
def test_repeated_components_stay_balanced(
    folder: Any, make_renderer: Make, base_row: dict[str, Any], items: str, outlook: bool
) -> None:
    loop, end = "{% for i in contact.items|default('') if i < 'z' %}", "{% endfor %}"
    column = '<mj-column width="33%"><mj-text>{{ i }} > {{ loop.index }}</mj-text></mj-column>'
    body = (
        f"{loop}<mj-section>{column}</mj-section>{end}<mj-section>{loop}{column}{end}</mj-section>"
        f"<mj-wrapper>{loop}<mj-section>{column}</mj-section>{end}</mj-wrapper>"
        f"<mj-section><mj-column><mj-table><tr><th>n</th></tr>{loop}<tr><td>{{{{ i }}}}</td></tr>{end}</mj-table>"
        f"{loop}<mj-button href='https://a.example/{{{{ i }}}}'>{{{{ i }}}}</mj-button>{end}</mj-column></mj-section>"
    )
    html = make_renderer(folder.body(body).compile()).render({**base_row, "items": items}).html
    assert html.count("<td>") == len(items)
    if outlook:
        html = re.sub(r"<!--\[if[^>]*>(<!-->)?|(<!--)?<!\[endif\]-->", "", html)
    balance = Balance()
    balance.feed(html)
    assert balance.wrong == []
    assert balance.open == []


def test_an_empty_subject_is_a_reason(folder: Any, make_renderer: Make, base_row: dict[str, Any]) -> None:
    template = folder.words("x").subject("{% if contact.city %}{{ contact.city }}{% endif %}").compile()
    result = make_renderer(template).build(base_row)
    assert isinstance(result, Unrenderable)
    assert "subject is empty" in result.reason


def test_values_are_escaped_in_html_and_not_in_text(renderer: Renderer, row: dict[str, Any]) -> None:
    rendered = renderer.render({**row, "first_name": "<b>Ann</b> & {{ 7*7 }}"})
    assert "&lt;b&gt;Ann&lt;/b&gt; &amp; {{ 7*7 }}" in rendered.html
    assert "Hi <b>Ann</b> & {{ 7*7 }}" in rendered.text


def check_hostile(renderer: Renderer, row: dict[str, Any], text: str) -> None:
    message = built(renderer, {**row, "first_name": text, "last_name": text, "city": text})
    assert message.raw.isascii()
    assert b"\0" not in message.raw
    assert message.raw.replace(b"\r\n", b"").count(b"\n") == 0
    assert message.raw.replace(b"\r\n", b"").count(b"\r") == 0
    assert all(len(line) <= 998 for line in message.raw.split(b"\r\n"))
    read = parsed(message)
    assert read.keys() == NAMES
    assert [address.addr_spec for address in read["To"].addresses] == ["Ann.Lee@example.com"]
    plain, html = (part.get_content().replace("\r\n", "\n") for part in read.iter_parts())
    rendered = renderer.render({**row, "first_name": text, "last_name": text, "city": text})
    assert plain.rstrip("\n") == rendered.text.rstrip("\n")
    assert "<script" not in html.lower()
    assert str(read["Subject"]) == rendered.subject


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(max_size=300))
def test_no_value_makes_a_header_a_tag_or_a_long_line(renderer: Renderer, row: dict[str, Any], text: str) -> None:
    check_hostile(renderer, row, text)


@pytest.mark.parametrize(
    "text",
    [
        "=?utf-8?q?Bob=0D=0ABcc:_evil@x.test?=",
        "Bob\r\nBcc: evil@x.test",
        "From me",
        "x" * 3000,
        "é" * 1500,
        "a\u0085b\u2028c\x0bd",
        "\ud83d",
        "--=_",
        "<script>alert(1)</script>",
    ],
)
def test_hostile_values(renderer: Renderer, row: dict[str, Any], text: str) -> None:
    check_hostile(renderer, row, text)


@needs_corpora
def test_hostile_values_of_the_corpus(renderer: Renderer, row: dict[str, Any], blns: list[str]) -> None:
    for text in blns:
        check_hostile(renderer, row, text)


def test_a_preview_is_the_mail(renderer: Renderer, row: dict[str, Any]) -> None:
    shown = preview(renderer, row)
    assert shown.raw == built(renderer, row).raw
    assert (shown.subject, shown.recipient) == ("Ann,", "Ann.Lee@example.com")
    assert shown.html == renderer.render(row).html


def test_a_preview_says_why_there_is_none(renderer: Renderer, row: dict[str, Any]) -> None:
    with pytest.raises(RenderError, match="row 5: the address has no @"):
        preview(renderer, {**row, "address": "nobody"})


def test_rows_carry_their_number(renderer: Renderer, row: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="seq is str"):
        renderer.build({**row, "seq": "5"})
