from orchestration.settings import Settings


def test_the_api_is_held_by_its_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("MAILRAIL_PROJECT", str(tmp_path))
    (tmp_path / "mailrail.toml").write_text("[api]\ncalls_per_second = 2.5\n")
    found = Settings().collector_config().api
    assert found.calls_per_second == 2.5
    assert found.templates == tmp_path / "assets" / "transactional"


def test_no_limit_is_zero(tmp_path, monkeypatch):
    monkeypatch.setenv("MAILRAIL_PROJECT", str(tmp_path))
    monkeypatch.setenv("MAILRAIL_API__CALLS_PER_SECOND", "0")
    assert Settings().collector_config().api.calls_per_second is None
