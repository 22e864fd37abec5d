from datetime import date
from pathlib import Path

import pytest

from senders.collector.wording import choose_language, read_words
from senders.errors import ConfigError

KNOWN = ("en", "de", "pt-br", "pt")


def test_english_and_german_have_the_same_words_with_the_same_gaps() -> None:
    import re
    import tomllib

    import senders.collector.wording as module

    folder = Path(module.__file__).with_name("words")
    english, german = (tomllib.loads((folder / f"{name}.toml").read_text("utf-8")) for name in ("en", "de"))
    assert {section: list(words) for section, words in english.items()} == {
        section: list(words) for section, words in german.items()
    }
    for section, words in english.items():
        for name, text in words.items():
            assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", german[section][name])), (section, name)
            assert text != german[section][name], (section, name)


def write(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_a_file_adds_a_language_and_english_stands_where_it_is_silent(tmp_path) -> None:
    folder = write(
        tmp_path / "words", "fr.toml", '[language]\nname = "Français"\n[unsubscribe]\nbutton = "Me désabonner"\n'
    )
    words = read_words(folder)["fr"]
    assert words.name == "Français"
    assert words.say("unsubscribe.button") == "Me désabonner"
    assert words.say("gone.title") == "This message is no longer available"
    assert set(read_words(folder)) == {"en", "de", "fr"}


def test_a_file_of_ours_can_be_changed_word_by_word(tmp_path) -> None:
    folder = write(tmp_path / "words", "de.toml", '[unsubscribe]\nbutton = "Abbestellen"\n')
    words = read_words(folder)["de"]
    assert words.say("unsubscribe.button") == "Abbestellen"
    assert words.say("unsubscribe.title") == "Abmelden"


def test_no_folder_is_no_language_more(tmp_path) -> None:
    assert set(read_words(tmp_path / "none")) == {"en", "de"}


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("fr.toml", "[unsubscribe]\nknopf = 'x'\n", "no page says unsubscribe.knopf"),
        ("fr.toml", "[unsubscribe]\nquestion = 'Quitter ?'\n", r"lacks \{topic\}"),
        ("fr.toml", "[unsubscribe]\nbutton = 3\n", "unsubscribe.button is no text"),
        ("fr.toml", "[unsubscribe]\nbutton = ' '\n", "unsubscribe.button is no text"),
        ("fr.toml", "[language]\nmonths = 'janvier février'\n", "has 2 names; write twelve"),
        ("fr.toml", "[", "mend the file"),
        ("French.toml", "", "names no language"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(tmp_path, name: str, text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        read_words(write(tmp_path / "words", name, text))


def test_gaps_are_filled_once_and_an_unknown_one_stays() -> None:
    words = read_words()["en"]
    assert words.say("unsubscribe.question", topic="{date}") == "Unsubscribe from “{date}”?"
    assert words.say("unsubscribe.question") == "Unsubscribe from “{topic}”?"
    assert words.date(date(2026, 5, 4)) == "4 May 2026"


def test_some_languages_run_from_the_right(tmp_path) -> None:
    folder = write(tmp_path / "words", "ar.toml", '[language]\nname = "العربية"\n')
    assert read_words(folder)["ar"].direction == "rtl"
    assert read_words(folder)["de"].direction == "ltr"


@pytest.mark.parametrize(
    ("wanted", "accepted", "chosen"),
    [
        ([], "de-AT,de;q=0.9,en;q=0.8", "de"),
        ([], "fr;q=0.9, en;q=0.4, de;q=0.7", "de"),
        ([], "PT-BR", "pt-br"),
        ([], "pt-pt", "pt"),
        ([], "de;q=0, en;q=0.1", "en"),
        ([], "", "en"),
        ([], "*", "en"),
        ([], "de;q=x" + "," * 10_000, "de"),
        (["", "de"], "en", "de"),
        (["xx", ""], "de", "de"),
    ],
)
def test_the_language_is_what_was_asked_for_then_the_browsers_then_ours(wanted, accepted, chosen) -> None:
    assert choose_language(wanted, accepted, KNOWN, "en") == chosen
