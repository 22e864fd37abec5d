from datetime import datetime

import polars as pl
import pytest

from assets.ingestion.formats import read_raw
from assets.ingestion.validation import validate
from assets.warehouse.tables import RAW_TABLES
from senders.tracking.addresses import hash_address
from tests.fixtures.sources import ADDRESS_KEY, CONTACTS, ORDERS, define

STAMPED = {"load_id", "source", "loaded_at"}


@pytest.fixture
def judge(tmp_path):
    def run(base, *lines, **changes):
        definition = define(base, **changes)
        header = {"contacts": "No,E-Mail,First,Created,News", "orders": "id,email,amount,at,n"}[definition.kind]
        path = tmp_path / "rows.csv"
        path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
        return validate(definition, read_raw(definition, path), ADDRESS_KEY)

    return run


def contact(address):
    return hash_address(address, ADDRESS_KEY).hex()


def test_good_contact_is_typed_and_keeps_what_it_was(judge):
    found = judge(CONTACTS, "7, Zoe@Bücher.Example ,Zoë,2026-01-02T03:04:05+02:00,YES")
    row = found.accepted.to_dicts()[0]
    assert row["email"] == "zoe@xn--bcher-kva.example"
    assert row["contact_id"] == contact("zoe@xn--bcher-kva.example")
    assert row["created_at"] == datetime(2026, 1, 2, 1, 4, 5)
    assert (row["consent"], row["consent_basis"], row["source_key"], row["line"]) == ("granted", "form", "7", 2)
    assert " Zoe@Bücher.Example " in row["extra"]
    assert found.rejects.is_empty()


def test_columns_are_those_of_the_raw_table(judge):
    found = judge(CONTACTS, "7,a@x.example,A,,yes")
    assert set(found.accepted.columns) == set(RAW_TABLES["contacts"].columns) - STAMPED
    found = judge(ORDERS, "1,a@x.example,5,2026-01-02,1")
    assert set(found.accepted.columns) == set(RAW_TABLES["orders"].columns) - STAMPED


@pytest.mark.parametrize(
    ("line", "reason", "column", "value"),
    [
        ("7,a@x.example", "broken_row", "", ""),
        (",a@x.example,A,,yes", "missing_key", "No", ""),
        ("7,  ,A,,yes", "empty_address", "E-Mail", ""),
        ("7,ax.example,A,,yes", "invalid_address:no_at", "E-Mail", "ax.example"),
        ("7,a b@x.example,A,,yes", "invalid_address:spaces", "E-Mail", "a b@x.example"),
        ("7,a@nowhere,A,,yes", "invalid_address:no_tld", "E-Mail", "a@nowhere"),
        ("7,a@x.example,A,31.31.2026,yes", "wrong_type:created_at", "Created", "31.31.2026"),
        ("7,a@x.example,A,9999-12-31,yes", "wrong_type:created_at", "Created", "9999-12-31"),
    ],
)
def test_bad_contact_has_one_reason_with_column_and_value(judge, line, reason, column, value):
    found = judge(CONTACTS, line)
    assert found.accepted.is_empty()
    assert found.rejects.select("line", "reason", "column_name", "value").rows() == [(2, reason, column, value)]
    assert found.rejects["row"][0]


@pytest.mark.parametrize(
    ("word", "consent"),
    [
        ("yes", "granted"),
        (" Yes ", "granted"),
        ("no", "denied"),
        ("unsubscribed", "denied"),
        ("", "unknown"),
        ("maybe", "unknown"),
    ],
)
def test_consent_words(judge, word, consent):
    found = judge(CONTACTS, f"7,a@x.example,A,,{word}")
    assert found.accepted["consent"].to_list() == [consent]
    assert found.warnings == ({"unknown_consent_value": 1} if word == "maybe" else {})
    assert found.suppressions.height == (word == "unsubscribed")


def test_consent_without_column_is_the_default(judge):
    found = judge(CONTACTS, "7,a@x.example,A,,no", consent={"default": "granted", "basis": "customers"})
    assert found.accepted["consent"].to_list() == ["granted"]


def test_implied_consent_ends_and_without_a_date_is_none(judge):
    rule = CONTACTS["consent"] | {"expires_after_days": 730}
    rows = ("7,a@x.example,A,2026-01-02,yes", "8,b@x.example,B,,yes", "9,c@x.example,C,2026-01-02,no")
    found = judge(CONTACTS, *rows, consent=rule).accepted.sort("source_key")
    assert found["consent"].to_list() == ["granted", "unknown", "denied"]
    assert found["consent_expires_at"].to_list() == [datetime(2028, 1, 2), None, None]
    said = CONTACTS["columns"] | {"consent_at": "First"}
    dated = judge(CONTACTS, "7,a@x.example,2025-03-04,2026-01-02,yes", consent=rule, columns=said).accepted
    assert dated["consent_expires_at"].to_list() == [datetime(2027, 3, 4)]
    assert judge(CONTACTS, rows[0]).accepted["consent_expires_at"].to_list() == [None]


