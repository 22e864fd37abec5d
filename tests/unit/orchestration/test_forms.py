import pytest

from orchestration.settings import load_settings
from senders.errors import ConfigError
from senders.forms import FieldKind

HEAD = 'title = "News"\nconsent = "Yes."\nconsent_version = "1"\n'


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Return the forms of a mailrail.toml with one form."""

    def load(body="", *, name="news", more=""):
        (tmp_path / "mailrail.toml").write_text(f"[forms.{name}]\n{HEAD}{body}\n{more}", encoding="utf-8")
        monkeypatch.setenv("MAILRAIL_PROJECT", str(tmp_path))
        return load_settings().collector_config().signups

    return load


def test_a_form_asks_by_mail_unless_somebody_said_why_not(read):
    assert read().forms["news"].double_opt_in
    reason = 'double_opt_in = false\nsingle_opt_in_reason = "Every address was checked by post."'
    assert not read(reason).forms["news"].double_opt_in


def test_fields_and_words_stand_by_language(read):
    config = read(
        more="""
[forms.news.languages.de]
title = "Neues"
consent = "Ja."
[forms.news.fields.size]
label = "Size"
type = "choice"
choices = { s = "Small", l = "Large" }
languages.de = { label = "Größe", choices = { s = "Klein" } }
"""
    )
    form = config.forms["news"]
    assert (form.title, form.wording, form.thanks) == (
        {"": "News", "de": "Neues"},
        {"": "Yes.", "de": "Ja."},
        {},
    )
    (size,) = form.fields
    assert (size.kind, size.label["de"]) == (FieldKind.CHOICE, "Größe")
    assert size.choices == {"s": {"": "Small", "de": "Klein"}, "l": {"": "Large", "de": "Large"}}


def test_limits_have_defaults_that_protect(read):
    limits = read().limits
    assert (limits.pause_minutes, limits.per_day) == (15, 3)
    assert read(more="[signups]\nper_day = 1").limits.per_day == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("double_opt_in = false", "single_opt_in_reason"),
        ('topics = ["Offers!"]', "no topic"),
        ('ask_topics = true\ntopics = ["offers"]', "two topics"),
        ('captcha = "riddle"', "module:function"),
        ('captcha = "turnstile"', "captcha_site_key"),
        ('origins = ["https://shop.example/"]', "no origin"),
        ('origins = ["shop.example"]', "no origin"),
        ('captcha_secret = "hush"', "MAILRAIL_FORMS__NEWS__CAPTCHA_SECRET"),
        ('fields.email = { label = "x" }', "cannot name a field"),
        ('fields.size = { label = "x", type = "choice" }', "choices"),
        ('fields.note = { label = "x", max = 5000 }', "no line of text"),
        ('languages.German = { title = "x", consent = "y" }', "no language"),
        ('color = "red"', "color"),
    ],
)
def test_what_cannot_work_is_refused(read, body, words):
    with pytest.raises(ConfigError, match=words):
        read(body)


def test_a_form_has_a_name_fit_for_an_address(read):
    with pytest.raises(ConfigError, match="small letters"):
        read(name='"News Letter"')


def test_the_secret_of_a_service_comes_from_a_file_beside_the_project(read, tmp_path):
    (tmp_path / "secret").write_text("hush\n")
    config = read('captcha = "turnstile"\ncaptcha_site_key = "site"\ncaptcha_secret_file = "secret"')
    assert config.forms["news"].captcha.secret == "hush"
    assert "hush" not in repr(config)
