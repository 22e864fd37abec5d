import dataclasses

import dagster as dg
import pytest

from assets.audiences.checks import GATES, check_audience, count_audience
from assets.audiences.freeze import freeze_audience
from assets.audiences.gates import Verdict, decide, usual_size
from assets.audiences.manifest import load_manifest
from assets.deliveries import checks
from assets.deliveries.checks import build_gates, check_preflight
from assets.deliveries.preflight import load_preflight, run_preflight
from senders.event import Event, Kind, derive_event_id
from senders.ledger.rows import SendRow, SendState
from tests.fixtures.audiences import NOW, SEND_ID, World, define


def prepare(world: World, ledger) -> None:
    freeze_audience(define(), world.campaign, world.mailrail, ledger, send_id=SEND_ID)
    run_preflight(define(), world.campaign, world.mailrail, ledger, send_id=SEND_ID)


def suppress(world: World, ledger, address: str, scope: str = "") -> None:
    raw = bytes.fromhex(world.contact_id(address))
    ledger.record([Event(derive_event_id(address, scope), Kind.UNSUBSCRIBED, NOW, address_hash=raw, scope=scope)])


def sent(number: int, rows: int, campaign: str = "spring_sale") -> SendRow:
    return SendRow(
        number, f"{campaign}.{number}", campaign, "offers", NOW, "shop", "", rows, "", "", SendState.FINISHED, "",
        None, None, NOW, None, None, "marketing", None,
    )  # fmt: skip


def test_great_expectations_passes_a_sound_send_and_stops_a_suppressed_person(world: World, ledger) -> None:
    prepare(world, ledger)
    folder = world.mailrail.send_folder(SEND_ID)
    assert check_audience(folder, ledger).passed
    assert check_preflight(folder, define(), ledger).passed
    suppress(world, ledger, "p1@mail.example", "news")
    assert check_audience(folder, ledger).passed
    suppress(world, ledger, "p2@mail.example")
    verdict = check_audience(folder, ledger)
    assert not verdict.passed
    assert verdict.failures == ("nobody_is_suppressed: Nobody stands in the ledger's suppressions. (suppressed is 1)",)
    assert verdict.metadata["recipients"] == 8
    assert [failure.partition(":")[0] for failure in check_preflight(folder, define(at_most=5), ledger).failures] == [
        "size_is_within_at_most",
        "nobody_is_suppressed",
    ]


def test_counts_of_an_audience_of_nobody_fail_its_first_gate(world: World, ledger) -> None:
    definition = define(audience={"include": ["seg_all_contacts"], "where": "orders > 99"})
    freeze_audience(definition, world.campaign, world.mailrail, ledger, send_id=SEND_ID)
    folder = world.mailrail.send_folder(SEND_ID)
    counts = count_audience(folder, load_manifest(folder), ledger)
    assert counts == dict.fromkeys((gate.count for gate in GATES), 0)


@pytest.mark.parametrize(
    ("change", "failing"),
    [
        ({"recipients": 0, "rendered": 0}, ["there_are_recipients"]),
        ({"html_bytes": {"min": 1, "median": 1, "p99": 1, "max": 102_401}}, ["html_is_not_cut_off"]),
        ({"unrenderable": 1}, ["messages_can_be_rendered"]),
        ({"missing": {"town": 0}}, ["fields_were_frozen"]),
        ({"audience_hash": "other"}, ["audience_is_the_same"]),
    ],
)
def test_each_gate_of_a_preflight(world: World, ledger, monkeypatch, change: dict, failing: list[str]) -> None:
    prepare(world, ledger)
    folder = world.mailrail.send_folder(SEND_ID)
    changed = dataclasses.replace(load_preflight(folder), **change)
    monkeypatch.setattr(checks, "load_preflight", lambda folder: changed)
    monkeypatch.setattr(checks, "judge_gates", judge_plainly)
    verdict = check_preflight(folder, define(), ledger)
    assert [failure.partition(":")[0] for failure in verdict.failures] == failing


def judge_plainly(gates, counts, warnings=()) -> Verdict:
    """Judge by the limits themselves: the test of Great Expectations above needs to start it only once."""
    holds = {
        gate.name: (gate.at_least is None or counts[gate.count] >= gate.at_least)
        and (gate.at_most is None or counts[gate.count] <= gate.at_most)
        for gate in gates
    }
    return decide(gates, holds, counts, warnings)


def test_the_size_is_compared_with_the_last_sends() -> None:
    sends = [sent(number, rows) for number, rows in enumerate((9, 400, 500, 600, 700, 800))]
    assert usual_size(sends, "spring_sale", SEND_ID) == 600.0
    assert usual_size(sends, "other", SEND_ID) is None
    assert usual_size([sent(1, 9)], "spring_sale", SEND_ID) is None
    assert usual_size([sent(1, 500)], "spring_sale", "spring_sale.1") is None


def test_growth_and_shrinking(world: World, ledger, monkeypatch) -> None:
    prepare(world, ledger)
    folder = world.mailrail.send_folder(SEND_ID)
    monkeypatch.setattr(checks, "judge_gates", judge_plainly)
    monkeypatch.setattr(checks, "usual_size", lambda *_: 2.0)
    verdict = check_preflight(folder, define(), ledger)
    assert [failure.partition(":")[0] for failure in verdict.failures] == ["size_is_as_usual"]
    assert check_preflight(folder, define(at_most=8), ledger).passed
    monkeypatch.setattr(checks, "usual_size", lambda *_: 200.0)
    verdict = check_preflight(folder, define(), ledger)
    assert verdict.passed
    assert "are few" in verdict.warnings[0]


def test_a_verdict_becomes_a_check_result() -> None:
    key = dg.AssetKey(["campaigns", "x", "audience"])
    gates = build_gates(define(at_most=5), 6)
    counts = dict.fromkeys((gate.count for gate in gates), 0) | {"recipients": 6}
    result = dg.AssetCheckResult(**judge_plainly(gates, counts, ["small"]).as_check(key, "fit"))
    assert not result.passed
    assert result.metadata["recipients"].value == 6
    assert "At most 5 recipients" in result.metadata["failures"].value
    assert result.metadata["warnings"].value == "small"