def test_last_row_of_a_key_wins_and_the_others_are_counted(judge):
    found = judge(CONTACTS, "7,a@x.example,Old,,yes", "8,b@x.example,B,,yes", "7,a@x.example,New,,yes")
    assert found.accepted.sort("source_key")["first_name"].to_list() == ["New", "B"]
    assert (found.rows, found.duplicates, found.rejects.height) == (3, 1, 0)


def test_contacts_without_a_key_of_their_own_are_known_by_address(judge):
    columns = {"email": "E-Mail", "first_name": "First"}
    found = judge(CONTACTS, "7,A@x.example,Old,,yes", "8,a@X.example,New,,yes", columns=columns)
    assert found.accepted["first_name"].to_list() == ["New"]
    assert found.accepted["source_key"].to_list() == [contact("a@x.example")]


def test_unsubscribed_is_heeded_even_where_the_row_is_rejected_or_replaced(judge):
    found = judge(
        CONTACTS,
        "7,a@x.example,A,not a date,unsubscribed",
        "8,b@x.example,B,,unsubscribed",
        "8,b@x.example,B,,yes",
        "9,c@x.example,C,,yes",
        ",d@x.example,C,,unsubscribed",
        "10,broken address,C,,unsubscribed",
    )
    assert set(found.suppressions["contact_id"]) == {contact(f"{name}@x.example") for name in "abd"}


def test_control_characters_do_not_enter_names(judge):
    found = judge(CONTACTS, '7,a@x.example,"A\r\nBcc: x",,yes')
    assert found.accepted["first_name"].to_list() == ["A Bcc: x"]


def test_order_without_usable_address_is_kept_because_the_money_was_spent(judge):
    found = judge(ORDERS, "1,nonsense,5.50,2026-01-02 10:00,", "2,,7,2026-01-02,3")
    assert found.accepted["amount"].to_list() == [5.5, 7.0]
    assert found.accepted["contact_id"].to_list() == [None, None]
    assert found.accepted["quantity"].to_list() == [1, 3]
    assert found.accepted["line_no"].to_list() == [1, 1]
    assert found.accepted["ordered_at"][0] == datetime(2026, 1, 2, 10, 0)
    assert found.warnings == {"order_without_contact": 2}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (",a@x.example,5,2026-01-02,1", "missing_key"),
        ("1,a@x.example,,2026-01-02,1", "missing_value:amount"),
        ("1,a@x.example,5,,1", "missing_value:ordered_at"),
        ("1,a@x.example,free,2026-01-02,1", "wrong_type:amount"),
        ("1,a@x.example,nan,2026-01-02,1", "wrong_type:amount"),
        ("1,a@x.example,1e999,2026-01-02,1", "wrong_type:amount"),
        ("1,a@x.example,5,2026-01-02,1.5", "wrong_type:quantity"),
        ("1,a@x.example,5,2026-01-02,99999999999", "wrong_type:quantity"),
    ],
)
def test_bad_order_has_its_reason(judge, line, reason):
    assert judge(ORDERS, line).rejects["reason"].to_list() == [reason]


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [
        ("12.50", ".", 12.5), ('"1,234.50"', ".", 1234.5), ("-3", ".", -3.0), ("1e3", ".", 1000.0),
        ('"12,50"', ".", None), ('"12,50"', ",", 12.5), ('"1.234,50"', ",", 1234.5), ("12.50", ",", None),
    ],
)  # fmt: skip
def test_numbers_are_read_by_their_decimal_sign_only(judge, text, decimal, value):
    found = judge(ORDERS, f"1,a@x.example,{text},2026-01-02,1", decimal=decimal)
    assert found.accepted["amount"].to_list() == ([] if value is None else [value])


@pytest.mark.parametrize(
    ("text", "date_format", "moment"),
    [
        ("2026-01-02", None, datetime(2026, 1, 2)),
        ("2026-01-02 03:04", None, datetime(2026, 1, 2, 3, 4)),
        ("2026-01-02T03:04:05Z", None, datetime(2026, 1, 2, 3, 4, 5)),
        ("2026-01-02T03:04:05.25+0100", None, datetime(2026, 1, 2, 2, 4, 5, 250000)),
        ("2026-01-02T03:04-05:00", None, datetime(2026, 1, 2, 8, 4)),
        ("02.01.2026", "%d.%m.%Y", datetime(2026, 1, 2)),
        ("02.01.2026 03:04 +0200", "%d.%m.%Y %H:%M %z", datetime(2026, 1, 2, 1, 4)),
        ("2026-01-02", "%d.%m.%Y", datetime(2026, 1, 2)),
    ],
)
def test_times_are_utc_without_zone(judge, text, date_format, moment):
    found = judge(ORDERS, f"1,a@x.example,5,{text},1", date_format=date_format)
    assert found.accepted["ordered_at"].to_list() == [moment]


def test_nothing_at_all_is_judged_too(judge):
    found = judge(CONTACTS)
    assert (found.rows, found.accepted.height, found.rejects.height, found.warnings) == (0, 0, 0, {})
    assert found.accepted.schema["created_at"] == pl.Datetime("us")
