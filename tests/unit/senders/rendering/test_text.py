"""The text part reads like a letter."""

from typing import Any

import pytest

from senders.rendering.text import tidy_text


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("a<br>b", "a\nb"),
        ("<p>one</p><p>two &amp; three</p>", "one\n\ntwo & three"),
        ("<ul><li>x</li><li>y</li></ul>", "- x\n- y"),
        ("<b>bold</b> <i>and</i>", "bold and"),
        ('<a href="mailto:a@b.example">a@b.example</a>', "a@b.example"),
        ('<a href="https://x.example/">there</a>', "there ({{ link_slot_1 }})"),
        ('<img src="https://x.example/i.png" alt="A boot">', "A boot"),
        ("&#123;&#123; x }}", "{ { x }}"),
        ("{% if contact.a %}yes{% endif %}", "{% if contact.a %}yes{% endif %}"),
    ],
)
def test_words(folder: Any, words: str, expected: str) -> None:
    assert folder.words(words).compile().text.split("\n\nUnsubscribe")[0] == expected


def test_components(folder: Any) -> None:
    body = (
        "<mj-section><mj-column>"
        '<mj-button href="https://x.example/">Go</mj-button><mj-button>Still</mj-button><mj-divider />'
        '<mj-image src="https://x.example/i.png" alt="Boots" href="https://x.example/b" />'
        '<mj-image src="https://x.example/i.png" alt="" />'
        "<mj-table><tr><td>Kit<br>wax</td><td>9</td></tr><tr><td>Lace</td><td>7</td></tr></mj-table>"
        '<mj-social><mj-social-element name="web" href="https://x.example/s">Us</mj-social-element></mj-social>'
        "<mj-raw><p>raw</p></mj-raw></mj-column></mj-section>"
        "{% if contact.a %}<mj-section><mj-column><mj-text>if</mj-text></mj-column></mj-section>{% endif %}"
    )
    text = folder.body(body).compile().text
    assert text.startswith(
        "* Go\n{{ link_slot_1 }}\n\nStill\n\n----------------------------------------\n\n[Boots] {{ link_slot_2 }}"
        "\n\nKit, wax | 9\nLace | 7\n\nUs: {{ link_slot_3 }}\n{% if contact.a %}\nif\n\n{% endif %}\n"
    )
    assert "raw" not in text


def test_tidy() -> None:
    assert tidy_text("\n\na  \n\n\n\n\nb\n") == "a\n\nb\n"
