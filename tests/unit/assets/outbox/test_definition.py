"""A transactional template's folder: what it may say, in which languages, and what is reported at which line."""

import pytest

from assets.audiences.template_checks import check_templates
from assets.outbox.checking import check_letter
from assets.outbox.definition import letter_folder, letter_folders, load_letter
from senders.errors import ConfigError

STREAMS = {"service": "transactional", "shop": "marketing"}


def write(outgoing, name, old, new, file="defs.yaml"):
    path = outgoing.project / "assets" / "transactional" / name / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def problems(outgoing, name):
    return [(p.id, p.line, p.message) for p in check_letter(letter_folder(outgoing.project, name), STREAMS)]


def test_our_own_templates_are_without_a_problem_in_english_and_german(outgoing):
    folders = letter_folders(outgoing.project)
    assert [folder.name for folder in folders] == ["confirm_signup", "order_thanks", "preference_link"]
    for folder in folders:
        assert check_letter(folder, STREAMS) == []
        letter = load_letter(folder, STREAMS)
        assert set(letter.mails) == {"en", "de"}
        assert [letter.language_for(code) for code in ("", "de", "DE_at", "en-GB", "fr")] == [
            "en", "de", "de", "en", "en"
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "id", "at", "words"),
    [
        ("sender: service", "sender: nobody", "TRANSACTIONAL-SENDER", "sender:", "not in mailrail.toml"),
        ("sender: service", "sender: shop", "TRANSACTIONAL-SENDER", "sender:", "wait behind campaigns"),
        ("title:", "titel:", "TRANSACTIONAL-KEY", "titel:", "'titel' is not known"),
        ("type: number", "type: integer", "TRANSACTIONAL-VALUE", "type: integer", "fields.days.type"),
        ("  days:", "  Days:", "TRANSACTIONAL-VALUE", "fields:", "no name of a field"),
        ("  days:", "  address:", "TRANSACTIONAL-VALUE", "fields:", "a name of our own"),
        ("language: en", "language: english", "TRANSACTIONAL-VALUE", "language:", "is no language"),
        ("  form:", "  label:", "TRANSACTIONAL-FIELD", "", "contact.form is not among the fields"),
    ],
)
def test_a_mistake_is_reported_at_its_line(outgoing, old, new, id, at, words):
    write(outgoing, "confirm_signup", old, new)
    text = (outgoing.project / "assets" / "transactional" / "confirm_signup" / "defs.yaml").read_text(encoding="utf-8")
    line = text[: text.index(at)].count("\n") + 1 if at else 0
    found = problems(outgoing, "confirm_signup")
    assert any(p[0] == id and p[1] == line and words in p[2] for p in found), found
    with pytest.raises(ConfigError, match=id):
        load_letter(letter_folder(outgoing.project, "confirm_signup"), STREAMS)


def test_a_field_that_may_be_missing_needs_a_default(outgoing):
    write(outgoing, "order_thanks", "{% if contact.ships_to %}", "{% if contact.total %}", "template.mjml")
    assert any("contact.ships_to has no default" in message for _, _, message in problems(outgoing, "order_thanks"))


def test_a_way_out_does_not_belong_into_an_answer(outgoing):
    write(outgoing, "confirm_signup", "partials/service_footer.mjml", "partials/footer.mjml", "template.mjml")
    assert any(id == "awaited-link" for id, _, _ in problems(outgoing, "confirm_signup"))


def test_the_postal_address_belongs_into_every_mail(outgoing):
    write(outgoing, "confirm_signup", '<mj-include path="partials/service_footer.mjml" />', "", "template.de.mjml")
    assert any(id == "address-missing" for id, _, _ in problems(outgoing, "confirm_signup"))


def test_a_template_may_not_share_its_name_with_a_campaign(outgoing):
    (outgoing.project / "assets" / "campaigns" / "order_thanks").mkdir(parents=True)
    assert any("a campaign is called" in message for _, _, message in problems(outgoing, "order_thanks"))


@pytest.mark.parametrize("name", ["order_thanks", "assets/transactional/order_thanks/subject.de.txt.j2"])
def test_template_check_tries_every_language(outgoing, monkeypatch, name):
    monkeypatch.chdir(outgoing.project)
    found = check_templates(outgoing.project, [name])
    assert [each.name for each in found.campaigns] == ["order_thanks (en)", "order_thanks (de)"]
    assert len(found.files) == 4
    assert found.count("error") == found.count("warning") == 0
