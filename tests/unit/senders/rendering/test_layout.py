"""Settled HTML: short lines and ASCII, and the same to every reader."""

import re

from hypothesis import given
from hypothesis import strategies as st

from senders.rendering.layout import LINE, settle
from senders.rendering.mjml import parse
from senders.rendering.shield import shield
from senders.rendering.source import Source


def test_long_lines_are_broken_at_spaces_and_between_attributes() -> None:
    html = "<p>" + "word " * 200 + "</p>" + '<td style="color: red" class="a">x</td>' * 40
    settled, is_7bit = settle(html)
    assert is_7bit
    assert max(map(len, settled.split("\n"))) < LINE + 40
    assert re.sub(r"\s+", " ", settled).strip() == re.sub(r"\s+", " ", html).strip()


def test_no_line_begins_with_from() -> None:
    settled, _ = settle("<p>" + "From " * 300 + "</p>")
    assert not any(line.startswith("From ") for line in settled.split("\n"))


def test_preformatted_text_styles_and_conditions_are_left_alone() -> None:
    html = "<style>a {\n  b: c; }\n</style><pre>1\n  2  é</pre><!--[if mso | IE]><td   width='1'><![endif]--> a   b"
    settled, is_7bit = settle(html)
    assert "<style>a { b: c; }\n </style>" in settled
    assert "<pre>1\n  2  &#233;</pre>" in settled
    assert "<!--[if mso | IE]><td width='1'><![endif]-->" in settled
    assert settled.endswith("a b\n")
    assert is_7bit


def test_space_between_elements_is_kept_where_there_was_some_and_nowhere_else() -> None:
    assert settle("<b>a</b> <i>b</i><u> c </u>d")[0] == "<b>a</b> <i>b</i><u> c </u>d\n"


@given(st.text(alphabet="ab é<>/='\" \n\t", max_size=300))
def test_any_html_becomes_short_and_loses_nothing(text: str) -> None:
    settled, _ = settle(text)
    squeezed = re.sub(r"\s+", "", text).replace("é", "&#233;")
    assert re.sub(r"\s+", "", settled) == squeezed
    assert "  " not in settled


def test_a_shield_gives_back_what_it_took() -> None:
    text = '<mj-section>{% if a %}<mj-text color="{{ c }}">jz {{ "<b>" }}</mj-text>{% endif %}</mj-section>'
    shielded = shield(parse(Source.read("t", text)))
    assert shielded.text.count("<!--") == 2
    assert "{" not in shielded.text
    assert shielded.restore(shielded.text) == text
    assert shielded.lost(shielded.text) == []
    assert shielded.lost("") == list(shielded.tokens)
