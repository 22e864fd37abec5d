"""Every due row is planned once, in order, and no more of a provider than can go soon."""

from hypothesis import given
from hypothesis import strategies as st

from senders.delivery.lanes import Lane, OpenGate
from senders.delivery.planning import AHEAD_LEAST, Plan
from senders.ledger.transitions import Waiting


class Shut(OpenGate):
    def __init__(self, shut):
        self.shut = shut

    def shut_seconds(self, provider):
        return 600.0 if provider in self.shut else 0.0


class Slow(OpenGate):
    def pace(self, provider):
        return 1.0 if provider == 1 else None


def due(providers):
    return [Waiting(seq, 0, b"x" * 16, provider) for seq, provider in enumerate(providers, start=1)]


def plan_of(providers, gate):
    lanes = {}
    return Plan(due(providers), gate, lambda provider: lanes.setdefault(provider, Lane(provider, lambda: None))), lanes


@given(st.lists(st.integers(0, 4), max_size=80), st.sets(st.integers(0, 4)), st.integers(1, 20))
def test_each_row_is_picked_once_and_each_provider_in_order(providers, shut, most):
    gate = Shut(set(shut))
    plan, _ = plan_of(providers, gate)
    picked = []
    while chunk := plan.pick(most):
        picked += chunk
    assert not {providers[seq - 1] for seq in picked} & shut
    assert plan.is_empty == (not shut & set(providers))
    gate.shut.clear()
    while chunk := plan.pick(most):
        assert list(chunk) == sorted(chunk)
        picked += chunk
    assert sorted(picked) == list(range(1, len(providers) + 1))
    for provider in set(providers):
        rows = [seq for seq in picked if providers[seq - 1] == provider]
        assert rows == sorted(rows)


def test_a_slow_provider_takes_no_place_from_others():
    plan, lanes = plan_of([1] * 1_000 + [2] * 50, Slow())
    chunk = plan.pick()
    assert sum(seq <= 1_000 for seq in chunk) == AHEAD_LEAST
    assert sum(seq > 1_000 for seq in chunk) == 50
    assert plan.pick() == ()
    lanes[1].rendering -= 10
    assert len(plan.pick()) == 10


def test_what_was_rendered_for_nothing_is_picked_again():
    plan, _ = plan_of([1, 1, 2], OpenGate())
    assert plan.pick() == (1, 2, 3)
    plan.give_back(2, 1)
    assert not plan.is_empty
    assert plan.pick() == (2,)


def test_a_plan_says_for_how_long_it_has_nothing_to_do():
    plan, _ = plan_of([1, 1], Shut({1}))
    assert plan.rest_seconds() == 0.0
    assert plan.pick() == ()
    assert plan.rest_seconds() == 600.0
