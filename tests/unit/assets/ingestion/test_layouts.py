import csv
import io
import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.ingestion.layouts import count_words, detect_layout, draft_definition, find_delimiter
from senders.errors import ConfigError

CELL = st.text(alphabet="abc dé;,|\t\"'\n", max_size=8)


@pytest.fixture
def lay(tmp_path):
    def write(content, name="file.csv", **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return detect_layout(path, **options)

    return write


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_delimiter_is_the_one_under_which_records_agree(lay, delimiter, line_end):
    rows = [["email", "note", "name"], ["a@x.example", f"one{delimiter} two\nthree", "A"], ["b@x.example", "", "B"]]
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=line_end).writerows(rows)
    layout = lay(text.getvalue())
    assert (layout.format, layout.delimiter, layout.header) == ("csv", delimiter, ("email", "note", "name"))
    assert [list(row) for row in layout.rows] == rows[1:]


@settings(max_examples=100, deadline=None)
@given(
    delimiter=st.sampled_from([";", ",", "\t", "|"]),
    rows=st.lists(st.tuples(CELL, CELL, CELL), min_size=3, max_size=12),
)
def test_quoted_cells_hold_anything(delimiter, rows):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([("email", "first", "last"), *rows])
    assert find_delimiter(text.getvalue()) == delimiter


def test_one_column_has_no_delimiter(lay):
    assert lay("email\na@x.example\nb@x.example\n").header == ("email",)


def test_json_lines_are_told_by_their_content(lay):
    text = "".join(json.dumps({"email": f"{n}@x.example", "name": {"first": "Zoë"}}) + "\n" for n in range(3))
    layout = lay(text, "file.jsonl")
    assert (layout.format, layout.header, layout.values("name.first")) == (
        "jsonl",
        ("email", "name.first"),
        ["Zoë"] * 3,
    )


def test_parquet_is_told_by_its_content(tmp_path):
    pl.DataFrame({"email": ["a@x.example"], "asked": [True]}).write_parquet(tmp_path / "file.parquet")
    layout = detect_layout(tmp_path / "file.parquet")
    assert (layout.format, layout.header, layout.values("asked")) == ("parquet", ("email", "asked"), ["true"])


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"", "file.csv", "is empty"),
        (b"PK\x03\x04rest", "file.xlsx", "Excel workbook"),
        (b"\x1f\x8brest", "file.csv.gz", "unpack it"),
        (b'[{"email": "a@x.example"}]', "file.json", "one object per line"),
        (b'{"email":\n "a@x.example"}', "file.json", "one object per line"),
        (b"<html></html>", "file.csv", "XML or HTML"),
        (b"sep=;\nemail;name\n", "file.csv", "remove that line"),
        (b"a@x.example,Anna\nb@x.example,Ben\n", "file.csv", "names of columns"),
        (b"email,email\na,b\n", "file.csv", "more than once"),
        (b'{"email": "a@x.example"}\n', "file.csv", "rename it to file.jsonl"),
    ],
)
def test_a_file_that_can_be_no_source_says_what_to_do(lay, content, name, message):
    with pytest.raises(ConfigError, match=message):
        lay(content, name)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match="is not there"):
        detect_layout(tmp_path / "none.csv")


def test_what_is_told_goes_before_what_is_found(lay):
    layout = lay("a,b;c,d\n1,2;3,4\n", delimiter=",", encoding="latin-1")
    assert (layout.delimiter, layout.encoding.name, layout.header) == (",", "latin-1", ("a", "b;c", "d"))


def test_words_are_counted_over_the_whole_file(tmp_path):
    path = tmp_path / "file.csv"
    path.write_text("email;asked\n" + "a@x.example;ja\n" * 5_000 + "b@x.example; abgemeldet \nbroken\n;\n")
    words, rows = count_words(draft_definition(detect_layout(path), {"email": "email"}), "asked")
    assert (dict(words), rows) == ({"ja": 5_000, "abgemeldet": 1}, 5_003)


def test_an_encoding_that_nobody_knows_is_refused(lay):
    with pytest.raises(ConfigError, match="'klingon' is no encoding"):
        lay("email\na@x.example\n", encoding="klingon")
