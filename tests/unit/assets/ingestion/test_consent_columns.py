from collections import Counter
from pathlib import Path

import pytest

from assets.ingestion.consent_columns import find_consent_columns, sort_words
from assets.ingestion.encodings import Encoding
from assets.ingestion.layouts import Layout
from assets.ingestion.vocabulary import consent_state


def layout(**columns):
    rows = tuple(zip(*columns.values(), strict=True))
    return Layout(Path("file.csv"), "csv", Encoding("utf-8"), ",", tuple(columns), rows)


@pytest.mark.parametrize(
    ("heading", "yes", "no"),
    [
        ("Newsletter", "yes", "no"),
        ("Accepts Email Marketing", "TRUE", "FALSE"),
        ("Opt-In", "1", "0"),
        ("Einwilligung", "Ja", "Nein"),
        ("Newsletter-Anmeldung", "j", "n"),
        ("Abonné newsletter", "oui", "non"),
        ("Suscrito", "sí", "no"),
        ("Consenso marketing", "sì", "no"),
        ("Nieuwsbrief", "ja", "nee"),
        ("Aceita newsletter", "sim", "não"),
        ("Zgoda na newsletter", "tak", "nie"),
    ],
)
def test_consent_is_found_and_its_words_are_sorted(heading, yes, no):
    (found,) = find_consent_columns(layout(**{heading: [yes, no, yes]}))
    assert (found.column, found.confidence >= 0.8, found.is_opt_out) == (heading, True, False)
    words = sort_words(Counter([yes, no, yes]), 3)
    assert (words.granted, words.denied, words.unknown) == ((yes,), (no,), {})


def test_a_word_that_is_not_known_is_never_consent():
    words = sort_words(Counter({"ja": 5, "vielleicht": 3, "Vielleicht": 1, "x": 1, "pending": 2}), 20)
    assert words.granted == ("ja",)
    assert words.unknown == {"vielleicht": 4, "pending": 2, "x": 1}
    assert (words.unknown_share, words.blank) == (7 / 12, 8)


@pytest.mark.parametrize("word", ["", "x", "ok", "vielleicht", "pending", "да", "aktiv", "yesterday", "janein"])
def test_the_vocabulary_grants_nothing_that_may_mean_another_thing(word):
    assert consent_state(word) is None


def test_who_said_stop_is_told_from_who_never_asked():
    words = sort_words(Counter({"ja": 1, "nein": 1, "abgemeldet": 1}), 3)
    assert (words.granted, words.denied, words.unsubscribed) == (("ja",), ("nein",), ("abgemeldet",))


def test_a_yes_in_a_column_of_opt_outs_means_stop_and_a_no_means_nothing():
    (found,) = find_consent_columns(layout(Abgemeldet=["nein", "ja"]))
    assert found.is_opt_out
    words = sort_words(Counter(["nein", "ja"]), 2, is_opt_out=True)
    assert (words.granted, words.denied, words.unsubscribed, words.unknown) == ((), (), ("ja",), {})


def test_a_date_of_opt_out_means_stop_whatever_it_is():
    (found,) = find_consent_columns(layout(**{"Abgemeldet am": ["", "03.02.2024"]}))
    assert (found.is_opt_out, found.is_any_value) == (True, True)


@pytest.mark.parametrize(
    "columns",
    [
        {"Accepts SMS Marketing": ["yes", "no"]},  # another channel
        {"Newsletter Anmeldedatum": ["2024-01-01", "2024-02-01"]},  # when, not whether
        {"Status": ["active", "inactive"]},
        {"Kunde": ["ja", "nein"]},
    ],
)
def test_other_columns_are_no_consent(columns):
    assert find_consent_columns(layout(**columns)) == []


def test_words_that_can_mean_nothing_else_tell_a_column_by_themselves():
    (found,) = find_consent_columns(layout(Status=["subscribed", "unsubscribed"]))
    assert (found.column, found.is_opt_out) == ("Status", False)
