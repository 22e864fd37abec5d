"""A collector killed sixty times under its callers: no answered call is lost, and none is done twice."""

from tests.fixtures.api_killing import judge, kill_and_repeat


def test_sixty_kills_lose_no_call_and_do_none_twice(tmp_path, say):
    say(judge(tmp_path, kill_and_repeat(tmp_path, kills=60, seed=60)))
