import dataclasses
import threading
import time
from datetime import timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest

from assets.audiences.freeze import freeze_audience
from assets.deliveries import following, preflight
from assets.deliveries.following import follow, progress_line, proof
from assets.deliveries.preflight import run_preflight
from assets.deliveries.receipts import authorise, open_send
from senders.errors import GuardError
from senders.ledger.progress import Counts
from senders.message import State
from tests.fixtures.audiences import NOW, SEND_ID, World, define

AUTOMATIC = {"approval": "automatic", "at_most": 10, "schedule": {"at": "2026-11-03T09:00:00Z"}}


def prepare(world: World, ledger, **changes) -> None:
    freeze_audience(define(**changes), world.campaign, world.mailrail, ledger, send_id=SEND_ID)
    run_preflight(define(**changes), world.campaign, world.mailrail, ledger, send_id=SEND_ID)


def allow(world: World, ledger, *, confirm=None, is_scheduled=False, **changes):
    return authorise(
        define(**changes), world.campaign, world.mailrail, ledger,
        send_id=SEND_ID, confirm=confirm, approved_by="me" if confirm else "", is_scheduled=is_scheduled,
    )  # fmt: skip


def begin(world: World, ledger, mailrail=None, **changes) -> int:
    return open_send(define(**changes), world.campaign, mailrail or world.mailrail, ledger, send_id=SEND_ID)


def test_without_approval_it_is_refused_and_says_what_to_run(world: World, ledger) -> None:
    prepare(world, ledger)
    with pytest.raises(GuardError, match=r"nobody has approved.*mailrail send spring_sale --confirm 8.*`confirm: 8`"):
        allow(world, ledger)
    with pytest.raises(GuardError, match="no approval"):
        begin(world, ledger)
    assert ledger.sends() == []


def test_the_exact_number_opens_it(world: World, ledger) -> None:
    prepare(world, ledger)
    with pytest.raises(GuardError, match="7 was confirmed, but the audience has 8"):
        allow(world, ledger, confirm=7)
    approval = allow(world, ledger, confirm=8)
    assert (approval.recipients, approval.approved_by, approval.road) == (8, "me", "confirm: 8")
    assert begin(world, ledger) == 1
    send = ledger.send(SEND_ID)
    assert (send.audience_rows, send.topic, send.folder) == (8, "offers", f"files/sends/{SEND_ID}")
    assert send.scheduled_at == NOW
    assert (send.stream, send.expires_at) == ("marketing", None)  # a sender sets it, as the settings say
    assert ledger.counts(1)[State.QUEUED] == 8
    message = ledger.message(1, 1)
    row = pq.read_table(world.mailrail.send_folder(SEND_ID) / "shard-0000.parquet").slice(0, 1).to_pylist()[0]
    assert message.address_hash.hex() == row["contact_id"]


def test_opening_again_changes_nothing_and_needs_no_new_word(world: World, ledger) -> None:
    prepare(world, ledger)
    allow(world, ledger, confirm=8)
    assert begin(world, ledger) == begin(world, ledger) == 1
    (world.campaign / "subject.txt.j2").write_text("Changed after it has begun\n")
    assert allow(world, ledger) is None
    assert begin(world, ledger) == 1


def test_an_approval_that_stands_is_enough(world: World, ledger) -> None:
    prepare(world, ledger)
    first = allow(world, ledger, confirm=8)
    assert allow(world, ledger) == first


@pytest.mark.parametrize("what", ["template", "profile", "base_url"])
def test_a_change_of_content_voids_the_approval(world: World, ledger, what: str) -> None:
    prepare(world, ledger)
    approval = allow(world, ledger, confirm=8)
    mailrail = world.mailrail
    if what == "template":
        (world.campaign / "subject.txt.j2").write_text("Other\n")
    elif what == "profile":
        profile = dataclasses.replace(mailrail.profiles["shop"], from_name="Other")
        mailrail = dataclasses.replace(mailrail, profiles={"shop": profile})
    else:
        mailrail = dataclasses.replace(mailrail, base_url="https://other.example")
    with pytest.raises(GuardError, match="changed after the preflight, so its approvals are void"):
        authorise(
            define(), world.campaign, mailrail, ledger, send_id=SEND_ID, confirm=8, approved_by="", is_scheduled=False
        )
    assert ledger.approval(SEND_ID, approval.audience_hash, approval.content_hash) is None


def test_a_rollout_is_opened_with_its_pace(world: World, ledger) -> None:
    changes = {"rollout_percent_per_hour": 30.0}  # 24 hours by the settings
    prepare(world, ledger, **changes)
    allow(world, ledger, confirm=8, **changes)
    begin(world, ledger, **changes)
    assert ledger.send(SEND_ID).per_hour == 3


