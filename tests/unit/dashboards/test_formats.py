from datetime import datetime

import pytest

from dashboards import formats


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (None, "–"),
        (0.36, "36.0%"),
        (0.0619, "6.19%"),
        (0.9877, "98.77%"),
        (1.0, "100.0%"),
        (0, "0.00%"),
        (-0.2, "-20.0%"),
    ],
)
def test_shares_get_the_digits_they_need(rate, text):
    assert formats.share(rate) == text


def test_numbers_of_nothing_are_dashes():
    assert {formats.count(None), formats.money(None), formats.moment(None), formats.duration(None)} == {"–"}


def test_money_puts_the_currency_before_the_amount():
    assert formats.money(12043.5, "$") == "$12,043.50"
    assert formats.money(-2, "EUR") == "-EUR 2.00"
    assert formats.money(0.6761, "", 3) == "0.676"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (440, "7 min 20 s"), (13260, "3 h 41 min"), (90000, "1 d 1 h"), (-5, "0 s")],
)
def test_durations_show_two_units(seconds, text):
    assert formats.duration(seconds) == text


def test_moments_name_their_zone():
    assert formats.moment(datetime(2026, 11, 3, 9)) == "Tue 3 Nov 2026, 09:00 UTC"


def test_plain_text_loses_what_a_terminal_or_a_reader_would_obey():
    assert formats.plain("a\x1b[31mb\nc\u202ed\u0000e") == "a [31mb c d e"
    assert formats.plain(None) == ""
    assert formats.plain("x" * 50, 10) == "x" * 9 + "…"


def test_chart_text_cannot_bring_plotly_its_own_markup():
    assert formats.chart_text('<a href="javascript:x">go</a>') == '&lt;a href="javascript:x"&gt;go&lt;/a&gt;'


def test_titles_and_hashes():
    assert formats.title("spring_sale") == "Spring sale"
    assert formats.short_hash("0123456789abcdef") == "0123456789ab"
    assert formats.short_hash(None) == "–"
    assert formats.points(-0.0014) == "0.14 pt"


def test_addresses_in_a_relays_words_are_masked():
    from dashboards.formats import masked

    assert masked("550 5.1.1 <john.doe@example.com>: unknown") == "550 5.1.1 <j•••@example.com>: unknown"
    assert masked(None) == ""
