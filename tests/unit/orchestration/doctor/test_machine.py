import shutil
from collections import namedtuple

import pytest

from orchestration.doctor.machine import check_clock, check_disk, check_home, check_python, check_settings
from senders.errors import ConfigError

Usage = namedtuple("Usage", "total used free")


def test_python_says_what_runs():
    found = check_python()
    assert (found.state, "duckdb" in found.found) == ("ok", True)


@pytest.mark.parametrize(("free", "state"), [(10**12, "ok"), (10**9, "warn"), (10**6, "fail")])
def test_a_disk_that_fills_up_is_said_in_time(case, monkeypatch, free, state):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, free))
    found = check_disk(case)
    assert found.state == state
    assert bool(found.remedy) == (state != "ok")


def test_settings_say_which_file_and_whether_strangers_can_be_mailed(case):
    found = check_settings(case)
    assert (found.state, found.found) == ("ok", "mailrail.toml · development · real sends off")


def test_settings_count_the_allow_list_where_it_matters(make_case):
    case = make_case(real="true", more='recipient_allow_list = ["me@shop.example"]')
    assert "1 on the allow list" in check_settings(case).found


def test_an_unsafe_relay_is_refused_in_the_words_of_the_settings(make_case):
    with pytest.raises(ConfigError, match="allow_real_sends is false"):
        check_settings(make_case(host="mail.shop.example", tls="starttls"))


def test_a_home_that_is_not_there_says_what_comes_first(make_case, tmp_path):
    found = check_home(make_case(home=tmp_path / "new"))
    assert found.state == "warn"
    assert "mailrail demo" in found.remedy


def test_a_home_that_is_a_file(make_case, tmp_path):
    (tmp_path / "file").touch()
    assert check_home(make_case(home=tmp_path / "file")).state == "fail"


def test_the_clock(case, tmp_path, stand_still):
    assert "2026-11-03T09:00:00Z" in check_clock(case).found
    (tmp_path / "clock").write_text("noon")
    assert (check_clock(case).state, check_clock(case).remedy) == ("fail", f"rm {tmp_path / 'clock'}")
    (tmp_path / "clock").unlink()
    assert check_clock(case).found == "the machine's own time"


def test_a_stepped_clock_and_real_mail_do_not_go_together(make_case, stand_still):
    found = check_clock(make_case(real="true", environment="production", base_url="https://click.shop.example"))
    assert (found.state, "real sends" in found.found) == ("fail", True)


def test_a_home_that_others_can_read_is_a_warning(make_case, tmp_path):
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    home.chmod(0o755)
    found = check_home(make_case(home=home))
    assert (found.state, found.remedy) == ("warn", f"chmod 700 {home}")
    home.chmod(0o700)
    assert check_home(make_case(home=home)).state == "ok"
