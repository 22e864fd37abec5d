import html.parser
import json

import pytest
from click.testing import CliRunner

from orchestration.cli.main import cli

TOML = """
[collector]
base_url = "https://mail.shop.example/"

[topics.offers]
label = "Offers"
[topics.news]
label = "News & notes"

[forms.newsletter]
title = "Trail notes"
topics = ["offers", "news"]
ask_topics = true
consent = 'I agree to get "Trail notes".'
consent_version = "2026-11"

[forms.newsletter.languages.de]
title = "Wegnotizen"
consent = "Ich möchte Wegnotizen."

[forms.newsletter.fields.first_name]
label = "First name"
max = 60
languages.de.label = "Vorname"

[forms.newsletter.fields.size]
label = "Size"
type = "choice"
choices = { s = "Small", l = "Large" }
required = true
"""


class Outline(html.parser.HTMLParser):
    """The tags of a snippet, with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def all(self, *names):
        return [attributes for tag, attributes in self.tags if tag in names]


@pytest.fixture
def run(tmp_path, monkeypatch):
    (tmp_path / "mailrail.toml").write_text(TOML, encoding="utf-8")
    monkeypatch.setenv("MAILRAIL_PROJECT", str(tmp_path))
    monkeypatch.setenv("MAILRAIL_HOME", str(tmp_path / "home"))
    return lambda *arguments: CliRunner().invoke(cli, ["form", *arguments])


def test_a_snippet_is_a_whole_form_and_nothing_but_html(run):
    result = run("snippet", "newsletter")
    assert result.exit_code == 0
    outline = Outline(result.output)
    assert outline.all("form") == [
        {
            "method": "post",
            "action": "https://mail.shop.example/s/newsletter",
            "accept-charset": "utf-8",
            "class": "signup",
        }
    ]
    assert not outline.all("script", "style", "link", "img", "iframe")
    assert not [one for _, attributes in outline.tags for one in attributes if one == "style" or one.startswith("on")]
    assert "I agree to get &quot;Trail notes&quot;." in result.output
    assert "News &amp; notes" in result.output


def test_each_input_of_a_snippet_has_a_label_and_the_trap_is_hidden(run):
    outline = Outline(run("snippet", "newsletter").output)
    labelled = {one["for"] for one in outline.all("label") if "for" in one}
    shown = [one for one in outline.all("input", "select") if one.get("type") not in {"hidden", "checkbox"}]
    assert {one["id"] for one in shown} == labelled
    assert len(labelled) == 4
    assert outline.all("div") == [{"hidden": None}]
    fixed = {one["name"]: one["value"] for one in outline.all("input") if one.get("type") == "hidden"}
    assert fixed == {"lang": "en", "wording": "2026-11"}


def test_a_snippet_speaks_a_language(run):
    result = run("snippet", "newsletter", "--lang", "de")
    assert all(words in result.output for words in ("Vorname", "Ich möchte Wegnotizen.", "E-Mail-Adresse", "Anmelden"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["snippet", "other"], "known: newsletter"),
        (["snippet", "newsletter", "--lang", "tlh"], "assets/words/tlh.toml"),
    ],
)
def test_what_is_not_there_is_said(run, arguments, words):
    result = run(*arguments)
    assert result.exit_code != 0
    assert words in str(result.exception)


def test_forms_are_listed(run):
    assert "https://mail.shop.example/s/newsletter" in run("list").output
    assert json.loads(run("list", "--json").output)["forms"] == [
        {
            "name": "newsletter",
            "title": "Trail notes",
            "url": "https://mail.shop.example/s/newsletter",
            "topics": ["offers", "news"],
            "double_opt_in": True,
            "consent_version": "2026-11",
        }
    ]
