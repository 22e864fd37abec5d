"""Pieces: what is encoded once and what per message makes the same bytes as encoding the whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from senders.rendering.environment import TemplateEnvironment, plain_value
from senders.rendering.pieces import Pieces

SOURCE = """<p>Grüße {{ name }}</p>
{% for item in items %}<li>{{ item }} – {{ 'ä\n' }}</li>
{% endfor %}{% if city %}From {{ city }}{% endif %}"""

VALUES = st.text(st.characters(exclude_categories=("Cs",)), max_size=40).map(lambda text: plain_value(text) or "x")


@given(VALUES, st.lists(VALUES, max_size=3), VALUES)
def test_pieces_encode_to_the_whole_encoded(name: str, items: list[str], city: str) -> None:
    pieces = Pieces(SOURCE, TemplateEnvironment(autoescape=True))
    values = {"name": name, "items": items, "city": city}
    texts = pieces.texts(values)
    assert "".join(texts) == TemplateEnvironment(autoescape=True).from_string(SOURCE).render(values)
    assert pieces.encode(texts) == "".join(texts).encode("ascii", "xmlcharrefreplace").replace(b"\n", b"\r\n")


@pytest.mark.parametrize("source", ["{{ 'a\\rb' }}", "{% for a in b %}{{ a ~ '\\0' }}{% endfor %}", "a\0b"])
def test_a_template_that_makes_control_characters_is_not_plain(source: str) -> None:
    assert not Pieces(source, TemplateEnvironment(autoescape=True)).is_plain


@pytest.mark.parametrize(
    ("source", "value", "may"),
    [
        ("<p>{{ a }}</p>", "From me", False),
        ("<p>\n{{ a }}", "From me", True),
        ("<p>\n{{ a }}", "Ann", False),
        ("x\nFrom", "Ann", True),
        ("From {{ a }}", "Ann", True),
    ],
)
def test_whether_a_line_may_begin_with_from_is_seen_at_the_pieces(source: str, value: str, may: bool) -> None:
    pieces = Pieces(source, TemplateEnvironment(autoescape=True))
    assert pieces.may_say_from(pieces.texts({"a": value})) is may