@pytest.mark.parametrize(("percent", "hours", "expire_hours"), [(4.0, 25, None), (25.0, 4, 3.0), (25.0, 4, 4.0)])
def test_a_rollout_that_would_expire_on_the_way_is_refused(world: World, ledger, percent, hours, expire_hours) -> None:
    changes = {"rollout_percent_per_hour": percent, "expire_hours": expire_hours}
    prepare(world, ledger, **changes)
    allow(world, ledger, confirm=8, **changes)
    with pytest.raises(GuardError, match=f"takes {hours} hours, and .*; set expire_hours above {hours} in"):
        begin(world, ledger, **changes)
    assert ledger.sends() == []


def test_an_audience_frozen_anew_needs_its_preflight(world: World, ledger) -> None:
    prepare(world, ledger)
    old = (world.mailrail.send_folder(SEND_ID) / "preflight.json").read_text()
    world.add("new@mail.example")
    world.publish("v2")
    freeze_audience(define(), world.campaign, world.mailrail, ledger, send_id=SEND_ID)
    (world.mailrail.send_folder(SEND_ID) / "preflight.json").write_text(old)
    with pytest.raises(GuardError, match="frozen anew after its preflight"):
        allow(world, ledger, confirm=9)


def test_changed_files_are_refused(world: World, ledger) -> None:
    prepare(world, ledger)
    allow(world, ledger, confirm=8)
    path = world.mailrail.send_folder(SEND_ID) / "shard-0000.parquet"
    table = pq.read_table(path)
    pq.write_table(table.set_column(2, "address", [["x@mail.example"] * 8]), path)
    with pytest.raises(GuardError, match="is not what was frozen"):
        begin(world, ledger)
    assert ledger.sends() == []


def test_the_standing_rule_covers_its_own_schedule_only(world: World, ledger) -> None:
    prepare(world, ledger, **AUTOMATIC)
    with pytest.raises(GuardError, match="nobody has approved"):
        allow(world, ledger, **AUTOMATIC)
    with pytest.raises(GuardError, match="nobody has approved"):
        allow(world, ledger, is_scheduled=True)
    with pytest.raises(GuardError, match="covers at most 3 recipients and the audience has 8"):
        allow(world, ledger, is_scheduled=True, **AUTOMATIC | {"at_most": 3})
    approval = allow(world, ledger, is_scheduled=True, **AUTOMATIC)
    assert approval.road == "approval: automatic, at_most: 10"
    assert begin(world, ledger, **AUTOMATIC) == 1
    assert ledger.send(SEND_ID).too_late_after == NOW + timedelta(minutes=120)


def test_a_schedule_beside_a_send_by_hand_needs_a_person(world: World, ledger) -> None:
    by_hand = "spring_sale.20261103T0855Z"
    for step in (freeze_audience, run_preflight):
        step(define(**AUTOMATIC), world.campaign, world.mailrail, ledger, send_id=by_hand)
    authorise(
        define(**AUTOMATIC), world.campaign, world.mailrail, ledger,
        send_id=by_hand, confirm=8, approved_by="me", is_scheduled=False,
    )  # fmt: skip
    open_send(define(**AUTOMATIC), world.campaign, world.mailrail, ledger, send_id=by_hand)
    prepare(world, ledger, **AUTOMATIC)
    with pytest.raises(GuardError, match=rf"{by_hand} of the same campaign was opened"):
        allow(world, ledger, is_scheduled=True, **AUTOMATIC)
    assert allow(world, ledger, confirm=8, **AUTOMATIC).recipients == 8


def test_a_schedule_that_fires_too_late_needs_a_person(world: World, ledger) -> None:
    prepare(world, ledger, **AUTOMATIC)
    world.clock.step(timedelta(minutes=121))
    with pytest.raises(GuardError, match="more than 120 minutes late"):
        allow(world, ledger, is_scheduled=True, **AUTOMATIC)
    allow(world, ledger, confirm=8, **AUTOMATIC)
    assert begin(world, ledger, **AUTOMATIC) == 1
    assert ledger.send(SEND_ID).too_late_after > world.clock.now()


def test_a_stranger_is_not_mailed_when_the_allow_list_came_later(world: World, ledger) -> None:
    prepare(world, ledger)
    allow(world, ledger, confirm=8)
    for allowed in ((), ("@firm.example",)):
        mailrail = dataclasses.replace(world.mailrail, allowed_recipients={"shop": allowed})
        with pytest.raises(GuardError, match=r"p•••@mail\.example is not on recipient_allow_list"):
            begin(world, ledger, mailrail)
    unknown = dataclasses.replace(world.mailrail, allowed_recipients={})
    with pytest.raises(GuardError, match="recipient_allow_list"):
        begin(world, ledger, unknown)
    listed = dataclasses.replace(world.mailrail, allowed_recipients={"shop": ("@MAIL.example",)})
    assert begin(world, ledger, listed) == 1


