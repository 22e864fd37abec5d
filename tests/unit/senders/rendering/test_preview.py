import pytest

from senders.errors import RenderError
from senders.rendering.preview import preview


def test_shows_what_is_sent_and_what_an_inbox_shows(folder, make_renderer, row):
    head = "<mj-preview>For {{ contact.first_name|default('you') }} &amp; friends</mj-preview>"
    folder.body(
        '<mj-section><mj-column><mj-button href="https://shop.example/x">Go</mj-button></mj-column></mj-section>', head
    )
    shown = preview(make_renderer(folder.compile()), {**row, "first_name": "Ann <b>"})
    assert shown.preheader == "For Ann <b> & friends"
    assert shown.recipient == row["address"]
    assert "/c/" in shown.html
    assert "/o/" in shown.html
    assert b"Subject: " in shown.raw


def test_the_page_to_look_at_has_no_pixel_and_the_links_own_targets(folder, make_renderer, row):
    folder.body(
        '<mj-section><mj-column><mj-button href="https://shop.example/x">Go</mj-button></mj-column></mj-section>'
    )
    page = preview(make_renderer(folder.compile()), row).page
    assert 'href="https://shop.example/x"' in page
    assert "/o/" not in page


def test_a_message_that_cannot_be_made_says_why(folder, make_renderer, row):
    folder.words("{{ contact.city }}")
    with pytest.raises(RenderError, match="row 5: a value is missing"):
        preview(make_renderer(folder.compile()), row)
