import pytest

from senders.rendering.legibility import lint_legibility
from senders.rendering.mjml import parse
from senders.rendering.source import Source


def found(body: str, head: str = "", **attributes: str) -> list[tuple[str, int]]:
    given = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in attributes.items())
    text = f"<mjml><mj-head>{head}</mj-head><mj-body{given}>\n{body}\n</mj-body></mjml>"
    problems = lint_legibility(parse(Source.read("t.mjml", text)))
    assert all(problem.severity == "warning" and problem.remedy for problem in problems)
    return [(problem.id, problem.line) for problem in problems]


def text(words: str, **attributes: str) -> str:
    given = "".join(
        f' {name.replace("_", "-")}="{value}"' for name, value in ({"font_size": "16px"} | attributes).items()
    )
    return f"<mj-section><mj-column><mj-text{given}>{words}</mj-text></mj-column></mj-section>"


LOW = [("contrast-low", 2)]
SMALL = [("text-small", 2)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (text("words"), []),
        (text("words", color="#777777"), LOW),
        (text("words", color="#767676"), []),
        (text("<p>words</p>", color="#777"), LOW),
        (text("words", color="#777", font_size="24px"), []),
        (text("words", color="#777", font_size="19px", font_weight="bold"), []),
        (text("<b>words</b>", color="#777", font_size="19px"), []),
        (text("words", color="#aaa", font_size="24px"), LOW),
        (text("words", color="{{ contact.colour }}"), []),
        (text("words", container_background_color="#111111"), LOW),
        (text('<span style="color: #eee">pale</span> words'), LOW),
        (text('<span style="color: #eee; background: #222">pale</span>'), []),
        (text('<span style="color: {{ x }}">pale</span>'), []),
        (text("{{ contact.first_name }}", color="#ddd"), LOW),
        (text(" &nbsp; ", color="#ddd"), []),
        (text("words", font_size="13px"), SMALL),
        (text("words", font_size="14px"), []),
        (text('<small style="font-size:11px">words</small>'), SMALL),
        (text("words", font_size="1.2em"), []),
        ("<mj-section><mj-column><mj-text>words</mj-text></mj-column></mj-section>", SMALL),
        ('<mj-section><mj-column><mj-button font-size="16px">Go</mj-button></mj-column></mj-section>', []),
        (
            '<mj-section><mj-column><mj-button font-size="16px" background-color="#eee">Go</mj-button></mj-column>'
            "</mj-section>",
            LOW,
        ),
        (
            '<mj-section background-url="https://x.example/p.jpg"><mj-column>'
            '<mj-text font-size="16px" color="#fff">on a picture</mj-text></mj-column></mj-section>',
            [],
        ),
    ],
)
def test_judges_what_stands_literally_in_the_mail(body, expected):
    assert found(body) == expected


def test_grounds_are_found_from_the_outside_in():
    inner = text("words", color="#ffffff")
    assert found(inner) == LOW
    assert found(inner, background_color="#222222") == []
    assert found(inner.replace("<mj-section>", '<mj-section background-color="#222">')) == []
    assert found(inner.replace("<mj-column>", '<mj-column inner-background-color="#222">')) == []
    assert (
        found(inner.replace("<mj-column>", '<mj-column background-color="#222" inner-background-color="#eee">')) == LOW
    )


def test_own_attribute_wins_over_class_over_tag_over_all():
    head = (
        '<mj-attributes><mj-all color="#eee" /><mj-text color="#000" />'
        '<mj-class name="pale" color="#ddd" /></mj-attributes>'
    )
    assert found(text("words"), head) == []
    assert found(text("words", mj_class="pale"), head) == LOW
    assert found(text("words", mj_class="pale", color="#333"), head) == []


def test_the_colour_of_all_links_is_known():
    link = text('<a href="https://x.example">words</a>')
    assert found(link, "<mj-style>a { color: #ccc; }</mj-style>") == LOW
    assert found(link, "<mj-style>@media (x) { a { color: #ccc; } }</mj-style>") == []
    assert found(link, "<mj-style>p { color: #ccc; }</mj-style>") == []


def test_a_look_is_told_once_in_each_block():
    assert found(text("<p>one</p><p>two</p><p>three</p>", color="#999")) == LOW
    assert found(text("one", color="#999") + text("two", color="#999")) == LOW * 2


def test_a_document_without_body_is_the_linters_business():
    assert lint_legibility(parse(Source.read("t.mjml", "<mjml></mjml>"))) == []
