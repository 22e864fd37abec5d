"""Compiling: what comes out of a folder, and what is refused with file and line."""

from pathlib import Path
from typing import Any

import pytest

from senders.errors import ConfigError, Problem, TemplateError
from senders.rendering.template import CompiledTemplate, check_template, compile_template, read_brand

ROOT = Path(__file__).resolve().parents[4]


def found(folder: Any) -> list[Problem]:
    return check_template(folder.campaign, folder.shared)


def ids(folder: Any) -> list[str]:
    return [problem.id for problem in found(folder)]


@pytest.mark.parametrize("campaign", ["spring_sale", "back_in_stock"])
def test_the_campaigns_of_this_repository_compile_without_any_problem(campaign: str) -> None:
    compiled = compile_template(ROOT / "assets" / "campaigns" / campaign, ROOT / "assets" / "templates")
    assert compiled.warnings == ()
    assert compiled.html_is_7bit
    assert compiled.required_fields == ()
    assert 12_000 < len(compiled.html) < 20_000
    assert [link.role for link in compiled.links].count("unsubscribe") == 1
    assert len([link for link in compiled.links if link.role == "content"]) >= 3
    assert max(map(len, compiled.html.split("\n"))) < 500


def test_links_fields_and_brand(folder: Any) -> None:
    compiled = folder.words(
        '{{ contact.city }} <a href="https://shop.example/a?b=1&amp;c=2">See <b>it</b></a>'
        '<a href="https://shop.example/p/{{ contact.sku|urlencode }}">Yours</a>'
        '<a href="{{ view_in_browser_url }}">Web</a><a href="mailto:a@b.example">Write</a> {{ brand.name }}'
    ).compile()
    assert [(link.link_no, link.url, link.label, link.role) for link in compiled.links] == [
        (1, "https://shop.example/a?b=1&c=2", "See it", "content"),
        (2, "", "Yours", "content"),
        (3, "", "Web", "view"),
        (4, "", "Unsubscribe", "unsubscribe"),
    ]
    assert compiled.fields == ("city", "first_name", "sku")
    assert compiled.optional_fields == ("first_name",)
    assert compiled.required_fields == ("city", "sku")
    assert "Acme &amp; Co" in compiled.html
    assert "Acme & Co" in compiled.text
    assert "https://shop.example/a" not in compiled.html
    assert "mailto:a@b.example" in compiled.html


def test_a_template_survives_its_file(folder: Any) -> None:
    compiled = folder.words("Grüße {{ contact.city|default('x') }}").compile()
    assert CompiledTemplate.from_json(compiled.to_json()) == compiled


def test_a_changed_or_foreign_file_is_refused(folder: Any) -> None:
    text = folder.words("Hi").compile().to_json()
    with pytest.raises(ConfigError, match="do not match"):
        CompiledTemplate.from_json(text.replace("Hello", "Hullo"))
    with pytest.raises(ConfigError, match="cut short"):
        CompiledTemplate.from_json(text[:-5])
    with pytest.raises(ConfigError, match="version"):
        CompiledTemplate.from_json(text.replace('"version": 1', '"version": 9'))


def test_the_hash_covers_whatever_shapes_the_message(folder: Any) -> None:
    hashes = {folder.words("Hi").compile().content_hash}
    hashes.add(folder.words("Ho").compile().content_hash)
    hashes.add(folder.subject("Other").compile().content_hash)
    (folder.shared / "brand.yaml").write_text("name: B\npostal_address: 2 Road\nhome_url: https://b.example\n")
    hashes.add(folder.compile().content_hash)
    hashes.add(folder.words('Ho<a href="https://b.example/x">x</a>').compile().content_hash)
    hashes.add(folder.words('Ho<a href="https://b.example/y">x</a>').compile().content_hash)
    assert len(hashes) == 6
    assert folder.compile().content_hash in hashes


