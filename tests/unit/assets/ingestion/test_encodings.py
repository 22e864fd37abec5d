import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.ingestion.encodings import detect_encoding
from senders.errors import ConfigError

GERMAN = "Vorname;Ort\r\nJürgen;Köln\r\nÄnne;Düsseldorf\r\nZoë;Weiß am See\r\n"
FRENCH = "Prénom,Nom\nFrançoise,Lévêque\nAïcha,Besançon\nNoël,L'Haÿ\n"
POLISH = "imię;nazwisko;miasto\nŁukasz;Żak;Łódź\nPaweł;Wójcik;Kraków\nMałgorzata;Śliwa;Gdańsk\n"
CZECH = "jméno;příjmení\nJiří;Dvořák\nKateřina;Šťastná\n"
SPANISH = "nombre;nota\nÍñigo;¿Qué tal?\nBegoña;Mª Jesús\n"
BRITISH = "name,spent\nAnn,£12.50\nBob,£3\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GERMAN, "utf-8"),
        (GERMAN, "utf-8-sig"),
        (GERMAN, "utf-16"),
        (GERMAN, "utf-16-le"),
        (GERMAN, "utf-16-be"),
        (GERMAN, "cp1252"),
        (GERMAN, "mac-roman"),
        (GERMAN, "cp850"),
        (FRENCH, "cp1252"),
        (FRENCH, "mac-roman"),
        (FRENCH, "cp850"),
        (SPANISH, "cp1252"),
        (BRITISH, "cp1252"),
        (POLISH, "cp1250"),
        (POLISH, "iso8859-2"),
        (POLISH, "utf-8"),
        (CZECH, "cp1250"),
    ],
)
def test_encoding_is_told_from_the_bytes(tmp_path, text, encoding):
    path = tmp_path / "file.csv"
    path.write_bytes(text.encode(encoding))
    found = detect_encoding(path)
    assert found.name == encoding
    # newline translation apart, the text comes back as it was
    assert path.read_bytes().decode(found.name).removeprefix("\ufeff") == text


def test_ascii_alone_is_utf8_and_shows_no_example(tmp_path):
    path = tmp_path / "file.csv"
    path.write_bytes(b"a,b\n1,2\n")
    assert (detect_encoding(path).name, detect_encoding(path).example) == ("utf-8", "")


def test_an_example_shows_how_the_file_reads(tmp_path):
    path = tmp_path / "file.csv"
    path.write_bytes(GERMAN.encode("cp1252"))
    assert detect_encoding(path).example in {"Jürgen", "Köln", "Änne", "Düsseldorf", "Zoë", "Weiß"}


def test_the_one_odd_byte_at_the_end_of_a_large_file_counts(tmp_path):
    path = tmp_path / "file.csv"
    path.write_bytes(b"name\n" + b"Anna\n" * 600_000 + "Jürgen\nKöln\n".encode("cp1252"))
    assert detect_encoding(path).name == "cp1252"


def test_a_mixture_of_two_encodings_is_refused_with_its_line(tmp_path):
    path = tmp_path / "file.csv"
    path.write_bytes("Jürgen\nKöln\nDüren\nÄnne\n".encode() + "Müller\n".encode("cp1252"))
    with pytest.raises(ConfigError, match=r"0xfc in line 5.*--encoding cp1252"):
        detect_encoding(path)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(alphabet="abcäöüÄÖÜßéèçñåøœž -'", min_size=1, max_size=12), min_size=1, max_size=30))
def test_utf8_is_never_taken_for_anything_else(tmp_path_factory, words):
    path = tmp_path_factory.getbasetemp() / "words.csv"
    path.write_text("\n".join(words), encoding="utf-8")
    assert detect_encoding(path).name == "utf-8"
