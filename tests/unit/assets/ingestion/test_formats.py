import json

import polars as pl
import pytest

from assets.ingestion.formats import read_header, read_raw
from senders.errors import ConfigError
from tests.fixtures.sources import CONTACTS, ORDERS, define

HEADER = "No,E-Mail,First,Created,News\n"


@pytest.fixture
def write(tmp_path):
    def put(text, name="contacts.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return path

    return put


def rows(frame, *columns):
    return frame.select(columns).rows()


def test_rows_come_as_text_with_file_and_physical_line(write):
    path = write(HEADER + '1, A@x.example ,"two\nlines",,yes\n\n2,b@x.example,"say ""hi""",,no\n')
    frame = read_raw(define(CONTACTS), path)
    assert rows(frame, "_file", "_line", "No", "E-Mail", "First") == [
        ("contacts.csv", 2, "1", " A@x.example ", "two\nlines"),
        ("contacts.csv", 5, "2", "b@x.example", 'say "hi"'),
    ]
    assert json.loads(frame["_row"][1]) == {
        "No": "2", "E-Mail": "b@x.example", "First": 'say "hi"', "Created": "", "News": "no",
    }  # fmt: skip


@pytest.mark.parametrize("bad", ["only,two", "1,2,3,4,5,6,7"])
def test_row_with_another_number_of_cells_is_broken_and_the_others_stay(write, bad):
    frame = read_raw(define(CONTACTS), write(f"{HEADER}1,a@x.example,A,,yes\n{bad}\n2,b@x.example,B,,no\n"))
    assert rows(frame, "_line", "_problem", "No") == [
        (2, None, "1"),
        (3, "broken_row", bad.split(",")[0]),
        (4, None, "2"),
    ]
    assert frame["_row"][1] == bad


@pytest.mark.parametrize("tail", ["", "x" * 200_000 + "\n"])
def test_unclosed_quote_costs_one_line_not_the_rest_of_the_file(write, tail):
    text = HEADER + '1,a@x.example,"A,,yes\n2,b@x.example,B,,no\n3,c@x.example,C,,no\n' + tail
    frame = read_raw(define(CONTACTS), write(text))
    assert rows(frame, "_line", "_problem")[:3] == [(2, "broken_row"), (3, None), (4, None)]
    assert frame["No"][1:3].to_list() == ["2", "3"]


def test_many_rows_are_read_in_chunks_without_losing_any(write, monkeypatch):
    monkeypatch.setattr("assets.ingestion.formats.CHUNK_ROWS", 3)
    text = HEADER + "".join(f"{n},a{n}@x.example,,,yes\n" for n in range(10)) + "broken\n"
    frame = read_raw(define(CONTACTS), write(text))
    assert frame["_line"].to_list() == list(range(2, 13))
    assert frame["_problem"].to_list() == [None] * 10 + ["broken_row"]


def test_delimiter_encoding_and_byte_order_mark(write):
    text = "No;E-Mail;First;Created;News\n1;a@x.example;Zoë;;yes\n"
    windows = read_raw(define(CONTACTS, delimiter=";", encoding="cp1252"), write(text, encoding="cp1252"))
    marked = read_raw(define(CONTACTS, delimiter=";"), write(text, encoding="utf-8-sig"))
    assert windows["First"].to_list() == marked["First"].to_list() == ["Zoë"]
    assert "No" in marked.columns


def test_wrong_encoding_names_byte_and_offset(write):
    first = (HEADER + "1,a@x.example,").encode()
    with pytest.raises(ConfigError, match=rf"not utf-8: byte 0xeb at offset {len(first) + 2} \(line 2\)"):
        read_raw(define(CONTACTS), write(first + "Zoë,,yes\n".encode("cp1252")))


def test_wrong_encoding_is_placed_across_read_blocks(write, monkeypatch):
    monkeypatch.setattr("assets.ingestion.formats.READ_BYTES", 7)
    good = HEADER.encode() + "1,a@x.example,ééé,,yes\n".encode()
    with pytest.raises(ConfigError, match=rf"byte 0xff at offset {len(good)} \(line 3\)"):
        read_raw(define(CONTACTS), write(good + b"\xff"))


def test_missing_column_is_named_with_the_header(write):
    with pytest.raises(ConfigError, match=r"no column 'News'; its columns are No, E-Mail, First, Created"):
        read_raw(define(CONTACTS), write("No,E-Mail,First,Created\n"))


@pytest.mark.parametrize(("text", "says"), [("", "is empty"), ("No,No,x\n", "more than once")])
def test_unusable_header_says_why(write, text, says):
    with pytest.raises(ConfigError, match=says):
        read_raw(define(CONTACTS), write(text))


def test_json_lines_reach_into_objects_and_keep_broken_lines(write):
    definition = define(
        CONTACTS, format="jsonl", columns={"source_key": "id", "email": "email", "first_name": "name.first"}
    )
    good = {"id": 7, "email": "a@x.example", "name": {"first": "Zoë"}, "News": ["x"]}
    text = json.dumps(good) + '\n{"id": 8\n\n[1]\n{"email": "\\ud800", "News": true}\n'
    frame = read_raw(definition, write(text, "signups.jsonl"))
    assert rows(frame, "_line", "id", "email", "name.first", "News", "_problem") == [
        (1, "7", "a@x.example", "Zoë", '["x"]', None),
        (2, None, None, None, None, "broken_row"),
        (4, None, None, None, None, "broken_row"),
        (5, None, "?", None, "true", None),
    ]
    assert json.loads(frame["_row"][0]) == good
    assert read_header(definition, write(json.dumps(good), "signups.jsonl")) == ["id", "email", "name.first", "News"]


def test_parquet_values_become_text_with_row_numbers(tmp_path):
    path = tmp_path / "orders.parquet"
    pl.DataFrame(
        {
            "id": [1, 2],
            "email": ["a@x.example", None],
            "amount": [11.5, None],
            "n": [1, 2],
            "who": [{"no": 5}, {"no": 6}],
        }
    ).with_columns(at=pl.lit("2026-01-02T03:04:05+02:00").str.to_datetime("%+")).write_parquet(path)
    frame = read_raw(define(ORDERS, format="parquet"), path)
    assert rows(frame, "_line", "id", "amount", "who.no") == [(1, "1", "11.5", "5"), (2, "2", None, "6")]
    assert frame["at"][0].startswith("2026-01-02 01:04:05")


def test_file_that_is_no_parquet_is_refused(write):
    with pytest.raises(ConfigError, match="no Parquet file"):
        read_raw(define(ORDERS, format="parquet"), write("hello", "orders.parquet"))