@pytest.mark.parametrize(
    ("words", "id"),
    [
        ("{{ contact.a", "jinja-syntax"),
        ("{{ contact.a|nosuch }}", "jinja-syntax"),
        ("{{ contact.a|safe }}", "jinja-syntax"),
        ("{% include 'x' %}", "jinja-statement"),
        ("{% macro a() %}x{% endmacro %}", "jinja-statement"),
        ("{% raw %}x{% endraw %}", "jinja-statement"),
        ("{{ contact.first_name.upper() }}", "jinja-call"),
        ("{{ range(3) }}", "jinja-call"),
        ("{{ contact }}", "jinja-contact"),
        ("{{ contact.__class__ }}", "jinja-field"),
        ("{{ customer.name }}", "jinja-unknown-name"),
        ("{{ link_slot_1 }}", "reserved-name"),
        ("{{ brand.nosuch }}", "brand-unknown"),
        ("{{ brand.name|upper }}", "brand-expression"),
        ('<a href="/relative">x</a>', "link-address"),
        ('<a href="javascript:alert(1)">x</a>', "link-address"),
        ('<a href="shop/{{ contact.a }}">x</a>', "link-address"),
        ('<a href="https://{{ contact.a }}/x">x</a>', "link-address"),
        ('<a href="https://a.example/{% if contact.a %}b{% endif %}">x</a>', "link-statement"),
        ('<a href="https://a.example/"></a>', "link-empty"),
        ('<img src="https://a.example/i.png">', "image-alt"),
        ('<img alt="x">', "image-src"),
        ('<img src="data:image/png;base64,AA" alt="">', "image-data"),
        ('<img src="http://a.example/i.png" alt="">', "image-src"),
        ("<script>x</script>", "html-forbidden"),
        ('<p onclick="x()">a</p>', "html-script"),
        ("<mj-button>x</mj-button>", "mjml-in-leaf"),
    ],
)
def test_what_may_not_stand_in_a_text(folder: Any, words: str, id: str) -> None:
    problem = next(one for one in found(folder.words(words)) if one.id == id)
    assert Path(problem.path).name == "template.mjml"
    assert problem.line == 4
    assert problem.remedy or id == "jinja-depth"


@pytest.mark.parametrize(
    ("body", "id"),
    [
        ("<mj-text>x</mj-text>", "mjml-nesting"),
        ("<mj-sektion></mj-sektion>", "mjml-unknown-tag"),
        ("<mj-chart></mj-chart>", "mjml-unsupported"),
        ("<p>x</p>", "html-outside"),
        ("loose words", "mjml-loose-text"),
        ("{{ contact.a }}", "mjml-loose-text"),
        ('<mj-section colour="red"></mj-section>', "mjml-unknown-attribute"),
        ('<mj-section padding="wide"></mj-section>', "mjml-length"),
        ('<mj-section background-color="#12"></mj-section>', "mjml-colour"),
        ('<mj-section padding="{{ contact.a }}"></mj-section>', "jinja-in-layout"),
        (
            "<mj-section>{% for a in [1, 2] %}<mj-column><mj-text>x</mj-text></mj-column>{% endfor %}</mj-section>",
            "mjml-loop-width",
        ),
        ('<mj-include path="../../secret.mjml" />', "include-missing"),
        ('<mj-include path="partials/nosuch.mjml" />', "include-missing"),
    ],
)
def test_what_may_not_stand_in_the_body(folder: Any, body: str, id: str) -> None:
    problem = next(one for one in found(folder.body(body)) if one.id == id)
    assert problem.line == 4


@pytest.mark.parametrize(
    ("head", "id"),
    [
        ('<mj-style inline="inline">p { color: red }</mj-style>', "mjml-style-inline"),
        ("<mj-style>p { color: {{ contact.a }} }</mj-style>", "jinja-in-style"),
        ("<mj-style>p { background: url(https://a.example/x) }</mj-style>", "style-remote"),
        ("<mj-html-attributes></mj-html-attributes>", "mjml-unsupported"),
    ],
)
def test_what_may_not_stand_in_the_head(folder: Any, head: str, id: str) -> None:
    folder.body("<mj-section></mj-section>", head=head)
    assert id in ids(folder)


