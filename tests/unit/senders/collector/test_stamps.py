import pytest

from senders.collector.stamps import Age, judge_stamp, make_stamp

KEY, NOW = bytes(32), 1_700_000_000.0


@pytest.mark.parametrize(
    ("after", "age"),
    [
        (0, Age.TOO_YOUNG),
        (1.9, Age.TOO_YOUNG),
        (2, Age.GOOD),
        (86_400, Age.GOOD),
        (86_401, Age.TOO_OLD),
        (-60, Age.TOO_YOUNG),
        (-90_000, Age.TOO_OLD),
    ],
)
def test_a_stamp_has_an_age(after, age):
    assert judge_stamp(make_stamp(KEY, "news", NOW), KEY, "news", NOW + after) is age


def test_a_stamp_is_of_one_form_and_of_one_home():
    stamp = make_stamp(KEY, "news", NOW)
    assert judge_stamp(stamp, KEY, "other", NOW + 3) is Age.NONE
    assert judge_stamp(stamp, bytes(31) + b"x", "news", NOW + 3) is Age.NONE


def test_an_altered_stamp_is_none():
    stamp = make_stamp(KEY, "news", NOW)
    altered = [stamp[:at] + ("A" if stamp[at] != "A" else "B") + stamp[at + 1 :] for at in range(len(stamp))]
    for bad in [*altered, "", "x", "Ä" * 32, stamp + "AAAA", stamp[:-4]]:
        assert judge_stamp(bad, KEY, "news", NOW + 3) is Age.NONE
