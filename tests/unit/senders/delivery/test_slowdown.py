"""RELIABILITY P14: nothing for 600 s, then one connection, then two, three; other trouble halves the pace."""

import pytest

from senders.delivery.slowdown import Standing
from senders.ledger.rates import SECOND

NOW = 1_800_000_000 * SECOND


def later(seconds):
    return NOW + int(seconds * SECOND)


def test_after_4_7_28_nothing_for_ten_minutes_then_one_connection_more_each_minute():
    standing = Standing().after("4.7.28", NOW)
    found = [standing.connections(20, later(seconds)) for seconds in (0, 1, 599, 600, 659, 660, 720, 780)]
    assert found == [0, 0, 0, 1, 1, 2, 3, 4]
    assert standing.shut_seconds(later(100)) == 500


def test_trouble_halves_the_pace_and_each_clean_minute_gives_five_percent_back():
    standing = Standing().after("4.7.0", NOW)
    shares = [standing.share(later(60 * minutes)) for minutes in (0, 1, 4, 10, 100)]
    assert shares == pytest.approx([0.5, 0.55, 0.7, 1.0, 1.0])
    assert standing.connections(20, later(60)) == 11
    assert standing.after("4.7.0", later(60)).share(later(60)) == pytest.approx(0.275)
    assert standing.is_calm(later(600))


def test_replies_to_what_was_under_way_count_once():
    standing = Standing().after("4.7.0", NOW)
    assert standing.after("", later(5)) is standing
    shut = standing.after("4.7.28", later(6))
    assert shut.shut_seconds(later(6)) == 600
    assert shut.after("4.7.28", later(30)) is shut


def test_trouble_after_the_reopening_begins_with_one_connection_again():
    standing = Standing().after("4.7.28", NOW).after("", later(900))
    assert [standing.connections(20, later(seconds)) for seconds in (900, 960, 1020)] == [1, 2, 3]
