"""Nothing leaves without a word for exactly this audience and this content."""

import dagster as dg
import pytest

from orchestration.runs import open_runner
from orchestration.sending import prepare
from orchestration.settings import load_settings
from senders.errors import GuardError
from senders.ledger.store import Ledger
from tests.integration.conftest import Home

pytestmark = [pytest.mark.slow, pytest.mark.dbt]

KEY = "20260414T0800Z"


def receipts(runner, confirm: int | None = None) -> None:
    asset = dg.AssetKey(["campaigns", "spring_sale", "receipts"])
    config = {"ops": {asset.to_python_identifier(): {"config": {"confirm": confirm, "approved_by": "a test"}}}}
    runner.run("send_spring_sale", send_key=KEY, only=[asset], config=config)


def sends_of(home: Home) -> list[str]:
    with Ledger.open(home.path) as ledger:
        return [send.send_id for send in ledger.sends()]


def test_a_send_without_the_number_is_refused(shop):
    done = shop.run("send", "spring_sale")
    assert done.returncode == 3
    assert "nothing was sent" in done.stderr.replace("\n", " ")
    assert not sends_of(shop)


def test_a_wrong_number_is_refused_with_the_right_one(shop):
    right = shop.json("plan", "spring_sale")["recipients"]
    done = shop.run("send", "spring_sale", "--confirm", str(right + 1))
    assert done.returncode == 3
    assert f"--confirm {right}" in done.stderr.replace("\n", " ")
    assert not sends_of(shop)


def test_an_unknown_campaign_is_named_with_the_known_ones(shop):
    done = shop.run("plan", "spring_sael")
    assert done.returncode == 2
    assert "spring_sael" in done.stderr
    assert "spring_sale" in done.stderr
    assert "Traceback" not in done.stderr


def test_receipts_need_an_approval_for_this_audience_and_content(shop, monkeypatch, tmp_path):
    for name, value in shop.environment.items():
        if name.startswith("MAILRAIL_"):
            monkeypatch.setenv(name, value)
    with open_runner(load_settings()) as runner:
        prepare(runner, "send_spring_sale", KEY)
        with pytest.raises(GuardError, match="nobody has approved this audience"):
            receipts(runner)
        with pytest.raises(GuardError, match="was confirmed, but the audience has"):
            receipts(runner, confirm=1)
        # The files of the audience are touched after they were frozen.
        shard = shop.path / "files" / "sends" / f"spring_sale.{KEY}" / "shard-0000.parquet"
        whole = shard.read_bytes()
        other = shard.with_name("exclusions.parquet").read_bytes()
        shard.write_bytes(other)
        with pytest.raises(Exception, match=r"shard-0000"):
            receipts(runner, confirm=10)
        shard.write_bytes(whole)
    assert not sends_of(shop)


def test_a_template_changed_after_the_preflight_voids_the_approval(shop, monkeypatch, project):
    root = project()
    for name, value in shop.environment.items():
        if name.startswith("MAILRAIL_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("MAILRAIL_PROJECT", str(root))
    with open_runner(load_settings()) as runner:
        prepare(runner, "send_spring_sale", KEY)
        subject = root / "assets" / "campaigns" / "spring_sale" / "subject.txt.j2"
        subject.write_text("Another subject altogether")
        count = shop.json("plan", "spring_sale")["recipients"]
        with pytest.raises(GuardError, match="changed after the preflight"):
            receipts(runner, confirm=count)
    assert not sends_of(shop)
