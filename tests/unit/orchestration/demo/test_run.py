from pathlib import Path

import pytest

from orchestration.demo.run import run_demo
from orchestration.settings import Settings
from senders.errors import GuardError


def test_the_demo_stays_out_of_a_ledger_that_others_use(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", ledger_url="postgresql://mailrail@db.example/mailrail")
    with pytest.raises(GuardError, match="unset MAILRAIL_LEDGER_URL"):
        run_demo(settings)
    assert not (tmp_path / "home").exists()
