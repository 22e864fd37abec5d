import pytest

from assets.ingestion.values import find_dates, find_decimal, mask_samples, mask_text


@pytest.mark.parametrize(
    ("values", "forms", "is_ambiguous"),
    [
        (["03.02.2024", "31.12.2023"], ("%d.%m.%Y",), False),
        (["01.02.2024"], ("%d.%m.%Y",), False),  # with points the day comes first
        (["13/01/2024", "01/02/2024"], ("%d/%m/%Y",), False),
        (["01/13/2024", "01/02/2024"], ("%m/%d/%Y",), False),
        (["01/02/2024", "03/04/2024"], ("%d/%m/%Y",), True),
        (["14-02-24 10:05"], ("%d-%m-%y %H:%M",), False),
        (["12/31/2024 7:05 PM"], ("%m/%d/%Y %I:%M %p",), False),
        (["2024/01/31"], ("%Y/%m/%d",), False),
        (["2024-01-31", "2024-01-31T10:00:00Z"], (), False),
        (["20240131"], ("%Y%m%d",), False),
        (["01.02.2024", "02.02.2024", "01.02.2024 13:45"], ("%d.%m.%Y", "%d.%m.%Y %H:%M"), False),
    ],
)
def test_the_form_of_dates_is_told_by_values(values, forms, is_ambiguous):
    found = find_dates(values)
    assert (found.forms, found.share, found.is_ambiguous) == (forms, 1.0, is_ambiguous)


def test_one_impossible_date_does_not_hide_the_form():
    found = find_dates(["03.02.2024", "31.12.2023", "99.99.2024"])
    assert found.forms == ("%d.%m.%Y",)
    assert found.share == pytest.approx(2 / 3)


def test_what_is_known_from_elsewhere_settles_the_order():
    assert find_dates(["01/02/2024"], is_day_first=False).forms == ("%m/%d/%Y",)
    assert not find_dates(["01/02/2024"], is_day_first=False).is_ambiguous


@pytest.mark.parametrize(
    ("values", "sign"),
    [
        (["1.234,50", "12,00"], ","),
        (["1,234.50"], "."),
        (["12.5"], "."),
        (["0,125"], ","),
        (["1.234.567"], ","),
        (["1.234"], None),
        (["12"], None),
    ],
)
def test_the_decimal_sign_is_told_by_values(values, sign):
    assert find_decimal(values) == sign


def test_samples_are_masked_short_and_on_one_line():
    found = mask_samples(["anna@mail.example", "anna@mail.example", "a\nb", "x" * 99, "last"])
    assert found == ("a•••@mail.example", "a b", "x" * 39 + "…")


def test_an_address_within_a_text_is_masked():
    assert mask_text("Anna <anna@mail.example>, twice") == "Anna <a•••@mail.example>, twice"
