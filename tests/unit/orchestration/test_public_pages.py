from pathlib import Path

import pytest
from pydantic import ValidationError

from orchestration.public_pages import MAX_LOGO_BYTES, DarkSettings, LightSettings, PagesSettings, TopicSettings
from senders.errors import ConfigError
from senders.page_config import DARK, LIGHT, PagesConfig

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
WORDS = Path("assets/words")


def test_what_nobody_set_is_ours() -> None:
    built = PagesSettings().build({}, WORDS)
    assert built == PagesConfig(words_folder=WORDS)
    assert (built.theme.light, built.theme.dark) == (LIGHT, DARK)


def test_topics_keep_their_order_and_their_languages() -> None:
    topics = {
        "offers": TopicSettings(
            label="Offers", description="Cheap.", languages={"de": {"label": "Angebote", "description": "Billig."}}
        ),
        "news": TopicSettings(label="News"),
    }
    first, second = PagesSettings().build(topics, WORDS).topics
    assert (first.name, first.label) == ("offers", {"": "Offers", "de": "Angebote"})
    assert first.description == {"": "Cheap.", "de": "Billig."}
    assert second.name == "news"


@pytest.mark.parametrize("name", ["Offers", "a b", "", "<b>", "1st"])
def test_a_topic_no_campaign_could_have_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"topics\..*use small letters"):
        PagesSettings().build({name: TopicSettings(label="x")}, WORDS)


def test_colours_that_cannot_be_read_are_named() -> None:
    faint = PagesSettings(light=LightSettings(soft="#c0c0c0"))
    with pytest.raises(ConfigError, match=r"pages\.light: soft #c0c0c0 on card #ffffff has a contrast of 1\.8"):
        faint.build({}, WORDS)
    with pytest.raises(ConfigError, match=r"pages\.dark: act_ink #ffffff on act #2dd4bf.*WCAG 2\.2 AA"):
        PagesSettings(dark=DarkSettings(act_ink="#ffffff")).build({}, WORDS)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("language", "English"), ("language", "en; }"), ("radius", 99), ("font", "x; } body { display: none"),
        ("font", 'a"'), ("font", "url(https://x.example)"), ("link", "javascript:alert(1)"), ("link", "https://"),
        ("link_text", "Imprint"), ("pause_days", []), ("pause_days", [0]), ("preference_days", 0), ("colour", "red"),
        ("light", {"act": "red"}), ("light", {"act": "#12345"}), ("light", {"act": "#123456;"}),
    ],
)  # fmt: skip
def test_what_would_not_work_or_would_break_out_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError):
        PagesSettings(**{field: value})


@pytest.mark.parametrize(
    ("data", "kind"),
    [(PNG, "image/png"), (b"\xff\xd8\xff\xe0" + bytes(9), "image/jpeg"), (b"RIFF\x0a\n\x00\x00WEBP", "image/webp")],
)
def test_a_logo_is_known_by_its_bytes(tmp_path, data: bytes, kind: str) -> None:
    path = tmp_path / "logo.svg"
    path.write_bytes(data)
    theme = PagesSettings(logo=path).build({}, WORDS).theme
    assert (theme.logo, theme.logo_type) == (data, kind)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "no PNG, JPEG or WebP"),
        (b"<html>", "no PNG, JPEG or WebP"),
        (b"", "no PNG, JPEG or WebP"),
        (PNG + bytes(MAX_LOGO_BYTES), "make it smaller"),
        (None, "cannot read"),
    ],
)
def test_what_is_no_picture_is_refused(tmp_path, data: bytes | None, told: str) -> None:
    path = tmp_path / "logo.png"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(ConfigError, match=rf"pages\.logo: .*{told}"):
        PagesSettings(logo=path).build({}, WORDS)


def test_words_are_looked_at_before_anybody_comes(tmp_path) -> None:
    with pytest.raises(ConfigError, match=r"pages\.language: there are no words in 'fr', only in en, de; .*fr\.toml"):
        PagesSettings(language="fr").build({}, tmp_path)
    (tmp_path / "fr.toml").write_text('[language]\nname = "Français"\n')
    assert PagesSettings(language="fr").build({}, tmp_path).language == "fr"
    (tmp_path / "fr.toml").write_text("[unsubscribe]\nbotton = 'x'\n")
    with pytest.raises(ConfigError, match=r"fr\.toml: no page says unsubscribe\.botton"):
        PagesSettings().build({}, tmp_path)


def test_pauses_are_offered_in_order_and_once() -> None:
    assert PagesSettings(pause_days=(90, 7, 90)).build({}, WORDS).pause_days == (7, 90)
