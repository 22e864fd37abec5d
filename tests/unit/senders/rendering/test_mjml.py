"""The tokenizer: what does not fit together is named with its line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from senders.rendering.mjml import Element, Jinja, parse
from senders.rendering.source import Source


def problems(text: str) -> list[str]:
    return [f"{one.line}: {one.id}: {one.message}" for one in parse(Source.read("t.mjml", text)).problems]


def test_a_tree_with_attributes_texts_and_jinja() -> None:
    document = parse(Source.read("t.mjml", '<mj-text color="{{ a > "b" }}" x=\'1\'>Hi {{ n }}<br>!</mj-text>'))
    element = document.root.children[0]
    assert isinstance(element, Element)
    assert element.get("color") == '{{ a > "b" }}'
    assert element.get("x") == "1"
    assert document.content(element) == "Hi {{ n }}<br>!"
    assert [type(child).__name__ for child in element.children] == ["Text", "Jinja", "Element", "Text"]
    assert document.problems == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "<mj-section>\n<mj-column>\n</mj-section>",
            "3: mjml-unbalanced: </mj-section> closes <mj-column> opened on line 2",
        ),
        ("<mj-section>\n<mj-text>a", "2: mjml-never-closed: <mj-text> is never closed"),
        ("a\n</mj-text>", "2: mjml-unbalanced: </mj-text> closes nothing"),
        ("<p>a\n</b></p>", "2: mjml-unbalanced: </b> closes <p> opened on line 1"),
        ("<mj-text\nfoo>a</mj-text>", "2: mjml-attribute-value: foo has no value"),
        ("<mj-text a=1>x</mj-text>", "1: mjml-unquoted: the value of a has no quotes"),
        ('<mj-text a="1>x</mj-text>', "1: mjml-open-quote: the quote of a is never closed"),
        ('<mj-text a="1" a="2">x</mj-text>', "1: mjml-attribute-twice: a is given twice"),
        ("<mj-text <b>x</b></mj-text>", "1: mjml-open-tag: <mj-text is not ended by >"),
        ("<mj-text =>x</mj-text>", "1: mjml-attribute: '=' is not an attribute"),
        ("<mj-text>1 < 2</mj-text>", "1: mjml-bare-less-than: a bare < stands here"),
        ("<?xml version='1'?>", "1: mjml-declaration: a declaration stands here"),
        ("<MJ-text>x</MJ-text>", "1: mjml-uppercase: <MJ-text> has capital letters"),
        (
            "<mj-text {% if a %}b='c'{% endif %}>x</mj-text>",
            "1: jinja-in-tag: {% if a %} stands between the attributes of <mj-text>",
        ),
        (
            "{% if a %}\n<mj-text>{% endif %}</mj-text>",
            "2: jinja-crosses-tags: {% endif %} does not match what is open: <mj-text> opened on line 2",
        ),
        (
            "<mj-text>{% for a in b %}</mj-text>",
            "1: jinja-crosses-tags: </mj-text> stands inside {% for %} opened on line 1",
        ),
        ("{% endif %}", "1: jinja-crosses-tags: {% endif %} does not match what is open: there"),
        ("{% if a %}", "1: mjml-never-closed: {% if %} is never closed"),
    ],
)
def test_mistakes_are_named_with_their_line(text: str, expected: str) -> None:
    assert expected in problems(text)


def test_balanced_jinja_around_tags_is_fine() -> None:
    text = (
        "{% if a %}<mj-text>{% for b in c %}{{ b }}{% else %}-{% endfor %}</mj-text>{% elif d %}{% else %}{% endif %}"
    )
    assert problems(text) == []


def test_loops_are_counted_up_to_the_parent() -> None:
    document = parse(Source.read("t", "{% for a in b %}<mj-column><mj-text>x</mj-text></mj-column>{% endfor %}"))
    assert [element.loops for element in document.root.walk()] == [0, 1, 0]


def test_words_of_statements() -> None:
    assert Jinja(0, 0, "{%- if x %}").word == "if"
    assert Jinja(0, 0, "{{ x }}").word == ""


@given(st.text(alphabet="<>/=\"' \n{}%#!-mjtexab", max_size=120))
def test_any_text_is_read_to_its_end(text: str) -> None:
    document = parse(Source.read("t.mjml", text))
    assert document.root.end == len(document.source.text)
    for problem in document.problems:
        assert problem.line >= 1
