from datetime import datetime

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.audiences.fields import CONTACT_COLUMNS
from assets.audiences.predicates import MAX_LENGTH, check_predicate, compile_predicate
from senders.errors import ConfigError

AS_OF = datetime(2026, 11, 3, 9)


@pytest.mark.parametrize(
    "sql",
    [
        "orders > 0",
        "country = 'DE' and total_spent >= 100.5",
        "not tracking_consent",
        "tracking_consent is not false",
        "lower(city) in ('berlin', 'bonn') or city is null",
        "email like '%@gmail.com'",
        "last_ordered_at >= as_of - interval 30 day",
        "created_at::date > date '2026-01-01'",
        "coalesce(city, '') <> '' -- a comment",
        "orders between 1 and 3",
        "starts_with(city, 'B')",
        "year(created_at) = 2026",
    ],
)
def test_conditions_on_columns_may_be_asked(sql: str) -> None:
    assert check_predicate(sql) == []
    compiled = compile_predicate(sql, as_of=AS_OF)
    columns = ", ".join(f"{name} {kind}" for name, kind in CONTACT_COLUMNS.items())
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"create table contacts ({columns})")
        assert connection.execute(f"select count(*) from contacts where {compiled}").fetchall() == [(0,)]


INJECTIONS = [
    "1=1; drop table marts.dim_contacts",
    "1=1) union select * from marts.dim_contacts --",
    "city = '' union all select email from marts.dim_contacts",
    "exists (select 1 from marts.dim_suppressions)",
    "contact_id in (select contact_id from marts.fct_messages)",
    "(select count(*) from marts.dim_contacts) > 0",
    "contact_id = any(select contact_id from marts.fct_messages)",
    "read_text('/etc/passwd') is not null",
    "read_csv('x.csv') = 1",
    "query('select 1') is not null",
    "query_table('marts.dim_contacts') is not null",
    "getvariable('x') = 1",
    "getenv('HOME') = 'x'",
    "current_setting('home_directory') = 'x'",
    "city ~ '(a+)+$'",
    "regexp_matches(city, 'x')",
    "city similar to 'x'",
    "columns('.*') = 1",
    "contacts.city = 'x'",
    "other.city = 'x'",
    "city = $topic",
    "city = ?",
    "now() > created_at",
    "random() < 0.5",
    "list_transform([1], lambda x: x) = [1]",
    "repeat('x', 1000000000) = city",
    "orders > 0 into outfile 'x'",
    "copy marts.dim_contacts to 'x'",
    "attach 'x' as y",
    "pragma database_list",
    "* is not null",
    "struct_pack(a := 1) is not null",
    "cast(city as json) is not null",
    "orders::struct(a int) is not null",
    "nextval('s') = 1",
    "row_number() over () = 1",
    "count(*) > 1",
    "",
    ";",
    "--",
    "orders",
    "'text'",
]


@pytest.mark.parametrize("sql", INJECTIONS)
def test_everything_else_is_refused(sql: str) -> None:
    assert check_predicate(sql)
    with pytest.raises(ConfigError, match="where, line"):
        compile_predicate(sql, as_of=AS_OF)


def test_long_and_deep_conditions_are_refused() -> None:
    assert "characters" in check_predicate("orders > 0 or " * 500 + "orders > 1")[0].message
    assert len("(" * 900 + "orders > 0" + ")" * 900) < MAX_LENGTH
    assert check_predicate("(" * 900 + "orders > 0" + ")" * 900)
    assert check_predicate(" or ".join(["orders>0"] * 300))


def test_a_misspelt_column_is_placed_and_corrected() -> None:
    (refusal,) = check_predicate("orders > 0\n  and contry = 'DE'")
    assert (refusal.line, refusal.column, refusal.remedy) == (2, 7, "Did you mean country?")
    (quoted,) = check_predicate('country = "DE"')
    assert quoted.remedy == "A text stands in single quotes: 'DE'."


def test_kinds_that_do_not_fit_are_refused() -> None:
    (refusal,) = check_predicate("orders > 'many'")
    assert "does not fit the columns" in refusal.message


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=40))
def test_any_text_inside_quotes_stays_a_text(text: str) -> None:
    literal = text.replace("'", "''")
    if "\x00" in text:
        return
    compiled = compile_predicate(f"city = '{literal}'", as_of=AS_OF)
    with duckdb.connect(":memory:") as connection:
        connection.execute("create table contacts (city varchar)")
        connection.execute("insert into contacts values (?)", [text])
        assert connection.execute(f"select count(*) from contacts where {compiled}").fetchall() == [(1,)]


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="abco() ='\";,.*-/1<>|&%$\n", max_size=30))
def test_any_text_is_judged_without_an_accident(text: str) -> None:
    check_predicate(text)