def test_a_mistake_in_a_partial_is_reported_there(folder: Any) -> None:
    (folder.shared / "partials" / "bad.mjml").write_text("<mj-section>\n<mj-colum></mj-colum>\n</mj-section>")
    problem = next(one for one in found(folder.body('<mj-include path="partials/bad.mjml" />')) if "colum" in str(one))
    assert problem.path.endswith("partials/bad.mjml")
    assert problem.line == 2
    assert problem.id == "mjml-unknown-tag"


def test_circles_of_includes_are_cut(folder: Any) -> None:
    (folder.shared / "partials" / "a.mjml").write_text('<mj-include path="partials/a.mjml" />')
    assert "include-cycle" in ids(folder.body('<mj-include path="partials/a.mjml" />'))


def test_duties_towards_the_reader(folder: Any) -> None:
    folder.mjml(
        '<mjml lang="en"><mj-head><mj-title>T</mj-title></mj-head><mj-body><mj-section><mj-column>'
        "<mj-text>x</mj-text></mj-column></mj-section></mj-body></mjml>"
    )
    assert {"unsubscribe-missing", "address-missing"} <= set(ids(folder))


def test_missing_language_and_title_are_warnings(folder: Any) -> None:
    folder.mjml('<mjml><mj-body><mj-include path="partials/footer.mjml" /></mj-body></mjml>')
    assert {(one.id, one.severity) for one in found(folder)} == {("mjml-lang", "warning"), ("mjml-title", "warning")}
    assert len(folder.compile().warnings) == 2


def test_a_document_without_a_body(folder: Any) -> None:
    assert "mjml-body" in ids(folder.mjml("hello"))


@pytest.mark.parametrize(
    ("subject", "id", "severity"),
    [
        ("", "subject-empty", "error"),
        ("one\ntwo", "subject-lines", "error"),
        ("x" * 200, "subject-long", "warning"),
        ("{{ contact.", "jinja-syntax", "error"),
    ],
)
def test_subjects(folder: Any, subject: str, id: str, severity: str) -> None:
    problem = next(one for one in found(folder.words("x").subject(subject)) if one.id == id)
    assert problem.severity == severity
    assert problem.path.endswith("subject.txt.j2")


def test_all_problems_are_reported_at_once(folder: Any) -> None:
    folder.words('<img src="https://a.example/x.png">\n{{ who }}').subject("a\nb")
    with pytest.raises(TemplateError) as caught:
        folder.compile()
    assert {"image-alt", "jinja-unknown-name", "subject-lines"} <= {one.id for one in caught.value.problems}
    assert "template.mjml:5: who is not known here" in str(caught.value)


def test_large_templates(folder: Any) -> None:
    assert ("html-size", "warning") in [(one.id, one.severity) for one in found(folder.words("word " * 17_000))]
    assert ("html-size", "error") in [(one.id, one.severity) for one in found(folder.words("word " * 21_000))]


def test_missing_and_damaged_files(folder: Any) -> None:
    assert "template.mjml: the file is missing" in str(found(folder)[0])
    (folder.campaign / "template.mjml").write_bytes(b"\xff\xfe")
    assert "not UTF-8" in str(found(folder)[0])


@pytest.mark.parametrize(
    ("text", "match"),
    [("name: [", "not YAML"), ("- a", "no list of names"), ("name: A", "postal_address, home_url is missing")],
)
def test_brands_that_do_not_do(folder: Any, text: str, match: str) -> None:
    (folder.shared / "brand.yaml").write_text(text)
    with pytest.raises(ConfigError, match=match):
        read_brand(folder.shared)


