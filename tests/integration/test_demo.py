"""The whole loop: what the marts say equals what the sink and the recipients wrote themselves."""

import json
from collections import Counter
from html import unescape

import pytest

pytestmark = [pytest.mark.slow]

FINAL = ("accepted", "refused", "suppressed", "expired", "cancelled", "in_doubt")


@pytest.fixture(scope="module")
def sends(demo):
    return {row["send_id"]: row for row in demo.json("status")["sends"]}


@pytest.fixture(scope="module")
def metrics(demo):
    return {row["send_id"]: row for row in demo.json("metrics")["sends"]}


@pytest.fixture(scope="module")
def acts(demo):
    return list(demo.lines("recipients/log.jsonl"))


def test_nothing_left_the_machine(demo):
    escapes = demo.path.parent / "escapes.log"
    assert not escapes.exists(), escapes.read_text()


def test_two_campaigns_went_out(sends):
    assert sorted(identity.split(".")[0] for identity in sends) == ["back_in_stock", "spring_sale"]
    assert all(row["state"] == "finished" for row in sends.values())
    assert sum(row["accepted"] for row in sends.values()) > 10_000


def test_proof_sheet_closes(sends):
    for row in sends.values():
        assert row["audience"] == sum(row[state] for state in FINAL), row
        assert row["queued"] == row["offered"] == row["deferred"] == 0


def test_accepted_equals_the_sinks_own_log(demo, sends):
    log = list(demo.lines("sink/log.jsonl"))
    by_send = Counter(line["send_id"] for line in log)
    for identity, row in sends.items():
        assert row["accepted"] == by_send[identity]
    assert len({(line["send_id"], line["recipient"]) for line in log}) == len(log), "an address was mailed twice"


def test_marts_equal_the_recipients_own_log(metrics, acts):
    for identity, row in metrics.items():
        did = Counter(act["did"] for act in acts if act["send_id"] == identity)
        people = {
            kind: len({act["recipient"] for act in acts if act["send_id"] == identity and act["did"] == kind})
            for kind in ("open", "click", "unsubscribe", "complain", "buy")
        }
        assert row["opens"] + row["machine_opens"] == did["open"] + did["machine_open"]
        assert row["clicks"] + row["machine_clicks"] == did["click"] + did["machine_click"]
        assert row["opens"] == pytest.approx(did["open"], rel=0.01)
        assert row["clicks"] == pytest.approx(did["click"], rel=0.01)
        assert row["unique_opens"] == pytest.approx(people["open"], rel=0.01)
        assert row["unique_clicks"] == pytest.approx(people["click"], rel=0.01)
        assert row["unsubscribes"] == people["unsubscribe"]
        assert row["complaints"] == people["complain"]
        assert row["conversions"] == people["buy"]


def test_marts_equal_the_recipients_own_log_on_bounces(metrics, acts, sends):
    for identity, row in metrics.items():
        bounced = [act for act in acts if act["send_id"] == identity and act["did"] == "bounce"]
        hard = {act["recipient"] for act in bounced if "5.1." in act["detail"]}
        assert row["messages"] == sends[identity]["audience"]
        assert row["hard_bounces"] == len(hard)
        assert row["hard_bounces"] + row["soft_bounces"] == len({act["recipient"] for act in bounced})


def test_whoever_said_no_is_left_out_of_the_second_and_explained(demo, acts, sends):
    first, second = sorted(sends, key=lambda identity: sends[identity]["scheduled_at"])
    wanted = {"unsubscribe": "unsubscribed", "complain": "complained"}
    got_second = {line["recipient"] for line in demo.lines("sink/log.jsonl") if line["send_id"] == second}
    for did, reason in wanted.items():
        people = sorted({act["recipient"] for act in acts if act["send_id"] == first and act["did"] == did})
        assert people
        assert not got_second & set(people)
        answer = demo.json("explain", "back_in_stock", *people[:30])
        assert {(person["outcome"], person["reason"]) for person in answer["people"]} == {("excluded", reason)}
        assert all(person["suppression"]["at"] and person["suppression"]["event_id"] for person in answer["people"])


def test_whoever_bounced_hard_is_left_out_of_the_second(demo, acts, sends):
    first, second = sorted(sends, key=lambda identity: sends[identity]["scheduled_at"])
    bounced = {
        act["recipient"]
        for act in acts
        if act["send_id"] == first and act["did"] == "bounce" and "5.1." in act["detail"]
    }
    assert bounced
    got_second = {line["recipient"] for line in demo.lines("sink/log.jsonl") if line["send_id"] == second}
    assert not bounced & got_second
    answer = demo.json("explain", "back_in_stock", *sorted(bounced)[:40])
    assert {(person["outcome"], person["reason"]) for person in answer["people"]} == {("excluded", "bounced")}


def test_explain_says_who_got_it(demo, sends):
    line = next(demo.lines("sink/log.jsonl"))
    [person] = demo.json("explain", line["send_id"].split(".")[0], line["recipient"], "--send", line["send_id"])[
        "people"
    ]
    assert person["outcome"] == "accepted"
    assert person["message_id"].strip("<>") == line["message_id"].strip("<>")
    assert person["reply"]


def test_the_report_is_one_page_without_requests(demo):
    for path in json.loads((demo.path / "demo-output.json").read_text())["reports"]:
        page = (demo.path / path).read_text(encoding="utf-8")
        assert "default-src 'none'" in unescape(page[:4000])
        assert '<script src="' not in page
        assert '<link rel="stylesheet" href="' not in page


def test_running_it_twice_at_once_is_refused_with_the_remedy(demo):
    import fcntl

    with (demo.path / "demo.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = demo.run("demo")
    assert done.returncode == 3
    assert "another demo runs in" in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2
