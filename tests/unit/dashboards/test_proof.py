from dashboards.proof import prove

DONE = {"accepted": 90, "refused": 5, "suppressed": 1, "expired": 1, "cancelled": 2, "in_doubt": 1}


def test_outcomes_that_add_up_close_the_sheet():
    proof = prove({"audience": 100, **DONE})
    assert (proof.total, proof.open, proof.closes, proof.verdict) == (100, 0, True, "closes")
    assert [line.state for line in proof.outcomes] == list(DONE)


def test_a_missing_message_is_said():
    proof = prove({"audience": 101, **DONE})
    assert not proof.closes
    assert proof.verdict == "does not close: 1 missing"


def test_a_message_too_many_is_said():
    assert prove({"audience": 98, **DONE}).verdict == "does not close: 2 too many"


def test_messages_under_way_keep_it_open():
    proof = prove({"audience": 103, **DONE, "queued": 1, "deferred": 2})
    assert not proof.closes
    assert proof.verdict == "still open: 3 under way"


def test_a_message_with_an_outcome_and_under_way_does_not_close():
    assert not prove({"audience": 100, **DONE, "offered": 1}).closes


def test_counts_without_an_audience_are_held_against_themselves():
    assert prove(DONE).audience == 100
    assert prove({**DONE, "audience": None, "audience_rows": 100}).closes
    assert prove({}).closes
