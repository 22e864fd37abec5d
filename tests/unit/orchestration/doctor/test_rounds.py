import time

import pytest

from orchestration.doctor import rounds
from orchestration.doctor.finding import Case, age, size, within
from orchestration.doctor.rounds import Check, examine
from senders.errors import ConfigError


def results(load):
    return {result.name: result for result in examine(load)}


def test_a_new_home_is_told_what_comes_first_and_stays_unmade(make_case, tmp_path):
    case = make_case(home=tmp_path / "new")
    found = results(lambda: case.settings)
    assert [name for name, result in found.items() if result.state == "warn"] == ["home", "relay shop"]
    assert "ledger" not in found
    assert not (tmp_path / "new").exists()


def test_without_settings_only_the_machine_is_looked_at(tmp_path):
    def broken():
        raise ConfigError("mailrail.toml: line 3 is not TOML; mend the file.")

    found = results(broken)
    assert list(found) == ["python", "settings"]
    assert found["settings"].state == "fail"


def test_a_check_that_breaks_is_a_finding_and_hides_no_other(case, monkeypatch):
    def breaks(_: Case):
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setattr(rounds, "CHECKS", (Check("first", breaks), rounds.CHECKS[0]))
    found = results(lambda: case.settings)
    assert (found["first"].state, found["first"].found) == ("fail", "ZeroDivisionError: division by zero")
    assert found["disk"].state in {"ok", "warn"}


def test_one_cause_is_said_once(case, make_send, tmp_path):
    make_send(5)
    (tmp_path / "ledger" / "ledger.sqlite").write_text("no ledger")
    found = results(lambda: case.settings)
    assert found["ledger"].state == "fail"
    assert found["sends"].found == "not looked at while ledger fails"
    assert found["disk"].state != "fail"


def test_the_whole_round_is_quick(case, make_send, published):
    make_send(5)
    published()
    began = time.monotonic()
    found = results(lambda: case.settings)
    assert time.monotonic() - began < 3
    assert {"python", "ledger", "warehouse", "published", "relay shop", "backups"} <= set(found)


def test_a_look_up_that_hangs_holds_nobody_up():
    with pytest.raises(TimeoutError, match=r"no answer within 0\.05 s"):
        within(0.05, lambda: time.sleep(1))
    with pytest.raises(ValueError, match="wrong"):
        within(1, lambda: (_ for _ in ()).throw(ValueError("wrong")))
    assert within(1, lambda: 7) == 7


@pytest.mark.parametrize(
    ("seconds", "said"), [(3, "3 s"), (90, "2 min"), (3700, "1 h"), (111_600, "31 h"), (2e5, "2 d")]
)
def test_ages(seconds, said):
    assert age(seconds) == said


@pytest.mark.parametrize(("count", "said"), [(0, "0 B"), (999, "999 B"), (6_100, "6.1 KB"), (38_285_312, "38 MB")])
def test_sizes(count, said):
    assert size(count) == said
