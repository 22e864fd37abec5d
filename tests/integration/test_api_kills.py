"""What was answered is stored once, whatever was killed when; the long form is in ``tests/proof``."""

from tests.fixtures.api_killing import judge, kill_and_repeat


def test_calls_repeated_after_kills_are_done_once_and_answered_the_same(tmp_path):
    callers = kill_and_repeat(tmp_path, kills=3, seed=6)
    assert callers.unanswered > 0
    judge(tmp_path, callers)