def test_follow_ends_when_nothing_moves_and_the_sheet_closes(world: World, ledger, monkeypatch) -> None:
    monkeypatch.setattr(following, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(following, "TELL_SECONDS", 0.05)
    prepare(world, ledger)
    allow(world, ledger, confirm=8)
    begin(world, ledger)

    def settle() -> None:
        time.sleep(0.3)
        with world.mailrail.open_ledger() as other, other._database.write() as connection:
            connection.execute("update messages set state = case when seq = 8 then 'in_doubt' else 'accepted' end")

    told: list[Any] = []
    thread = threading.Thread(target=settle)
    thread.start()
    found = follow(ledger, SEND_ID, tell=told.append)
    thread.join()
    assert found.closes
    assert found.state == "finished"
    assert (found.counts[State.ACCEPTED], found.doubts) == (7, (8,))
    assert told[0] == {"mail.example": Counts(8)}
    assert progress_line(SEND_ID, told[0]) == f"{SEND_ID}: 0 of 8 messages have ended"
    assert found.metadata()["in_doubt_rows"] == "8"


def test_follow_says_when_no_sender_works(world: World, ledger, monkeypatch) -> None:
    monkeypatch.setattr(following, "POLL_SECONDS", 0.02)
    prepare(world, ledger)
    allow(world, ledger, confirm=8)
    begin(world, ledger)
    with pytest.raises(GuardError, match="no sender is running; nothing is lost"):
        follow(ledger, SEND_ID, patience_seconds=0.1)
    assert not proof(ledger, SEND_ID).closes


def test_follow_ends_at_a_pause_with_an_open_sheet(world: World, ledger) -> None:
    prepare(world, ledger)
    allow(world, ledger, confirm=8)
    begin(world, ledger)
    ledger.set_send_state(SEND_ID, "paused", "a brake")
    found = follow(ledger, SEND_ID)
    assert (found.state, found.reason, found.closes) == ("paused", "a brake", False)
    ledger.set_send_state(SEND_ID, "cancelled", "over")
    assert follow(ledger, SEND_ID).closes


def test_an_unknown_send_has_no_proof(ledger) -> None:
    with pytest.raises(GuardError, match="no send 'x'"):
        proof(ledger, "x")


@pytest.mark.parametrize(
    "changes",
    [
        {"audience": {"include": ["seg_all_contacts"], "where": "orders > 0"}},
        {"frequency_cap": {"messages": 1, "days": 7}},
        {"holdout": 0.1},
    ],
)
def test_a_change_of_who_it_is_for_voids_the_approval(world: World, ledger, changes) -> None:
    prepare(world, ledger)
    approval = allow(world, ledger, confirm=8)
    with pytest.raises(GuardError, match=r"changed in defs\.yaml after it was frozen, so its approvals are void"):
        allow(world, ledger, confirm=8, **changes)
    assert ledger.approval(SEND_ID, approval.audience_hash, approval.content_hash) is None


def test_a_preflight_killed_between_its_two_files_is_not_sent(world: World, ledger) -> None:
    prepare(world, ledger)
    allow(world, ledger, confirm=8)
    folder, subject = world.mailrail.send_folder(SEND_ID), world.campaign / "subject.txt.j2"
    checked, before = (folder / "preflight.json").read_text(), subject.read_text()
    subject.write_text("Never approved\n")
    run_preflight(define(), world.campaign, world.mailrail, ledger, send_id=SEND_ID)
    (folder / "preflight.json").write_text(checked)
    subject.write_text(before)
    with pytest.raises(GuardError, match="preflight was interrupted"):
        allow(world, ledger)
    with pytest.raises(GuardError, match="no approval"):
        begin(world, ledger)


def test_a_preflight_that_is_overtaken_by_its_send_writes_nothing(world: World, ledger, monkeypatch) -> None:
    prepare(world, ledger)
    before = (world.mailrail.send_folder(SEND_ID) / "template.json").read_text()
    measured = preflight._measure_all

    def overtaken(jobs, rows):
        (world.campaign / "subject.txt.j2").write_text("News for you\n")
        allow(world, ledger, confirm=8)
        begin(world, ledger)
        return measured(jobs, rows)

    monkeypatch.setattr(preflight, "_measure_all", overtaken)
    (world.campaign / "subject.txt.j2").write_text("Too late\n")
    with pytest.raises(GuardError, match="has begun"):
        run_preflight(define(), world.campaign, world.mailrail, ledger, send_id=SEND_ID)
    assert (world.mailrail.send_folder(SEND_ID) / "template.json").read_text() == before
