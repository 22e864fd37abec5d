"""No limit is ever exceeded, whoever draws and whatever the clock does, and nobody starves."""

import threading
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from senders.ledger.database import choose_store, open_database
from senders.ledger.rates import SECOND, DailyCap, Rate, Window, draw
from tests.fixtures.postgres import STORES

START = int(datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp()) * SECOND
DAY = 86_400 * SECOND


@pytest.fixture(scope="module", params=STORES)
def database(request, tmp_path_factory):
    choose_store(request.getfixturevalue("schema_url")() if request.param == "postgresql" else "")
    database = open_database(tmp_path_factory.mktemp("rates"))
    choose_store("")
    yield database
    database.close()


class Drawer:
    def __init__(self, database):
        self.database = database

    def __call__(self, limits, wanted, now):
        with self.database.write() as connection:
            return draw(connection, limits, wanted, now)


@pytest.fixture
def permits(database):
    with database.write() as connection:
        connection.execute("delete from rates")
    return Drawer(database)


def drawn(permits, limit, steps):
    """Draw after each pause and return the time of each permit."""
    with permits.database.write() as connection:
        connection.execute("delete from rates")
    now, times = START, []
    for pause, wanted in steps:
        now += pause
        times += [now] * permits([limit], wanted, now).count
    return times


STEPS = st.lists(st.tuples(st.integers(0, 3 * SECOND), st.integers(1, 40)), min_size=1, max_size=30)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, per_second=st.sampled_from([100 / 3600, 0.5, 1.0, 3.0, 40.0, 999.0]))
def test_in_no_window_more_than_rate_and_burst(database, steps, per_second):
    limit = Rate("r", per_second)
    times = drawn(Drawer(database), limit, steps)
    for first, begin in enumerate(times):
        for last in range(first, len(times)):
            seconds = (times[last] - begin) / SECOND
            assert last - first + 1 <= per_second * seconds + limit.burst + 1e-6


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, most=st.integers(1, 50), seconds=st.sampled_from([1.0, 7.0, 60.0]))
def test_in_no_window_more_than_most(database, steps, most, seconds):
    times = drawn(Drawer(database), Window("w", most, seconds), steps)
    for index, begin in enumerate(times):
        assert sum(begin <= time < begin + seconds * SECOND for time in times[index:]) <= most


@pytest.mark.parametrize("limit", [Rate("r", 100 / 3600), Rate("r", 1.0), Rate("r", 50.0), Window("w", 3, 60.0)])
def test_nobody_starves_who_asks_when_he_is_told_to(permits, limit):
    now, count = START, 0
    for _ in range(60):
        found = permits([limit], 1_000, now)
        count += found.count
        assert found.count or found.next_at > now
        now = max(now, found.next_at)
    assert count >= 25
    pace = limit.per_second if isinstance(limit, Rate) else limit.most / limit.seconds
    assert count >= pace * (now - START) / SECOND * 0.9


def test_a_message_that_one_limit_holds_back_costs_nothing_in_the_others(permits):
    low, high = Rate("low", 1.0), Rate("high", 100.0)
    assert permits([high, low], 5, START).count == 1
    assert permits([high, low], 5, START).count == 0
    assert permits([high], 100, START).count == high.burst - 1


@pytest.mark.parametrize("limit", [Rate("r", 1.0), Window("w", 2, 60.0), DailyCap("d", (2,) * 9, "2026-11-25")])
def test_a_clock_that_is_set_back_refunds_nothing_and_starves_nobody(permits, limit):
    while permits([limit], 1, START + DAY).count:
        pass
    assert permits([limit], 1, START).count == 0
    if isinstance(limit, DailyCap):
        assert permits([limit], 1, START + 2 * DAY).count == 1
    else:
        assert permits([limit], 1, START + 62 * SECOND).count == 1


@pytest.mark.usefixtures("store")
def test_a_daily_cap_holds_across_a_restart_and_grows_by_its_curve(tmp_path):
    cap = DailyCap("warm_up:main", (3, 5), "2026-11-25")
    given_out = []
    for hours in (0, 1, 11.99, 12, 20, 36.1):
        database = open_database(tmp_path)
        given_out.append(Drawer(database)([cap], 4, START + int(hours * 3600 * SECOND)).count)
        database.close()
    assert given_out == [3, 0, 0, 4, 1, 4]


@pytest.mark.usefixtures("store")
def test_two_senders_together_stay_below_the_limit(tmp_path):
    limits = [Rate("relay:main:second", 40.0), Window("relay:main:minute", 70, 60.0)]
    counts = [0, 0]

    def send(number):
        database = open_database(tmp_path)
        permits = Drawer(database)
        for step in range(150):
            counts[number] += permits(limits, 5, START + step * 20_000).count
        database.close()

    open_database(tmp_path).close()
    threads = [threading.Thread(target=send, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 60 <= sum(counts) <= 70