def test_a_missing_brand(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"brand\.yaml"):
        read_brand(tmp_path)


def test_a_brand_value_is_text_not_jinja(folder: Any) -> None:
    text = "name: '{{ contact.secret }}'\npostal_address: 1 High Road\nhome_url: https://s.example\n"
    (folder.shared / "brand.yaml").write_text(text)
    compiled = folder.words("from {{ brand.name }}").compile()
    assert "secret" not in compiled.fields
    assert "{ { contact.secret }}" in compiled.text


def test_comments_are_the_authors_own(folder: Any) -> None:
    compiled = folder.words("a<!-- note {{ contact.secret }} -->b{# another #}").compile()
    assert "note" not in compiled.html
    assert compiled.fields == ("first_name",)


@pytest.mark.parametrize(
    ("words", "required"),
    [
        ("{{ contact.a }}", True),
        ("{{ contact['a'] }}", True),
        ("{{ contact.a|default('x') }}", False),
        ("{{ contact.a|default('x')|upper }}", False),
        ("{{ contact.a|upper|default('x') }}", True),
        ("{% if contact.a %}{{ contact.a }}{% endif %}", False),
        ("{% if contact.a and contact.a > 3 %}x{% endif %}", False),
        ("{% if contact.a > 3 %}x{% endif %}", True),
        ("{% if contact.a is defined %}{{ contact.a }}{% else %}y{% endif %}", False),
        ("{% if contact.a %}x{% else %}{{ contact.a }}{% endif %}", True),
        ("{% if not contact.a %}x{% endif %}", False),
        ("{{ contact.a if contact.a else 'x' }}", False),
        ("{{ contact.a or 'x' }}", False),
        ("{% set n = contact.a|default('x') %}{{ n }}", False),
        ("{% with n = contact.a %}{{ n }}{% endwith %}", True),
        ("{% for c in contact.a|default('') if c %}{{ c }}{{ loop.index }}{% endfor %}", False),
        ("{{ 'x' }}{% if 1 %}{% elif contact.a %}{{ contact.a }}{% endif %}", False),
    ],
)
def test_which_fields_are_required(folder: Any, words: str, required: bool) -> None:
    compiled = folder.words(words).compile()
    assert "a" in compiled.fields
    assert ("a" in compiled.required_fields) is required


def test_styles_outside_ascii_make_the_html_travel_encoded(folder: Any) -> None:
    compiled = folder.body(
        "<mj-section></mj-section>", head="<mj-style>.a:before { content: '→' }</mj-style>"
    ).compile()
    assert not compiled.html_is_7bit


def test_other_characters_become_references(folder: Any) -> None:
    compiled = folder.words("Grüße → {{ contact.city|default('Köln') }}").compile()
    html = " ".join(compiled.html.split())
    assert "Gr&#252;&#223;e &#8594;" in html
    assert "default('Köln')" in html
    assert "Grüße → " in compiled.text


def test_preheader(folder: Any) -> None:
    compiled = folder.body(
        "<mj-section></mj-section>", head="<mj-preview>Soon {{ contact.city|default('') }}</mj-preview>"
    )
    assert compiled.compile().preheader == "Soon {{ contact.city|default('') }}"


def test_what_the_compiler_refuses_is_a_problem_too(folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("unexpected element at position 16:34")

    monkeypatch.setattr("senders.rendering.template.mrml.to_html", refuse)
    assert ids(folder.words("x")) == ["mjml-compiler"]


def test_jinja_that_the_compiler_drops_is_a_problem(folder: Any) -> None:
    folder.body(
        '<mj-section css-class="{{ contact.a }}"><mj-column>'
        '<mj-navbar base-url="{{ contact.b }}" /></mj-column></mj-section>'
    )
    problem = next(one for one in found(folder) if one.id == "jinja-lost")
    assert (problem.line, "contact.b" in problem.message) == (4, True)
