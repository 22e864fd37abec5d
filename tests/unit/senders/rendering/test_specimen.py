from datetime import date
from pathlib import Path

import pytest
from selectolax.lexbor import LexborHTMLParser

from senders.errors import RenderError
from senders.rendering.specimen import _picture, made_up_value, render_specimen
from senders.rendering.template import compile_template
from tests.fixtures.corpora import needs_corpora, xss_strings

ROOT = Path(__file__).parents[4]
SECTION = "<mj-section><mj-column>{}</mj-column></mj-section>"


def words(html: str) -> str:
    return " ".join(LexborHTMLParser(html).body.text().split())


def links(html: str) -> list[tuple[str, str]]:
    return [(link.text(strip=True), link.attributes["href"] or "") for link in LexborHTMLParser(html).css("a")]


def test_every_link_leads_to_its_number(folder) -> None:
    template = folder.words(
        '<a href="https://shop.example/sale">Sale</a> <a href="https://shop.example/{{ contact.shop_id }}">Yours</a>'
        ' <a href="{{ view_in_browser_url }}">View</a> <a href="{{ unsubscribe_url }}">Leave</a>'
        ' <a href="mailto:help@shop.example">Write</a> <a href="#link-1">Down</a> {{ unsubscribe_url }}'
    ).compile()
    specimen = render_specimen(template)
    assert [(link.link_no, link.role) for link in template.links] == [
        (1, "content"),
        (2, "content"),
        (3, "view"),
        (4, "unsubscribe"),
        (5, "unsubscribe"),
    ]
    assert links(specimen.html) == [
        ("Sale", "#link-1"),
        ("Yours", "#link-2"),
        ("View", "#link-3"),
        ("Leave", "#link-4"),
        ("Write", "#"),
        ("Down", "#"),
        ("Unsubscribe", "#link-5"),
    ]


def test_buttons_pictures_and_shared_addresses_are_links_too(folder) -> None:
    template = folder.body(
        SECTION.format(
            '<mj-button href="https://shop.example/a">A</mj-button>'
            '<mj-image href="https://shop.example/b" src="https://cdn.example/b.png" alt="B" width="120px" />'
            '<mj-social><mj-social-element name="facebook" href="https://shop.example/c">C</mj-social-element></mj-social>'
        )
    ).compile()
    assert [href for _, href in links(render_specimen(template).html)] == [
        "#link-1",
        "#link-2",
        "#link-3",
        "#link-3",
        "#link-4",
    ]


def test_a_contact_is_made_up_and_the_subject_rendered(folder) -> None:
    folder.subject("Hi {{ contact.first_name }} &\n")
    template = folder.words(
        "{{ contact.city }} {% if contact.orders >= 3 %}regular{% endif %} {{ contact.total_spent|round(2) }}"
        " {{ contact.favourite_colour }} {{ contact.joined_at }} {% if contact.vip %}vip{% endif %}"
    ).compile()
    specimen = render_specimen(template)
    assert specimen.subject == "Hi Alex &"
    assert "Springfield regular 3 Favourite colour 2026-05-04 vip" in words(specimen.html)
    assert render_specimen(template) == specimen


def test_neither_pixel_nor_token_nor_address_is_in_it(folder) -> None:
    html = render_specimen(folder.words("Hello {{ contact.email }}").compile()).html
    tree = LexborHTMLParser(html)
    assert "Hello alex@mail.example" in words(html)
    assert not tree.css("img")
    assert not tree.css("script, link, meta[http-equiv]")
    assert "<!--" not in html
    assert "://" not in html


def test_pictures_become_placeholders_of_their_size(folder) -> None:
    images = (
        '<mj-image src="https://cdn.example/hero.jpg" alt="A &lt;hut&gt;" width="300px" height="120px" />',
        '<mj-image src="https://cdn.example/logo.png" alt="Logo" width="64px" />',
        '<mj-text><img src="{{ contact.picture_url }}" alt="" style="width:50px;height:40px" /></mj-text>',
    )
    html = render_specimen(folder.body(SECTION.format("".join(images))).compile()).html
    shown = [image.attributes for image in LexborHTMLParser(html).css("img")]
    assert all((one["src"] or "").startswith("data:image/svg+xml,") for one in shown)
    assert "cdn.example" not in html
    assert [one["alt"] for one in shown] == ["A <hut>", "Logo", ""]
    sizes = [("width='300' height='120'"), ("width='64' height='64'"), ("width='50' height='40'")]
    for one, size in zip(shown, sizes, strict=True):
        assert size.replace("'", "%27") in (one["src"] or "")
    assert "A%20%26lt;hut%26gt;".replace("%20", " ") in (shown[0]["src"] or "")


@pytest.mark.parametrize(
    ("field", "kind", "value"),
    [
        ("first_name", None, "Alex"),
        ("FIRST_NAME", None, "Alex"),
        ("favourite_shop", None, "Favourite shop"),
        ("orders", None, 3),
        ("orders", "text", "Orders"),
        ("score", "number", 3),
        ("birthday", None, date(2026, 5, 4)),
        ("last_ordered_at", None, date(2026, 5, 4)),
        ("last_ordered_at", "text", "Last ordered at"),
        ("at", None, "At"),
        ("since", "date", date(2026, 5, 4)),
        ("profile_url", "text", "https://shop.example/"),
    ],
)
def test_names_and_kinds_tell_what_a_field_holds(field: str, kind, value) -> None:
    assert made_up_value(field, kind) == value


def test_a_number_whose_name_does_not_tell_is_found_by_trying(folder) -> None:
    template = folder.words("You may take {{ contact.coins // 2 }}.").compile()
    assert "You may take 1." in words(render_specimen(template).html)
    assert "You may take 1." in words(render_specimen(template, {"coins": "number"}).html)


def test_optional_fields_are_left_out_where_nothing_else_helps(folder) -> None:
    body = "{% if contact.orders %}{{ contact.orders|replace(1, 2)|round }}{% else %}nothing{% endif %}"
    assert "nothing" in render_specimen(folder.words(body).compile(), {"orders": "text"}).html


def test_a_template_that_suits_nobody_is_refused_with_the_first_reason(folder) -> None:
    template = folder.words("{{ contact.first_name // 2 }}").compile()
    with pytest.raises(RenderError, match="failed for a made-up contact: SecurityError: // is not allowed"):
        render_specimen(template)


def test_the_shipped_campaigns_can_be_shown() -> None:
    for campaign in sorted((ROOT / "assets" / "campaigns").iterdir()):
        template = compile_template(campaign, ROOT / "assets" / "templates")
        shown = {href for _, href in links(render_specimen(template).html)}
        assert {f"#link-{link.link_no}" for link in template.links} <= shown


@needs_corpora
def test_no_string_of_the_corpus_survives_in_alt_texts(folder) -> None:
    for text in xss_strings():
        source = _picture({"alt": text, "width": text, "style": text})["src"]
        assert source.startswith("data:image/svg+xml,<svg".replace("<", "%3C"))
        assert not set("<>\"'") & set(source)
